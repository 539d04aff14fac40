"""The error of a file that cannot be used: every problem with its line, and what would fit.

What pydantic found wrong with data becomes such problems, too. What may be a secret is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from devices.support.closest import closest
from devices.support.confidential import FieldLocation, place

KeyPath = tuple[Hashable, ...]

_MOST_SHOWN = 50
_SHAPES = {
    "dict_type": "needs keys below it, such as {name: value}",
    "model_attributes_type": "needs keys below it, such as {name: value}",
    "list_type": "needs a list, such as [first, second]",
    "tuple_type": "needs a list, such as [first, second]",
}
_NAMED_ELSEWHERE = ("extra_forbidden", "missing", "model_type")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `line`: 0 where there is none to name. `key`: its path in the file, with dots.

    `remedy`: what to do about it, where the message does not say so itself.
    """

    line: int
    key: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        words = f"{self.key}: {self.message}" if self.key else self.message
        return f"{words}; {self.remedy}" if self.remedy else words


Misfits = Iterator[tuple[str, str]]
"""Keys with dots, as in `commands.start`, and what is wrong with each."""


class ModelError(ValueError):
    """Raised by a validator whose rule spans several keys: `yaml_file` finds the line of each misfit by its key."""

    def __init__(self, *misfits: tuple[str, str]) -> None:
        self.misfits = misfits
        super().__init__("; ".join(f"{key}: {message}" if key else message for key, message in misfits))


class FileError(Exception):
    """A file that cannot be used. `str()` gives one line a problem, and at most 50."""

    def __init__(self, file: Path | str, problems: Sequence[Problem]) -> None:
        self.file = str(file)
        self.problems = tuple(problems)
        lines = [f"{self._place(problem)}: {problem}" for problem in problems[:_MOST_SHOWN]]
        if (more := len(problems) - _MOST_SHOWN) > 0:
            lines.append(f"{self.file}: and {more} more problems")
        super().__init__("\n".join(lines))

    def _place(self, problem: Problem) -> str:
        return f"{self.file}:{problem.line}" if problem.line else self.file


def dotted(path: Sequence[Hashable]) -> str:
    """Return a path as it is written in messages, such as `stations.home.devices.0`."""
    return ".".join(str(part) for part in path)


def problems_of(error: ValidationError, model: type[BaseModel], lines: Mapping[KeyPath, int]) -> list[Problem]:
    """Return what pydantic found wrong with data for `model`, in order of line.

    `lines` has the line of each value by its path; with none at all, as for the environment, problems have no line.
    """
    problems = []
    errors = error.errors()
    parents = {each["loc"][:length] for each in errors for length in range(len(each["loc"]))}
    for each in errors:
        if each["type"] == "too_short" and each["loc"] in parents:
            continue  # it only seems too short, because what is in it is wrong
        path = _path_in_file(each["loc"], lines)
        raised = each.get("ctx", {}).get("error")  # by a validator of ours
        if isinstance(raised, ModelError):
            problems += [_located(key, message, path, lines) for key, message in raised.misfits]
        elif each["type"] in _NAMED_ELSEWHERE:
            problems.append(_misplaced(each["type"], each["loc"], path, model, lines))
        else:
            there = place(model, path)
            message = (_said(each) if raised is None else str(raised)) + _found(each["input"], there)
            message += "" if there.hidden else _meant(each["input"], each.get("ctx", {}))
            problems.append(Problem(lines.get(path, 0), dotted(there.path), message))
    return sorted(problems, key=lambda problem: problem.line)


def _found(value: Any, there: FieldLocation) -> str:
    return "" if there.hidden or isinstance(value, dict | list | tuple) else f" (found {value!r})"


def _said(error: Mapping[str, Any]) -> str:
    """Return the message of pydantic, except where it names internals of pydantic."""
    if error["type"] == "union_tag_invalid":
        return f"{error['ctx']['tag']!r} is none of {error['ctx']['expected_tags']}"
    if error["type"] in _SHAPES:
        return _SHAPES[error["type"]]
    return str(error["msg"])


def _meant(value: Any, context: Mapping[str, Any]) -> str:
    """Return which of the fixed values was probably meant, where pydantic names those that fit."""
    expected = context.get("expected") or context.get("expected_tags")
    name = context.get("tag", value)
    if not isinstance(expected, str) or not isinstance(name, str):
        return ""
    meant = closest(name, re.findall(r"'([^']+)'", expected))
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def _misplaced(
    kind: str, loc: Sequence[Hashable], path: KeyPath, model: type[BaseModel], lines: Mapping[KeyPath, int]
) -> Problem:
    """Return the problem of a key that is unknown or missing, or of a single value in place of several keys."""
    line = lines.get(path, 0)
    if kind == "missing":
        return Problem(line, dotted(place(model, (*path, loc[-1])).path), "Field required")
    if kind == "model_type":
        there = place(model, path)
        keys = f" ({', '.join(there.fields)})" if there.fields else ""
        return Problem(line, dotted(there.path), f"needs keys below it{keys}, not a single value")
    there = place(model, loc[:-1])
    if there.shows_key(loc[-1]):
        meant = closest(str(loc[-1]), there.fields)
        hint = f"did you mean {' or '.join(meant)}?" if meant else "is it misspelt?"
        return Problem(line, dotted(loc), f"is not known here; {hint}")
    return Problem(line, dotted(there.path), f"a key here is not known; there are {', '.join(there.fields)}")


def _path_in_file(loc: Sequence[Hashable], lines: Mapping[KeyPath, int]) -> KeyPath:
    """Return the place in the file; parts of `loc` that only name a branch of a union are not in the file."""
    if not lines:
        return tuple(loc)
    path: KeyPath = ()
    for part in loc:
        if (*path, part) in lines:
            path = (*path, part)
    return path


def _located(key: str, message: str, path: KeyPath, lines: Mapping[KeyPath, int]) -> Problem:
    """Return a misfit of a model at `path` as a problem, with its key from the top of the file, and its line."""
    whole = dotted((*path, key)) if key else dotted(path)
    return Problem(lines.get(path_of(whole, lines), 0), whole, message)


def path_of(key: str, lines: Mapping[KeyPath, int]) -> KeyPath:
    """Return the path in the file of a key with dots, or of the last part of it that is in the file."""
    return _path_in_file([int(part) if part.isdigit() else part for part in key.split(".")], lines)
