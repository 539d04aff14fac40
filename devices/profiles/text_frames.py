"""Text protocols: commands filled into a line, reports found by a pattern, lines joined from pieces. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from devices.driver.field_spec import FieldSpec
from devices.driver.fields import from_wire, to_wire
from devices.driver.vocabulary import Value
from devices.errors import ProtocolError, RefusedError

_LONGEST_LINE = 512
_KINDS = {"int": r"-?[0-9]{1,9}", "float": r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?", "word": r"[^\s,;:]{1,64}"}
_PLACEHOLDER = re.compile(r"\{(\w+):(\w+)\}")


def fill(text: str, fields: Mapping[str, FieldSpec], values: Mapping[str, Value]) -> str:
    """Return a line with its values. Raise `RefusedError` when one is missing or out of range."""

    def word(found: re.Match[str]) -> str:
        name = found[1]
        if name in fields:
            return str(to_wire(fields[name], values))
        if values.get(name) is None:
            raise RefusedError(f"{name} is missing")
        return str(values[name])

    return re.sub(r"\{(\w+)\}", word, text)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression: `s?{battery_percent:int};` finds a number of that name."""
    return re.compile(_PLACEHOLDER.sub(_placeholder, pattern))


@cache
def kinds_in(pattern: str) -> dict[str, str]:
    """Return the kind of each placeholder of a pattern, by its name."""
    return dict(_PLACEHOLDER.findall(pattern))


def names_in(pattern: str) -> tuple[str, ...]:
    """Return the names that a pattern finds values for, placeholders and groups alike."""
    return tuple(one or other for one, other in re.findall(r"\{(\w+):\w+\}|\(\?P<(\w+)>", pattern))


def _placeholder(found: re.Match[str]) -> str:
    kind = _KINDS.get(found[2])
    if kind is None:
        raise re.error(f"{found[2]} is not a kind of placeholder, there are {', '.join(_KINDS)}")
    return f"(?P<{found[1]}>{kind})"


def find(pattern: str, fields: Mapping[str, FieldSpec], line: str) -> dict[str, Value] | None:
    """Return the values in a line; `None` where the pattern is not the whole of it.

    A field describes what a number means; a name without a field is taken as it is written.
    """
    match = compiled(pattern).fullmatch(line)
    if match is None:
        return None
    kinds = kinds_in(pattern)
    values: dict[str, Value] = {}
    for name, word in match.groupdict().items():
        if word is None:  # in a part of the pattern that may be left out
            continue
        if name in fields:
            values.update(from_wire(fields[name], _whole(name, word), values))
        else:
            kind = kinds.get(name)
            values[name] = int(word) if kind == "int" else float(word) if kind == "float" else word
    return values


def command_pattern(text: str) -> str:
    """Return the pattern by which a device recognises a command."""
    pieces = re.split(r"\{(\w+)\}", text)
    return "".join(f"{{{piece}:int}}" if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces))


class LineJoiner:
    """Makes whole lines, their terminators included, of what comes in pieces."""

    def __init__(self, terminator: str, encoding: str) -> None:
        self._terminator = terminator.encode(encoding)
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in a piece; return the whole lines that are there now."""
        *whole, rest = (self._buffer + data).split(self._terminator)
        self._buffer = rest[-_LONGEST_LINE:]
        return [line + self._terminator for line in whole]


def _whole(name: str, word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ProtocolError(f"{name} is a whole number, not {word}") from None
