"""The frame around a payload: binary, or a line of text. Data only; `frames` and `text_frames` apply it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from devices.driver.checksums import ChecksumKind
from devices.driver.vocabulary import ByteOrder, HexBytes
from devices.roles import Frozen

Part = Literal["head", "length", "opcode", "counter", "payload", "checksum", "tail"]


class Length(Frozen):
    """A length in the frame: of the whole frame, of the payload, or of all parts that follow it."""

    type: Literal["u8", "u16"] = "u8"
    counts: Literal["frame", "payload", "rest"]
    order: ByteOrder | None = None

    @property
    def width(self) -> int:
        """How many bytes it takes."""
        return 2 if self.type == "u16" else 1


class Checksum(Frozen):
    """A checksum over all parts before it (`frame`), over the payload, or from one part to another, both included."""

    kind: ChecksumKind
    over: Literal["frame", "payload"] | tuple[Part, Part] = "frame"
    order: ByteOrder | None = None


class Frame(Frozen):
    """A binary frame, part by part. `joined`: frames may come split or several in one notification."""

    layout: tuple[Part, ...]
    head: HexBytes = b""
    tail: HexBytes = b""
    opcode_bytes: int = Field(1, ge=1, le=4)
    counter_bytes: int = Field(1, ge=1, le=2)
    length: Length | None = None
    checksum: Checksum | None = None
    joined: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if len(set(self.layout)) != len(self.layout):
            raise ValueError("a part is in the layout once")
        if "payload" not in self.layout:
            raise ValueError("the layout needs its payload")
        described = {"head": self.head, "tail": self.tail, "length": self.length, "checksum": self.checksum}
        for part, given in described.items():
            if (part in self.layout) != bool(given):
                raise ValueError(f"{part} is in the layout or it is described, but not both")
        if self.checksum and self.layout.index("checksum") < len(self.layout) - (2 if self.tail else 1):
            raise ValueError("the checksum is the last part of the layout, but for a tail")
        if self.checksum and isinstance(self.checksum.over, tuple):
            self._check_span(*self.checksum.over)
        if self.head and self.layout[0] != "head":
            raise ValueError("the head is the first part of the layout")
        if self.joined:
            self._check_joining()
        return self

    def _check_joining(self) -> None:
        if not (self.length or self.tail):
            raise ValueError("to join split frames, a length or a tail must tell where one ends")
        if self.length and self.layout.index("length") > self.layout.index("payload"):
            raise ValueError("to join split frames, the length comes before the payload")
        if not self.length and self.layout[-1] != "tail":
            raise ValueError("to join split frames without a length, the tail is the last part of the layout")

    def _check_span(self, first: Part, last: Part) -> None:
        for part in (first, last):
            if part not in self.layout or part in ("checksum", "tail"):
                raise ValueError(f"the checksum cannot span {part}; it spans parts of the layout before it")
        if self.layout.index(first) > self.layout.index(last):
            raise ValueError(f"the checksum spans from {first} to {last}, which comes before it")


class Text(Frozen):
    """Lines of text, each ended by a terminator."""

    terminator: str = Field("\n", min_length=1, max_length=4)
    encoding: str = "ascii"

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        try:
            self.terminator.encode(self.encoding)
        except LookupError:
            raise ValueError(f"{self.encoding} is no encoding; ascii and utf-8 are") from None
        except UnicodeEncodeError:
            raise ValueError(f"{self.terminator} cannot be written in {self.encoding}") from None
        return self
