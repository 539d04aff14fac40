"""The radio: which device is meant, that nobody else's is connected, and an adapter that goes away and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from devices.backend import LISTEN_SECONDS, Backend
from devices.clock import ScaledClock
from devices.errors import NotFoundError
from devices.link import Link, LinkState
from devices.radio import Radio
from devices.sighting import ByAddress, ByName, Sighting
from devices.virtual.air import Air
from devices.virtual.backend import backend_classes
from devices.virtual.gatt import Advertisement, GattServer
from devices.virtual.link import Central
from devices.virtual.radio import radio_on_air
from tests.controller import household
from tests.controller.household import ALL, House

OURS, NEIGHBOURS = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
TWO_ARE_NEAR = "two devices near are called Pump: name yours by its address (letdown scan --addresses shows them)"


async def turns(count: int = 10) -> None:
    """Let everything that can run, run."""
    for _ in range(count):
        await asyncio.sleep(0)


class Scanner(BaseBleakScanner):
    """Hears what the test says."""

    latest: Scanner

    def __init__(self, detection_callback: Any, service_uuids: Any, scanning_mode: Any, **_options: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        Scanner.latest = self

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def hear(self, address: str, name: str | None, rssi_dbm: int = -60) -> None:
        data = AdvertisementData(name, {}, {}, [], None, rssi_dbm, ())
        self.call_detection_callbacks(self.create_or_update_device(address, address, name, None, data), data)


class Client:
    """A connection with nothing in it."""

    async def disconnect(self) -> None: ...


class Ward(Radio):
    """A radio on which devices advertise as the test says. Every connection succeeds."""

    def __init__(self, clock: ScaledClock) -> None:
        @contextlib.asynccontextmanager
        async def backend() -> AsyncIterator[Backend]:
            yield Backend(Scanner, listen_seconds=LISTEN_SECONDS)

        super().__init__(clock, backend)
        self.clock = clock
        self.connected: list[str] = []
        self.lose: Callable[[], None] = lambda: None
        self._advertising: dict[str, asyncio.Task[None]] = {}

    def hear(self, address: str = OURS, name: str | None = "Pump") -> None:
        Scanner.latest.hear(address, name)

    def advertise(self, address: str = OURS, name: str = "Pump", every_seconds: float = 1.0) -> None:
        async def go_on() -> None:
            while True:
                self.hear(address, name)
                await self.clock.sleep(every_seconds)

        self._advertising[address] = asyncio.create_task(go_on())

    def hush(self, *addresses: str) -> None:
        for address in addresses or list(self._advertising):
            self._advertising.pop(address).cancel()

    async def connect(self, sighting: Sighting, name: str, on_lost: Callable[[], None]) -> Any:
        self.connected.append(sighting.address)
        self.lose = on_lost
        return Client()

    async def found(self, wanted: Callable[[Sighting], bool], newer_than_seconds: float = 0.0) -> tuple[str, float]:
        """Return the address that was found, and when."""
        async with self.clock.timeout(600):
            sighting = await self.find(wanted, newer_than_seconds)
        return sighting.address, self.clock.now()


@pytest.fixture
async def ward() -> AsyncIterator[Ward]:
    async with Ward(ScaledClock(math.inf)) as ward:
        yield ward
        ward.hush()


@contextlib.asynccontextmanager
async def linked(ward: Ward, wanted: Callable[[Sighting], bool]) -> AsyncIterator[Link]:
    async def set_up() -> None: ...

    link = Link(ward, ward.clock, "left pump", wanted, set_up, lambda: None)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class TestAnAddress:
    async def test_a_device_known_by_its_address_is_found_at_once_whoever_else_has_its_name(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(ByAddress(OURS.lower())))
        ward.hear(NEIGHBOURS)
        ward.hear(OURS)
        assert await finding == (OURS, 0)

    async def test_nobody_else_is_taken_for_it(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(ByAddress(OURS)))
        ward.advertise(NEIGHBOURS)
        await ward.clock.sleep(60)
        assert not finding.done()
        finding.cancel()


class TestAName:
    async def test_it_takes_listening_for_as_long_as_a_second_device_may_take_to_be_heard(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(ByName("Pump")))
        await ward.clock.sleep(7)
        ward.hear()
        assert await finding == (OURS, 7 + LISTEN_SECONDS)

    async def test_what_was_heard_for_long_enough_already_needs_no_more_listening(self, ward: Ward) -> None:
        ward.advertise()
        await ward.clock.sleep(LISTEN_SECONDS + 0.1)
        assert await ward.found(ByName("Pump")) == (OURS, LISTEN_SECONDS + 0.1)

    async def test_a_device_that_was_silent_for_long_is_listened_to_anew(self, ward: Ward) -> None:
        ward.advertise()
        await ward.clock.sleep(10)
        ward.hush()
        await ward.clock.sleep(90)
        ward.hear()
        assert await ward.found(ByName("Pump"), newer_than_seconds=100) == (OURS, 100 + LISTEN_SECONDS)

    async def test_a_device_that_says_its_name_late_is_listened_to_from_then_on(self, ward: Ward) -> None:
        for second in range(10):
            ward.hear(OURS, "Pump" if second == 9 else None)
            await ward.clock.sleep(1)
        assert await ward.found(ByName("Pump")) == (OURS, 9 + LISTEN_SECONDS)

    async def test_another_name_is_nobody_of_ours(self, ward: Ward) -> None:
        ward.advertise(NEIGHBOURS, "Pump 2")
        ward.advertise(OURS, "Pump")
        assert (await ward.found(ByName("Pump")))[0] == OURS

    async def test_whatever_else_tells_a_device_may_fit_two_just_as_well(self, ward: Ward) -> None:
        finding = asyncio.create_task(ward.found(lambda sighting: sighting.rssi_dbm == -60))
        ward.hear(OURS)
        await ward.clock.sleep(1)
        ward.hear(NEIGHBOURS)
        with pytest.raises(NotFoundError, match="two devices near are called Pump"):
            await finding


class TestManyNeighbours:
    async def test_those_that_were_not_heard_for_long_are_forgotten(self, ward: Ward) -> None:
        for number in range(500):
            ward.hear(f"40:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}", None)
            await ward.clock.sleep(10)
        ward.hear(OURS)
        assert len(ward.sightings) <= 2 * 300 / 10 + 1
        assert OURS in ward.sightings


class TestTwoDevicesOfOneName:
    async def test_neither_is_connected_and_it_is_said_how_to_tell_them_apart(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(LISTEN_SECONDS - 0.1)
            ward.advertise(NEIGHBOURS)
            for _ in range(300):
                await ward.clock.sleep(1)
                assert link.trouble == TWO_ARE_NEAR
                assert not link.connected
            assert ward.connected == []

    async def test_neither_is_connected_however_seldom_one_of_them_is_heard(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")):
            ward.advertise(NEIGHBOURS, every_seconds=15)
            ward.advertise(OURS)
            await ward.clock.sleep(3600)
            assert ward.connected == []

    async def test_it_is_connected_once_only_one_of_them_is_left_for_a_while(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            ward.advertise(NEIGHBOURS)
            await ward.clock.sleep(60)
            ward.hush(NEIGHBOURS)
            await ward.clock.sleep(15)
            assert ward.connected == []
            await ward.clock.sleep(45)
            assert ward.connected == [OURS]
            assert link.connected
            assert link.trouble is None

    async def test_a_neighbours_device_that_was_heard_before_our_link_was_lost_counts(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(LISTEN_SECONDS + 0.1)
            assert link.connected
            ward.hush()
            await ward.clock.sleep(100)
            ward.hear(NEIGHBOURS)
            ward.lose()
            await ward.clock.sleep(2)
            ward.advertise(OURS)
            await ward.clock.sleep(10)
            assert link.trouble == TWO_ARE_NEAR
            assert ward.connected == [OURS]

    async def test_two_that_are_both_gone_trouble_nobody(self, ward: Ward) -> None:
        ward.hear(OURS)
        ward.hear(NEIGHBOURS)
        await ward.clock.sleep(100)
        async with linked(ward, ByName("Pump")) as link:
            await ward.clock.sleep(100)
            assert link.trouble is None
            assert link.state is LinkState.SEARCHING

    async def test_a_device_that_comes_back_at_another_address_is_found_again(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(60)
            assert link.connected
            ward.hush()  # connected, it advertises no more
            await ward.clock.sleep(60)
            ward.lose()
            ward.advertise("C0:00:00:00:00:77")
            await ward.clock.sleep(10)
            assert link.connected
            assert ward.connected == [OURS, "C0:00:00:00:00:77"]

    async def test_an_address_that_a_device_has_just_given_up_holds_it_up_only_for_a_while(self, ward: Ward) -> None:
        async with linked(ward, ByName("Pump")) as link:
            ward.advertise(OURS)
            await ward.clock.sleep(60)
            ward.hear(OURS)
            ward.lose()
            ward.hush()
            ward.advertise("C0:00:00:00:00:77")
            await ward.clock.sleep(60)
            assert link.connected
            assert ward.connected == [OURS, "C0:00:00:00:00:77"]

    async def test_on_the_virtual_air_both_are_heard_at_once_and_neither_is_connected(self) -> None:
        clock, air = ScaledClock(math.inf), Air()
        servers = [GattServer(await air.add_peripheral("Pump"), [], Advertisement("Pump")) for _ in range(2)]
        for server in servers:
            await server.start()
        async with radio_on_air(clock, air) as radio:
            with clock.held(), pytest.raises(NotFoundError, match="two devices near are called Pump"):
                await radio.find(ByName("Pump"), 0)
        for server in servers:
            await server.stop()


@dataclass
class Connected:
    """A device that the system is connected to."""

    address: str
    name: str | None


class TestConnectionsThatNobodyHas:
    """Those of a controller that crashed: their devices do not advertise."""

    @pytest.fixture
    async def held(self) -> AsyncIterator[tuple[Radio, list[str]]]:
        let_go: list[str] = []

        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[Backend]:
            async def devices() -> list[Connected]:
                return [Connected(OURS, "Pump"), Connected(NEIGHBOURS, "Lamp")]

            async def end(each: Connected) -> None:
                if let_go:
                    raise NotFoundError("bluetoothd does not answer")
                let_go.append(each.address)

            yield Backend(Scanner, held=devices, let_go=end)

        async with Radio(ScaledClock(math.inf), opened) as radio:
            yield radio, let_go

    @pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
    async def test_are_ended_before_a_device_is_searched(
        self, held: tuple[Radio, list[str]], wanted: ByName | ByAddress
    ) -> None:
        radio, let_go = held
        await radio.release(wanted)
        assert let_go == [OURS]
        await radio.release(wanted)  # it cannot be ended: that is no reason not to search

    async def test_another_device_is_left_alone(self, held: tuple[Radio, list[str]]) -> None:
        radio, let_go = held
        await radio.release(ByName("Pump 2"))
        assert let_go == []

    async def test_and_so_is_one_that_a_link_here_has(self, held: tuple[Radio, list[str]]) -> None:
        radio, let_go = held
        with radio.reserved(OURS, "left pump"):
            await radio.release(ByName("Pump"))
        assert let_go == []


class TestSeveralReceivers:
    """Two adapters, of which the test says what each hears."""

    @pytest.fixture
    async def both(self) -> AsyncIterator[Both]:
        async with Both() as both:
            yield both

    async def test_a_device_is_connected_through_the_one_that_hears_it_best(self, both: Both) -> None:
        both.hear("near", rssi_dbm=-50)
        both.hear("far", rssi_dbm=-80)
        assert (await both.find(ByName("Pump"), 0)).receiver == "near"
        both.hear("far", rssi_dbm=-40)
        assert (await both.find(ByName("Pump"), 0)).receiver == "far"
        assert both.sightings[OURS].receiver == "far"

    async def test_it_is_the_same_device_whoever_hears_it(self, both: Both) -> None:
        both.hear("near")
        both.hear("far")
        assert (await both.find(ByName("Pump"), 0)).address == OURS
        both.hear("far", address=NEIGHBOURS)
        with pytest.raises(NotFoundError, match="two devices near are called Pump"):
            await both.find(ByName("Pump"), 0)

    @pytest.mark.parametrize("wanted", [ByName("Pump", "far"), ByAddress(OURS, "far")])
    async def test_or_through_the_one_that_its_owner_chose(self, both: Both, wanted: ByName | ByAddress) -> None:
        finding = asyncio.create_task(both.find(wanted, 0))
        both.hear("near", rssi_dbm=-40)
        await turns()
        assert not finding.done()
        both.hear("far", rssi_dbm=-90)
        assert (await finding).receiver == "far"

    async def test_one_that_has_no_connection_left_is_passed_over(self, both: Both) -> None:
        both.free["near"] = 0
        both.hear("near", rssi_dbm=-40)
        both.hear("far", rssi_dbm=-90)
        assert (await both.find(ByName("Pump"), 0)).receiver == "far"
        both.free["far"] = 0
        with pytest.raises(NotFoundError, match="cannot be connected to one more device"):
            await both.find(ByName("Pump"), 0)

    async def test_one_that_heard_it_long_ago_is_not_asked(self, both: Both) -> None:
        both.hear("near", rssi_dbm=-40)
        await both.clock.sleep(30)
        both.hear("far", rssi_dbm=-90)
        assert (await both.find(ByName("Pump"), 0)).receiver == "far"

    async def test_one_that_cannot_be_opened_is_waited_for_and_the_other_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("devices.receiver._REOPEN_SECONDS", 0.001)
        both = Both()
        both.absent.add("near")
        async with both:
            both.hear("far")
            assert (await both.find(ByName("Pump"), 0)).receiver == "far"
            both.absent.clear()
            async with asyncio.timeout(5):
                while "near" not in both.scanners:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.001)

    async def test_one_that_came_back_under_another_name_is_not_there_any_more(self, both: Both) -> None:
        both.hear("near")
        sighting = await both.find(ByName("Pump"), 0)
        both.receivers[0].backend = replace(both.receivers[0].backend, name="new")
        with pytest.raises(NotFoundError, match="near is not there any more"):
            await both.connect(sighting, "pump", lambda: None)

    async def test_without_any_there_is_no_radio(self) -> None:
        both = Both()
        both.absent |= {"near", "far"}
        with pytest.raises(NotFoundError, match="near is not there"):
            async with both:
                pass


class Both(Radio):
    """Two receivers. `free`: their free connections; `absent`: those that are not there."""

    def __init__(self) -> None:
        self.clock = ScaledClock(math.inf)
        self.scanners: dict[str, Scanner] = {}
        self.free: dict[str, int | None] = {"near": None, "far": None}
        self.absent: set[str] = set()
        super().__init__(self.clock, self._backend("near"), self._backend("far"))

    def _backend(self, name: str) -> Callable[[], contextlib.AbstractAsyncContextManager[Backend]]:
        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[Backend]:
            if name in self.absent:
                raise NotFoundError(f"{name} is not there")

            class Mine(Scanner):
                def __init__(scanner, *arguments: Any, **options: Any) -> None:  # noqa: N805 - `self` is the radio
                    super().__init__(*arguments, **options)
                    self.scanners[name] = scanner

            yield Backend(Mine, name=name, free_connections=lambda: self.free[name])

        return opened

    def hear(self, receiver: str, *, address: str = OURS, rssi_dbm: int = -60) -> None:
        self.scanners[receiver].hear(address, "Pump", rssi_dbm)


class Adapter:
    """A Bluetooth adapter on the virtual air, to be pulled out and plugged in again."""

    def __init__(self) -> None:
        self._plugged_in = True
        self._opened = asyncio.Event()
        self._air: Air
        self._central: Central
        self._gone: asyncio.Future[None]

    @contextlib.asynccontextmanager
    async def radio(self, clock: ScaledClock, air: Air) -> AsyncIterator[Radio]:
        """Yield a radio through this adapter."""
        self._air = air
        async with Radio(clock, self._backend) as radio:
            yield radio

    @contextlib.asynccontextmanager
    async def _backend(self) -> AsyncIterator[Backend]:
        if not self._plugged_in:
            raise NotFoundError("there is no adapter")
        self._central = await self._air.add_central()
        self._gone = self._central.gone = asyncio.get_running_loop().create_future()
        self._opened.set()
        yield Backend(*backend_classes(self._central), self._gone)

    def pull_out(self) -> None:
        self._plugged_in = False
        self._opened.clear()
        self._air.remove(self._central)
        self._gone.set_result(None)

    async def plug_in(self) -> None:
        self._plugged_in = True
        async with asyncio.timeout(5):
            await self._opened.wait()


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Adapter:
    adapter = Adapter()
    # What takes real time, so that the simulated does not run away meanwhile.
    monkeypatch.setattr("devices.receiver._REOPEN_SECONDS", 0.001)
    monkeypatch.setattr("bleak_retry_connector.calculate_backoff_time", lambda _error: 0.0)
    monkeypatch.setattr(household, "radio_on_air", adapter.radio)
    return adapter


def links(house: House) -> list[LinkState]:
    return [device.link.state for device in house.station.devices]


class TestAnAdapterThatGoesAwayAndComesBack:
    async def test_every_link_is_lost_at_once_and_connected_again_when_it_is_back(self, adapter: Adapter) -> None:
        async with household.household() as house:
            with house.clock.held():
                adapter.pull_out()
                await turns(50)
                assert links(house) == [LinkState.LOST] * 4
                assert [device.link.trouble for device in house.station.devices] == ["the link was lost"] * 4
            await house.elapse(120)
            assert links(house) == [LinkState.SEARCHING] * 4
            with house.clock.held():
                await adapter.plug_in()
            await house.until(lambda: links(house) == [LinkState.CONNECTED] * 4, within_seconds=5)

    async def test_what_runs_is_off_and_the_session_ends_and_nothing_is_resumed(self, adapter: Adapter) -> None:
        async with household.household() as house:
            await house.reach("express")
            assert house.on == {"left-pump", "right-pump"}
            with house.clock.held():
                adapter.pull_out()
                await turns(100)
                assert house.guard.trip is not None
                assert house.guard.trip.kind == "link_lost"
                assert house.on == set()
            snapshot = await house.finished(within_seconds=10)
            assert snapshot.state == "tripped"
            starts = house.starts
            with house.clock.held():
                await adapter.plug_in()
            await house.until(lambda: links(house) == [LinkState.CONNECTED] * 4, within_seconds=5)
            await house.elapse(300)
            assert house.on == set()
            assert house.reported_off
            assert house.starts == starts

    @pytest.mark.parametrize("patience", [0, 20, 60, 100])
    async def test_it_may_go_away_at_any_moment_of_connecting(self, adapter: Adapter, patience: int) -> None:
        async with household.household() as house:
            with house.clock.held():
                adapter.pull_out()
                await turns(50)
            await house.elapse(10)
            await adapter.plug_in()
            await turns(patience)
            adapter.pull_out()
            await house.elapse(10)
            await adapter.plug_in()
            await house.until(lambda: links(house) == [LinkState.CONNECTED] * len(ALL), within_seconds=120)
