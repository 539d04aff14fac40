"""Text protocols: lines with a terminator, taken apart into words, which tell kinds apart, and numbers.

A line becomes the same kind of content as a binary frame, so that everything else works on it as well: its opcode is
the line with `#` for each number, and its payload has four bytes for each. Of a number with decimals these are its
smallest units; a word of the profile language, such as `running` in a report, is a number, too.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from devices.capture.inference.command_values import ValueFit
from devices.capture.inference.traffic import Traffic, WireFrame, is_text
from devices.capture.inference.unwrapped import Content, Unwrapped

NUMBER_BYTES = 4
_WORDS = ("stopped", "running", "paused", "fault", "stimulation", "expression")
_RUN_WORDS, _PHASE_WORDS = _WORDS[:4], _WORDS[4:]
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z.])-?[0-9]{1,9}(?:\.[0-9]{1,4})?(?![0-9A-Za-z.])|(?<=[A-Za-z])[0-9]{1,9}(?![0-9A-Za-z.])"
)
_NUMBER_OR_WORD = re.compile(rf"{_NUMBER.pattern}|\b(?:{'|'.join(_WORDS)})\b")
_TERMINATORS = ("\r\n", "\n", "\r", ";", "|", "#", "$", "}", ">", "!", "\0")
_TEXT_SHARE = 0.98
_PLACE = "#"
_OWN_NUMBER = re.compile(r"[0-9]{6,}")


@dataclass(frozen=True)
class TextProtocol:
    """Lines of ASCII. `handles`: the characteristics that carry them.

    `decimals`: by the kind of a line, how many decimals each of its numbers has.
    """

    terminator: str
    handles: frozenset[int]
    decimals: Mapping[bytes, tuple[int, ...]] = field(default_factory=dict)

    def lines(self, frames: Iterable[WireFrame]) -> list[WireFrame]:
        """Return whole lines, and what is on other characteristics as it came."""
        buffers: dict[tuple[int, int, bool], bytes] = defaultdict(bytes)
        end = self.terminator.encode()
        found = []
        for frame in frames:
            if frame.handle not in self.handles:
                found.append(frame)
                continue
            key = (frame.handle, frame.connection, frame.from_device)
            *lines, buffers[key] = (buffers[key] + frame.data).split(end)
            found += [replace(frame, data=line + end) for line in lines if line]
        return found

    def unwrap(self, frames: Iterable[WireFrame]) -> list[Unwrapped]:
        """Return the lines, taken apart, and the rest as it came."""
        return [self._taken_apart(line) for line in self.lines(frames)]

    def _taken_apart(self, frame: WireFrame) -> Unwrapped:
        if frame.handle not in self.handles:
            return Unwrapped(frame, Content(frame.handle, b"", frame.data), None)
        kind, found = _kind(frame)
        decimals = self.decimals.get(kind, (0,) * len(found))
        numbers = [_as_number(each, places) for each, places in zip(found, decimals, strict=True)]
        payload = b"".join(number.to_bytes(NUMBER_BYTES, "big", signed=True) for number in numbers)
        return Unwrapped(frame, Content(frame.handle, kind, payload), None)

    def may_be(self, kind: bytes, payloads: Sequence[bytes], at: int, width: int, scale: float) -> bool:
        """Return whether a field is a whole number of a line: no more bytes of it are used, and its decimals fit."""
        number = at // NUMBER_BYTES
        rest = range(number * NUMBER_BYTES, at)
        if at + width != (number + 1) * NUMBER_BYTES or any(payload[place] for payload in payloads for place in rest):
            return False
        decimals = self.decimals.get(kind, ())
        return number >= len(decimals) or math.isclose(scale, 10.0 ** -decimals[number])


def text_of(traffic: Traffic) -> TextProtocol | None:
    """Return the protocol where what the app writes is lines of text; else `None`."""
    by_handle: dict[int, list[bytes]] = defaultdict(list)
    for frame in traffic.frames:
        by_handle[frame.handle].append(frame.data)
    texts = {handle for handle, values in by_handle.items() if sum(map(is_text, values)) >= _TEXT_SHARE * len(values)}
    written = [frame.data for frame in traffic.from_app if frame.handle in texts]
    if not written or len(written) < _TEXT_SHARE * len(traffic.from_app):
        return None
    if sum(map(len, written)) < 2 * len(written):
        return None  # single letters may be numbers by chance
    joined = [b"".join(by_handle[handle]) for handle in sorted(texts)]
    for terminator in _TERMINATORS:
        end = terminator.encode()
        if all(stream.endswith(end) for stream in joined):
            found = TextProtocol(terminator, frozenset(texts))
            return replace(found, decimals=_decimals(found.lines(traffic.frames), found.handles))
    return None


def _kind(frame: WireFrame) -> tuple[bytes, list[str]]:
    """Return a line with its numbers taken out, and the numbers."""
    line = frame.data.decode("ascii", "replace")
    pattern = _NUMBER_OR_WORD if frame.from_device else _NUMBER
    return pattern.sub(_PLACE, line).encode(), pattern.findall(line)


def _decimals(lines: Iterable[WireFrame], handles: frozenset[int]) -> dict[bytes, tuple[int, ...]]:
    found: dict[bytes, tuple[int, ...]] = {}
    for frame in lines:
        if frame.handle in handles:
            kind, numbers = _kind(frame)
            these = tuple(len(number.partition(".")[2]) for number in numbers)
            known = found.get(kind, these)
            found[kind] = tuple(map(max, these, known))
    return found


def _as_number(written: str, decimals: int) -> int:
    return _WORDS.index(written) if written in _WORDS else round(float(written) * 10**decimals)


def command_text(line: str, fits: Sequence[ValueFit]) -> tuple[str, dict[str, Any]]:
    """Return a command as the profile language writes it, with its fields; their ranges are what was captured."""
    between, numbers = _NUMBER.split(line), _NUMBER.findall(line)
    by_number = {fit.at // NUMBER_BYTES: fit for fit in fits}
    text, fields = between[0], {}
    for number, digits in enumerate(numbers):
        fit = by_number.get(number)
        text += digits if fit is None else f"{{{fit.name}}}"
        text += between[number + 1]
        if fit is not None:
            entry = fit.entry(ranged=True)
            fields[fit.name] = {key: value for key, value in entry.items() if key not in (fit.name, "order")}
    return text, fields


def report_pattern(
    line: str, fields: Mapping[int, tuple[str, Mapping[str, Any]]], decimals: Sequence[int]
) -> dict[str, Any]:
    """Return a report as the profile language writes it. `fields`: by the number's place in the line."""
    between, numbers = _NUMBER_OR_WORD.split(line), _NUMBER_OR_WORD.findall(line)
    pattern, written = re.escape(between[0]), between[0]
    specs: dict[str, Any] = {}
    for number, digits in enumerate(numbers):
        name, spec = fields.get(number, ("", {}))
        if digits in _WORDS:
            words = _RUN_WORDS if digits in _RUN_WORDS else _PHASE_WORDS
            pattern += f"(?P<{name}>{'|'.join(words)})" if name else f"(?:{'|'.join(words)})"
        elif decimals[number]:
            pattern += f"{{{name}:float}}" if name else r"-?[0-9]+(?:\.[0-9]+)?"
        else:
            pattern += f"{{{name}:int}}" if name else "-?[0-9]+"
            specs |= {name: dict(spec)} if name else {}
        written += f"{{{name}}}" if name else digits
        pattern += re.escape(between[number + 1])
        written += between[number + 1]
    # Long numbers are those of this very device: another one has others.
    described = {"pattern": _OWN_NUMBER.sub("[0-9]+", pattern)}
    if not _OWN_NUMBER.search(written):
        described["line"] = written
    return {**described, **({"fields": specs} if specs else {})}
