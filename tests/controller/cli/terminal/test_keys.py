"""Keys: what each does, and that a pasted text does nothing but stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.cli.terminal.keyboard import KeyFilter, split_keys
from controller.cli.terminal.keys import Press, press
from controller.cli.terminal.view_state import ViewState
from controller.contract.commands import Action
from controller.contract.events import Guide, SessionState, Snapshot
from controller.contract.words import load_words
from controller.safety.limits import Trip, TripKind


class Timers:
    """A clock and its timers, driven by the test."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self._due: list[tuple[float, Callable[[], None], Timer]] = []

    def call_later(self, seconds: float, call: Callable[[str], None], key: str) -> Timer:
        timer = Timer()
        self._due.append((self.seconds + seconds, lambda: call(key), timer))
        return timer

    def elapse(self, seconds: float) -> None:
        self.seconds += seconds
        due, self._due = [each for each in self._due if each[0] <= self.seconds], []
        for _, call, timer in due:
            if not timer.cancelled:
                call()


class Timer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def pressed() -> list[str]:
    return []


@pytest.fixture
def keys(timers: Timers, pressed: list[str]) -> KeyFilter:
    return KeyFilter(pressed.append, timers.call_later, lambda: timers.seconds)


def test_a_key_that_comes_alone_counts(keys: KeyFilter, timers: Timers, pressed: list[str]) -> None:
    for key in "+-l":
        keys.feed(key)
        timers.elapse(0.1)
    assert pressed == ["+", "-", "l"]


def test_pain_and_stop_count_at_once_however_they_come(keys: KeyFilter, pressed: list[str]) -> None:
    keys.feed("p")
    assert pressed == ["p"]
    keys.feed("Some text + pasted by mistake")
    assert sorted(pressed) == [" ", "p", "p"]


def test_caps_lock_does_not_disable_pain(keys: KeyFilter, pressed: list[str]) -> None:
    keys.feed("P")
    assert pressed == ["p"]


@pytest.mark.parametrize("blob", ["+++++", "gnnnnnn", "y\n", "fff", "sszz"])
def test_a_pasted_text_does_nothing(keys: KeyFilter, timers: Timers, pressed: list[str], blob: str) -> None:
    keys.feed(blob)
    timers.elapse(1)
    assert pressed == []


def test_a_paste_that_comes_byte_by_byte_does_nothing(keys: KeyFilter, timers: Timers, pressed: list[str]) -> None:
    for key in "gn+ys":
        keys.feed(key)
        timers.elapse(0.001)
    timers.elapse(1)
    assert pressed == []


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("\x1b[A", ["\0"]),  # an arrow
        ("\x1bOP", ["\0"]),  # F1, in which there is a P
        ("\x1b[15~", ["\0"]),
        ("\x1bp", ["p"]),  # Alt+p: never less than pain
        ("P", ["p"]),
    ],
)
def test_arrows_and_function_keys_are_no_keys(sent: str, keys: list[str]) -> None:
    assert split_keys(sent) == keys


class Moments:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def state_with(*items: object, seconds: float = 5.0) -> ViewState:
    now = Moments()
    state = ViewState(load_words("en"), may_start=True, may_leave=True, now=now)
    for item in items:
        state.take(item)
    now.seconds = seconds
    return state


RUNNING = Snapshot(station="home", state=SessionState.RUNNING)
QUESTION = Guide(station="home", question="fever")
FLANGE = Guide(station="home", waits_for="flange")


@pytest.mark.parametrize("items", [(), (RUNNING,), (RUNNING, QUESTION), (RUNNING, FLANGE)])
def test_pain_and_stop_work_in_every_state(items: tuple[object, ...]) -> None:
    for help_shown in (False, True):
        state = state_with(*items)
        state.help = help_shown
        assert press("p", state) == Press(Action.PAIN)
        assert press(" ", state) == Press(Action.STOP)


def test_every_key_is_a_command() -> None:
    state = state_with(RUNNING)
    found = {key: asked.action for key in "+-lszg" if (asked := press(key, state)) is not None}
    assert found == {
        "+": Action.VACUUM_UP,
        "-": Action.VACUUM_DOWN,
        "l": Action.LET_DOWN,
        "s": Action.SKIP,
        "z": Action.PAUSE,
        "g": Action.START,
    }
    assert press("z", state_with(Snapshot(station="home", state=SessionState.PAUSED))) == Press(Action.RESUME)
    assert press("x", state) is None


def test_yes_and_no_answer_the_question_that_was_shown() -> None:
    state = state_with(RUNNING, QUESTION)
    assert press("y", state) == press("j", state) == Press(Action.ANSWER, {"question": "fever", "value": True})
    assert press("n", state) == Press(Action.ANSWER, {"question": "fever", "value": False})
    assert press("y", state_with(RUNNING)) is None


def test_a_second_press_does_not_answer_a_question_that_nobody_has_read() -> None:
    state = state_with(RUNNING, QUESTION, seconds=0.1)
    assert press("n", state) is None


def test_without_contact_there_is_no_question_to_answer() -> None:
    state = state_with(RUNNING, QUESTION)
    state.no_contact = "why"
    assert press("y", state) is None
    assert press(" ", state) == Press(Action.STOP)


def test_start_suction_and_not_yet_while_the_flange_waits_only() -> None:
    state = state_with(RUNNING, FLANGE)
    assert press("f", state) == press("\n", state) == press("\r", state) == Press(Action.START_SUCTION)
    assert press("w", state) == Press(Action.NOT_YET)
    assert press("f", state_with(RUNNING)) is None


def test_a_trip_is_acknowledged_by_a_key() -> None:
    trip = Trip(kind=TripKind.VACUUM, device="left-pump", words="too high")
    assert press("a", state_with(RUNNING)) is None
    assert press("a", state_with(RUNNING.model_copy(update={"trip": trip}))) == Press(Action.ACKNOWLEDGE)
