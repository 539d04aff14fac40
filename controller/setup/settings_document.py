"""The settings file as a document that can be changed: its comments, order and quotes stay."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from controller.settings import Settings, settings_of
from devices.support.file_error import FileError, Problem
from devices.support.yaml_file import parse_document, read_file

_BY_HAND = "move it, or edit the file yourself; `letdown scan` shows the lines for devices"
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*?(?=\s*$)", re.MULTILINE)
_ENDLESS = 10**6  # characters of a line: none is wrapped


class _Representer(RoundTripRepresenter):
    """Writes nothing as `null`, as the shipped settings do, and not as an empty value."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


class _Emitter(Emitter):
    """Puts each key on its own line, also after a comment and `{…}` in a list: ruamel.yaml 0.19.1 joins two there."""

    def expect_flow_mapping(self, *args: Any, **kwargs: Any) -> None:
        self.no_newline = False
        super().expect_flow_mapping(*args, **kwargs)

    def expect_flow_sequence(self, *args: Any, **kwargs: Any) -> None:
        self.no_newline = False
        super().expect_flow_sequence(*args, **kwargs)


class SettingsDocument:
    """The text of a settings file. Each change is made in the text; nothing is written to the disk.

    `text` is the new text, `original` that of the file (`None` where there is none yet).
    """

    def __init__(self, file: Path, original: str | None, beginning: str = "") -> None:
        """Take a text. Raise `FileError` where it is invalid, or cannot be changed without changing more."""
        self.file = file
        self.original = original
        self.text = beginning if original is None else original
        self.settings = self._checked()
        self._check_changeable()

    @classmethod
    def read(cls, file: Path, beginning: str = "") -> Self:
        """Read a file; where there is none, start with `beginning`. Raise `FileError`."""
        return cls(file, read_file(file) if file.exists() or file.is_symlink() else None, beginning)

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return self.text != self.original

    def set(self, path: tuple[str, ...], value: object) -> None:
        """Set a value, such as that of ("mqtt", "brokers"). Raise `FileError` where it does not fit."""

        def change(data: Any) -> None:
            *parents, key = path
            for each in parents:
                data = _child(data, each)
            data[key] = _in_style(value)

        self._change(change)

    def add_device(self, station: str, entry: Mapping[str, object]) -> None:
        """Add a device to a station, which is created if it is missing. Raise `FileError` where it does not fit."""

        def change(data: Any) -> None:
            home = _child(_child(data, "stations"), station)
            devices = home.get("devices")
            if not isinstance(devices, CommentedSeq):
                devices = home["devices"] = CommentedSeq()
            if not devices:
                devices.fa.set_block_style()
            devices.append(_in_style(entry))

        self._change(change)

    def change_device(self, name: str, values: Mapping[str, object]) -> None:
        """Change values of a device; other ones stay. Raise `LookupError`, or `FileError` where one does not fit."""
        station, at = self._find(name)

        def change(data: Any) -> None:
            data["stations"][station]["devices"][at].update(_in_style(values))

        self._change(change)

    def remove_device(self, name: str) -> None:
        """Remove a device, and nothing else: comments before and after it stay. Raise `LookupError`."""
        station, at = self._find(name)
        key, devices = _device_list(self.text, station)
        if devices.flow_style:

            def change(data: Any) -> None:
                del data["stations"][station]["devices"][at]

            self._change(change)
            return
        lines = self.text.splitlines(keepends=True)
        first, last = _lines_of(devices.value[at], lines)
        del lines[first : last + 1]
        if len(devices.value) == 1:
            line, column = key.start_mark.line, key.end_mark.column
            head, colon, rest = lines[line][:column], ":", lines[line][column:].lstrip().removeprefix(":")
            lines[line] = f"{head}{colon} []{rest}"
        self._replace("".join(lines))

    def _find(self, name: str) -> tuple[str, int]:
        for station, settings in self.settings.stations.items():
            for at, device in enumerate(settings.devices):
                if device.name == name:
                    return station, at
        raise LookupError(f"no device is called {name}")

    def _change(self, change: Any) -> None:
        self._check_changeable()
        data, writer = _loaded(self.text, self.file)
        before = ""
        if data is None:  # nothing but comments, which stay in front
            data, before = CommentedMap(), self.text
            before += "" if before.endswith("\n") or not before else "\n"
        change(data)
        self._replace(before + _dumped(data, writer))

    def _replace(self, text: str) -> None:
        before = self.text
        self.text = text
        try:
            self.settings = self._checked()
        except FileError:
            self.text = before
            raise

    def _check_changeable(self) -> None:
        """Raise `FileError` where a change would change other values, too, or lose a comment."""
        data, writer = _loaded(self.text, self.file)
        if data is None:
            return
        dumped = _dumped(data, writer)
        left = Counter(_COMMENT.findall(dumped))
        for number, line in enumerate(self.text.splitlines(), 1):
            for comment in _COMMENT.findall(line):
                left[comment] -= 1
                if left[comment] < 0:  # ruamel.yaml 0.19.1 loses those between two `- {…}`
                    raise FileError(self.file, [Problem(number, "", "a change here would lose this comment", _BY_HAND)])
        if parse_document(dumped, self.file).data != parse_document(self.text, self.file).data:
            raise FileError(self.file, [Problem(0, "", "a change here would change other settings, too", _BY_HAND)])

    def _checked(self) -> Settings:
        return settings_of(parse_document(self.text, self.file), self.file)


