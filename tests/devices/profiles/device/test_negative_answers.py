"""A device that refuses: by its result, by a report of its own, by a frame that has the command's opcode."""

from __future__ import annotations

import pytest

from devices.errors import RefusedError, UncertainError
from tests.helpers.peer import Peer, talking

ECHOED = """
    frame: {layout: [opcode, payload]}
    commands:
      start: {opcode: "10"}
      adjust: {opcode: "11"}
      ask: {opcode: "20", answered_by: [status, heat]}
      stop: {opcode: "0f"}
    reports:
      done: {opcode: command + 80, payload: [{code: u8, is: {0: ok, 1: busy, 2: never}}]}
      failed: {opcode: command + c0, payload: [{error: u8, is: {7: no_flange}}]}
      locked: {opcode: "ee", payload: [{skip: 1}]}
      status: {opcode: "30", payload: [{level: u8}]}
      heat: {opcode: "31", payload: [{battery_percent: u8}]}
    answer: {report: done, result: code, refused: [busy, never], refused_by: [failed, locked], within_seconds: 1}
"""


def replying(*answers: str) -> dict[str, object]:
    """Let the peer answer each write with these bytes."""

    def prepare(peer: Peer) -> None:
        def on_write(_channel: str, _data: bytes) -> None:
            for answer in answers:
                peer.notify("rx", bytes.fromhex(answer))

        peer.on_write = on_write

    return {"prepare": prepare}


class TestRefusals:
    @pytest.mark.parametrize("word", ["01", "02"])
    async def test_a_result_of_those_listed_refuses_at_once(self, word: str) -> None:
        async with talking(ECHOED, **replying(f"90 {word}")) as talk:
            with pytest.raises(RefusedError, match=r"left pump answered start with (busy|never)"):
                await talk.device.command("start", {})
            assert talk.clock.now() == pytest.approx(0, abs=0.01)
            assert len(talk.peer.written) == 1  # refused for good: it is not sent again

    async def test_any_other_result_accepts(self) -> None:
        async with talking(ECHOED, **replying("90 00")) as talk:
            await talk.device.command("start", {})

    async def test_an_error_frame_refuses_the_command_whose_opcode_it_has(self) -> None:
        async with talking(ECHOED, **replying("d1 07", "d0 07")) as talk:
            with pytest.raises(RefusedError, match="left pump refused start with no flange"):
                await talk.device.command("start", {})

    async def test_one_for_another_command_does_not(self) -> None:
        async with talking(ECHOED, **replying("d1 07", "90 00")) as talk:
            await talk.device.command("start", {})

    async def test_an_answer_to_another_command_is_none(self) -> None:
        async with talking(ECHOED, **replying("91 00")) as talk:
            with pytest.raises(UncertainError, match="left pump did not answer start"):
                await talk.device.command("start", {})

    async def test_a_report_that_names_no_command_refuses_whatever_waits(self) -> None:
        async with talking(ECHOED, **replying("ee 00")) as talk:
            for name in ("start", "ask"):
                with pytest.raises(RefusedError, match=f"left pump refused {name}"):
                    await talk.device.command(name, {})

    async def test_refusals_are_no_readings(self) -> None:
        async with talking(ECHOED, **replying("d0 07")) as talk:
            with pytest.raises(RefusedError):
                await talk.device.command("start", {})
            assert not talk.device.values

    async def test_a_result_that_is_unknown_refuses(self) -> None:
        unknown = ECHOED.replace("2: never}}", "2: never}, unknown: 255}")
        async with talking(unknown, **replying("90 ff")) as talk:
            with pytest.raises(RefusedError, match="a result that is not known"):
                await talk.device.command("start", {})

    async def test_a_late_refusal_is_not_taken_for_that_of_the_next_command(self) -> None:
        async with talking(ECHOED) as talk:
            talk.peer.later(1.5, lambda: talk.peer.notify("rx", b"\xee\x00"))
            with pytest.raises(UncertainError):
                await talk.device.command("start", {})
            talk.peer.on_write = lambda _channel, _data: talk.peer.later(
                0.7, lambda: talk.peer.notify("rx", b"\x91\x00")
            )
            await talk.device.command("adjust", {})


class TestSeveralReports:
    async def test_all_of_them_end_it_in_any_order(self) -> None:
        async with talking(ECHOED) as talk:
            talk.peer.later(0.3, lambda: talk.peer.notify("rx", b"\x31\x55"))
            talk.peer.on_write = lambda _channel, _data: talk.peer.notify("rx", b"\x30\x04")
            await talk.device.command("ask", {})
            assert talk.clock.now() == pytest.approx(0.3, abs=0.01)
            assert (talk.device.values["level"], talk.device.values["battery_percent"]) == (4, 0x55)

    async def test_the_same_one_twice_is_not_all(self) -> None:
        async with talking(ECHOED, **replying("30 04", "30 05")) as talk:
            with pytest.raises(UncertainError, match="left pump did not answer ask: no heat came"):
                await talk.device.command("ask", {})

    async def test_what_they_carry_is_polled(self) -> None:
        polled = ECHOED + "    connection: {poll: {command: ask, every_seconds: 2}}\n"
        async with talking(polled, **replying("30 04", "31 55")) as talk:
            assert {"level", "battery_percent"} <= talk.device.model.regular


class TestBits:
    BITS = """
        commands: {start: {payload: "33"}, stop: {payload: "0f"}}
        reports: {done: {payload: ["96", {code: u8, flags: {7: no}}]}}
        answer: {report: done, result: no, refused: true}
    """

    @pytest.mark.parametrize("byte", ["80", "ff", "81"])
    async def test_one_bit_may_mean_refused_whatever_the_others_say(self, byte: str) -> None:
        async with talking(self.BITS, **replying(f"96 {byte}")) as talk:
            with pytest.raises(RefusedError, match="left pump answered start with a refusal"):
                await talk.device.command("start", {})

    async def test_without_it_any_answer_accepts(self) -> None:
        async with talking(self.BITS, **replying("96 7f")) as talk:
            await talk.device.command("start", {})
