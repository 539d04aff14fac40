"""Writing, reading, subscribing, and what each raises."""

from __future__ import annotations

import asyncio

import pytest
from bleak.exc import BleakError, BleakGATTProtocolError

from devices.bluetooth.link import CharacteristicRef
from devices.driver.vocabulary import full_uuid
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from tests.helpers.links import (
    COMMAND,
    OTHER_SERVICE,
    REPORT,
    SERVICE,
    TROUBLE,
    Bench,
    Client,
    ask,
    never,
    raises,
    turns,
)


class TestWriting:
    async def test_bytes_are_written_to_their_characteristic(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            await bench.link.write(COMMAND, b"\x01", response=True)
            await bench.link.write(COMMAND, b"\x02", response=False)
        assert client.written == [(str(COMMAND), b"\x01", True), (str(COMMAND), b"\x02", False)]

    async def test_without_a_connection_a_write_raises_and_sends_nothing(self) -> None:
        bench = Bench()
        with pytest.raises(LinkLostError, match="left pump is not connected"):
            await bench.link.write(COMMAND, b"x", response=True)

    async def test_after_the_loss_nothing_is_sent_even_before_the_state_changes(self) -> None:
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

    async def test_a_rejected_write_is_refused(self) -> None:
        client = Client()
        client.does = raises(BleakGATTProtocolError(0x80))
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(RefusedError, match="left pump rejected the write"):
                await bench.link.write(COMMAND, b"x", response=True)

    @pytest.mark.parametrize("error", TROUBLE)
    async def test_an_error_of_bleak_leaves_it_uncertain(self, error: Exception) -> None:
        client = Client()
        client.does = raises(error)
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(UncertainError, match="left pump did not acknowledge a write"):
                await bench.link.write(COMMAND, b"x", response=True)

    async def test_no_answer_for_two_seconds_leaves_it_uncertain(self) -> None:
        client = Client()
        client.does = never
        bench = Bench(client)
        async with bench.connected():
            before = bench.clock.now()
            with pytest.raises(UncertainError):
                await bench.link.write(COMMAND, b"x", response=True)
            assert bench.clock.now() == before + 2

    @pytest.mark.parametrize("what", ["write", "read", "subscribe"])
    async def test_a_missing_answer_is_named(self, what: str) -> None:
        client = Client()
        client.does = never
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(DeviceError, match="no answer"):
                await ask(bench, what)

    async def test_an_answer_just_before_two_seconds_counts(self) -> None:
        client = Client()
        bench = Bench(client)
        client.does = lambda: bench.clock.sleep(1.99)
        async with bench.connected():
            await bench.link.write(COMMAND, b"x", response=True)

    async def test_a_cancelled_caller_is_cancelled(self) -> None:
        client = Client()
        client.does = never
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
            (CharacteristicRef(SERVICE, full_uuid("ffb9")), full_uuid("ffb9")),
            (CharacteristicRef(OTHER_SERVICE, COMMAND.characteristic), str(COMMAND)),
            (CharacteristicRef(handle=0x0199), "0x0199"),
        ],
    )
    async def test_a_missing_characteristic_is_named(self, place: CharacteristicRef, named: str) -> None:
        bench = Bench(Client())
        async with bench.connected():
            with pytest.raises(ProtocolError, match=f"has no characteristic {named}"):
                await bench.link.write(place, b"x", response=True)

    async def test_a_characteristic_may_be_identified_by_its_handle(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            await bench.link.write(CharacteristicRef(handle=2), b"x", response=True)
            assert bench.link.properties(CharacteristicRef(handle=3)) == {"read", "notify"}
        assert client.written == [(str(COMMAND), b"x", True)]

    async def test_a_stop_bypasses_a_busy_lane(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            busy = asyncio.create_task(bench.link.lane.run(never))
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

    async def test_a_notification_is_bytes(self) -> None:
        client, heard = Client(), []
        bench = Bench(client)
        async with bench.connected():
            await bench.link.subscribe(REPORT, heard.append)
            client.notify(bytearray(b"news"))
        assert heard == [b"news"]
        assert isinstance(heard[0], bytes)

    @pytest.mark.parametrize("what", ["read", "subscribe"])
    async def test_no_answer_for_two_seconds_is_a_protocol_error(self, what: str) -> None:
        client = Client()
        client.does = never
        bench = Bench(client)
        async with bench.connected():
            with pytest.raises(ProtocolError, match="left pump did not answer"):
                await ask(bench, what)
            assert bench.clock.now() == 2

    @pytest.mark.parametrize("what", ["read", "subscribe"])
    async def test_a_link_lost_meanwhile_is_a_lost_link(self, what: str) -> None:
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
    async def test_without_a_connection_it_is_a_lost_link(self, what: str) -> None:
        with pytest.raises(LinkLostError):
            await ask(Bench(), what)

    async def test_it_returns_the_properties_of_a_characteristic(self) -> None:
        bench = Bench(Client())
        assert bench.link.properties(REPORT) == frozenset()
        async with bench.connected():
            assert bench.link.properties(REPORT) == {"read", "notify"}
            assert bench.link.properties(COMMAND) == {"write"}
            assert bench.link.properties(CharacteristicRef(SERVICE, full_uuid("ffb9"))) == frozenset()
            assert bench.link.properties(CharacteristicRef(OTHER_SERVICE, REPORT.characteristic)) == frozenset()

    async def test_of_two_services_with_one_uuid_the_first_is_used(self) -> None:
        bench = Bench(Client(SERVICE, SERVICE))
        async with bench.connected():
            assert bench.link.properties(REPORT) == {"read", "notify"}
            assert await bench.link.read(REPORT) == b"report"

    async def test_services_that_bleak_has_dropped_are_a_lost_link(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            client.discovered = None
            assert bench.link.properties(REPORT) == frozenset()
            with pytest.raises(LinkLostError):
                await bench.link.read(REPORT)

    async def test_start_notify_is_used_unless_the_profile_says_acquire_notify(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected():
            await bench.link.subscribe(REPORT, lambda _: None)
            await bench.link.subscribe(REPORT, lambda _: None, acquire_notify=True)
        assert client.notify_options == [{"bluez": {"use_start_notify": True}}, {"bluez": {"use_start_notify": False}}]
