"""Which commands may be carried out: none that comes twice, late, from another time or for another session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.contract import commands
from controller.contract.commands import (
    CLOCK_TOLERANCE_SECONDS,
    LONGEST_EXPIRY_SECONDS,
    Action,
    Command,
    CommandValidator,
    parse_command,
)
from controller.safety.message import KeyedMessage, message

PAST = datetime(2020, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FREE = (Action.STOP, Action.PAIN, Action.VACUUM_DOWN)
GATED = [action for action in Action if action not in (Action.STOP, Action.PAIN)]
JUDGED = [action for action in Action if action not in FREE]


def now() -> datetime:
    return datetime.now(UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Clocks:
    """The two clocks of this machine, as a test sets them: the one on the wall jumps, the other only goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = NOON
        self.seconds = 1000.0
        monkeypatch.setattr(commands, "datetime", self)
        monkeypatch.setattr(commands.time, "monotonic", lambda: self.seconds)

    def now(self, zone: object) -> datetime:
        return self.wall

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds

    def jump(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def refusal(validator: CommandValidator, action: Action = Action.START, **fields: Any) -> KeyedMessage | None:
    return validator.refusal(Command(action=action, **fields), retained=False, session_id=None)


@pytest.mark.parametrize("action", [Action.STOP, Action.PAIN])
def test_stop_and_pain_are_never_refused(action: Action) -> None:
    validator = CommandValidator()
    for _ in range(3):
        command = Command(id="same", action=action, session="another", expires=PAST)
        assert validator.refusal(command, retained=True, session_id="this") is None
        assert validator.refusal(command, retained=False, session_id=None) is None


# What is carried out once, now, and for this session


@pytest.mark.parametrize("action", GATED)
def test_a_good_command_is_let_through_once(action: Action) -> None:
    validator, command = (
        CommandValidator(),
        Command(id="1", action=action, session="s", sent=now(), expires=now() + timedelta(minutes=9)),
    )
    assert validator.refusal(command, retained=False, session_id="s") is None
    again = validator.refusal(command, retained=False, session_id="s")
    assert again is not None
    assert again == message("duplicate", id="1")


@pytest.mark.parametrize("action", GATED)
def test_a_command_without_an_id_may_be_repeated(action: Action) -> None:
    validator = CommandValidator()
    for _ in range(3):
        assert validator.refusal(Command(action=action), retained=False, session_id=None) is None


RAISING = [Action.START, Action.RESUME, Action.SKIP, Action.VACUUM_UP, Action.SET_VACUUM]


@pytest.mark.parametrize("action", RAISING)
@pytest.mark.parametrize(
    ("fields", "retained", "key"),
    [
        ({}, True, "retained"),
        ({"expires": PAST}, False, "expired"),
        ({"session": "yesterday"}, False, "wrong_session"),
    ],
)
def test_what_starts_or_raises_is_refused_when_it_is_retained_expired_or_for_another_session(
    action: Action, fields: dict[str, Any], retained: bool, key: str
) -> None:
    refusal = CommandValidator().refusal(Command(action=action, **fields), retained=retained, session_id="today")
    assert refusal is not None
    assert refusal.key == key


@pytest.mark.parametrize(
    ("fields", "retained"), [({}, True), ({"expires": PAST}, False), ({"session": "yesterday"}, False)]
)
def test_lowering_always_works(fields: dict[str, Any], retained: bool) -> None:
    command = Command(action=Action.VACUUM_DOWN, **fields)
    assert CommandValidator().refusal(command, retained=retained, session_id="today") is None


def test_a_command_for_a_session_is_refused_when_none_runs() -> None:
    refusal = CommandValidator().refusal(Command(action=Action.SKIP, session="s"), retained=False, session_id=None)
    assert refusal == message("wrong_session", session="s")


def test_a_refused_command_does_not_use_up_its_id() -> None:
    validator = CommandValidator()
    assert validator.refusal(Command(id="1", action=Action.SKIP), retained=True, session_id=None) is not None
    assert validator.refusal(Command(id="1", action=Action.SKIP), retained=False, session_id=None) is None


def test_the_last_512_ids_are_remembered_and_no_more() -> None:
    validator = CommandValidator()

    def again(id_: int) -> bool:
        return validator.refusal(Command(id=str(id_), action=Action.SKIP), retained=False, session_id=None) is not None

    assert not any(again(id_) for id_ in range(513))
    assert again(512)
    assert again(1)
    assert not again(0)


# Clocks


@pytest.mark.parametrize("action", JUDGED)
@pytest.mark.parametrize("seconds", [-10.1, 10.1, -3600, 86_400 * 365])
def test_what_was_sent_at_another_time_is_refused(clocks: Clocks, action: Action, seconds: float) -> None:
    key = "clocks_differ" if seconds > 0 else "late_or_clocks_differ"
    assert refusal(CommandValidator(), action, sent=after(seconds)) == message(key, seconds=round(abs(seconds)))


@pytest.mark.parametrize("seconds", [-CLOCK_TOLERANCE_SECONDS, -1, 0, 9.9, CLOCK_TOLERANCE_SECONDS])
def test_what_was_sent_just_now_is_carried_out(clocks: Clocks, seconds: float) -> None:
    assert refusal(CommandValidator(), sent=after(seconds)) is None


def test_what_was_on_its_way_for_too_long_is_refused(clocks: Clocks) -> None:
    validator = CommandValidator()
    clocks.pass_(11)
    assert refusal(validator, sent=NOON) == message("late_or_clocks_differ", seconds=11)


@pytest.mark.parametrize("action", JUDGED)
def test_what_expires_in_more_than_ten_minutes_is_refused(clocks: Clocks, action: Action) -> None:
    assert refusal(CommandValidator(), action, expires=after(LONGEST_EXPIRY_SECONDS)) is None
    late = refusal(CommandValidator(), action, expires=after(LONGEST_EXPIRY_SECONDS + 1))
    assert late == message("expires_too_late", seconds=601, most_seconds=600)


def test_what_expires_right_now_has_expired(clocks: Clocks) -> None:
    assert refusal(CommandValidator(), expires=NOON) == message("expired", seconds=0)
    assert refusal(CommandValidator(), expires=after(0.1)) is None


@pytest.mark.parametrize("zone", ["Z", "+14:00", "-23:59"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
@pytest.mark.parametrize("field", ["sent", "expires"])
def test_the_ends_of_the_calendar_are_refused_and_nothing_worse(field: str, time: str, zone: str) -> None:
    command, _ = parse_command(f'{{"action": "start", "{field}": "{time}{zone}"}}'.encode())
    assert CommandValidator().refusal(command, retained=False, session_id=None) is not None


@pytest.mark.parametrize("action", FREE)
@pytest.mark.parametrize("seconds", [-86_400, 86_400])
def test_stop_pain_and_lowering_look_at_no_clock(clocks: Clocks, action: Action, seconds: float) -> None:
    validator = CommandValidator()
    clocks.jump(-7200)
    assert refusal(validator, action, sent=after(seconds), expires=after(seconds)) is None


def test_what_is_refused_for_its_time_does_not_use_up_its_id(clocks: Clocks) -> None:
    validator = CommandValidator()
    assert refusal(validator, id="1", sent=after(60)) is not None
    assert refusal(validator, id="1", sent=NOON) is None


@pytest.mark.parametrize("asked_meanwhile", [True, False])
@pytest.mark.parametrize("jumps", [[-3600], [-1800, -1800], [3600, -7200], [-3605], [-3595]])
def test_a_clock_that_is_set_back_makes_no_old_command_valid(
    clocks: Clocks, jumps: list[float], asked_meanwhile: bool
) -> None:
    validator = CommandValidator()
    clocks.pass_(3600)
    for seconds in jumps:
        if asked_meanwhile:
            assert refusal(validator, sent=NOON, expires=after(300)) is not None
        clocks.jump(seconds)
    found = refusal(validator, sent=NOON, expires=after(300))
    assert found is not None
    assert found.key == "clock_set_back"


def test_a_clock_that_is_set_back_in_small_steps_makes_no_old_command_valid(clocks: Clocks) -> None:
    validator = CommandValidator()
    clocks.pass_(60)
    for _ in range(12):
        clocks.jump(-5)
        assert refusal(validator, sent=NOON) is not None


def test_a_clock_that_is_set_right_forward_is_followed(clocks: Clocks) -> None:
    validator = CommandValidator()  # begun before the clock was set
    clocks.jump(86_400)
    assert refusal(validator, sent=after(86_400)) is None
    assert refusal(validator, sent=NOON) is not None


def test_a_clock_that_is_set_back_a_little_is_no_trouble(clocks: Clocks) -> None:
    validator = CommandValidator()
    clocks.jump(-3)
    assert refusal(validator, sent=after(-3), expires=after(60)) is None


def test_a_command_without_a_time_is_carried_out_whatever_the_clock_shows(clocks: Clocks) -> None:
    validator = CommandValidator()
    clocks.jump(-3600)
    assert refusal(validator) is None
