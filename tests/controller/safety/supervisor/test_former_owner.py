"""A controller of a fleet that may have lost its stations drives nothing any more: it only stops."""

from __future__ import annotations

import pytest

from controller.contract.events import EndReason
from controller.safety.limits import LEASE_SECONDS
from devices.errors import DeviceError
from devices.roles import PumpSetting
from tests.helpers.home import ALL, PUMPS, RunningHome, running_home


def lose(house: RunningHome) -> None:
    for device in house.station.devices:
        device.may_drive = lambda: False


async def test_no_lease_is_renewed_so_that_each_device_ends_by_itself_at_the_latest() -> None:
    async with running_home(devices=PUMPS) as house:
        await house.reach("express", run_seconds=5)
        lose(house)
        seconds = await house.until(lambda: not house.on, within_seconds=LEASE_SECONDS + 2)
        assert seconds <= LEASE_SECONDS + 1


async def test_a_stop_arrives_all_the_same() -> None:
    async with running_home(devices=PUMPS) as house:
        await house.reach("express", run_seconds=5)
        lose(house)
        await house.station.stop(EndReason.STOP)
        assert not house.on


@pytest.mark.parametrize("key", ALL)
async def test_nothing_is_started(key: str) -> None:
    async with running_home(devices=(key,)) as house:
        lose(house)
        (role,) = house.station.roles
        starts = {
            "pump": lambda: role.start(PumpSetting(phase="stimulation", vacuum_mmhg=60, rate_cpm=90), 60, 10),
            "warmer": lambda: role.set_target(38, 60, 10),
            "massager": lambda: role.run(0.1, 60, 10, role.side),
        }
        with pytest.raises(DeviceError, match="only stopped"):
            await starts[role.role]()
        await house.elapse(2)
        assert not house.on
