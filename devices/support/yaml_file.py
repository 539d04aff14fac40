"""Read a YAML file as plain data or as a pydantic model. Errors name file, line, key, what was found and what fits.

A file may be untrusted. So there are no anchors, aliases, merge keys or tags (a few lines of them can stand for
gigabytes), and size, depth and number of values are bounded. What was found is left out of a message wherever it may be
a secret (`devices/support/confidential.py`); of what is not YAML, only a key that is given twice is repeated.
Only `true` and `false` are booleans here (as in YAML 1.2), so that a command may be called `off`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from devices.support.file_error import FileError, KeyPath, Problem, dotted, path_of, problems_of

ModelT = TypeVar("ModelT", bound=BaseModel)

LONGEST_BYTES = 262_144  # the longest shipped file has 10 kB
MOST_VALUES = 20_000
DEEPEST = 50  # levels; a profile has ten

_INVALID = "not valid YAML: "
_TOO_LARGE = Problem(0, "", f"is larger than {LONGEST_BYTES // 1024} KiB", "split it, or is it another file?")
_NO_ALIASES = (
    "anchors and aliases are not supported",
    "write the value out, and put a text that begins with & or * in quotes",
)
_NO_TAGS = ("tags are not supported", "put a text that begins with ! in quotes")
_LEFT_AS_TEXT = ("bool", "int", "merge", "value")
_TEXT = yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG
_NOT_IN_A_FILE = yaml.reader.Reader.NON_PRINTABLE


def _loader_on(base: type[Any]) -> type[Any]:
    """Return a loader of plain data with YAML 1.2 booleans, no merge keys, and no sexagesimal numbers (`1:30`)."""
    loader: Any = type("Loader", (base,), {})
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in _LEFT_AS_TEXT]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
    loader.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0x[0-9a-fA-F]+|0|[1-9][0-9]*)$"), list("-+0123456789")
    )
    return loader  # type: ignore[no-any-return]  # PyYAML leaves it untyped


_Loader = _loader_on(getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # ten times as fast where there is libyaml


@dataclass(frozen=True)
class Document:
    """A YAML text as plain data. `lines`: the line of each value by its path, such as ("examples", 3)."""

    file: str
    data: Any
    lines: Mapping[KeyPath, int]

    def validate(self, model: type[ModelT]) -> ModelT:
        """Return the data as a model. Raise `FileError` naming every problem with its line."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            problems = problems_of(error, model, self.lines)
        # Raised here, so that pydantic's error, which carries all that was read, does not hang on to this one.
        raise FileError(self.file, problems)

    def error(self, key: str, message: str) -> FileError:
        """Return an error about a key."""
        return FileError(self.file, [Problem(self.lines.get(path_of(key, self.lines), 0), key, message)])


def load_yaml(file: Path, model: type[ModelT]) -> ModelT:
    """Read `file` as one `model`. Raise `FileError` naming every problem with its line."""
    return read_document(file).validate(model)


def read_document(file: Path) -> Document:
    """Read a file. Raise `FileError` where it cannot be read, is not YAML, has a key twice, or is too large."""
    return parse_document(read_file(file), file)


