"""A no ends a command at once, and an answer to an earlier command ends no later one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from devices.errors import RefusedError, UncertainError
from tests.helpers.peer import Peer, Talk, talking
from tests.helpers.plain_profiles import pump

WORDS = """
    text: {terminator: ";"}
    commands:
      start: {text: "Start;"}
      adjust: {text: "Adjust;"}
      ask: {text: "Battery;", answered_by: battery}
      stop: {text: "Stop;"}
    reports:
      answer: {pattern: "(?P<result>OK|ERR|BUSY);", line: "{result};"}
      battery: {pattern: "{battery_percent:int};", line: "{battery_percent};"}
    answer: {report: answer, result: result, accepted: OK, within_seconds: 2}
"""
TELLING = """
    text: {terminator: ";"}
    commands:
      start: {text: "Start;"}
      ask: {text: "State;", answered_by: state}
      stop: {text: "Stop;"}
    reports:
      answer: {pattern: "(?P<result>OK|ERR);", line: "{result};"}
      state: {pattern: "(?P<run_state>stopped|running);", line: "{run_state};"}
    answer: {report: answer, result: result, accepted: OK, within_seconds: 2}
    connection: {poll: {command: ask, every_seconds: 4}}
"""
NAMED = """
    frame: {layout: [opcode, counter, payload]}
    commands:
      start: {opcode: "33"}
      ask: {opcode: "05", answered_by: battery}
      stop: {opcode: "0f"}
    reports:
      result: {opcode: "96", payload: [{request: u8}, {number: u8}, {result: u8, is: {0: done, 1: out_of_range}}]}
      battery: {opcode: "97", payload: [{battery_percent: u8}]}
    answer: {report: result, opcode: request, counter: number, result: result, accepted: done, within_seconds: 2}
