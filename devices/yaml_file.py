"""Load a YAML file into a pydantic model, with errors that name file, line, key, what was found and what would fit.

What was found is left out wherever it may be a secret: see `devices/confidential.py`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from devices.confidential import Place, place
from devices.file_error import FileError, Problem
from devices.yaml_reader import KeyPath, dotted, read_file, read_with_lines, read_yaml

__all__ = ["FileError", "Problem", "lines_in", "load_yaml", "parse_yaml", "problems_of", "read_yaml"]

ModelT = TypeVar("ModelT", bound=BaseModel)

_SAID_ELSEWHERE = ("extra_forbidden", "missing", "model_type")


def load_yaml(file: Path, model: type[ModelT]) -> ModelT:
    """Read `file` as one `model`. Raise `FileError` naming every problem with its line."""
    return parse_yaml(read_file(file), model, file)


def parse_yaml(text: str, model: type[ModelT], file: Path | str = "<text>") -> ModelT:
    """Read `text` as one `model`; `file` is only its name in errors. Raise `FileError`."""
    data, lines = read_with_lines(text, file)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = problems_of(error, model, lines)
    # Raised here, so that pydantic's error, which carries all that was read, does not hang on to this one.
    raise FileError(file, problems)


def lines_in(file: Path) -> dict[KeyPath, int]:
    """Return the line of each value of a file by its path, such as ("examples", 3). Raise `FileError`."""
    return read_with_lines(read_file(file), file)[1]


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
        if not path and each["type"] == "value_error":
            # A rule about the whole file: its sentence says the place first, as in "commands.start: ...".
            problems += [_whole_file(sentence, lines) for sentence in _sentences(each["msg"])]
        elif each["type"] in _SAID_ELSEWHERE:
            problems.append(_misplaced(each["type"], each["loc"], path, model, lines))
        else:
            there = place(model, path)
            message = each["msg"].removeprefix("Value error, ") + _found(each["input"], there)
            problems.append(Problem(lines.get(path, 0), dotted(there.path), message))
    return sorted(problems, key=lambda problem: problem.line)


def _found(value: Any, there: Place) -> str:
    return "" if there.hidden or isinstance(value, dict | list | tuple) else f" (found {value!r})"


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
        return Problem(line, dotted(loc), "is not known here; is it misspelt?")
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


def _sentences(message: str) -> list[str]:
    return message.removeprefix("Value error, ").split("; ")


def _whole_file(sentence: str, lines: Mapping[KeyPath, int]) -> Problem:
    where = re.split(r"[: ]", sentence, maxsplit=1)[0]
    path: KeyPath = ()
    for part in where.split("."):
        key: Hashable = int(part) if part.isdigit() else part
        if (*path, key) in lines:
            path = (*path, key)
    return Problem(lines.get(path, 0), "", sentence)
