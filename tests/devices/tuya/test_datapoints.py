"""Datapoints and reports, against bytes written by hand from the published layouts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ProtocolError, RefusedError
from devices.tuya.datapoints import (
    REPORTS,
    Code,
    DataPoint,
    Datum,
    DpType,
    decode,
    decode_report,
    encode,
    read_result,
    time_reply,
    write_request,
)

STOP = DataPoint(102, DpType.BOOL, True)
BY_HAND: list[tuple[DataPoint, str, str]] = [
    (DataPoint(101, DpType.RAW, b"\xab\xcd"), "65 00 02 ab cd", "65 00 00 02 ab cd"),
    (STOP, "66 01 01 01", "66 01 00 01 01"),
    (DataPoint(106, DpType.VALUE, -2), "6a 02 04 ff ff ff fe", "6a 02 00 04 ff ff ff fe"),
    (DataPoint(111, DpType.STRING, "left"), "6f 03 04 6c 65 66 74", "6f 03 00 04 6c 65 66 74"),
    (DataPoint(6, DpType.ENUM, 3), "06 04 01 03", "06 04 00 01 03"),
    (DataPoint(6, DpType.ENUM, 0x1234), "06 04 02 12 34", "06 04 00 02 12 34"),
    (DataPoint(9, DpType.BITMAP, 0x8001), "09 05 02 80 01", "09 05 00 02 80 01"),
]
by_hand = pytest.mark.parametrize(("point", "v3", "v4"), BY_HAND)


@by_hand
def test_a_datapoint_is_encoded_as_published(point: DataPoint, v3: str, v4: str) -> None:
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
        (DataPoint(1, DpType.BOOL, 2), 3),
        (DataPoint(1, DpType.VALUE, 1 << 31), 3),
        (DataPoint(1, DpType.ENUM, -1), 3),
        (DataPoint(1, DpType.VALUE, "3"), 3),
        (DataPoint(1, DpType.RAW, b"x" * 256), 3),
    ],
)
def test_what_does_not_fit_is_refused_before_any_radio(point: DataPoint, protocol: int) -> None:
    with pytest.raises(RefusedError, match="datapoint 1"):
        encode([point], protocol)


def values_of(kind: DpType) -> st.SearchStrategy[Datum]:
    by_kind: dict[DpType, st.SearchStrategy[Datum]] = {
        DpType.RAW: st.binary(max_size=255),
        DpType.BOOL: st.booleans(),
        DpType.VALUE: st.integers(-(2**31), 2**31 - 1),
        DpType.STRING: st.text(max_size=60),
    }
    return by_kind.get(kind, st.integers(0, 2**32 - 1))


POINTS = st.lists(
    st.sampled_from(DpType).flatmap(
        lambda kind: st.builds(DataPoint, st.integers(0, 255), st.just(kind), values_of(kind))
    ),
    max_size=5,
)


@given(POINTS, st.sampled_from([3, 4]))
def test_datapoints_come_back(points: list[DataPoint], protocol: int) -> None:
    assert decode(encode(points, protocol), protocol) == tuple(points)


def pieces(data: bytes, protocol: int) -> list[tuple[int, bytes]] | None:
    """Return the id and the value of each datapoint by their lengths alone; `None` where one does not end."""
    found, size = [], 1 if protocol == 3 else 2
    while data:
        length = int.from_bytes(data[2 : 2 + size], "big")
        if len(data) < 2 + size + length:
            return None
        found.append((data[0], data[2 + size : 2 + size + length]))
        data = data[2 + size + length :]
    return found


def same(points: tuple[DataPoint, ...], found: list[tuple[int, bytes]]) -> bool:
    return [point.id for point in points] == [number for number, _ in found] and all(
        point.value == value for point, (_, value) in zip(points, found, strict=True) if point.kind is DpType.RAW
    )


# Random bytes hardly ever end with their last datapoint, so some are put together from whole datapoints.
ANYTHING = st.one_of(
    st.binary(max_size=60),
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=6)), max_size=4).map(
        lambda points: b"".join(bytes([number, kind, len(value)]) + value for number, kind, value in points)
    ),
)


@given(ANYTHING, st.sampled_from([3, 4]))
def test_datapoints_are_read_whole_and_in_order_or_refused(data: bytes, protocol: int) -> None:
    found = pieces(data, protocol)
    if found is None:
        with pytest.raises(ProtocolError):
            decode(data, protocol)
    else:
        assert same(decode(data, protocol), found)


@given(st.sampled_from(sorted(REPORTS)), ANYTHING)
def test_what_a_report_is_read_as_is_all_that_it_carries(code: int, data: bytes) -> None:
    try:
        report = decode_report(code, data)
    except ProtocolError:
        return
    protocol, head = (4, 7) if code in (Code.REPORT_V4, Code.TIMED_REPORT_V4) else (3, 0)
    if code in (Code.FLAGGED_REPORT, Code.FLAGGED_TIMED_REPORT):
        head = 3
    assert report.answer in (data[:head] + b"\0", None)
    if report.unix_seconds is not None:
        head += 5 if data[head] else 14
    assert report.points == decode(data[head:], protocol)


BATTERY = DataPoint(104, DpType.VALUE, 2)
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


def test_the_time_is_sent_in_milliseconds_or_as_a_date_with_its_zone() -> None:
    # A Sunday, half past three in India: 2026-07-25T22:15:12.678Z
    now = datetime(2026, 7, 26, 3, 45, 12, 678000, timezone(timedelta(hours=5, minutes=30)))
    assert time_reply(0x8011, now) == b"1785017712678" + bytes.fromhex("0226")  # +5.50 h
    assert time_reply(0x8012, now) == bytes([26, 7, 26, 3, 45, 12, 6]) + bytes.fromhex("0226")


def test_a_zone_in_the_west_is_negative() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-8)))
    assert time_reply(0x8012, now)[-2:] == (-800).to_bytes(2, "big", signed=True)
