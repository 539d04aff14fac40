"""Devices that may still run, and that the settings do not name any more, are stopped all the same."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from controller.app import assembled
from controller.journal.store import Store
from controller.safety.persistence import DeviceIdentity, InMemoryPersistence, SavedState
from controller.service.left_over import left_over, left_over_device
from controller.settings import Settings
from devices.bluetooth.radio import Radio
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.virtual_home import VirtualHome
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import catalog
from tests.helpers.home_faults import ListedAir

PUMP = DeviceIdentity(name="left-pump", profile="open-pump", side=Side.LEFT, address="F0:1E:7D:00:00:01")


def remembering(*devices: DeviceIdentity) -> InMemoryPersistence:
    return InMemoryPersistence(SavedState(running={device.name: device for device in devices}))


def test_what_the_settings_still_name_keeps_its_name() -> None:
    assert left_over(remembering(PUMP), {"left-pump": PUMP}) == {"left-pump": PUMP}


def test_what_they_name_no_more_is_there_all_the_same() -> None:
    assert left_over(remembering(PUMP), {}) == {"left-pump": PUMP}


@pytest.mark.parametrize(
    "now",
    [
        PUMP.model_copy(update={"address": "F0:1E:7D:00:00:09"}),
        PUMP.model_copy(update={"profile": "text-pump"}),
        DeviceIdentity(name="left-pump", profile="open-pump", advertised_name="Another"),
    ],
)
def test_a_name_that_now_means_another_device_does_not_settle_the_first(now: DeviceIdentity) -> None:
    before = PUMP.model_copy(update={"advertised_name": "Letdown Pump L"})
    assert set(left_over(remembering(before), {"left-pump": now})) == {"left-pump-before"}


def test_an_address_in_other_letters_is_the_same() -> None:
    now = PUMP.model_copy(update={"address": "f0:1e:7d:00:00:01"})
    assert set(left_over(remembering(PUMP), {"left-pump": now})) == {"left-pump"}


@pytest.mark.parametrize(
    "update",
    [
        {"profile": ""},
        {"profile": "no-such"},
        {"profile": "sporramom-w3"},
        {"address": None},
        {"profile": "heating-mat"},
    ],
)
async def test_what_is_not_known_well_enough_is_left_to_a_person(update: dict[str, object]) -> None:
    clock = ScaledClock(math.inf)
    assert left_over_device(PUMP.model_copy(update=update), clock, Radio(clock), catalog()) is None


@pytest.mark.parametrize("station", ["home", "attic"])
async def test_a_pump_of_the_last_life_is_stopped_though_the_settings_name_it_no_more(
    tmp_path: Path, station: str
) -> None:
    """`home` has lost the device, `attic` is no station any more."""
    path = tmp_path / "letdown.db"
    async with Store.opened(path) as store:
        await store.persistence(station).save_starting([PUMP])
    clock, air = ScaledClock(math.inf), ListedAir()
    home = VirtualHome(clock, catalog(), 2)
    home.pumps[Side.LEFT].press_start(120)
    settings = Settings.model_validate({"mqtt": {"embedded_port": 0}, "stations": {"home": {}}})
    async with home.on_air(air), radio_on_air(clock, air) as radio, Store.opened(path) as store:  # noqa: SIM117
        async with assembled(settings, clock, radio, store) as app:
            assert set(app.stations) == {"home", station}
            guard = app.stations[station].guard
            assert guard.uncertain == ("left-pump",)
            task = asyncio.create_task(app.stations[station].run())
            async with asyncio.timeout(20):
                while guard.uncertain:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert not home.pumps[Side.LEFT].run.on
            assert guard.blocked_reason is None
            task.cancel()
    async with Store.opened(path) as store:
        assert store.persistence(station).saved.running == {}
