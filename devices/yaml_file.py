"""Load a YAML file into a pydantic model, with errors that name file, line, key, what stands there and what would fit.

Only `true` and `false` are booleans here (as in YAML 1.2), so that a command may be called `off`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

try:
    from yaml import CSafeLoader as _QuickBase
except ImportError:  # a PyYAML that was built without libyaml
    from yaml import SafeLoader as _QuickBase  # type: ignore[assignment]  # it reads the same

ModelT = TypeVar("ModelT", bound=BaseModel)
Path_ = tuple[Hashable, ...]

_SHALLOW = 50  # levels; a profile has ten
_SECRET = re.compile(r"password|secret|key|token|uuid|device_id|brokers")  # what stands there is not repeated


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, and what would fit."""

    line: int
    key: str
    message: str


class FileError(Exception):
    """A file that cannot be used. `str()` gives one line a problem."""

    def __init__(self, file: Path | str, problems: Sequence[Problem]) -> None:
        self.file = str(file)
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{self._place(p)}: {p.key}{': ' if p.key else ''}{p.message}" for p in problems))

    def _place(self, problem: Problem) -> str:
        return f"{self.file}:{problem.line}" if problem.line else self.file


class _Loader(yaml.SafeLoader):
    """YAML with 1.2 booleans, and without the surprise of sexagesimal numbers (`1:30`)."""


class _QuickLoader(_QuickBase):
    """The same, written in C: ten times as fast. It says less of what is wrong, and ends the process if it is deep."""


for _each in (_Loader, _QuickLoader):
    _each.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":int"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _each.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
    _each.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0x[0-9a-fA-F]+|0|[1-9][0-9]*)$"), list("-+0123456789")
    )


def load_yaml(file: Path, model: type[ModelT]) -> ModelT:
    """Read `file` as one `model`. Raise `FileError` naming every problem with its line."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(file, [Problem(0, "", f"cannot be read: {error}")]) from error
    return parse_yaml(text, model, file)


def parse_yaml(text: str, model: type[ModelT], file: Path | str = "<text>") -> ModelT:
    """Read `text` as one `model`; `file` is only its name in errors."""
    data, lines = _read(text, file)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise FileError(file, _problems(error, lines)) from None


def read_yaml(text: str, file: Path | str = "<text>") -> object:
    """Read `text` as plain data. Raise `FileError` where it is no YAML or says a key twice."""
    return _read(text, file)[0]


def _loader_for(text: str) -> type[_Loader | _QuickLoader]:
    """Return the quick loader for what is good and shallow, and the one with the clear words for the rest."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_QuickLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _SHALLOW:
                return _Loader
    except (yaml.YAMLError, UnicodeError):
        return _Loader
    return _QuickLoader


def _read(text: str, file: Path | str) -> tuple[object, dict[Path_, int]]:
    try:
        loader = _loader_for(text)(text)
    except yaml.YAMLError as error:  # such as a control character
        raise FileError(file, [Problem(0, "", f"no YAML: {error}")]) from error
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {(): 1}
        lines: dict[Path_, int] = {}
        twice: list[Problem] = []
        _index(node, (), lines, twice, loader)
        if twice:
            raise FileError(file, twice)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise FileError(file, [Problem(mark.line + 1 if mark else 0, "", f"no YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:
        raise FileError(file, [Problem(0, "", f"no YAML: {error}")]) from error
    except RecursionError as error:
        raise FileError(
            file, [Problem(0, "", "no YAML for settings: it goes round in a circle, or too deep")]
        ) from error
    except (ValueError, AttributeError) as error:  # such as an impossible date, or a number that is none
        raise FileError(file, [Problem(0, "", f"no YAML: {error}")]) from error
    finally:
        loader.dispose()


def _index(
    node: yaml.Node, path: Path_, lines: dict[Path_, int], twice: list[Problem], loader: _Loader | _QuickLoader
) -> None:
    """Note the line of every value, and every key that is said twice in one mapping."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            if not isinstance(key, Hashable):
                continue
            if key in seen:
                twice.append(Problem(key_node.start_mark.line + 1, _dotted((*path, key)), "is said twice; keep one"))
            seen.add(key)
            lines[(*path, key)] = key_node.start_mark.line + 1
            _index(value_node, (*path, key), lines, twice, loader)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _index(item, (*path, index), lines, twice, loader)


def _problems(error: ValidationError, lines: dict[Path_, int]) -> list[Problem]:
    problems = []
    errors = error.errors()
    for each in errors:
        if each["type"] == "too_short" and any(_below(other["loc"], each["loc"]) for other in errors):
            continue  # it only seems too short, because what is in it is wrong
        path: Path_ = ()
        for part in each["loc"]:  # parts that only name a branch of a union are not in the file
            if (*path, part) in lines:
                path = (*path, part)
        if not path and each["type"] == "value_error":
            # A rule about the whole file: its sentence says the place first, as in "commands.start: ...".
            problems += [_whole_file(sentence, lines) for sentence in _sentences(each["msg"])]
            continue
        missing = each["type"] == "missing"
        key = _dotted((*path, each["loc"][-1]) if missing else path)
        hidden = missing or isinstance(each["input"], dict | list) or _SECRET.search(key)
        there = "" if hidden else f" (there stands {each['input']!r})"
        message = each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            message, key, there = "is not known here; is it misspelt?", _dotted(each["loc"]), ""
        problems.append(Problem(lines.get(path, 1), key, message + there))
    return sorted(problems, key=lambda problem: problem.line)


def _sentences(message: str) -> list[str]:
    return message.removeprefix("Value error, ").split("; ")


def _whole_file(sentence: str, lines: dict[Path_, int]) -> Problem:
    where = re.split(r"[: ]", sentence, maxsplit=1)[0]
    path: Path_ = ()
    for part in where.split("."):
        key: Hashable = int(part) if part.isdigit() else part
        if (*path, key) in lines:
            path = (*path, key)
    return Problem(lines.get(path, 1), "", sentence)


def _below(inner: Sequence[Hashable], outer: Sequence[Hashable]) -> bool:
    return len(inner) > len(outer) and tuple(inner[: len(outer)]) == tuple(outer)


def _dotted(path: Sequence[Hashable]) -> str:
    return ".".join(str(part) for part in path)
