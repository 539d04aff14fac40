"""Read YAML text as plain data, with the line of every value.

A file may come from a stranger. So there are no anchors, aliases, merge keys or tags (a few lines of them can stand for
gigabytes), and size, depth and number of values are bounded. No message repeats more of the text than one character or
a key that is written twice: the rest may be a password.
Only `true` and `false` are booleans here (as in YAML 1.2), so that a command may be called `off`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from devices.file_error import FileError, Problem

try:
    from yaml import CSafeLoader as _QuickBase
except ImportError:  # a PyYAML that was built without libyaml
    from yaml import SafeLoader as _QuickBase  # type: ignore[assignment]  # it reads the same

KeyPath = tuple[Hashable, ...]

LONGEST_BYTES = 262_144  # the longest shipped file has 10 kB
MOST_VALUES = 20_000
DEEPEST = 50  # levels; a profile has ten

_INVALID = "not valid YAML: "
_ALIAS = "anchors and aliases are not supported; write the value out, and put a text that begins with & or * in quotes"
_TAG = "tags are not supported; put a text that begins with ! in quotes"


class _Loader(yaml.SafeLoader):
    """Plain data only: YAML 1.2 booleans, no merge keys, and without the surprise of sexagesimal numbers (`1:30`)."""


class _QuickLoader(_QuickBase):
    """The same, written in C: ten times as fast. It says less of what is wrong."""


_LEFT_AS_TEXT = ("bool", "int", "merge", "value")
for _each in (_Loader, _QuickLoader):
    _each.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in _LEFT_AS_TEXT]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _each.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
    _each.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0x[0-9a-fA-F]+|0|[1-9][0-9]*)$"), list("-+0123456789")
    )


def read_file(file: Path) -> str:
    """Return the text of a file. Raise `FileError` where it cannot be read, or is too large."""
    problem: Problem
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST_BYTES + 1)
        if len(data) <= LONGEST_BYTES:
            return data.decode()
        problem = _too_large()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(line, "", "cannot be read: it is not UTF-8; save it as UTF-8")
    except (OSError, ValueError) as error:
        problem = Problem(0, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")
    raise FileError(file, [problem])  # here and not above: no other error, which shows more, hangs on to this one


def read_yaml(text: str, file: Path | str = "<text>") -> object:
    """Return text as plain data. Raise `FileError` where it is not YAML, says a key twice, or is too large."""
    return read_with_lines(text, file)[0]


def read_with_lines(text: str, file: Path | str) -> tuple[object, dict[KeyPath, int]]:
    """Return text as plain data, and the line of each value by its path. Raise `FileError`."""
    if len(text) > LONGEST_BYTES:
        raise FileError(file, [_too_large()])
    loader = _checked(text, file)(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, {(): 1}
        builder = _Builder(loader)
        data = builder.build(node, ())
    finally:
        loader.dispose()
    if builder.problems:
        raise FileError(file, builder.problems)
    return data, builder.lines


def _too_large() -> Problem:
    return Problem(0, "", f"is larger than {LONGEST_BYTES // 1024} KiB; split it, or is it another file?")


def _checked(text: str, file: Path | str) -> type[_Loader | _QuickLoader]:
    """Return the loader that reads this text: the quick one, or the other where it knows better what is wrong."""
    problem: Problem | None = None
    for loader in (_QuickLoader, _Loader):
        try:
            problem = _forbidden(text, loader)
        except (yaml.YAMLError, UnicodeError) as error:
            problem = _broken(error, text)
        else:
            if problem is None:
                return loader
            break
    raise FileError(file, [problem] if problem else [])


def _forbidden(text: str, loader: type[_Loader | _QuickLoader]) -> Problem | None:
    """Return the first thing in a text that is valid YAML but not read here. Builds nothing, so it needs no memory."""
    depth = values = documents = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        message = None
        if getattr(event, "anchor", None) is not None:
            message = _ALIAS
        elif getattr(event, "tag", None) is not None:
            message = _TAG
        elif depth > DEEPEST:
            message = f"it is nested more than {DEEPEST} levels deep"
        elif values > MOST_VALUES:
            message = f"there are more than {MOST_VALUES} values in it"
        elif documents > 1:
            message = "a second document begins here (---); keep one"
        if message is not None:
            return Problem(_line(event.start_mark), "", _INVALID + message)
    return None


def _broken(error: Exception, text: str) -> Problem:
    """Return what is wrong with a text that is not YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(line, "", f"{_INVALID}there is a character that cannot be in a text file")
    if isinstance(error, yaml.MarkedYAMLError):
        what = str(error.problem)
        if "tag handle" in what or "directive" in what:  # these repeat what stands there
            what = _TAG
        return Problem(_line(error.problem_mark), "", _INVALID + what)
    return Problem(0, "", _INVALID + "it cannot be read as text")


def _line(mark: Any) -> int:
    """Return the line of one of yaml's marks, from 1 on; 0 for none."""
    return mark.line + 1 if mark is not None else 0


class _Builder:
    """Builds plain data from nodes. Notes the line of every value, and what is wrong."""

    def __init__(self, loader: _Loader | _QuickLoader) -> None:
        self._loader = loader
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        """Return what a node says."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[Hashable, object]:
        made: dict[Hashable, object] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node, path) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key_node, yaml.ScalarNode) or not isinstance(key, Hashable):
                self._complain(key_node, path, _INVALID + "a key is plain text, not a list or a mapping")
                continue
            if key in made:
                self._complain(key_node, (*path, key), "is said twice; keep one")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            made[key] = self.build(value_node, (*path, key))
        return made

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        try:
            return self._loader.construct_object(node)
        except (ValueError, OverflowError):  # such as the 45th of a month, or a number of 5,000 digits
            self._complain(node, path, _INVALID + "no such date or number; if it is text, put it in quotes")
            return None

    def _complain(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, dotted(path), message))


def dotted(path: Sequence[Hashable]) -> str:
    """Return a path as it is written in messages, such as `stations.home.devices.0`."""
    return ".".join(str(part) for part in path)
