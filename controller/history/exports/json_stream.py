"""Reads a large JSON document piece by piece: the fields before a list, and then its items one at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

_CHUNK = 1 << 16
_LONGEST = 1 << 26  # characters of one value: a session of a day at one value a second has fewer than a tenth of it
_SPACE = re.compile(r"[ \t\r\n]*")
_OF_NUMBERS = re.compile(r"[-+.0-9Ee]*")


class JsonStreamError(ValueError):
    """What is there is no such JSON. `line`: where, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


class JsonStream:
    """A document in a text file, read from its beginning. Every method raises `JsonStreamError`.

    `line`: of what is read next; `value_line`: where the latest value began. NaN, Infinity and 1e999 are refused.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
        self.line = 1
        self.value_line = 1

    def fields(self, items: str) -> Iterator[tuple[str, Any]]:
        """Yield key and value of each field of the document up to the list called `items`; raise if it has none."""
        self._expect("{")
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise self.error("a key in quotes is expected here")
            self._expect(":")
            if key == items:
                return
            yield key, self.value()
            if self._expect(",", "}") == "}":
                raise self.error(f"there is no list {items!r} in it")

    def items(self) -> Iterator[Any]:
        """Yield the items of the list that begins here, and see that nothing follows but the end of the document."""
        self._expect("[")
        if self._peek() == "]":
            self._expect("]")
        else:
            while True:
                yield self.value()
                if self._expect(",", "]") == "]":
                    break
        self._expect("}")
        if self._peek():
            raise self.error("something follows after the end of the document")

    def value(self) -> Any:
        """Return the value that begins here."""
        if not self._peek():
            raise self.error("it ends too early: it is not complete")
        self.value_line = self.line
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._read():
                    self._skip_to(min(error.pos, len(self._text)))
                    if self._at >= len(self._text):
                        raise self.error("it ends too early: it is not complete") from None
                    raise self.error(f"it is not valid JSON ({error.msg})") from None
            except RecursionError:
                raise self.error("it is nested too deeply") from None
            except ValueError as error:
                raise self.error(str(error)) from None
            else:
                if not self._may_go_on(end) or not self._read():
                    self._skip_to(end)
                    return value

    def _may_go_on(self, end: int) -> bool:
        """Return whether a number that ends here may have more digits in the next piece of the file."""
        found = _OF_NUMBERS.match(self._text, end)
        return found is not None and found.end() == len(self._text)

    def error(self, message: str) -> JsonStreamError:
        """Return an error about what is read next."""
        return JsonStreamError(self.line, message)

    def _expect(self, *characters: str) -> str:
        found = self._peek()
        if not found:
            raise self.error("it ends too early: it is not complete")
        if found not in characters:
            raise self.error(f"{' or '.join(map(repr, characters))} is expected here, not {found!r}")
        self._skip_to(self._at + 1)
        return found

    def _peek(self) -> str:
        """Return the next character that is no space; nothing at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._skip_to(found.end() if found else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def _skip_to(self, at: int) -> None:
        self.line += self._text.count("\n", self._at, at)
        self._at = at

    def _read(self) -> bool:
        """Read more, about as much as there is already; return whether there was more."""
        if self._ended:
            return False
        if len(self._text) - self._at > _LONGEST:
            raise self.error("one value is longer than any session")
        try:
            more = self._file.read(max(_CHUNK, len(self._text) - self._at))
        except UnicodeDecodeError:
            raise self.error("it is not text in UTF-8") from None
        self._ended = not more
        if more:
            self._text = self._text[self._at :] + more
            self._at = 0
        return bool(more)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number that JSON allows")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large a number")
    return value
