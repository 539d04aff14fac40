"""Which units a controller hears: by any of their devices, and for as long as one is received."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.fleet.fleet_units import Unit
from controller.fleet.hearing import HEARD_SECONDS, Hearing
from controller.settings import DeviceSettings, StationSettings
from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from devices.support.clock import Clock


class ListeningRadio:
    """Notes who listens for what, and tells them what a test lets it receive."""

    def __init__(self) -> None:
        self.listeners: list[tuple[Any, Callable[[Advertisement], None]]] = []

    def listen(self, wanted: Any, heard: Callable[[Advertisement], None]) -> Callable[[], None]:
        entry = (wanted, heard)
        self.listeners.append(entry)
        return lambda: self.listeners.remove(entry)

    def receive(self, name: str, rssi_dbm: int) -> None:
        found = cast("Advertisement", SimpleNamespace(name=name, rssi_dbm=rssi_dbm))
        for wanted, heard in tuple(self.listeners):
            if getattr(wanted, "name", None) == name:
                heard(found)


def unit(name: str, *devices: str) -> Unit:
    found = tuple(DeviceSettings(name=each, profile="open-pump", advertised_name=each) for each in devices)
    return Unit(name, {name: StationSettings(devices=found)})


@pytest.fixture
def clock() -> SimpleNamespace:
    found = SimpleNamespace(seconds=100.0)
    found.now = lambda: found.seconds
    return found


@pytest.fixture
def radio() -> ListeningRadio:
    return ListeningRadio()


@pytest.fixture
def hearing(clock: SimpleNamespace, radio: ListeningRadio) -> Iterator[Hearing]:
    found = Hearing(cast("Radio", radio), cast("Clock", clock))
    for each in (unit("home", "left", "right"), unit("office", "pump"), unit("bare")):
        found.listen(each)
    yield found
    found.close()
    assert radio.listeners == []


def test_nothing_is_heard_at_first(hearing: Hearing) -> None:
    assert not hearing.hears("home")
    assert hearing.silent_seconds("home") == math.inf
    assert hearing.rssi_dbm("home") is None


@pytest.mark.parametrize("device", ["left", "right"])
def test_any_device_of_a_unit_is_enough(hearing: Hearing, radio: ListeningRadio, device: str) -> None:
    radio.receive(device, -60)
    assert hearing.hears("home")
    assert hearing.rssi_dbm("home") == -60
    assert not hearing.hears("office")


def test_it_is_heard_for_half_a_minute(hearing: Hearing, radio: ListeningRadio, clock: SimpleNamespace) -> None:
    radio.receive("pump", -60)
    clock.seconds += HEARD_SECONDS
    assert hearing.hears("office")
    clock.seconds += 0.1
    assert not hearing.hears("office")
    assert hearing.silent_seconds("office") == pytest.approx(HEARD_SECONDS + 0.1)
    radio.receive("pump", -70)
    assert hearing.hears("office")
    assert hearing.rssi_dbm("office") == -70


def test_a_unit_without_bluetooth_can_be_served_anywhere(hearing: Hearing) -> None:
    assert hearing.hears("bare")


def test_a_unit_that_is_forgotten_is_listened_for_no_more(hearing: Hearing, radio: ListeningRadio) -> None:
    radio.receive("left", -60)
    for name in ("home", "bare", "unknown"):
        hearing.forget(name)
    assert len(radio.listeners) == 1
    assert not hearing.hears("home")
    assert not hearing.hears("bare")
    assert hearing.rssi_dbm("home") is None


def test_a_unit_that_changes_is_heard_by_the_devices_that_it_has_now(hearing: Hearing, radio: ListeningRadio) -> None:
    radio.receive("left", -60)
    hearing.listen(unit("home", "new"))
    assert not hearing.hears("home")
    radio.receive("left", -60)
    assert not hearing.hears("home")
    radio.receive("new", -60)
    assert hearing.hears("home")
    hearing.listen(unit("bare", "pump"))
    assert not hearing.hears("bare")
