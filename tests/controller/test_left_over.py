"""Devices that may still run, and that the settings do not name any more, are stopped all the same."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from controller.app import assembled
from controller.left_over import driver_of, left_over
from controller.memory import Identity, Remembered, ShortMemory
from controller.settings import Settings
from controller.store.store import Store
from devices.clock import ScaledClock
from devices.radio import Radio
from devices.roles import Side
from devices.virtual.home import VirtualHome
from devices.virtual.radio import radio_on_air
from tests.controller.household import ListedAir, catalog

PUMP = Identity(name="left-pump", profile="open-pump", side=Side.LEFT, address="F0:1E:7D:00:00:01")


def remembering(*devices: Identity) -> ShortMemory:
    return ShortMemory(Remembered(running={device.name: device for device in devices}))


def test_what_the_settings_still_name_keeps_its_name() -> None:
    assert left_over(remembering(PUMP), {"left-pump": PUMP}) == {"left-pump": PUMP}


def test_what_they_name_no_more_is_there_all_the_same() -> None:
    assert left_over(remembering(PUMP), {}) == {"left-pump": PUMP}


@pytest.mark.parametrize(
    "now",
    [
        PUMP.model_copy(update={"address": "F0:1E:7D:00:00:09"}),
        PUMP.model_copy(update={"profile": "text-pump"}),
        Identity(name="left-pump", profile="open-pump", advertised_name="Another"),
    ],
)
def test_a_name_that_now_means_another_device_does_not_settle_the_first(now: Identity) -> None:
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
    assert driver_of(PUMP.model_copy(update=update), clock, Radio(clock), catalog()) is None


@pytest.mark.parametrize("station", ["home", "attic"])
async def test_a_pump_of_the_last_life_is_stopped_though_the_settings_name_it_no_more(
    tmp_path: Path, station: str
) -> None:
    """`home` has lost the device, `attic` is no station any more."""
    path = tmp_path / "letdown.db"
    async with await Store.open(path) as store:
        await store.memory(station).starting([PUMP])
    clock, air = ScaledClock(math.inf), ListedAir()
    home = VirtualHome(clock, catalog(), 2)
    home.pumps[Side.LEFT].press_start(120)
    settings = Settings.model_validate({"mqtt": {"embedded_port": 0}, "stations": {"home": {}}})
    async with home.on_air(air), radio_on_air(clock, air) as radio, await Store.open(path) as store:  # noqa: SIM117
        async with assembled(settings, clock, radio, store) as app:
            assert set(app.stations) == {"home", station}
            guard = app.stations[station].guard
            assert guard.uncertain == ("left-pump",)
            task = asyncio.create_task(app.stations[station].run())
            async with asyncio.timeout(20):
                while guard.uncertain:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert not home.pumps[Side.LEFT].duty.on
            assert guard.why_not is None
            task.cancel()
    async with await Store.open(path) as store:
        assert store.memory(station).remembered.running == {}
