"""Clocks, counters, names, texts, periods and encryption: each by itself."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime

import pytest

from devices.capture.inference.clock_setting import clock_layout
from devices.capture.inference.draft_channels import name_pattern
from devices.capture.inference.encryption import encryption_in
from devices.capture.inference.report_kinds import regular_period
from devices.capture.inference.sequence_counter import counters_of, follows_or_echoes
from devices.capture.inference.text_protocol import command_text, report_pattern, text_of
from devices.capture.inference.traffic import Traffic, WireFrame
from devices.capture.inference.unwrapped import Content, Unwrapped

ONE, OTHER = datetime(2026, 11, 30, 14, 0, 3, tzinfo=UTC), datetime(2026, 11, 30, 15, 27, 41, tzinfo=UTC)


def written(*payloads: tuple[datetime, bytes]) -> list[Unwrapped]:
    return [
        Unwrapped(WireFrame(at.timestamp() + 0.4, number, 16, False, data), Content(16, b"", data), None)
        for number, (at, data) in enumerate(payloads)
    ]


@pytest.mark.parametrize(
    ("made", "layout"),
    [
        (
            lambda at: bytes([1, at.year % 100, at.month, at.day, at.hour + 1, at.minute, at.second]),  # one zone east
            ["01", *({name: "u8"} for name in ("year_of_century", "month", "day", "hour", "minute", "second"))],
        ),
        (
            lambda at: struct.pack(">HBBBBB", at.year, at.month, at.day, at.hour, at.minute, at.second) + b"\xff",
            [
                {"year": "u16", "order": "big"},
                *({name: "u8"} for name in ("month", "day", "hour", "minute", "second")),
                "ff",
            ],
        ),
        (
            lambda at: b"\x07" + struct.pack("<I", int(at.timestamp())),
            ["07", {"epoch_seconds": "u32", "order": "little"}],
        ),
    ],
)
def test_the_time_is_recognised(made, layout) -> None:  # type: ignore[no-untyped-def]
    assert clock_layout(written((ONE, made(ONE)), (OTHER, made(OTHER)))) == layout


def test_what_only_differs_is_no_time() -> None:
    assert clock_layout(written((ONE, b"\x01\x93\x11\x42\x07"), (OTHER, b"\x01\x23\x99\x14\x61"))) is None


def test_a_counter_goes_up_by_one_in_each_connection() -> None:
    sequences = [[bytes([0xA5, number & 0xFF, 7]) for number in range(begin, begin + 5)] for begin in (1, 254)]
    assert counters_of(sequences, 3) == (1,)
    assert counters_of([[b"\xa5\x01\x07", b"\xa5\x03\x07"] * 4], 3) == ()
    assert follows_or_echoes([(1, True, b"\x80\x05"), (1, True, b"\x80\x06"), (2, True, b"\x80\x01")], 1)
    assert not follows_or_echoes([(1, True, b"\x80\x05"), (1, True, b"\x80\x09"), (1, True, b"\x80\x01")], 1)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("MOON-1234", "MOON-*"),
        ("Moon 7f", "Moon *"),
        ("Caia4C1F", "Caia*"),
        ("Pump00004C1F", "Pump00*"),
        ("Moon W3", "Moon W3"),
        ("X200", "X200"),
        ("Kindly Cuddle", "Kindly Cuddle"),
        ("[odd]*", "?odd]?"),
    ],
)
def test_the_number_of_a_device_is_left_out_of_its_name(name: str, pattern: str) -> None:
    assert name_pattern(name, "F0:0D:00:00:4C:1F") == pattern


def test_only_what_comes_regularly_has_a_period() -> None:
    assert regular_period([(1, 1.02 * number) for number in range(9)]) == 1.0
    assert regular_period([(1, number * number) for number in range(9)]) is None
    assert regular_period([(1, 0.0), (1, 1.0)]) is None


def lines(*texts: str, from_device: bool = False) -> list[WireFrame]:
    return [WireFrame(number, 1, 16 + 2 * from_device, from_device, text.encode()) for number, text in enumerate(texts)]


def test_lines_are_recognised_and_joined() -> None:
    told = lines("state run", "ning 3.5;state stop", "ped 4;", from_device=True)
    text = text_of(Traffic((*lines("SET,1,5;", "OFF;"), *told)))
    assert text is not None
    assert text.terminator == ";"
    found = text.unwrap(told)
    assert [message.content.opcode for message in found] == [b"state # #;", b"state # #;"]
    assert [int.from_bytes(message.payload[4:], "big") for message in found] == [35, 40]
    assert text_of(Traffic(tuple(lines("\x01\x02", "\x01\x03")))) is None


def test_json_commands_and_reports_are_written_in_the_profile_language() -> None:
    assert command_text('{"cmd":"set","level":3}\n', ()) == ('{"cmd":"set","level":3}\n', {})
    found = report_pattern(
        '{"s":"running","bat":85,"ml":1.5}\n', {0: ("run_state", {}), 1: ("battery_percent", {})}, (0, 0, 1)
    )
    assert "(?P<run_state>stopped|running|paused|fault)" in found["pattern"]
    assert "{battery_percent:int}" in found["pattern"]
    assert found["line"] == '{"s":"{run_state}","bat":{battery_percent},"ml":1.5}\n'


def test_a_serial_number_is_not_in_a_pattern() -> None:
    found = report_pattern('{"sn":"8812460091"}\n', {}, ())
    assert "8812460091" not in str(found)


def test_random_bytes_look_encrypted_and_commands_do_not() -> None:
    draw = random.Random(1)
    random_frames = [WireFrame(n, 1, 16, False, draw.randbytes(16)) for n in range(30)]
    assert "encrypted" in (encryption_in(random_frames) or "")
    plain = [WireFrame(n, 1, 16, False, bytes([0xA5, 9, 1, 0, n % 9, 0, 0, 0, 0, 0, n * 7 & 0xFF])) for n in range(30)]
    assert encryption_in(plain) is None
    told = [replace_direction(frame) for frame in random_frames]
    assert encryption_in(told) is None  # a waveform may look like that


def replace_direction(frame: WireFrame) -> WireFrame:
    return WireFrame(frame.at_seconds, frame.connection, 18, True, frame.data)