"""


def saying(answers: dict[str, list[tuple[float, str]]]) -> Callable[[Peer], None]:
    """Let a peer answer each line with the next of its answers, each after some seconds, until they are used up."""

    def prepare(peer: Peer) -> None:
        def hear(_channel: str, data: bytes) -> None:
            line = data.decode().strip(";")
            if answers.get(line):
                seconds, answer = answers[line].pop(0)
                _later(peer, seconds, answer)

        peer.on_write = hear

    return prepare


_tasks: set[asyncio.Task[None]] = set()


def _later(peer: Peer, seconds: float, answer: str) -> None:
    async def wait() -> None:
        await peer.clock.sleep(seconds)
        peer.notify("rx", answer.encode())

    task = asyncio.create_task(wait())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def lines(talk: Talk) -> list[tuple[float, str]]:
    """Return what was written, and when."""
    return [(round(each.at_seconds, 2), each.data.decode()) for each in talk.peer.written]


class TestNo:
    @pytest.mark.parametrize("no", ["ERR", "BUSY"])
    async def test_it_ends_a_command_that_waits_for_another_report(self, no: str) -> None:
        async with talking(WORDS, prepare=saying({"Battery": [(0.1, f"{no};")]})) as talk:
            with pytest.raises(RefusedError, match=f"left pump answered ask with {no}"):
                await talk.device.command("ask", {})
            assert talk.clock.now() == pytest.approx(0.1, abs=0.01)

    async def test_a_yes_does_not_end_it_as_what_it_asks_for_is_still_to_come(self) -> None:
        async with talking(WORDS, prepare=saying({"Battery": [(0.1, "OK;")]})) as talk:
            talk.peer.later(1, lambda: talk.peer.notify("rx", b"85;"))
            await talk.device.command("ask", {})
            assert talk.device.values["battery_percent"] == 85
            assert talk.clock.now() == pytest.approx(1, abs=0.01)

    async def test_it_must_name_the_command_where_answers_do(self) -> None:
        async with talking(NAMED) as talk:

            def hear(_channel: str, data: bytes) -> None:
                talk.peer.report("result", request=0x33, number=data[1], result="out_of_range")
                talk.peer.report("result", request=data[0], number=data[1] - 1, result="out_of_range")
                talk.peer.later(
                    1, lambda: talk.peer.report("result", request=data[0], number=data[1], result="out_of_range")
                )

            talk.peer.on_write = hear
            with pytest.raises(RefusedError, match="left pump answered ask with out of range"):
                await talk.device.command("ask", {})
            assert talk.clock.now() == pytest.approx(1, abs=0.01)

    async def test_it_ends_the_handshake(self) -> None:
        snippet = WORDS + "    connection: {handshake: {command: ask, within_seconds: 5}}\n"
        async with talking(snippet, prepare=saying({"Battery": [(0.1, "ERR;")] * 9}), connected=False) as talk:
            await talk.clock.sleep(0.2)
            assert talk.device.link.problem == "left pump answered ask with ERR"


class TestLate:
    async def test_a_late_yes_is_not_taken_for_that_of_the_next_command(self) -> None:
        answers = {"Start": [(2.5, "OK;")], "Adjust": [(0.3, "ERR;")]}
        async with talking(WORDS, prepare=saying(answers)) as talk:
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            with pytest.raises(RefusedError, match="answered adjust with ERR"):
                await talk.device.command("adjust", {})
            assert lines(talk) == [(0, "Start;"), (2.5, "Adjust;")]
            assert talk.clock.now() == pytest.approx(2.8, abs=0.01)

    async def test_a_late_refusal_is_not_matched_to_the_next_command(self) -> None:
        answers = {"Start": [(2.5, "ERR;")], "Adjust": [(0.3, "OK;")]}
        async with talking(WORDS, prepare=saying(answers)) as talk:
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            await talk.device.command("adjust", {})
            assert talk.clock.now() == pytest.approx(2.8, abs=0.01)

    async def test_nor_does_it_end_what_waits_for_another_report(self) -> None:
        answers = {"Start": [(2.5, "ERR;")], "Battery": [(1.0, "85;")]}
        async with talking(WORDS, prepare=saying(answers)) as talk:
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            await talk.device.command("ask", {})
            assert talk.device.values["battery_percent"] == 85
            assert talk.clock.now() == pytest.approx(3, abs=0.01)

    async def test_one_that_never_comes_is_waited_for_once_more_as_long_and_then_forgotten(self) -> None:
        async with talking(WORDS, prepare=saying({"Adjust": [(0.1, "OK;"), (0.1, "OK;")]})) as talk:
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            await talk.device.command("adjust", {})
            await talk.device.command("adjust", {})
            assert [at for at, _ in lines(talk)] == [0, 4, 4.1]

    async def test_a_lost_link_forgets_them(self) -> None:
        async with talking(WORDS, prepare=saying({"Adjust": [(0.1, "OK;")]})) as talk:
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            talk.peer.lose_link()
            await talk.until_connected()
            began_seconds = talk.clock.now()
            await talk.device.command("adjust", {})
            assert talk.clock.now() - began_seconds == pytest.approx(0.1, abs=0.01)


class TestStop:
    async def test_the_answer_to_a_start_that_it_cut_off_does_not_confirm_it(self) -> None:
        async with talking(WORDS, prepare=saying({"Start": [(0.5, "OK;")]})) as talk:
            start = asyncio.create_task(talk.device.command("start", {}))
            await talk.clock.sleep(0.2)
            with pytest.raises(UncertainError):
                await pump(talk).stop()
            assert lines(talk) == [(0, "Start;"), (0.2, "Stop;"), (0.2, "Stop;")]
            assert isinstance((await asyncio.gather(start, return_exceptions=True))[0], RefusedError)

    @pytest.mark.parametrize("start_answered", [True, False])
    async def test_its_own_answer_does_whether_or_not_the_start_was_answered(self, start_answered: bool) -> None:
        answers = {"Start": [(0.5, "OK;")] * start_answered, "Stop": [(0.5, "OK;"), (0.5, "OK;")]}
        async with talking(WORDS, prepare=saying(answers)) as talk:
            start = asyncio.create_task(talk.device.command("start", {}))
            await talk.clock.sleep(0.2)
            await pump(talk).stop()
            assert talk.clock.now() == pytest.approx(0.7, abs=0.01)
            await asyncio.gather(start, return_exceptions=True)

    async def test_it_waits_for_no_late_answer(self) -> None:
        answers = {"Stop": [(0.1, "OK;"), (0.1, "OK;")]}
        async with talking(WORDS, prepare=saying(answers)) as talk:
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            await pump(talk).stop()
            assert lines(talk)[1:] == [(2, "Stop;"), (2, "Stop;")]
            assert talk.clock.now() == pytest.approx(2.1, abs=0.01)

    async def test_its_second_answer_is_not_taken_for_that_of_a_start(self) -> None:
        answers = {"Stop": [(0.1, "OK;"), (0.2, "OK;")], "Start": [(0.3, "ERR;")]}
        async with talking(WORDS, prepare=saying(answers)) as talk:
            await pump(talk).stop()
            with pytest.raises(RefusedError, match="answered start with ERR"):
                await talk.device.command("start", {})

    async def test_one_that_is_not_answered_is_read_back_in_time(self) -> None:
        async with talking(TELLING, prepare=saying({"State": [(0.1, "stopped;")] * 99})) as talk:
            await pump(talk).stop()
            assert talk.clock.now() < 1.5
