"""Frames taken apart: opcode, payload and counter of each, and how often the same content comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from devices.capture.inference.framing import Framing
from devices.capture.inference.traffic import WireFrame


class Content(NamedTuple):
    """The content of a frame, whatever its counter."""

    handle: int
    opcode: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """One frame, taken apart."""

    frame: WireFrame
    content: Content
    counter: int | None

    @property
    def at_seconds(self) -> float:
        """When it came, in Unix time."""
        return self.frame.at_seconds

    @property
    def payload(self) -> bytes:
        """What is in it."""
        return self.content.payload


def unwrap_all(frames: Iterable[WireFrame], framing: Framing) -> list[Unwrapped]:
    """Return the frames that have the layout, taken apart."""
    found = []
    for frame in frames:
        parts = framing.parts(frame)
        if parts is not None:
            found.append(Unwrapped(frame, Content(frame.handle, parts.opcode, parts.payload), parts.counter))
    return found


def by_content(messages: Iterable[Unwrapped]) -> dict[Content, list[Unwrapped]]:
    """Return the messages by content, each in the order of time."""
    found: dict[Content, list[Unwrapped]] = defaultdict(list)
    for message in messages:
        found[message.content].append(message)
    return dict(found)