def _loaded(text: str, file: Path) -> tuple[Any, YAML]:
    writer = YAML()
    writer.Representer, writer.Emitter = _Representer, _Emitter
    writer.preserve_quotes = True
    writer.width = _ENDLESS
    mapping, offset = _indentation(text)
    writer.indent(mapping=mapping, sequence=offset + 2, offset=offset)
    try:
        data = writer.load(text)
    except YAMLError:
        problem = Problem(0, "", "cannot be changed here", _BY_HAND)
        raise FileError(file, [problem]) from None
    return data, writer


def _dumped(data: Any, writer: YAML) -> str:
    out = io.StringIO()
    writer.dump(data, out)
    return out.getvalue()


def _indentation(text: str) -> tuple[int, int]:
    """Return by how much mappings are indented, and the `-` of lists, as it is where the text does so first."""
    mapping = re.search(r"^\S[^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( +)[^\s#-]", text, re.MULTILINE)
    dash = re.search(r"^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)- ", text, re.MULTILINE)
    return len(mapping[1]) if mapping else 2, max(0, len(dash[2]) - len(dash[1])) if dash else 2


def _child(data: Any, key: str) -> Any:
    """Return the mapping below a key, which is created if it is missing or empty."""
    if not isinstance(data.get(key), dict):
        data[key] = CommentedMap()
    return data[key]


def _in_style(value: object) -> Any:
    """Return a value as an owner would write it: mappings of a device in lines, lists of plain values in brackets."""
    if isinstance(value, Mapping):
        made = CommentedMap()
        for key, each in value.items():
            made[key] = _in_style(each)
        return made
    if isinstance(value, list | tuple):
        items = CommentedSeq([_in_style(each) for each in value])
        items.fa.set_flow_style()
        return items
    return value


def _device_list(text: str, station: str) -> tuple[Any, Any]:
    """Return the key `devices` of a station, and its list, as nodes with their places in the text."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    key: Any = None
    for name in ("stations", station, "devices"):
        key, node = next((k, v) for k, v in node.value if k.value == name)
    return key, node


def _lines_of(item: Any, lines: list[str]) -> tuple[int, int]:
    """Return the first and the last line of an item of a list in block style."""
    first = item.start_mark.line
    while not lines[first].lstrip().startswith("-"):
        first -= 1
    return first, _last_line(item)


def _last_line(node: Any) -> int:
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        mark = node.end_mark
        return int(mark.line - 1 if mark.column == 0 else mark.line)
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)
