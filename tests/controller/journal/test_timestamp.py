"""How long ago something was: by a clock that nobody sets, and never longer than the clock on the wall says."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.journal import timestamp
from controller.journal.timestamp import Timestamp, seconds_since

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = st.floats(0, 1e9)
WALLS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
BOOTS = st.sampled_from(["", "a", "b"])


def at(boot: str, monotonic_seconds: float, wall_seconds: float) -> Timestamp:
    return Timestamp(boot, monotonic_seconds, NOON + timedelta(seconds=wall_seconds))


@pytest.mark.parametrize(
    ("said", "now", "passed"),
    [
        (at("a", 100, 0), at("a", 160, 60), 60),
        (at("a", 100, 0), at("a", 160, 3600), 60),  # the wall clock was set ahead
        (at("a", 100, 0), at("a", 160, 20), 20),  # and back
        (at("a", 100, 0), at("a", 160, -3600), 0),
        (at("a", 100, 0), at("b", 30, 60), 30),  # another boot: no more than since that
        (at("a", 100, 0), at("b", 3000, 60), 60),
        (at("a", 100, 0), at("b", 3000, -60), 0),
        (at("", 100, 0), at("", 160, 160), 160),  # nobody knows whether it is the same boot
        (at("", 100, 0), at("", 160, 400), 160),
        (at("", 100, 0), at("a", 40, 400), 40),
        (at("a", 100, 0), at("", 40, 400), 40),
        (at("a", 100, 0), at("a", 90, 60), 0),  # a machine that was put back to an earlier moment
    ],
)
def test_what_has_certainly_passed(said: Timestamp, now: Timestamp, passed: float) -> None:
    assert seconds_since(said, now) == passed


@given(BOOTS, SECONDS, WALLS, BOOTS, SECONDS, WALLS)
def test_no_wall_clock_makes_it_longer(
    boot: str, began: float, said: datetime, other_boot: str, now: float, shown: datetime
) -> None:
    passed = seconds_since(Timestamp(boot, began, said), Timestamp(other_boot, now, shown))
    by_nobodys_clock = now - began if boot == other_boot != "" else now
    assert 0 <= passed <= max(0, by_nobodys_clock)
    assert passed <= max(0, (shown - said).total_seconds())


@given(BOOTS, SECONDS, SECONDS, st.booleans())
def test_with_a_wall_clock_that_is_right_it_is_what_passed(
    boot: str, began: float, passed: float, rebooted: bool
) -> None:
    said = Timestamp("before" if rebooted else boot, began, NOON)
    wall = NOON + timedelta(seconds=passed)
    if rebooted or not boot:
        assert seconds_since(said, Timestamp(boot, 1e12, wall)) == pytest.approx(passed, abs=1e-5)
    else:
        assert seconds_since(said, Timestamp(boot, began + passed, wall)) == pytest.approx(passed, rel=1e-6, abs=1e-5)


def test_now_is_by_the_clocks_of_this_machine() -> None:
    before, now = time.monotonic(), timestamp.now()
    assert before <= now.monotonic_seconds <= time.monotonic()
    assert abs((datetime.now(UTC) - now.wall).total_seconds()) < 60
    assert now.boot_id == timestamp.now().boot_id


def test_where_no_file_names_the_boot_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timestamp._boot_id.cache_clear()
    monkeypatch.setattr(timestamp, "_BOOT_ID", tmp_path / "none")
    assert timestamp.now().boot_id == ""
    timestamp._boot_id.cache_clear()
    (tmp_path / "none").write_text("0b5e-1\n", encoding="ascii")
    assert timestamp.now().boot_id == "0b5e-1"
    timestamp._boot_id.cache_clear()
