"""Which units a controller receives: by any of their devices, and for as long as one advertises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.fleet.fleet_units import Unit
from controller.fleet.reception import RECEIVED_SECONDS, Reception
from controller.settings import DeviceSettings, StationSettings
from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from devices.support.clock import Clock


class ListeningRadio:
    """Notes who listens for what, and passes on what a test lets it receive."""

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
def reception(clock: SimpleNamespace, radio: ListeningRadio) -> Iterator[Reception]:
    found = Reception(cast("Radio", radio), cast("Clock", clock))
    for each in (unit("home", "left", "right"), unit("office", "pump"), unit("bare")):
        found.listen(each)
    yield found
    found.close()
    assert radio.listeners == []


def test_nothing_is_received_at_first(reception: Reception) -> None:
    assert not reception.receives("home")
    assert reception.silent_seconds("home") == math.inf
    assert reception.rssi_dbm("home") is None


@pytest.mark.parametrize("device", ["left", "right"])
def test_any_device_of_a_unit_is_enough(reception: Reception, radio: ListeningRadio, device: str) -> None:
    radio.receive(device, -60)
    assert reception.receives("home")
    assert reception.rssi_dbm("home") == -60
    assert not reception.receives("office")


def test_an_advertisement_counts_for_half_a_minute(
    reception: Reception, radio: ListeningRadio, clock: SimpleNamespace
) -> None:
    radio.receive("pump", -60)
    clock.seconds += RECEIVED_SECONDS
    assert reception.receives("office")
    clock.seconds += 0.1
    assert not reception.receives("office")
    assert reception.silent_seconds("office") == pytest.approx(RECEIVED_SECONDS + 0.1)
    radio.receive("pump", -70)
    assert reception.receives("office")
    assert reception.rssi_dbm("office") == -70


def test_a_unit_without_bluetooth_can_be_served_anywhere(reception: Reception) -> None:
    assert reception.receives("bare")


def test_a_unit_that_is_forgotten_is_listened_for_no_more(reception: Reception, radio: ListeningRadio) -> None:
    radio.receive("left", -60)
    for name in ("home", "bare", "unknown"):
        reception.forget(name)
    assert len(radio.listeners) == 1
    assert not reception.receives("home")
    assert not reception.receives("bare")
    assert reception.rssi_dbm("home") is None


def test_a_unit_that_changes_is_received_by_its_new_devices(reception: Reception, radio: ListeningRadio) -> None:
    radio.receive("left", -60)
    reception.listen(unit("home", "new"))
    assert not reception.receives("home")
    radio.receive("left", -60)
    assert not reception.receives("home")
    radio.receive("new", -60)
    assert reception.receives("home")
    reception.listen(unit("bare", "pump"))
    assert not reception.receives("bare")
