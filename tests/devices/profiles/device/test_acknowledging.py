"""What a device waits for is said in its turn, in time, and never after a stop, a lost link or a new connection."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from devices.errors import UncertainError
from tests.helpers.peer import Peer, Talk, talking
from tests.helpers.plain_profiles import STOP, pump

ASKING = """
    commands:
      start: {payload: "33"}
      slow: {payload: "44", answered_by: done}
      confirm: {payload: ["69", {ticket: u8}]}
      stop: {payload: "0f"}
    reports:
      done: {payload: "c1"}
      question: {payload: ["c3", {ticket: u8}], acknowledge: confirm}
      hurried: {payload: ["c5", {ticket: u8}], acknowledge: {command: confirm, within_seconds: 0.5}}
"""
# One that answers what it is told, but never an acknowledgement.
THANKLESS = ASKING.replace('["69", {ticket: u8}]}', '["69", {ticket: u8}], answered_by: done}')


def confirmed(talk: Talk) -> list[tuple[float, int]]:
    """Return when which tickets were confirmed."""
    return [(round(each.at_seconds, 2), each.data[1]) for each in talk.peer.written if each.data[0] == 0x69]


async def busy_for(talk: Talk, seconds: float) -> asyncio.Task[None]:
    """Keep the lane busy with a command that is answered after some seconds."""

    def answer() -> None:
        with contextlib.suppress(KeyError):  # the link is gone
            talk.peer.notify("rx", b"\xc1")

    talk.peer.on_write = lambda _channel, data: talk.peer.later(seconds, answer) if data == b"\x44" else None
    task = asyncio.create_task(talk.device.command("slow", {}))
    await talk.clock.sleep(0.1)
    assert talk.peer.received[-1] == b"\x44"
    return task


async def test_it_is_sent_after_what_is_under_way_and_in_the_order_of_the_requests() -> None:
    async with talking(ASKING) as talk:
        slow = await busy_for(talk, 1)
        for ticket in (7, 8, 9):
            talk.peer.report("question", ticket=ticket)
        await talk.clock.sleep(0.5)
        assert confirmed(talk) == []
        await slow
        await talk.clock.sleep(0.1)
        assert confirmed(talk) == [(1, 7), (1, 8), (1, 9)]


@pytest.mark.parametrize(
    ("report", "busy_seconds", "said"),
    [("question", 1.9, True), ("hurried", 0.55, True), ("hurried", 0.7, False), ("hurried", 1.9, False)],
)
async def test_late_is_not_at_all(report: str, busy_seconds: float, said: bool) -> None:
    async with talking(ASKING) as talk:
        slow = await busy_for(talk, busy_seconds)
        talk.peer.report(report, ticket=7)
        await slow
        await talk.clock.sleep(5)
        assert [ticket for _, ticket in confirmed(talk)] == [7] * said


async def test_after_two_seconds_no_device_is_assumed_to_wait() -> None:
    async with talking(ASKING) as talk:
        slow = await busy_for(talk, 1.9)
        following = asyncio.create_task(talk.device.command("slow", {}))
        await asyncio.sleep(0)
        talk.peer.report("question", ticket=7)
        await asyncio.gather(slow, following)
        await talk.clock.sleep(5)
        assert confirmed(talk) == []


@pytest.mark.parametrize("turns", range(12))
async def test_what_was_asked_before_a_stop_is_not_answered_after_it(turns: int) -> None:
    async with talking(ASKING) as talk:
        stopping = asyncio.create_task(pump(talk).stop())
        for _ in range(turns):
            await asyncio.sleep(0)
        asked_before = STOP not in talk.peer.received
        talk.peer.report("question", ticket=7)
        await stopping
        await talk.clock.sleep(5)
        if asked_before:
            assert b"\x69\x07" not in talk.peer.received[talk.peer.received.index(STOP) :]


async def test_what_waited_when_a_stop_came_is_not_sent() -> None:
    async with talking(ASKING) as talk:
        slow = await busy_for(talk, 1)
        talk.peer.report("question", ticket=7)
        await talk.clock.sleep(0.1)
        await pump(talk).stop()
        await asyncio.gather(slow, return_exceptions=True)
        await talk.clock.sleep(5)
        assert confirmed(talk) == []


async def test_what_is_asked_after_a_stop_is_answered() -> None:
    async with talking(ASKING) as talk:
        await pump(talk).stop()
        talk.peer.report("question", ticket=7)
        await talk.clock.sleep(0.1)
        assert talk.peer.received == [STOP, STOP, b"\x69\x07"]


async def test_a_stop_does_not_wait_for_an_acknowledgement() -> None:
    """Neither one that is under way, nor one that is asked for because of the stop."""
    async with talking(THANKLESS) as talk:
        talk.peer.report("question", ticket=7)
        await talk.clock.sleep(0.1)
        talk.peer.on_write = lambda _channel, data: (
            talk.peer.report("question", ticket=8) if talk.peer.received.count(STOP) == 1 else None
        )
        await pump(talk).stop()
        assert talk.peer.times(STOP) == [0.1, 0.1]
        assert talk.clock.now() == pytest.approx(0.1, abs=0.01)


async def test_requests_of_the_old_connection_are_not_answered_on_the_new_one() -> None:
    async with talking(ASKING) as talk:
        slow = await busy_for(talk, 1)
        talk.peer.report("question", ticket=7)
        talk.peer.report("question", ticket=8)
        talk.peer.lose_link()
        with contextlib.suppress(UncertainError):
            await slow
        await talk.until_connected()
        await talk.clock.sleep(5)
        assert confirmed(talk) == []
        assert talk.device.link.connected


async def test_a_request_at_the_moment_of_the_link_loss_is_not_answered() -> None:
    async with talking(ASKING) as talk:
        talk.peer.report("question", ticket=7)
        talk.peer.lose_link()
        await talk.until_connected()
        assert confirmed(talk) == []


async def test_it_is_never_mixed_with_the_pieces_of_another_command() -> None:
    snippet = """
        commands:
          hello: {payload: "01 02 03 04 05 06", answered_by: welcome}
          confirm: {payload: ["69", {ticket: u8}, "00 00"]}
          stop: {payload: "0f"}
        reports:
          welcome: {payload: "81"}
          question: {payload: ["c3", {ticket: u8}], acknowledge: confirm}
        connection: {handshake: {command: hello}}
        link: {chunk_bytes: 2, gap_seconds: 0.1}
    """

    def prepare(peer: Peer) -> None:
        def hear(_channel: str, data: bytes) -> None:
            if data == b"\x01\x02":
                peer.report("question", ticket=7)
            elif data == b"\x05\x06":
                peer.notify("rx", b"\x81")

        peer.on_write = hear

    async with talking(snippet, prepare=prepare) as talk:
        await talk.clock.sleep(2)
        assert b"".join(talk.peer.received) == b"\1\2\3\4\5\6" + b"\x69\7\0\0"
