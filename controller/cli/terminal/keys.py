"""Which key does what now: the command that it stands for, and the line of keys at the bottom of the view."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from controller.cli.terminal.view_state import Picture, ViewState
from controller.contract.commands import Action
from controller.contract.events import SessionState
from controller.contract.words import Words
from devices.roles import Phase

_PLAIN = {
    "p": Action.PAIN,
    " ": Action.STOP,
    "+": Action.VACUUM_UP,
    "=": Action.VACUUM_UP,  # the same key without Shift, on many keyboards
    "-": Action.VACUUM_DOWN,
    "l": Action.LET_DOWN,
    "s": Action.SKIP,
}
_YES, _START_SUCTION = frozenset("yj"), frozenset("f\r\n")


@dataclass(frozen=True)
class Press:
    """What a key asks for: a command, or something of the view itself."""

    action: Action | None = None
    args: dict[str, JsonValue] = field(default_factory=dict)
    view: Literal["help", "leave"] | None = None


def press(key: str, state: ViewState) -> Press | None:  # noqa: PLR0911 - a table
    """Return what a key asks for now; `None` if nothing."""
    snapshot, guide = state.snapshot, state.guide
    waits = guide is not None and guide.waits_for is not None
    paused = snapshot is not None and snapshot.state is SessionState.PAUSED
    if key in _PLAIN:
        return Press(_PLAIN[key])
    if key == "z":
        return Press(Action.RESUME if paused else Action.PAUSE)
    if (key in _YES or key == "n") and state.question is not None:
        return Press(Action.ANSWER, {"question": state.question, "value": key != "n"})
    if key in _START_SUCTION and waits:
        return Press(Action.START_SUCTION)
    if key == "w" and waits:
        return Press(Action.NOT_YET)
    if key == "g" and state.may_start:
        return Press(Action.START)
    if key == "a" and snapshot is not None and (snapshot.trip is not None or snapshot.uncertain):
        return Press(Action.ACKNOWLEDGE)
    if key == "?":
        return Press(view="help")
    if key == "q" and state.may_leave:
        return Press(view="leave")
    return None


def key_line(picture: Picture, width: int) -> list[tuple[str, str]]:
    """Return keys and what they do, as they fit in one line: pain and stop first, then what is needed most now."""
    words = picture.words.terminal
    always = [("p", words["what_pain"]), (words["key_space"], words["what_stop"])]
    end = [("?", words["what_help"])]
    if picture.may_leave:
        end.append(("q", words["what_leave"]))
    shown = always + end
    for each in _useful_now(picture):
        if line_width([*shown, each]) > width:
            break
        shown.insert(len(shown) - len(end), each)
    while line_width(shown) > width and len(shown) > 1:
        shown.pop()
    return shown


def line_width(keys: list[tuple[str, str]]) -> int:
    """Return how many columns a line of keys takes, with two spaces between two keys."""
    return sum(len(key) + 1 + len(what) for key, what in keys) + 2 * (len(keys) - 1)


def _useful_now(picture: Picture) -> list[tuple[str, str]]:
    """Return the keys that do something now, the most useful first."""
    words, snapshot, guide = picture.words.terminal, picture.snapshot, picture.guide
    if snapshot is None:
        return []
    keys = []
    if snapshot.trip is not None or snapshot.uncertain:
        keys.append(("a", words["what_acknowledge"]))
    if not snapshot.running:
        return [*keys, *([("g", words["what_start"])] if picture.may_start else [])]
    if guide is not None and guide.question is not None:
        return [*keys, (f"{words['key_yes']}/n", f"{words['what_yes']}/{words['what_no']}")]
    if snapshot.state is SessionState.PAUSED:
        return [*keys, ("z", words["what_resume"])]
    if guide is not None and guide.waits_for is not None:
        keys += [("f", words["what_start_suction"]), ("w", words["what_not_yet"])]
    if snapshot.target_vacuum_mmhg is not None or snapshot.level is not None:
        keys.append(("+/-", words["what_vacuum"]))
    if snapshot.step == "stimulate" or snapshot.phase is Phase.STIMULATION:
        keys.append(("l", words["what_let_down"]))
    return [*keys, ("s", words["what_skip"]), ("z", words["what_pause"])]


def help_lines(words: Words, *, may_start: bool, may_leave: bool) -> list[tuple[str, str]]:
    """Return every key and what it does, in a sentence."""
    text = words.terminal
    lines = [
        ("p", text["help_pain"]),
        (text["key_space"], text["help_stop"]),
        ("+/-", text["help_vacuum"]),
        ("l", text["help_let_down"]),
        ("s", text["help_skip"]),
        ("z", text["help_pause"]),
        (f"{text['key_yes']}/n", text["help_answer"]),
        ("f", text["help_start_suction"]),
        ("w", text["help_not_yet"]),
        ("a", text["help_acknowledge"]),
    ]
    if may_start:
        lines.append(("g", text["help_start"]))
    lines.append(("?", text["help_help"]))
    if may_leave:
        lines.append(("q", text["help_leave"]))
    return [*lines, (text["key_interrupt"], text["help_interrupt"])]
