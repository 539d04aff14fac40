"""What is found when a profile is tried without a device: by `proof` here, and by that of the Tuya section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from devices.profiles.vocabulary import Value
from devices.roles import Frozen

DROPPED = "dropped"
"""What an example is about that shows bytes without a meaning."""

State = Literal["holds", "fails", "no example"]


class Tried(Frozen):
    """One example, held against the profile that it stands in.

    `path` is its place in the file, such as ("examples", 3). `seen_in` says where these very bytes stand; without it
    they were worked out by hand.
    """

    path: tuple[str | int, ...]
    holds: bool
    expected: str
    found: str
    seen_in: str | None = None


class Finding(Frozen):
    """What the examples say of one part of a profile, such as `commands.start` or `reports.status`.

    `shows`: what a command makes of its lowest values. `problem`: what is wrong without any example.
    """

    what: str
    examples: tuple[Tried, ...] = ()
    shows: str = ""
    problem: str = ""

    @property
    def state(self) -> State:
        """Whether all its examples hold; a part without any is proven by nothing."""
        if self.problem or not all(each.holds for each in self.examples):
            return "fails"
        return "holds" if self.examples else "no example"


def by_part(parts: Iterable[str], tried: Iterable[tuple[tuple[str, ...], Tried]]) -> list[Finding]:
    """Return a finding for each part, in order, and for whatever else examples turned out to be about."""
    examples: dict[str, list[Tried]] = {part: [] for part in parts}
    for shown, each in tried:
        for part in shown:
            examples.setdefault(part, []).append(each)
    return [Finding(what=part, examples=tuple(found)) for part, found in examples.items()]


def in_words(values: Mapping[str, Value]) -> str:
    """Return values as they stand in a file: `run_state: running, level: null`."""
    words = {None: "null", True: "true", False: "false"}
    said = (words[value] if value is None or isinstance(value, bool) else str(value) for value in values.values())
    return ", ".join(f"{name}: {word}" for name, word in zip(values, said, strict=True)) or "no value"


def compared(expected: Mapping[str, Value], found: Mapping[str, Value]) -> tuple[str, str]:
    """Return in words what was expected and what was found: only where they differ, and twice the same if nowhere."""
    wrong = [name for name, value in expected.items() if name not in found or found[name] != value]
    if not wrong:
        return in_words(found), in_words(found)
    here = {name: found[name] for name in wrong if name in found}
    return in_words({name: expected[name] for name in wrong}), in_words(here)
