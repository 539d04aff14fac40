"""Datapoints and reports, against bytes written by hand from the published layouts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ProtocolError, RefusedError
from devices.tuya.datapoints import (
    REPORTS,
    DataPoint,
    Datum,
    Kind,
    decode,
    decode_report,
    encode,
    read_result,
    time_reply,
    write_request,
)

STOP = DataPoint(102, Kind.BOOL, True)
BY_HAND: list[tuple[DataPoint, str, str]] = [
    (DataPoint(101, Kind.RAW, b"\xab\xcd"), "65 00 02 ab cd", "65 00 00 02 ab cd"),
    (STOP, "66 01 01 01", "66 01 00 01 01"),
    (DataPoint(106, Kind.VALUE, -2), "6a 02 04 ff ff ff fe", "6a 02 00 04 ff ff ff fe"),
    (DataPoint(111, Kind.STRING, "left"), "6f 03 04 6c 65 66 74", "6f 03 00 04 6c 65 66 74"),
    (DataPoint(6, Kind.ENUM, 3), "06 04 01 03", "06 04 00 01 03"),
    (DataPoint(6, Kind.ENUM, 0x1234), "06 04 02 12 34", "06 04 00 02 12 34"),
    (DataPoint(9, Kind.BITMAP, 0x8001), "09 05 02 80 01", "09 05 00 02 80 01"),
]
by_hand = pytest.mark.parametrize(("point", "v3", "v4"), BY_HAND)


@by_hand
def test_a_datapoint_stands_on_the_wire_as_published(point: DataPoint, v3: str, v4: str) -> None:
    assert encode([point], 3) == bytes.fromhex(v3)
    assert encode([point], 4) == bytes.fromhex(v4)
    assert decode(bytes.fromhex(v3), 3) == (point,)
    assert decode(bytes.fromhex(v4), 4) == (point,)


def test_several_follow_each_other() -> None:
    everything = b"".join(bytes.fromhex(v3) for _, v3, _ in BY_HAND)
    assert decode(everything, 3) == tuple(point for point, _, _ in BY_HAND)


def test_a_write_is_code_2_or_27_with_its_number() -> None:
    assert write_request([STOP], 3, 9) == (0x0002, bytes.fromhex("66010101"))
    assert write_request([STOP], 4, 9) == (0x0027, bytes.fromhex("00 00000009 6601000101"))
    assert read_result(0x0002, b"\1") == 1
    assert read_result(0x0027, bytes.fromhex("000000000900")) == 0
    with pytest.raises(ProtocolError):
        read_result(0x0027, b"\0")


@pytest.mark.parametrize(
    ("point", "protocol"),
    [
        (DataPoint(1, Kind.BOOL, 2), 3),
        (DataPoint(1, Kind.VALUE, 1 << 31), 3),
        (DataPoint(1, Kind.ENUM, -1), 3),
        (DataPoint(1, Kind.VALUE, "3"), 3),
        (DataPoint(1, Kind.RAW, b"x" * 256), 3),
    ],
)
def test_what_does_not_fit_is_refused_before_any_radio(point: DataPoint, protocol: int) -> None:
    with pytest.raises(RefusedError, match="datapoint 1"):
        encode([point], protocol)


def values_of(kind: Kind) -> st.SearchStrategy[Datum]:
    by_kind: dict[Kind, st.SearchStrategy[Datum]] = {
        Kind.RAW: st.binary(max_size=255),
        Kind.BOOL: st.booleans(),
        Kind.VALUE: st.integers(-(2**31), 2**31 - 1),
        Kind.STRING: st.text(max_size=60),
    }
    return by_kind.get(kind, st.integers(0, 2**32 - 1))


POINTS = st.lists(
    st.sampled_from(Kind).flatmap(
        lambda kind: st.builds(DataPoint, st.integers(0, 255), st.just(kind), values_of(kind))
    ),
    max_size=5,
)


@given(POINTS, st.sampled_from([3, 4]))
def test_datapoints_come_back(points: list[DataPoint], protocol: int) -> None:
    assert decode(encode(points, protocol), protocol) == tuple(points)


@given(st.binary(max_size=60), st.sampled_from([3, 4]))
def test_garbage_is_no_datapoint(data: bytes, protocol: int) -> None:
    try:
        decode(data, protocol)
    except ProtocolError:
        return


@given(st.sampled_from(sorted(REPORTS)), st.binary(max_size=60))
def test_garbage_is_no_report(code: int, data: bytes) -> None:
    try:
        decode_report(code, data)
    except ProtocolError:
        return


BATTERY = DataPoint(104, Kind.VALUE, 2)
V3, V4 = "68 02 04 00000002", "68 02 0004 00000002"
REPORTED = [
    pytest.param(0x8001, V3, None, "00", id="8001"),
    pytest.param(0x8003, "00" + b"1785034800123".hex() + V3, 1785034800.123, "00", id="8003 in milliseconds"),
    pytest.param(0x8003, "01 5f69eee3" + V3, 1600777955, "00", id="8003 in seconds"),
    pytest.param(0x8004, "0102 03" + V3, None, "0102 03 00", id="8004"),
    pytest.param(0x8005, "0102 03 01 5f69eee3" + V3, 1600777955, "0102 03 00", id="8005"),
    pytest.param(0x8006, "00 00000007 00 00" + V4, None, "00 00000007 00 00 00", id="8006"),
    pytest.param(0x8006, "00 00000007 80 00" + V4, None, None, id="8006 that wants no answer"),
    pytest.param(0x8007, "00 00000007 01 02 01 5f69eee3" + V4, 1600777955, "00 00000007 01 02 00", id="8007"),
]


@pytest.mark.parametrize(("code", "data", "unix_seconds", "answer"), REPORTED)
def test_a_report_has_datapoints_a_time_and_the_answer_it_waits_for(
    code: int, data: str, unix_seconds: float | None, answer: str | None
) -> None:
    report = decode_report(code, bytes.fromhex(data))
    assert report.points == (BATTERY,)
    assert report.unix_seconds == unix_seconds
    assert report.answer == (None if answer is None else bytes.fromhex(answer))


@pytest.mark.parametrize("data", ["02", "00 31", "01 5f69ee", "00" + "ff" * 13])
def test_a_timed_report_needs_a_time(data: str) -> None:
    with pytest.raises(ProtocolError, match="no time"):
        decode_report(0x8003, bytes.fromhex(data))


def test_the_time_is_told_in_milliseconds_or_as_a_date_with_its_zone() -> None:
    # A Sunday, half past three in India: 2026-07-25T22:15:12.678Z
    now = datetime(2026, 7, 26, 3, 45, 12, 678000, timezone(timedelta(hours=5, minutes=30)))
    assert time_reply(0x8011, now) == b"1785017712678" + bytes.fromhex("0226")  # +5.50 h
    assert time_reply(0x8012, now) == bytes([26, 7, 26, 3, 45, 12, 6]) + bytes.fromhex("0226")


def test_a_zone_in_the_west_is_negative() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-8)))
    assert time_reply(0x8012, now)[-2:] == (-800).to_bytes(2, "big", signed=True)
