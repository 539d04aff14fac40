"""The advertisement table: the cost of a flood, and that wanted devices are never evicted by it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.bluetooth.advertisement import (
    EXPIRY_SECONDS,
    MAX_OF_ONE_NAME,
    MAX_RECORDS,
    Advertisement,
    AdvertisementTable,
    ByAddress,
    ByName,
)
from devices.bluetooth.radio import Radio
from devices.support.clock import ScaledClock
from tests.helpers.scripted_radio import OURS, Scanner, ScriptedBackend

FLOOD = 30_000


def address(number: int) -> str:
    return f"40:00:00:{number >> 16:02X}:{number >> 8 & 0xFF:02X}:{number & 0xFF:02X}"


class Table(AdvertisementTable):
    """A table that receives advertisements by address and name."""

    def advertise_once(
        self, device: str, name: str | None = None, at_seconds: float = 0.0, adapter: str = "hci0"
    ) -> None:
        data = AdvertisementData(name, {}, {}, [], None, -60, ())
        self.receive(adapter, BLEDevice(device, name, None), data, at_seconds)

    def flood(self, name: Callable[[int], str | None] = lambda _: None, at_seconds: float = 0.0) -> None:
        for number in range(FLOOD):
            self.advertise_once(address(number), name(number), at_seconds)


def counted(wanted: Callable[[Advertisement], bool], calls: list[Advertisement]) -> Callable[[Advertisement], bool]:
    def count(advertisement: Advertisement) -> bool:
        calls.append(advertisement)
        return wanted(advertisement)

    return count


@pytest.mark.system
def test_a_flood_of_other_devices_wakes_no_link_and_stores_a_bounded_number() -> None:
    table = Table()
    wanted = [ByName(f"Pump {number}") for number in range(80)] + [
        ByAddress(f"c0:{number:02x}") for number in range(80)
    ]
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(table.waiting(each)) for each in wanted]
        table.flood()
        assert not any(event.is_set() for event in waiting)
        assert len(table.all()) == MAX_RECORDS


def test_an_advertisement_wakes_only_the_waiters_for_its_device() -> None:
    table = Table()
    with table.waiting(ByName("Pump")) as by_name, table.waiting(ByAddress(OURS.lower())) as by_address:
        table.advertise_once(address(1), "Lamp")
        assert (by_name.is_set(), by_address.is_set()) == (False, False)
        table.advertise_once(OURS)
        assert (by_name.is_set(), by_address.is_set()) == (False, True)
        table.advertise_once(address(2), "Pump")
        assert by_name.is_set()


def test_a_waiter_without_address_or_name_is_woken_by_everything() -> None:
    table = Table()
    with table.waiting(lambda advertisement: advertisement.rssi_dbm == -60) as event:
        table.advertise_once(address(1))
        assert event.is_set()


@pytest.mark.system
@pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
def test_a_flood_does_not_evict_a_wanted_device(wanted: ByName | ByAddress) -> None:
    table = Table()
    assert table.matching(wanted) == []
    table.advertise_once(OURS, "Pump", at_seconds=1)
    table.flood(at_seconds=2)
    table.advertise_once(OURS, "Pump", at_seconds=3)
    table.flood(at_seconds=4)
    (found,) = table.matching(wanted)
    assert (found.seen_at_seconds, found.first_seen_at_seconds) == (3, 1)
    assert OURS in {each.address for each in table.all()}


def test_a_device_received_before_it_is_wanted_is_found() -> None:
    table = Table()
    table.advertise_once(OURS, "Pump")
    assert [each.address for each in table.matching(ByName("Pump"))] == [OURS]
    assert [each.address for each in table.matching(ByAddress(OURS.lower()))] == [OURS]


@pytest.mark.system
def test_a_flood_of_one_wanted_name_stores_only_the_latest() -> None:
    table = Table()
    table.matching(ByName("Pump"))
    table.flood(lambda _: "Pump")
    table.advertise_once(OURS, "Pump", at_seconds=1)
    found = table.matching(ByName("Pump"))
    assert len(found) == MAX_OF_ONE_NAME
    assert found[-1].address == OURS


def test_a_renamed_device_is_not_found_by_its_old_name() -> None:
    table = Table()
    table.matching(ByName("Pump"))
    table.advertise_once(OURS, "Pump")
    table.advertise_once(OURS, "Lamp", at_seconds=1)
    assert table.matching(ByName("Pump")) == []
    assert table.matching(ByName("Lamp"))[0].first_seen_at_seconds == 1


def test_removing_an_adapter_removes_only_what_it_received() -> None:
    table = Table()
    table.matching(ByName("Pump"))
    table.advertise_once(OURS, "Pump", adapter="hci0")
    table.advertise_once(OURS, "Pump", adapter="hci1")
    table.remove_adapter("hci0")
    assert [each.adapter for each in table.matching(ByName("Pump"))] == ["hci1"]
    assert [each.adapter for each in table.all()] == ["hci1"]


def test_old_advertisements_expire() -> None:
    table = Table()
    table.advertise_once(OURS)
    table.advertise_once(address(1), at_seconds=EXPIRY_SECONDS)
    assert [each.address for each in table.all()] == [address(1)]


async def test_during_a_flood_a_link_checks_only_its_own_device() -> None:
    @contextlib.asynccontextmanager
    async def backend():  # type: ignore[no-untyped-def]
        yield ScriptedBackend()

    class Counting(Radio):
        looks = 0

        def _latest(self, *arguments: object) -> Advertisement | None:
            self.looks += 1
            return super()._latest(*arguments)  # type: ignore[arg-type]

    async with Counting(ScaledClock(math.inf), backend) as radio:
        finding = [asyncio.create_task(radio.find(ByName(f"Pump {number}"), 0)) for number in range(160)]
        await asyncio.sleep(0)
        assert radio.looks == 160
        for number in range(3000):
            Scanner.latest.advertise_once(address(number), None)
            await asyncio.sleep(0)
        assert radio.looks == 160
        Scanner.latest.advertise_once(OURS, "Pump 7")
        assert (await finding[7]).address == OURS
        assert radio.looks == 161
        for each in finding:
            each.cancel()


async def test_the_devices_that_bleak_remembers_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def backend():  # type: ignore[no-untyped-def]
        yield ScriptedBackend()

    monkeypatch.setattr("devices.bluetooth.adapter._MAX_SEEN", 100)
    async with Radio(ScaledClock(math.inf), backend):
        for number in range(1000):
            Scanner.latest.advertise_once(address(number), None)
        assert len(Scanner.latest.seen_devices) <= 100
