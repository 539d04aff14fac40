"""One device's connection, over a radio that does what the test says: what a real one rarely does on demand."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError, BleakGATTProtocolError

from devices.clock import ScaledClock
from devices.errors import DeviceError, LinkLostError, NotFoundError, ProtocolError, RefusedError, UncertainError
from devices.link import Link, LinkState, Place
from devices.profiles.vocabulary import full_uuid
from devices.radio import Radio
from devices.sighting import Sighting

SERVICE, OTHER_SERVICE = full_uuid("ffb0"), full_uuid("ffc0")
COMMAND, REPORT = Place(SERVICE, full_uuid("ffb1")), Place(SERVICE, full_uuid("ffb2"))
SEARCHING, CONNECTING, CONNECTED, LOST, CLOSED = LinkState
TROUBLE = [  # the last two come from a Bluetooth daemon that died
    *(BleakError("Not connected"), OSError("broken pipe"), TimeoutError()),
    *(EOFError(), AttributeError("'NoneType' object has no attribute 'send'")),
]


def services(*uuids: str) -> BleakGATTServiceCollection:
    found = BleakGATTServiceCollection()
    for at, uuid in enumerate(uuids):
        service = BleakGATTService(None, 16 * at + 1, uuid)
        found.add_service(service)
        for offset, (place, properties) in enumerate([(COMMAND, ["write"]), (REPORT, ["read", "notify"])]):
            found.add_characteristic(
                BleakGATTCharacteristic(
                    None, 16 * at + 2 + offset, str(place), cast("Any", properties), lambda: 20, service
                )
            )
    return found


class Client:
    """A connection as bleak shows it. `does` is awaited in place of every operation on the air."""

    def __init__(self, *uuids: str) -> None:
        self.services = services(*(uuids or (SERVICE,)))
        self.written: list[tuple[str, bytes, bool]] = []
        self.notify: Callable[[bytearray], None] = lambda _: None
        self.notify_options: list[dict[str, Any]] = []
        self.disconnects = 0
        self.does: Callable[[], Awaitable[None]] = _nothing
        self.on_disconnect: Callable[[], Awaitable[None]] = _nothing

    async def write_gatt_char(self, target: BleakGATTCharacteristic, data: bytes, *, response: bool) -> None:
        self.written.append((target.uuid, data, response))
        await self.does()

    async def read_gatt_char(self, target: BleakGATTCharacteristic) -> bytearray:
        await self.does()
        return bytearray(b"report")

    async def start_notify(
        self, target: BleakGATTCharacteristic, callback: Callable[..., None], **options: Any
    ) -> None:
        self.notify_options.append(options)
        await self.does()
        self.notify = lambda data: callback(target, data)

    async def disconnect(self) -> None:
        self.disconnects += 1
        await self.on_disconnect()


class FakeRadio(Radio):
    """Finds the device at once, unless told not to, and connects as `plan` says, one entry a time."""

    def __init__(self, clock: ScaledClock, *plan: Client | Exception) -> None:
        super().__init__(clock)
        self.clock = clock
        self.plan = list(plan)
        self.found_when = asyncio.Event()
        self.found_when.set()
        self.connects_when = asyncio.Event()
        self.connects_when.set()
        self.searched_from: list[float] = []
        self.connected_at: list[float] = []
        self.losers: list[Callable[[], None]] = []

    async def find(self, wanted: Callable[[Sighting], bool], newer_than_seconds: float) -> Sighting:
        self.searched_from.append(newer_than_seconds)
        await self.found_when.wait()
        address = "C0:00:00:00:00:01"
        return Sighting(
            address, "Pump", frozenset(), {}, {}, -60, None, self.clock.now(), BLEDevice(address, "Pump", None)
        )

    async def connect(self, sighting: Sighting, name: str, on_lost: Callable[[], None]) -> Any:
        self.connected_at.append(self.clock.now())
        self.losers.append(on_lost)
        await self.connects_when.wait()
        if not self.plan:
            await asyncio.Event().wait()
        planned = self.plan.pop(0)
        if isinstance(planned, Exception):
            raise planned
        return planned


class Bench:
    """A link on a fake radio, and what it announced. `beside`: another bench, on whose radio it is."""

    def __init__(self, *plan: Client | Exception, name: str = "left pump", beside: Bench | None = None) -> None:
        self.clock = ScaledClock(math.inf) if beside is None else beside.clock
        self.radio = FakeRadio(self.clock, *plan) if beside is None else beside.radio
        self.states: list[LinkState] = []
        self.set_up: Callable[[], Awaitable[None]] = _nothing
        self._changed = asyncio.Event()
        self.link = Link(self.radio, self.clock, name, lambda _: True, self._on_connected, self._on_change)

    async def _on_connected(self) -> None:
        await self.set_up()

    def _on_change(self) -> None:
        self.states.append(self.link.state)
        self._changed.set()

    async def announced(self, state: LinkState, times: int = 1) -> None:
        """Wait until `state` was announced so often."""
        async with asyncio.timeout(2):
            while self.states.count(state) < times:
                self._changed.clear()
                await self._changed.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.link.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=2)
            assert task.done()
            assert task.cancelled() or task.exception() is not None

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncio.Task[None]]:
        async with self.running() as task:
            await self.announced(CONNECTED)
            yield task


async def _nothing() -> None:
    """Answer at once."""


async def _never() -> None:
    """Give no answer."""
    await asyncio.Event().wait()


def _raises(error: Exception) -> Callable[[], Awaitable[None]]:
    async def does() -> None:
        raise error

    return does


async def ask(bench: Bench, what: str) -> None:
    """Ask the device for something, and make nothing of the answer."""
    if what == "read":
        await bench.link.read(REPORT)
    elif what == "subscribe":
        await bench.link.subscribe(REPORT, lambda _: None)
    else:
        await bench.link.write(COMMAND, b"x", response=True)


async def turns(count: int = 10) -> None:
    """Let everything that can run, run."""
    for _ in range(count):
        await asyncio.sleep(0)


class TestATableThatDoesNotFit:
    async def test_it_is_read_anew_at_every_other_time_until_it_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bench, forgotten = Bench(*(Client() for _ in range(6))), []

        async def forget(_: Sighting) -> None:
            forgotten.append(len(bench.radio.connected_at))

        async def set_up() -> None:
            if len(bench.radio.connected_at) < 6:
                raise ProtocolError("left pump has no characteristic for status")

        monkeypatch.setattr(bench.radio, "forget", forget)
        bench.set_up = set_up
        async with bench.connected():
            assert forgotten == [2, 4]

    async def test_a_link_that_is_lost_says_nothing_of_the_table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bench, forgotten = Bench(*(Client() for _ in range(4))), []

        async def forget(sighting: Sighting) -> None:
            forgotten.append(sighting)

        async def set_up() -> None:
            if len(bench.radio.connected_at) < 4:
                raise LinkLostError("the link was lost")

        monkeypatch.setattr(bench.radio, "forget", forget)
        bench.set_up = set_up
        async with bench.connected():
            assert forgotten == []


class TestStates:
    async def test_states_are_announced_in_order_and_each_once(self) -> None:
        bench = Bench(Client(), Client())
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert bench.states == [CONNECTING, CONNECTED, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    async def test_it_is_connected_only_after_it_was_set_up_but_set_up_may_talk(self) -> None:
        client = Client()
        bench, seen = Bench(client), []

        async def set_up() -> None:
            seen.append((bench.link.connected, bench.link.state))
            await bench.link.write(COMMAND, b"hello", response=True)

        bench.set_up = set_up
        async with bench.connected():
            assert bench.link.connected
        assert seen == [(False, CONNECTING)]
        assert client.written == [(str(COMMAND), b"hello", True)]
        assert not bench.link.connected

    async def test_it_searches_until_the_device_is_seen(self) -> None:
        bench = Bench(Client())
        bench.radio.found_when.clear()
        async with bench.running():
            await turns()
            assert bench.link.state is SEARCHING
            assert bench.states == []
            bench.radio.found_when.set()
            await bench.announced(CONNECTED)
            assert bench.link.sighting is not None

    async def test_a_lost_link_is_announced_at_once(self) -> None:
        bench = Bench(Client())
        async with bench.connected():
            bench.radio.losers[0]()
            assert bench.link.state is LOST
            assert not bench.link.connected

    async def test_its_trouble_is_told_until_it_is_connected(self) -> None:
        bench = Bench(NotFoundError("left pump does not answer"), Client())
        async with bench.running():
            await bench.announced(LOST)
            await turns(2)
            assert bench.link.trouble == "left pump does not answer"
            await bench.announced(CONNECTED)
            assert bench.link.trouble is None
            bench.radio.losers[-1]()
            await bench.announced(SEARCHING, 2)
            assert bench.link.trouble == "the link was lost"


class TestTryingAgain:
    async def test_pauses_grow_and_stay_at_half_a_minute(self) -> None:
        bench = Bench(*[LinkLostError("no") for _ in range(8)])
        async with bench.running():
            await bench.announced(CONNECTING, 9)
        assert bench.radio.connected_at == [0, 1, 3, 7, 15, 31, 61, 91, 121]

    async def test_pauses_begin_anew_after_a_connection(self) -> None:
        bench = Bench(*[LinkLostError("no") for _ in range(4)], Client(), LinkLostError("no"), Client())
        async with bench.running():
            await bench.announced(CONNECTED)
            bench.radio.losers[-1]()
            await bench.announced(CONNECTED, 2)
        assert bench.radio.connected_at == [0, 1, 3, 7, 15, 16, 18]

    @pytest.mark.parametrize("error", [LinkLostError("no"), NotFoundError("no")])
    async def test_a_connection_that_fails_is_tried_again(self, error: Exception) -> None:
        bench = Bench(error, Client())
        async with bench.connected():
            pass
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    @pytest.mark.parametrize("error", [ProtocolError("it is another model"), RefusedError("no"), UncertainError("no")])
    async def test_a_set_up_that_fails_gives_the_connection_up_and_tries_again(self, error: Exception) -> None:
        first, second = Client(), Client()
        bench = Bench(first, second)
        errors = [error]

        async def set_up() -> None:
            if errors:
                raise errors.pop()

        bench.set_up = set_up
        async with bench.connected():
            assert first.disconnects == 1
            assert second.disconnects == 0
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]
        assert bench.radio.connected_at == [0, 1]

    async def test_a_link_that_is_lost_while_it_is_set_up_is_tried_again(self) -> None:
        bench = Bench(Client(), Client())

        async def set_up() -> None:
            if len(bench.radio.losers) == 1:
                bench.radio.losers[0]()

        bench.set_up = set_up
        async with bench.connected():
            pass
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    async def test_only_what_is_heard_since_the_loss_counts_as_seen(self) -> None:
        bench = Bench(Client(), Client())
        async with bench.connected():
            await bench.clock.sleep(100)
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert bench.radio.searched_from == [-10, 100]

    async def test_the_last_word_of_an_old_connection_does_not_disturb_the_new_one(self) -> None:
        first, second = Client(), Client()
        bench = Bench(first, second)
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
            bench.radio.losers[0]()
            await turns()
            assert bench.link.connected
            await bench.link.write(COMMAND, b"x", response=False)
            assert second.written
            assert second.disconnects == 0
            assert bench.states.count(LOST) == 1

    async def test_an_old_connection_is_closed_before_a_new_one_is_made(self) -> None:
        first = Client()
        bench = Bench(first, Client())
        closed_at: list[int] = []

        async def on_disconnect() -> None:
            closed_at.append(len(bench.radio.connected_at))

        first.on_disconnect = on_disconnect
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert closed_at == [1]

    async def test_what_an_old_connection_still_says_is_not_heard(self) -> None:
        client, heard = Client(), []
        bench = Bench(client)
        async with bench.connected():
            await bench.link.subscribe(REPORT, heard.append)
            bench.radio.losers[0]()
            client.notify(bytearray(b"late"))
            assert heard == []


class TestTwoLinksToOneDevice:
    """A second connection from the same process would share the first one."""

    async def test_the_second_is_refused_and_says_who_has_it(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected(), second.running():
            await bench.clock.sleep(100)
            assert bench.link.connected
            assert second.link.trouble == "right pump is connected already, as left pump"
            assert CONNECTING not in second.states
            assert len(bench.radio.connected_at) == 1

    async def test_the_second_is_refused_while_the_first_still_connects(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        bench.radio.connects_when.clear()
        async with bench.running():
            await bench.announced(CONNECTING)
            async with second.running():
                await second.announced(LOST)
                assert len(bench.radio.connected_at) == 1

    async def test_a_device_is_free_again_when_its_link_is_closed(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected():
            pass
        async with second.connected():
            assert len(bench.radio.connected_at) == 2

    async def test_a_device_is_free_again_when_its_link_was_lost_but_not_before_it_is_disconnected(self) -> None:
        first, disconnected = Client(), asyncio.Event()
        first.on_disconnect = cast("Any", disconnected.wait)
        bench = Bench(first, Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected():
            bench.radio.losers[0]()
            await turns()
            async with second.running():
                await second.announced(LOST)
                assert len(bench.radio.connected_at) == 1
                disconnected.set()
                await second.announced(CONNECTED)

    @pytest.mark.parametrize("error", [LinkLostError("no"), NotFoundError("no")])
    async def test_a_device_is_free_again_when_it_could_not_be_connected(self, error: Exception) -> None:
        bench = Bench(error, Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.running():
            await bench.announced(LOST)
            await turns()
            async with second.connected():
                assert not bench.link.connected

    @pytest.mark.parametrize("when", ["connecting", "set up"])
    async def test_a_device_is_free_again_when_its_link_is_cancelled_halfway(self, when: str) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        if when == "connecting":
            bench.radio.connects_when.clear()
        else:
            bench.set_up = _never
        async with bench.running():
            await turns()
            assert bench.link.state is CONNECTING
        bench.radio.connects_when.set()
        async with second.connected():
            pass

    async def test_a_device_is_free_again_when_it_could_not_be_set_up(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        bench.set_up = _raises(ProtocolError("it is another model"))
        async with bench.running():
            await bench.announced(LOST)
            await turns()
            async with second.connected():
                assert not bench.link.connected

    @pytest.mark.parametrize("how", ["hangs", "fails"])
    async def test_a_device_is_free_again_however_its_disconnect_ends(
        self, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        monkeypatch.setattr("devices.link._DISCONNECT_SECONDS", 0.05)
        client = Client()
        client.on_disconnect = _never if how == "hangs" else _raises(EOFError())
        bench = Bench(client, Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected():
            pass
        assert client.disconnects == 1
        async with second.connected():
            pass


class TestWriting:
    async def test_bytes_go_where_they_should(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            await bench.link.write(COMMAND, b"\x01", response=True)
            await bench.link.write(COMMAND, b"\x02", response=False)
        assert client.written == [(str(COMMAND), b"\x01", True), (str(COMMAND), b"\x02", False)]

    async def test_without_a_connection_nothing_is_sent_and_it_is_said(self) -> None:
        bench = Bench()
        with pytest.raises(LinkLostError, match="left pump is not connected"):
            await bench.link.write(COMMAND, b"x", response=True)

    async def test_after_the_loss_nothing_is_sent_even_before_anybody_has_noticed(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            bench.radio.losers[0]()
            with pytest.raises(LinkLostError):
                await bench.link.write(COMMAND, b"x", response=True)
        assert client.written == []

    async def test_after_it_is_closed_nothing_is_sent(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            pass
        with pytest.raises(LinkLostError):
            await bench.link.write(COMMAND, b"x", response=True)
        assert client.written == []

    async def test_a_device_that_turns_it_down_has_refused(self) -> None:
        client = Client()
        client.does = _raises(BleakGATTProtocolError(0x80))
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(RefusedError, match="left pump turned the write down"):
                await bench.link.write(COMMAND, b"x", response=True)

    @pytest.mark.parametrize("error", TROUBLE)
    async def test_an_error_on_the_way_leaves_it_uncertain(self, error: Exception) -> None:
        client = Client()
        client.does = _raises(error)
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(UncertainError, match="left pump did not acknowledge a write"):
                await bench.link.write(COMMAND, b"x", response=True)

    async def test_no_answer_for_two_seconds_leaves_it_uncertain(self) -> None:
        client = Client()
        client.does = _never
        bench = Bench(client)
        async with bench.connected():
            before = bench.clock.now()
            with pytest.raises(UncertainError):
                await bench.link.write(COMMAND, b"x", response=True)
            assert bench.clock.now() == before + 2

    @pytest.mark.parametrize("what", ["write", "read", "subscribe"])
    async def test_no_answer_is_told_in_words(self, what: str) -> None:
        client = Client()
        client.does = _never
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(DeviceError, match="no answer"):
                await ask(bench, what)

    async def test_an_answer_just_before_two_seconds_is_one(self) -> None:
        client = Client()
        bench = Bench(client)
        client.does = lambda: bench.clock.sleep(1.99)
        async with bench.connected():
            await bench.link.write(COMMAND, b"x", response=True)

    async def test_a_cancelled_caller_is_cancelled(self) -> None:
        client = Client()
        client.does = _never
        bench = Bench(client)
        async with bench.connected():
            task = asyncio.create_task(bench.link.write(COMMAND, b"x", response=True))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 2)

    @pytest.mark.parametrize(
        ("place", "named"),
        [
            (Place(SERVICE, full_uuid("ffb9")), full_uuid("ffb9")),
            (Place(OTHER_SERVICE, COMMAND.characteristic), str(COMMAND)),
            (Place(handle=0x0199), "0x0199"),
        ],
    )
    async def test_a_characteristic_it_does_not_have_is_named(self, place: Place, named: str) -> None:
        bench = Bench(Client())
        async with bench.connected():
            with pytest.raises(ProtocolError, match=f"has no characteristic {named}"):
                await bench.link.write(place, b"x", response=True)

    async def test_a_characteristic_may_be_known_by_its_handle(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            await bench.link.write(Place(handle=2), b"x", response=True)
            assert bench.link.has(Place(handle=3)) == {"read", "notify"}
        assert client.written == [(str(COMMAND), b"x", True)]

    async def test_a_stop_passes_by_a_lane_that_is_busy(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            busy = asyncio.create_task(bench.link.lane.run(_never))
            await turns()
            await bench.link.write(COMMAND, b"stop", response=False)
            assert client.written == [(str(COMMAND), b"stop", False)]
            busy.cancel()


class TestReading:
    async def test_a_value_is_bytes(self) -> None:
        bench = Bench(Client())
        async with bench.connected():
            value = await bench.link.read(REPORT)
        assert value == b"report"
        assert isinstance(value, bytes)

    async def test_what_is_notified_is_bytes(self) -> None:
        client, heard = Client(), []
        bench = Bench(client)
        async with bench.connected():
            await bench.link.subscribe(REPORT, heard.append)
            client.notify(bytearray(b"news"))
        assert heard == [b"news"]
        assert isinstance(heard[0], bytes)

    @pytest.mark.parametrize("what", ["read", "subscribe"])
    async def test_no_answer_for_two_seconds_is_a_device_that_does_not_answer(self, what: str) -> None:
        client = Client()
        client.does = _never
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(ProtocolError, match="left pump did not answer"):
                await ask(bench, what)
            assert bench.clock.now() == 2

    @pytest.mark.parametrize("what", ["read", "subscribe"])
    async def test_a_link_that_is_lost_meanwhile_is_told_as_that(self, what: str) -> None:
        client = Client()
        bench = Bench(client)

        async def lose() -> None:
            bench.radio.losers[0]()
            raise BleakError("disconnected")

        client.does = lose
        async with bench.connected():
            with pytest.raises(LinkLostError, match="the link was lost"):
                await ask(bench, what)

    @pytest.mark.parametrize("what", ["read", "subscribe"])
    async def test_without_a_connection_it_is_said(self, what: str) -> None:
        with pytest.raises(LinkLostError):
            await ask(Bench(), what)

    async def test_it_knows_what_a_characteristic_can_do(self) -> None:
        bench = Bench(Client())
        assert bench.link.has(REPORT) == frozenset()
        async with bench.connected():
            assert bench.link.has(REPORT) == {"read", "notify"}
            assert bench.link.has(COMMAND) == {"write"}
            assert bench.link.has(Place(SERVICE, full_uuid("ffb9"))) == frozenset()
            assert bench.link.has(Place(OTHER_SERVICE, REPORT.characteristic)) == frozenset()

    async def test_of_two_services_of_one_uuid_the_first_is_meant(self) -> None:
        bench = Bench(Client(SERVICE, SERVICE))
        async with bench.connected():
            assert bench.link.has(REPORT) == {"read", "notify"}
            assert await bench.link.read(REPORT) == b"report"

    async def test_a_table_of_services_that_is_gone_is_a_lost_link(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            client.services = cast("Any", None)
            assert bench.link.has(REPORT) == frozenset()
            with pytest.raises(LinkLostError):
                await bench.link.read(REPORT)

    async def test_bluez_is_asked_for_start_notify_unless_a_device_needs_the_other_way(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            await bench.link.subscribe(REPORT, lambda _: None)
            await bench.link.subscribe(REPORT, lambda _: None, acquire_notify=True)
        assert client.notify_options == [{"bluez": {"use_start_notify": True}}, {"bluez": {"use_start_notify": False}}]


class TestClosing:
    async def test_being_cancelled_closes_the_connection(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected() as task:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 2)
            assert client.disconnects == 1
            assert bench.link.state is CLOSED

    @pytest.mark.parametrize("when", ["searching", "connecting", "set up", "pausing"])
    async def test_being_cancelled_at_any_moment_closes_it(self, when: str) -> None:
        client = Client()
        bench = Bench(LinkLostError("no") if when == "pausing" else client)
        if when == "searching":
            bench.radio.found_when.clear()
        elif when == "connecting":
            bench.radio.connects_when.clear()
        elif when == "set up":
            bench.set_up = _never
        task = asyncio.create_task(bench.link.run())
        if when == "pausing":
            await bench.announced(LOST)
        else:
            await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)
        assert bench.states[-1] is CLOSED
        assert client.disconnects == (1 if when == "set up" else 0)

    async def test_nothing_can_be_sent_while_it_disconnects(self) -> None:
        client = Client()
        bench = Bench(client)
        refused: list[Exception] = []

        async def on_disconnect() -> None:
            try:
                await bench.link.write(COMMAND, b"x", response=False)
            except LinkLostError as error:
                refused.append(error)

        client.on_disconnect = on_disconnect
        async with bench.connected():
            pass
        assert len(refused) == 1
        assert client.written == []

    async def test_a_disconnect_that_hangs_holds_nothing_up_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("devices.link._DISCONNECT_SECONDS", 0.05)
        client = Client()
        client.on_disconnect = _never
        bench = Bench(client)
        async with bench.connected() as task:
            began = time.perf_counter()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 2)
        assert time.perf_counter() - began < 1
        assert client.disconnects == 1
        assert bench.link.state is CLOSED

    async def test_a_disconnect_that_hangs_does_not_keep_it_from_connecting_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("devices.link._DISCONNECT_SECONDS", 0.05)
        client = Client()
        client.on_disconnect = _never
        bench = Bench(client, Client())
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert client.disconnects == 1

    @pytest.mark.parametrize("error", TROUBLE)
    async def test_a_disconnect_that_fails_does_not_keep_it_from_connecting_again(self, error: Exception) -> None:
        client = Client()
        client.on_disconnect = _raises(error)
        bench = Bench(client, Client())
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