def read_file(file: Path) -> str:
    """Return the text of a file. Raise `FileError` where it cannot be read, or is too large."""
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST_BYTES + 1)
        if len(data) <= LONGEST_BYTES:
            return data.decode()
        problem = _TOO_LARGE
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(line, "", "cannot be read: it is not UTF-8", "save it as UTF-8")
    except (OSError, ValueError) as error:
        problem = Problem(0, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")
    raise FileError(file, [problem])  # here and not above: no other error, which shows more, hangs on to this one


def parse_document(text: str, file: Path | str) -> Document:
    """Read a text; `file` is only its name in errors. Raise `FileError` as `read_document` does."""
    problem: Problem | None = None
    if len(text) > LONGEST_BYTES:
        problem = _TOO_LARGE
    elif found := _NOT_IN_A_FILE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        problem = Problem(line, "", _INVALID + "there is a character that cannot be in a text file")
    if problem is not None:
        raise FileError(file, [problem])
    builder = _Builder(text)
    try:
        data = builder.document()
    except _InvalidError as error:
        problem = error.problem
    except yaml.MarkedYAMLError as error:
        problem = _not_yaml(error, text)
    finally:
        builder.close()
    problems = builder.problems if problem is None else [problem]
    if problems:
        raise FileError(file, problems)
    return Document(str(file), data, builder.lines)


class _InvalidError(Exception):
    def __init__(self, line: int, message: str, remedy: str = "") -> None:
        self.problem = Problem(line, "", _INVALID + message, remedy)


def _not_yaml(error: yaml.MarkedYAMLError, text: str) -> Problem:
    what, mark = str(error.problem), error.problem_mark
    if "tag handle" in what or "directive" in what:  # these repeat what is written there
        return Problem(_line(mark), "", _INVALID + _NO_TAGS[0], _NO_TAGS[1])
    if "cannot start any token" in what and mark is not None:  # libyaml does not say which
        line = "".join(text.splitlines()[mark.line : mark.line + 1])
        what = f"found character {line[mark.column : mark.column + 1]!r} that cannot start any token"
    return Problem(_line(mark), "", _INVALID + what)


def _line(mark: Any) -> int:
    """Return the line of one of yaml's marks, from 1 on; 0 for none."""
    return mark.line + 1 if mark is not None else 0


class _Builder:
    """Builds plain data from yaml's events, in one pass that ends at the first thing that is not supported."""

    def __init__(self, text: str) -> None:
        self._loader = _Loader(text)
        self._depth = self._values = 0
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def close(self) -> None:
        """Release the parser."""
        self._loader.dispose()

    def document(self) -> object:
        """Return the data of the only document."""
        self._next()  # the beginning of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            self.lines[()] = 1
            return {}
        data = self._build(self._next(), ())
        self._next()  # the end of the document
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise _InvalidError(_line(after.start_mark), "a second document begins here (---)", "keep one")
        return data

    def _next(self) -> Any:
        event = self._loader.get_event()
        if isinstance(event, yaml.NodeEvent):
            self._values += 1
            self._depth += isinstance(event, yaml.CollectionStartEvent)
            if event.anchor is not None:
                raise _InvalidError(_line(event.start_mark), *_NO_ALIASES)
            if getattr(event, "tag", None) is not None:
                raise _InvalidError(_line(event.start_mark), *_NO_TAGS)
            if self._depth > DEEPEST:
                raise _InvalidError(_line(event.start_mark), f"it is nested more than {DEEPEST} levels deep")
            if self._values > MOST_VALUES:
                raise _InvalidError(_line(event.start_mark), f"there are more than {MOST_VALUES} values in it")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._depth -= 1
        return event

    def _build(self, event: Any, path: KeyPath) -> object:
        self.lines.setdefault(path, _line(event.start_mark))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[object] = []
            while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                items.append(self._build(item, (*path, len(items))))
            return items
        return self._scalar(event, path)

    def _mapping(self, path: KeyPath) -> dict[Hashable, object]:
        made: dict[Hashable, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = _line(event.start_mark)
            if not isinstance(event, yaml.ScalarEvent):
                raise _InvalidError(line, "a key is plain text, not a list or a mapping")
            key: Any = self._scalar(event, path)
            if key in made:
                self.problems.append(Problem(line, dotted((*path, key)), "is given twice", "keep one"))
            self.lines[(*path, key)] = line
            made[key] = self._build(self._next(), (*path, key))
        return made

    def _scalar(self, event: Any, path: KeyPath) -> object:
        tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag == _TEXT:  # most values; yaml's own way through its table of constructors takes three times as long
            return event.value
        try:
            return self._loader.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        except (ValueError, OverflowError):  # such as the 45th of a month, or a number of 5,000 digits
            message, remedy = _INVALID + "no such date or number", "if it is text, put it in quotes"
            self.problems.append(Problem(_line(event.start_mark), dotted(path), message, remedy))
            return None
