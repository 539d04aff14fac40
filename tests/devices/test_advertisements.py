"""The table of advertisements: what a flood of foreign ones costs, and that wanted devices are never lost in it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.advertisements import KEPT_SECONDS, MOST_KEPT, MOST_OF_ONE_NAME, AdvertisementTable
from devices.backend import Backend
from devices.clock import ScaledClock
from devices.radio import Radio
from devices.sighting import ByAddress, ByName, Sighting
from tests.devices.test_radio import OURS, Scanner

FLOOD = 30_000


def address(number: int) -> str:
    return f"40:00:00:{number >> 16:02X}:{number >> 8 & 0xFF:02X}:{number & 0xFF:02X}"


class Table(AdvertisementTable):
    """A table that is told of devices by their address and name."""

    def hear(self, device: str, name: str | None = None, at_seconds: float = 0.0, receiver: str = "hci0") -> None:
        data = AdvertisementData(name, {}, {}, [], None, -60, ())
        self.receive(receiver, BLEDevice(device, name, None), data, at_seconds)

    def flood(self, name: Callable[[int], str | None] = lambda _: None, at_seconds: float = 0.0) -> None:
        for number in range(FLOOD):
            self.hear(address(number), name(number), at_seconds)


def counted(wanted: Callable[[Sighting], bool], calls: list[Sighting]) -> Callable[[Sighting], bool]:
    def count(sighting: Sighting) -> bool:
        calls.append(sighting)
        return wanted(sighting)

    return count


def test_a_flood_of_foreign_devices_wakes_no_link_and_keeps_a_bounded_number() -> None:
    table = Table()
    wanted = [ByName(f"Pump {number}") for number in range(80)] + [
        ByAddress(f"c0:{number:02x}") for number in range(80)
    ]
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(table.waiting(each)) for each in wanted]
        table.flood()
        assert not any(event.is_set() for event in waiting)
        assert len(table.all()) == MOST_KEPT


def test_an_advertisement_wakes_those_alone_who_want_its_device() -> None:
    table = Table()
    with table.waiting(ByName("Pump")) as by_name, table.waiting(ByAddress(OURS.lower())) as by_address:
        table.hear(address(1), "Lamp")
        assert (by_name.is_set(), by_address.is_set()) == (False, False)
        table.hear(OURS)
        assert (by_name.is_set(), by_address.is_set()) == (False, True)
        table.hear(address(2), "Pump")
        assert by_name.is_set()


def test_whoever_wants_something_else_is_woken_by_everything() -> None:
    table = Table()
    with table.waiting(lambda sighting: sighting.rssi_dbm == -60) as event:
        table.hear(address(1))
        assert event.is_set()


@pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
def test_a_flood_does_not_displace_a_wanted_device(wanted: ByName | ByAddress) -> None:
    table = Table()
    assert table.matching(wanted) == []
    table.hear(OURS, "Pump", at_seconds=1)
    table.flood(at_seconds=2)
    table.hear(OURS, "Pump", at_seconds=3)
    table.flood(at_seconds=4)
    (found,) = table.matching(wanted)
    assert (found.seen_at_seconds, found.since_seconds) == (3, 1)
    assert OURS in {each.address for each in table.all()}


def test_a_device_that_was_received_before_anyone_wanted_it_is_known() -> None:
    table = Table()
    table.hear(OURS, "Pump")
    assert [each.address for each in table.matching(ByName("Pump"))] == [OURS]
    assert [each.address for each in table.matching(ByAddress(OURS.lower()))] == [OURS]


def test_a_flood_of_one_wanted_name_keeps_the_latest_few_and_hides_nothing() -> None:
    table = Table()
    table.matching(ByName("Pump"))
    table.flood(lambda _: "Pump")
    table.hear(OURS, "Pump", at_seconds=1)
    found = table.matching(ByName("Pump"))
    assert len(found) == MOST_OF_ONE_NAME
    assert found[-1].address == OURS


def test_a_device_that_took_another_name_is_not_wanted_by_the_old_one() -> None:
    table = Table()
    table.matching(ByName("Pump"))
    table.hear(OURS, "Pump")
    table.hear(OURS, "Lamp", at_seconds=1)
    assert table.matching(ByName("Pump")) == []
    assert table.matching(ByName("Lamp"))[0].since_seconds == 1


def test_only_what_one_adapter_received_is_forgotten_with_it() -> None:
    table = Table()
    table.matching(ByName("Pump"))
    table.hear(OURS, "Pump", receiver="hci0")
    table.hear(OURS, "Pump", receiver="hci1")
    table.forget("hci0")
    assert [each.receiver for each in table.matching(ByName("Pump"))] == ["hci1"]
    assert [each.receiver for each in table.all()] == ["hci1"]


def test_what_was_not_received_for_long_is_forgotten() -> None:
    table = Table()
    table.hear(OURS)
    table.hear(address(1), at_seconds=KEPT_SECONDS)
    assert [each.address for each in table.all()] == [address(1)]


async def test_a_link_looks_at_its_own_device_alone_while_a_flood_goes_on() -> None:
    @contextlib.asynccontextmanager
    async def backend():  # type: ignore[no-untyped-def]
        yield Backend(Scanner)

    class Counting(Radio):
        looks = 0

        def _latest(self, *arguments: object) -> Sighting | None:
            self.looks += 1
            return super()._latest(*arguments)  # type: ignore[arg-type]

    async with Counting(ScaledClock(math.inf), backend) as radio:
        finding = [asyncio.create_task(radio.find(ByName(f"Pump {number}"), 0)) for number in range(160)]
        await asyncio.sleep(0)
        assert radio.looks == 160
        for number in range(3000):
            Scanner.latest.hear(address(number), None)
            await asyncio.sleep(0)
        assert radio.looks == 160
        Scanner.latest.hear(OURS, "Pump 7")
        assert (await finding[7]).address == OURS
        assert radio.looks == 161
        for each in finding:
            each.cancel()


async def test_bleak_does_not_remember_every_device_of_a_flood_either(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def backend():  # type: ignore[no-untyped-def]
        yield Backend(Scanner)

    monkeypatch.setattr("devices.receiver._MOST_SEEN", 100)
    async with Radio(ScaledClock(math.inf), backend):
        for number in range(1000):
            Scanner.latest.hear(address(number), None)
        assert len(Scanner.latest.seen_devices) <= 100
