"""What inference makes of a capture: a draft profile, the evidence for each of its lines, and what is missing.

Data only. `inference` makes it, `draft_file` writes it, the command line and the page show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ByteRole = Literal["constant", "opcode", "length", "counter", "checksum", "value", "varying"]
"""What a byte of a frame is: `value` is one that the draft gives a name, `varying` one whose meaning is unknown."""


@dataclass(frozen=True)
class FrameGroup:
    """Frames of one characteristic, direction and length, that have the same anatomy.

    `roles`: one for each byte. `frames`: all of them, as Unix time and bytes, in the order of time.
    `name`: the command or report of the draft that they are; `None`: not understood.
    """

    handle: int
    from_device: bool
    roles: tuple[ByteRole, ...]
    frames: tuple[tuple[float, bytes], ...]
    name: str | None = None


@dataclass(frozen=True)
class Evidence:
    """Why a line of the draft is there.

    `key`: its path in the profile, with dots, such as `frame.checksum`. `frame_count`: the frames that it was checked
    against, without an exception. `alternatives`: what else fits all of them, in words; empty: nothing.
    """

    key: str
    words: str
    frame_count: int
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unexplained:
    """Bytes that were seen, and are not understood. `place`: such as `report status, byte 6`."""

    place: str
    words: str
    frame_count: int


@dataclass(frozen=True)
class Draft:
    """A draft profile.

    `profile`: as a YAML document of the profile language holds it; `None`: there is nothing that is safe to write, and
    `refusal` says why. `missing`: what a session needs and the capture does not show, each with the action in the app
    that would decide it.
    """

    profile: Mapping[str, Any] | None
    evidence: tuple[Evidence, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    missing: tuple[str, ...] = ()
    refusal: str | None = None
    groups: tuple[FrameGroup, ...] = ()
