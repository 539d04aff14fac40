"""Reports whose frame has the opcode of the command that they answer, and how one of several layouts is chosen."""

from __future__ import annotations

import pytest

from devices.errors import ProtocolError
from devices.support.file_error import FileError
from tests.helpers.profile_snippets import codec, profile

ECHOED = """
    frame: {layout: [opcode, payload]}
    commands:
      start: {opcode: "10"}
      stop: {opcode: "f0"}
      ask: {opcode: "20"}
    reports:
      done: {opcode: command + 80, payload: [{code: u8, is: {0: ok}, otherwise: refused}]}
      failed: {opcode: command + c0, payload: [{error: u8}]}
      status: {opcode: "a0", payload: [{level: u8}]}
    answer: {report: done, result: code, accepted: ok, refused_by: failed}
"""


class TestOpcode:
    @pytest.mark.parametrize(
        ("data", "name", "answers"),
        [
            ("90 00", "done", "10"),
            ("70 00", "done", "f0"),  # it begins anew at 0
            ("d0 07", "failed", "10"),
            ("a0 05", "status", None),  # a fixed opcode goes before that of a command
        ],
    )
    def test_it_says_which_command_is_answered(self, data: str, name: str, answers: str | None) -> None:
        message = codec(ECHOED).decode_report("rx", bytes.fromhex(data))
        assert message.name == name
        assert message.answers == (None if answers is None else bytes.fromhex(answers))

    def test_no_command_has_it(self) -> None:
        with pytest.raises(ProtocolError, match="no report has the opcode 91"):
            codec(ECHOED).decode_report("rx", b"\x91\x00")

    def test_a_device_answers_with_it(self) -> None:
        packet = codec(ECHOED).encode_report("done", {"code": "ok"}, answers=b"\x10")
        assert packet.data == b"\x90\x00"

    def test_the_same_opcode_is_plain_command(self) -> None:
        device = codec(ECHOED.replace("command + 80", "command"))
        assert device.decode_report("rx", b"\x10\x01").values == {"code": "refused"}


class TestLayouts:
    SEVERAL = """
        frame: {layout: [opcode, payload]}
        commands: {start: {opcode: "10"}, stop: {opcode: "11"}}
        reports:
          heat:  {opcode: "20", payload: ["01", {surface_celsius: u8}]}
          state: {opcode: "20", payload: ["02", {run_state: u8, is: {0: stopped, 1: running}}]}
          long:  {opcode: "20", length: [4, 9], payload: [{level: u8}, {rest: skip}]}
          any:   {opcode: "20", payload: [{battery_percent: u8, range: [0, 100]}, {rest: skip}]}
    """

    @pytest.mark.parametrize(
        ("data", "name"),
        [
            ("20 01 25", "heat"),
            ("20 02 01", "state"),
            ("20 02 07", "any"),  # a code that nobody described: not that layout
            ("20 01 25 00 00", "long"),
            ("20 63", "any"),
        ],
    )
    def test_opcode_then_length_then_what_is_fixed_in_the_order_of_the_file(self, data: str, name: str) -> None:
        assert codec(self.SEVERAL).decode_report("rx", bytes.fromhex(data)).name == name

    def test_where_none_fits_the_packet_is_dropped(self) -> None:
        with pytest.raises(ProtocolError, match="battery_percent = 255 is outside 0 to 100"):
            codec(self.SEVERAL).decode_report("rx", b"\x20\xff")


WRONG = [
    ("command + 80", "command + 8", "reports.done.opcode", "`command`, or `command + 80`"),
    ("command + 80", "command - 80", "reports.done.opcode", "`command`, or `command + 80`"),
    ("result: code", "opcode: code, result: code", "answer.opcode", "has the command's opcode already"),
    ("accepted: ok", "refused: bad", "answer.refused", "code is never bad, there are ok, refused"),
    ("accepted: ok", "accepted: ok, refused: refused", "answer.refused", "accepted or those that are refused"),
    ("result: code, accepted: ok", "accepted: ok", "answer.accepted", "name the value that has the result"),
    (
        ", is: {0: ok}, otherwise: refused",
        "",
        "answer.result",
        "say what its codes mean, like {code: u8, is: {0: done}",
    ),
    ("refused_by: failed", "refused_by: [failed, broken]", "answer.refused_by", "broken is not a report, there are"),
    ("layout: [opcode, payload]", "layout: [payload]", "reports.done.opcode", "its frame has no opcode"),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), WRONG)
def test_bad_use_names_the_key_and_what_would_fit(old: str, new: str, place: str, words: str) -> None:
    assert old in ECHOED
    with pytest.raises(FileError) as caught:
        profile(ECHOED.replace(old, new, 1))
    found = {problem.key: str(problem) for problem in caught.value.problems}
    assert place in found
    assert words in found[place]
    assert all(problem.line > 0 for problem in caught.value.problems)
