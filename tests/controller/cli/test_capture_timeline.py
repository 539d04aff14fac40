"""The rows of a captured conversation: what repeats is one row, and nothing that was wished is hidden."""

from __future__ import annotations

import pytest

from controller.cli.capture_timeline import TimelineRow, timeline
from devices.capture.conversation import CapturedConnection, GattMessage, MessageKind

POLL, REPORT = 0x13, 0x10


def conversation(*messages: tuple[float, MessageKind, str], began: float | None = None) -> list[TimelineRow]:
    handles = {"notify": REPORT, "indicate": REPORT, "read": REPORT}
    made = (GattMessage(at, kind, handles.get(kind, POLL), bytes.fromhex(value)) for at, kind, value in messages)
    return list(timeline(CapturedConnection(1, began, None, tuple(made))))


def shown(rows: list[TimelineRow]) -> list[tuple[str, str, int]]:
    return [(row.message.kind, row.message.value.hex(), row.times) for row in rows]


def test_a_poll_and_its_report_in_turn_are_two_rows() -> None:
    rounds = [((number, "write", "01"), (number + 0.05, "notify", f"aa{number:02x}")) for number in range(20)]
    rows = conversation(*(each for one in rounds for each in one), (30.0, "write", "02"))
    assert shown(rows) == [("write", "01", 20), ("notify", "aa00", 20), ("write", "02", 1)]
    assert rows[1].changed == {1}
    assert rows[1].until_seconds == pytest.approx(19.05)


def test_reports_that_follow_each_other_are_one_row_with_what_changes_in_them() -> None:
    rows = conversation(*((number, "notify", f"aa{number:02x}0{number % 2}ff") for number in range(5)))
    assert shown(rows) == [("notify", "aa0000ff", 5)]
    assert rows[0].changed == {1, 2}


def test_another_value_that_was_written_is_a_row_of_its_own_with_what_changed() -> None:
    rows = conversation((0, "write", "550101"), (1, "write", "550102"), (2, "write", "550102"), (3, "write", "5501"))
    assert shown(rows) == [("write", "550101", 1), ("write", "550102", 2), ("write", "5501", 1)]
    assert [row.changed for row in rows] == [set(), set(), set()]
    assert conversation((0, "write", "550101"), (1, "write", "550102"))[1].changed == {2}


def test_a_keepalive_that_counts_is_one_row_and_levels_that_rise_are_not() -> None:
    kept: list[tuple[float, MessageKind, str]] = [
        (float(number), "write", f"66{number:02x}0a{(7 * number) % 256:02x}{number:02x}") for number in range(6)
    ]
    rows = conversation(*kept)
    assert [(row.times, row.changed) for row in rows] == [(6, {1, 3, 4})]
    slowly = [(5.0 * at, kind, value) for at, kind, value in kept]
    assert [row.times for row in conversation(*slowly)] == [1] * 6
    assert [row.times for row in conversation(*kept[:3])] == [1] * 3
    jumping: list[tuple[float, MessageKind, str]] = [(number, "write", f"66{2 * number:02x}0a") for number in range(6)]
    assert [row.times for row in conversation(*jumping)] == [1] * 6


def test_the_first_exchange_of_a_connection_is_its_handshake() -> None:
    messages: tuple[tuple[float, MessageKind, str], ...] = (
        (1.0, "write", "01"),
        (1.1, "write", "01"),
        (1.2, "notify", "02"),
        (1.3, "write", "03"),
    )
    assert [row.handshake for row in conversation(*messages, began=0.5)] == [True, True, True, False]
    assert not any(row.handshake for row in conversation(*messages, began=None)), "it began before the capture"
    assert not any(row.handshake for row in conversation(*messages, began=-60.0)), "much later is no handshake"


def test_what_the_app_writes_at_once_answers_the_device() -> None:
    rows = conversation((0, "notify", "01"), (0.05, "write", "02"), (1, "notify", "03"), (1.2, "write", "04"))
    assert [row.answered_seconds for row in rows] == [None, pytest.approx(0.05), None, None]


def test_no_message_is_lost_whatever_repeats() -> None:
    kinds: tuple[MessageKind, ...] = ("write", "notify", "notify", "write", "write", "notify", "write", "notify")
    for pattern in (kinds, kinds * 3, kinds[:3] * 5 + kinds):
        rows = conversation(*((number, kind, "01") for number, kind in enumerate(pattern)))
        assert sum(row.times for row in rows) == len(pattern)
