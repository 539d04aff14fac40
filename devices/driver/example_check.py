"""The results of checking a model file's examples, without any device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from devices.driver.vocabulary import Value
from devices.roles import Frozen

DROPPED = "dropped"
"""The part that an example is about whose bytes must be dropped."""

State = Literal["holds", "fails", "no example"]


class TriedExample(Frozen):
    """The result of one example.

    `path` is its place in the file, such as ("examples", 3). `seen_in`: the publication or recording with
    these very bytes; without it they were worked out by hand.
    """

    path: tuple[str | int, ...]
    holds: bool
    expected: str
    found: str
    seen_in: str | None = None


class ExampleCheck(Frozen):
    """What the examples show of one part of a model file, such as `commands.start` or `reports.status`.

    `shows`: the bytes of a command with its lowest values. `problem`: why it cannot be encoded at all.
    """

    what: str
    examples: tuple[TriedExample, ...] = ()
    shows: str = ""
    problem: str = ""

    @property
    def state(self) -> State:
        """Whether all its examples hold; a part without any is proven by nothing."""
        if self.problem or not all(each.holds for each in self.examples):
            return "fails"
        return "holds" if self.examples else "no example"


def by_part(
    parts: Iterable[str], place: tuple[str, ...], tried: Iterable[tuple[tuple[str, ...], str, str, str | None]]
) -> list[ExampleCheck]:
    """Return the result of each part, in order, and of whatever else examples turned out to be about.

    `tried`: for each example at `place` the parts that it shows, what was expected, what was found, and its `seen_in`.
    """
    examples: dict[str, list[TriedExample]] = {part: [] for part in parts}
    for number, (shown, expected, found, seen_in) in enumerate(tried):
        each = TriedExample(
            path=(*place, number), holds=expected == found, expected=expected, found=found, seen_in=seen_in
        )
        for part in shown:
            examples.setdefault(part, []).append(each)
    return [ExampleCheck(what=part, examples=tuple(found)) for part, found in examples.items()]


def in_words(values: Mapping[str, Value]) -> str:
    """Return values as they are written in a file: `run_state: running, level: null`."""
    words = {None: "null", True: "true", False: "false"}
    written = {name: words[one] if one is None or isinstance(one, bool) else one for name, one in values.items()}
    return ", ".join(f"{name}: {word}" for name, word in written.items()) or "no value"


def compared(expected: Mapping[str, Value], found: Mapping[str, Value]) -> tuple[str, str]:
    """Return in words what was expected and what was found: only where they differ, and twice the same if nowhere."""
    wrong = [name for name, value in expected.items() if name not in found or found[name] != value]
    if not wrong:
        return in_words(found), in_words(found)
    here = {name: found[name] for name in wrong if name in found}
    return in_words({name: expected[name] for name in wrong}), in_words(here)
