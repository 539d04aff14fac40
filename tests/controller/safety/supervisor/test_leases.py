"""A lease is renewed again and again while it is valid: a short stall of the radio is no trip."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from controller.safety.limits import LEASE_SECONDS, TripKind
from devices.driver.vocabulary import Value
from devices.errors import UncertainError
from devices.profiles.profile_device import ProfileDevice
from tests.helpers.home import PUMPS, running_home


@pytest.mark.parametrize("stall_seconds", [2.2, 4.0, 6.0])
async def test_a_stall_shorter_than_the_lease_is_no_trip(monkeypatch: pytest.MonkeyPatch, stall_seconds: float) -> None:
    async with running_home(devices=PUMPS) as house:
        await house.reach("express", run_seconds=5)
        renew, until_seconds = ProfileDevice.renew, house.clock.now() + stall_seconds

        async def stalled(device: ProfileDevice, values: Mapping[str, Value]) -> None:
            if house.clock.now() < until_seconds:
                await house.clock.sleep(min(2.0, until_seconds - house.clock.now()))
                raise UncertainError("the radio stalls")
            await renew(device, values)

        monkeypatch.setattr(ProfileDevice, "renew", stalled)
        await house.elapse(stall_seconds + 15)
        assert house.recorded.snapshot.trip is None
        assert house.on == set(PUMPS)


async def test_a_lease_that_cannot_be_renewed_at_all_trips_before_it_is_over() -> None:
    async with running_home(devices=PUMPS) as house:
        await house.reach("express", run_seconds=5)
        house.break_ears("left-pump", "renew")
        seconds = await house.until(lambda: not house.on, within_seconds=LEASE_SECONDS + 2)
        assert seconds <= LEASE_SECONDS + 1
        trip = house.recorded.snapshot.trip
        assert trip is not None
        assert (trip.kind, trip.device) == (TripKind.LEASE, "left-pump")


async def test_without_the_supervisor_nothing_runs_on() -> None:
    async with running_home(devices=PUMPS) as house:
        await house.reach("express", run_seconds=5)
        (task,) = [each for each in asyncio.all_tasks() if each.get_name().startswith("supervisor of")]
        task.cancel()
        await house.until(lambda: not house.on, within_seconds=2)
