"""What is due, over simulated days: the decision alone, as a function of what happened and the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.history.reminders.reminder_rules import Due, ReminderState, due, next_session_at, reminders
from controller.history.reminders.reminder_settings import ReminderSettings

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def settings(**fields: Any) -> ReminderSettings:
    return ReminderSettings.model_validate(fields)


def simulate(
    wanted: ReminderSettings,
    state: ReminderState,
    begin: datetime,
    hours: float,
    *,
    pumped: tuple[datetime, ...] = (),
    off: tuple[datetime, datetime] | None = None,
    step: timedelta = MINUTE,
) -> list[tuple[datetime, Due]]:
    """Let time pass a minute at a time, and return what was reminded of, and when. `off`: the controller was."""
    found = []
    now = begin
    while now < begin + timedelta(hours=hours):
        for each in pumped:
            if now - step < each <= now:
                state = replace(state, pumped_at=each)
        if off is None or not off[0] <= now < off[1]:
            for each_due in due(wanted, state, now, BERLIN)[:1]:
                found.append((now, each_due))
                state = replace(state, reminded={**state.reminded, each_due.key: each_due.at})
        now += step
    return found


def local(found: list[tuple[datetime, Due]]) -> list[str]:
    return [f"{at.astimezone(BERLIN):%d %H:%M} {each.kind}" for at, each in found]


def test_by_default_nothing_is_due() -> None:
    now = berlin("2026-05-01 12:00")
    state = ReminderState(since=now - timedelta(days=3), pumped_at=now - timedelta(hours=1), batteries={"left": 1})
    assert simulate(settings(), state, now, 24) == []
    shown = reminders("home", settings(), state, now)
    assert shown.model_dump(exclude={"station", "low_batteries"}, exclude_none=True) == {}


def test_the_next_session_is_due_so_many_hours_after_each_one() -> None:
    begin = berlin("2026-05-01 06:00")
    pumped = tuple(berlin(f"2026-05-01 {at}") for at in ("06:30", "09:00", "13:15"))
    found = simulate(settings(next_session_after_hours=3), ReminderState(since=begin), begin, 24, pumped=pumped)
    # 09:00 came before 09:30; each of the others is followed by one reminder, and no more.
    assert local(found) == ["01 12:00 next_session", "01 16:15 next_session"]


def test_without_any_session_the_next_one_is_unknown() -> None:
    now = berlin("2026-05-01 06:00")
    shown = reminders("home", settings(next_session_after_hours=3), ReminderState(since=now), now)
    assert (shown.next_session_at, shown.next_session_due) == (None, None)


def test_quiet_hours_hold_a_reminder_until_they_end() -> None:
    begin = berlin("2026-05-01 20:00")
    wanted = settings(next_session_after_hours=3, quiet_hours="22:00-06:00")
    found = simulate(wanted, ReminderState(since=begin), begin, 24, pumped=(berlin("2026-05-01 20:30"),))
    assert local(found) == ["02 06:00 next_session"]
    assert reminders("home", wanted, ReminderState(since=begin, pumped_at=begin), berlin("2026-05-02 01:00"), BERLIN)


def test_a_session_in_quiet_hours_leaves_nothing_over_for_the_morning() -> None:
    begin = berlin("2026-05-01 20:00")
    wanted = settings(next_session_after_hours=3, quiet_hours="22:00-06:00")
    pumped = (berlin("2026-05-01 20:30"), berlin("2026-05-02 04:00"))
    found = simulate(wanted, ReminderState(since=begin), begin, 12, pumped=pumped)
    assert local(found) == ["02 07:00 next_session"]


def test_times_of_day_are_due_each_day_unless_a_session_was_just_before() -> None:
    begin = berlin("2026-05-01 05:00")
    wanted = settings(next_session_times=["06:00", "12:00", "18:00"])
    found = simulate(wanted, ReminderState(since=begin), begin, 48, pumped=(berlin("2026-05-01 11:20"),))
    assert local(found) == [
        "01 06:00 next_session",
        "01 18:00 next_session",
        "02 06:00 next_session",
        "02 12:00 next_session",
        "02 18:00 next_session",
    ]


def test_reminders_that_are_switched_on_at_noon_do_not_begin_with_the_morning() -> None:
    begin = berlin("2026-05-01 12:00")
    found = simulate(settings(next_session_times=["11:30"]), ReminderState(since=begin), begin, 12)
    assert found == []


@pytest.mark.parametrize(
    ("day", "at", "moments"),
    [
        ("2026-03-29", "02:30", ["2026-03-29T01:30:00+00:00"]),  # does not exist: 03:30 in summer time
        ("2026-10-25", "02:30", ["2026-10-25T00:30:00+00:00"]),  # is twice: the first
    ],
)
def test_the_days_on_which_clocks_change_have_one_reminder(day: str, at: str, moments: list[str]) -> None:
    begin = berlin(f"{day} 00:00") - timedelta(hours=1)
    found = simulate(settings(next_session_times=[at]), ReminderState(since=begin), begin, 24)
    assert [moment.isoformat() for moment, _ in found] == moments


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_hours_since_a_session_are_hours_also_when_clocks_change(day: str) -> None:
    pumped = berlin(f"{day} 00:30")
    found = simulate(settings(next_session_after_hours=4), ReminderState(since=pumped), pumped, 12, pumped=(pumped,))
    assert [moment - pumped for moment, _ in found] == [timedelta(hours=4)]


def test_after_days_without_the_controller_there_is_no_burst() -> None:
    begin = berlin("2026-05-01 08:00")
    wanted = settings(next_session_times=["06:00", "09:00", "12:00", "15:00", "18:00", "21:00"], clean_parts=True)
    off = (begin + timedelta(minutes=30), berlin("2026-05-08 18:20"))
    state = ReminderState(since=begin - timedelta(days=1), pumped_at=begin)
    found = simulate(wanted, state, begin, 24 * 7 + 14, off=off)
    assert local(found)[:3] == ["01 08:10 clean_parts", "08 18:20 next_session", "08 21:00 next_session"]
    late = settings(next_session_after_hours=3)
    assert simulate(late, state, begin, 24 * 7 + 12, off=off) == []


def test_parts_are_due_once_after_each_session_until_they_are_clean() -> None:
    pumped = berlin("2026-05-01 08:00")
    wanted = settings(clean_parts="after_each")
    state = ReminderState(since=pumped, pumped_at=pumped)
    assert local(simulate(wanted, state, pumped, 24)) == ["01 08:10 clean_parts"]
    assert reminders("home", wanted, state, pumped).parts_to_clean is True
    clean = replace(state, cleaned_at=pumped + timedelta(minutes=5))
    assert simulate(wanted, clean, pumped, 24) == []
    assert reminders("home", wanted, clean, pumped).parts_to_clean is False
    assert reminders("home", wanted, replace(state, pumped_at=None), pumped).parts_to_clean is None


def test_nothing_is_said_during_a_session() -> None:
    now = berlin("2026-05-01 08:00")
    state = ReminderState(since=now, pumped_at=now - timedelta(hours=4), running=True, low_since={"left-pump": now})
    wanted = settings(next_session_after_hours=3, battery_below_percent=20, clean_parts=True)
    assert due(wanted, state, now, BERLIN) == ()
    assert [each.kind for each in due(wanted, replace(state, running=False), now, BERLIN)] == [
        "next_session",
        "battery_low",
    ]


times = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
clock_times = st.times().map(lambda at: f"{at:%H:%M}")
all_settings = st.one_of(
    st.builds(dict, next_session_after_hours=st.floats(0.5, 48)),
    st.builds(dict, next_session_times=st.lists(clock_times, min_size=1, max_size=8)),
)


@given(all_settings, times, st.timedeltas(timedelta(0), timedelta(days=60)), st.booleans())
def test_whenever_it_is_asked_it_says_at_most_one_thing_of_each_kind_and_never_twice(
    fields: dict[str, Any], since: datetime, later: timedelta, pumped: bool
) -> None:
    wanted = settings(**fields, clean_parts=True)
    state = ReminderState(since=since, pumped_at=since if pumped else None)
    now = since + later
    found = due(wanted, state, now, BERLIN)
    assert len({each.kind for each in found}) == len(found) <= 2
    assert all(each.at <= now for each in found)
    assert due(wanted, replace(state, reminded={each.key: each.at for each in found}), now, BERLIN) == ()
    next_at = next_session_at(wanted, state, now, BERLIN)
    assert next_at is not None or (not pumped and "next_session_after_hours" in fields)


@given(clock_times, clock_times, times)
def test_nothing_is_said_in_quiet_hours(begin: str, end: str, now: datetime) -> None:
    if begin == end:
        return
    wanted = settings(next_session_after_hours=1, quiet_hours=f"{begin}-{end}")
    state = ReminderState(since=now - timedelta(days=1), pumped_at=now - timedelta(hours=1))
    clock = f"{now.astimezone(BERLIN):%H:%M}"
    quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    assert bool(due(wanted, state, now, BERLIN)) == (not quiet)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"next_session_after_hours": 3, "next_session_times": ["06:00"]}, "not both"),
        ({"next_session_times": [390]}, "in quotes"),
        ({"next_session_times": ["24:00"]}, "in quotes"),
        ({"quiet_hours": "22-6"}, "22:00-06:00"),
        ({"quiet_hours": "22:00-22:00"}, "different times"),
        ({"quiet_hours": {"begin": "22:00"}}, "22:00-06:00"),
        ({"battery_below_percent": 0}, "greater than or equal to 1"),
        ({"next_session_after_hours": 0}, "greater than or equal to 0.5"),
        ({"clean_parts": "sometimes"}, "after_each"),
    ],
)
def test_wrong_settings_say_what_would_fit(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings(**fields)
