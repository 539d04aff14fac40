"""A value that follows from several others: the first line that fits, and unknown where none does."""

from __future__ import annotations

import pytest

from devices.driver.vocabulary import Value
from devices.profiles.codec import Codec
from devices.support.file_error import FileError
from tests.helpers.profile_snippets import codec, profile

TWO_BYTES = """
    commands: {start: {payload: "01"}, stop: {payload: "00"}}
    reports:
      status:
        payload: ["20", {running: bool}, {level: u8}, {paused: u8, is: {0: false, 1: true, 2: locked}}]
        derived:
          run_state:
            - {paused: true, is: paused}
            - {running: true, paused: false, is: running}
            - {running: false, paused: false, is: stopped}
"""
FLAGS = """
    commands: {start: {payload: "01"}, stop: {payload: "00"}}
    channels:
      tx: {service: "ffb0", characteristic: "ffb1", write: both}
      state:
        service: "ffb0"
        characteristic: "ffb2"
        notify: true
        read: true
        fields: [{flags_now: u8, flags: {0: motor, 3: waits}}]
        derived:
          run_state: [{motor: true, waits: false, is: running}, {waits: true, is: paused}, {motor: false, is: stopped}]
"""


class TestCodec:
    @pytest.mark.parametrize(
        ("data", "state"),
        [
            ("20 01 03 00", "running"),
            ("20 01 03 01", "paused"),
            ("20 00 03 01", "paused"),
            ("20 00 03 00", "stopped"),
            ("20 00 03 02", None),  # no line describes it: unknown, never stopped
            ("20 01 03 02", None),
        ],
    )
    def test_the_first_line_that_fits_counts(self, data: str, state: str | None) -> None:
        message = codec(TWO_BYTES).decode_report("rx", bytes.fromhex(data))
        assert message.values["run_state"] == state
        assert message.values["level"] == 3

    @pytest.mark.parametrize("state", ["running", "paused", "stopped"])
    def test_a_device_writes_the_bytes_that_mean_it(self, state: str) -> None:
        device = codec(TWO_BYTES)
        body: dict[str, Value] = {"run_state": state, "running": False, "paused": False, "level": 3}
        packet = device.encode_report("status", body)
        assert device.decode_report("rx", packet.data).values["run_state"] == state

    @pytest.mark.parametrize(
        ("byte", "state"), [("01", "running"), ("08", "paused"), ("09", "paused"), ("00", "stopped")]
    )
    def test_bits_of_a_characteristic_do_as_well(self, byte: str, state: str) -> None:
        device = codec(FLAGS)
        assert device.decode_report("state", bytes.fromhex(byte)).values["run_state"] == state
        assert device.encode_report("state", {"run_state": state}).data in (bytes.fromhex(byte), b"\x08")

    def test_it_is_a_value_like_any_other(self) -> None:
        assert "run_state" in profile(TWO_BYTES).reported
        assert "run_state" in profile(FLAGS).reported

    def test_of_text_it_follows_as_well(self) -> None:
        device: Codec = codec("""
            text: {terminator: ";"}
            commands: {start: {text: "Go;"}, stop: {text: "Halt;"}}
            reports:
              state:
                pattern: "S{motor:int},{hold:int};"
                line: "S{motor},{hold};"
                derived: {run_state: [{hold: 1, is: paused}, {motor: 1, is: running}, {motor: 0, is: stopped}]}
        """)
        assert device.decode_report("rx", b"S1,0;").values["run_state"] == "running"
        assert device.encode_report("state", {"run_state": "paused", "motor": 1, "hold": 0}).data == b"S1,1;"


WRONG = [
    ("{paused: true, is: paused}", "{pause: true, is: paused}", "run_state.0.pause", "carries no pause, there are"),
    ("{paused: true, is: paused}", "{paused: yes, is: paused}", "run_state.0.paused", "paused is never yes, there are"),
    ("{paused: true, is: paused}", "{is: paused}", "run_state.0", "a line has one or more values, and what they mean"),
    (
        "{paused: true, is: paused}",
        "{paused: true}",
        "run_state.0",
        "a line has one or more values, and what they mean",
    ),
    (
        "{running: true, paused: false, is: running}",
        "{running: true, paused: true, is: running}",
        "run_state.1",
        "it never fits, as line 1 of the table comes first",
    ),
    ("run_state:", "level:", "derived.level", "level is among the fields already"),
]


class TestErrors:
    @pytest.mark.parametrize(("old", "new", "place", "words"), WRONG)
    def test_bad_use_names_the_key_and_what_would_fit(self, old: str, new: str, place: str, words: str) -> None:
        assert old in TWO_BYTES
        with pytest.raises(FileError) as caught:
            profile(TWO_BYTES.replace(old, new))
        first = caught.value.problems[0]
        assert place in str(first)
        assert words in str(first)
        assert first.line > 0

    def test_a_channel_without_fields_has_nothing_to_derive_from(self) -> None:
        with pytest.raises(FileError, match="give the fields from which it follows"):
            profile(FLAGS.replace("fields: [{flags_now: u8, flags: {0: motor, 3: waits}}]", ""))


class TestKnownWords:
    @pytest.mark.parametrize(
        ("field", "words"),
        [
            ("{run_state: u8, is: {0: 'off', 1: running}}", "run_state is never off, there are"),
            ("{run_state: bool}", "like {run_state: u8, is: {0: stopped, 1: running}}"),
            ("{phase: u8}", "like {phase: u8, is: {0: stimulation, 1: expression}}"),
            ("{vacuum_mmhg: u8, is: {1: low}}", "vacuum_mmhg is a number"),
            ("{level: text, size: 2}", "level is a number"),
            ("{let_down: u8}", "let_down is true or false, like {let_down: bool}"),
        ],
    )
    def test_a_known_name_is_reported_in_its_own_words(self, field: str, words: str) -> None:
        with pytest.raises(FileError) as caught:
            profile(f"""
                commands: {{start: {{payload: "01"}}, stop: {{payload: "00"}}}}
                reports: {{status: {{payload: [{field}]}}}}
            """)
        (problem,) = caught.value.problems
        assert problem.key == "reports.status.payload.0"
        assert words in problem.message

    def test_of_text_any_other_word_is_unknown(self) -> None:
        device = codec("""
            text: {terminator: ";"}
            commands: {start: {text: "Go;"}, stop: {text: "Halt;"}}
            reports: {state: {pattern: "{run_state:word};", line: "{run_state};"}}
        """)
        assert device.decode_report("rx", b"running;").values == {"run_state": "running"}
        assert device.decode_report("rx", b"humming;").values == {"run_state": None}
