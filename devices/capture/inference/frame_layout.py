"""What is around every payload: head, length, opcode, counter, checksum and tail. All that hold are tried."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pydantic import ValidationError

from devices.capture.inference.checksum_search import ChecksumFit, checksums_of
from devices.capture.inference.sequence_counter import counters_of, follows_or_echoes
from devices.capture.inference.traffic import WireFrame
from devices.driver.checksums import checksum_size
from devices.driver.vocabulary import ByteOrder
from devices.errors import DeviceError
from devices.profiles.frame_spec import Frame
from devices.profiles.frames import Parts, unwrap, wrap

_LONGEST_HEAD = 4
_LONGEST_TAIL = 2
_DEEPEST_LENGTH = 6
_SAMPLE = 400


class LengthFit(NamedTuple):
    """A length that holds: it counts all of a frame but `uncounted` bytes."""

    at: int
    width: int
    order: ByteOrder
    uncounted: int


@dataclass(frozen=True)
class FrameLayout:
    """A layout that re-encodes all frames it was tried on; `frame` is `None` where there is nothing around payloads.

    `opcode_free`: the layout holds with an opcode of any size. `frame_count`: the different frames that it was checked
    against. `rivals`: other checksums that hold for all of them.
    """

    frame: Frame | None
    opcode_free: bool
    frame_count: int
    rivals: tuple[ChecksumFit, ...] = ()
    traits: _Traits | None = None

    def parts(self, data: bytes) -> Parts | None:
        """Return what a frame carries; `None` where it does not fit."""
        if self.frame is None:
            return Parts(b"", data, None)
        try:
            return unwrap(self.frame, "little", data)
        except DeviceError:
            return None

    def re_encodes(self, data: bytes) -> bool:
        """Return whether a frame that is taken apart and put together again is the same."""
        found = self.parts(data)
        if found is None or self.frame is None:
            return found is not None
        return wrap(self.frame, "little", found.opcode, found.payload, found.counter or 0) == data

    def with_opcode(self, size: int) -> FrameLayout:
        """Return the layout with an opcode of so many bytes, where its size is free."""
        if not self.opcode_free or size == 0 or self.traits is None:
            return self
        frame = _composed(self.traits, size)
        return self if frame is None else replace(self, frame=frame, opcode_free=False)

    def rivals_of(self, data: bytes) -> tuple[ChecksumFit, ...]:
        """Return the other checksums that would make this frame end in another way."""
        return tuple(each for each in self.rivals if not each.holds(data))

    @property
    def strength(self) -> int:
        """How much it explains."""
        if self.frame is None:
            return 0
        return sum(part in self.frame.layout for part in ("length", "counter", "checksum"))


class _Traits(NamedTuple):
    """What was found, before it is put together."""

    head: bytes
    tail: bytes
    length: LengthFit | None
    counter: int | None
    checksum: ChecksumFit | None


def find_layout(frames: Sequence[WireFrame]) -> FrameLayout:
    """Return the layout that explains most of the frames of several characteristics, in both directions."""
    distinct = list(dict.fromkeys(frame.data for frame in frames))
    nothing = FrameLayout(None, True, len(distinct))
    if len(distinct) < 2:  # noqa: PLR2004 - nothing differs
        return nothing
    head = _common_beginning(distinct)[:_LONGEST_HEAD]
    shortest = min(map(len, distinct))
    tail = _common_beginning([data[::-1] for data in distinct])[:_LONGEST_TAIL][::-1]
    fits = checksums_of(distinct[:_SAMPLE], min(len(tail), _LONGEST_TAIL)) if shortest > 1 else ()
    lengths = _lengths(distinct, shortest)
    counters = _counters(frames, shortest)
    for fit, counter, length in itertools.product((*fits, None), (*counters, None), (*lengths, None)):
        traits = _Traits(head, tail[len(tail) - fit.tail_bytes :] if fit else b"", length, counter, fit)
        layout = _tried(traits, distinct)
        if layout is not None and layout.strength:
            others = tuple(each for each in fits if each != fit)
            return replace(layout, rivals=others)
    traits = _Traits(head, b"", None, None, None)
    layout = _tried(traits, distinct) if head and shortest > len(head) else None
    return layout or nothing


def _lengths(distinct: Sequence[bytes], shortest: int) -> tuple[LengthFit, ...]:
    if len({len(data) for data in distinct}) < 2:  # noqa: PLR2004 - one length shows nothing
        return ()
    return tuple(_length_fits(distinct, shortest))


def _length_fits(distinct: Sequence[bytes], shortest: int) -> Iterator[LengthFit]:
    orders: tuple[tuple[int, ByteOrder], ...] = ((2, "big"), (2, "little"), (1, "little"))
    for width, order in orders:
        for at in range(min(_DEEPEST_LENGTH, shortest - width + 1)):
            uncounted = len(distinct[0]) - int.from_bytes(distinct[0][at : at + width], order)
            if 0 <= uncounted <= shortest and all(
                len(data) - int.from_bytes(data[at : at + width], order) == uncounted for data in distinct
            ):
                yield LengthFit(at, width, order, uncounted)


def _counters(frames: Sequence[WireFrame], shortest: int) -> tuple[int, ...]:
    """Return the places where the app's frames count, and where the device's frames have nothing else."""
    sequences: dict[tuple[int, int], list[bytes]] = {}
    for frame in frames:
        if not frame.from_device:
            sequences.setdefault((frame.connection, frame.handle), []).append(frame.data)
    found = counters_of(list(sequences.values()), shortest) if sequences else ()
    both = [(frame.connection, frame.from_device, frame.data) for frame in frames]
    return tuple(place for place in found if follows_or_echoes(both, place))


def _tried(traits: _Traits, distinct: Sequence[bytes]) -> FrameLayout | None:
    frame = _composed(traits, 0)
    if frame is None:
        return None
    layout = FrameLayout(frame, "opcode" not in frame.layout, len(distinct), traits=traits)
    # A frame that can be taken apart is the sum of its parts, so it is enough to put some together again.
    fits = all(map(layout.re_encodes, distinct[:_SAMPLE])) and all(layout.parts(data) for data in distinct)
    return layout if fits else None


def _common_beginning(values: Sequence[bytes]) -> bytes:
    """Return with what all values begin."""
    low, high = min(values), max(values)
    same = next((at for at, byte in enumerate(low) if high[at] != byte), len(low))
    return low[:same]


def _composed(traits: _Traits, opcode_bytes: int) -> Frame | None:
    """Return a frame of these traits; `None` where the profile language cannot express it.

    `opcode_bytes`: how many, where nothing decides it.
    """
    length, fit = traits.length, traits.checksum
    behind = len(traits.tail) + (checksum_size(fit.kind) if fit else 0)
    counts_behind = traits.counter is not None and traits.counter < 0
    if counts_behind and traits.counter != -(behind + 1):
        return None
    begins, opcode_size, body = _front(traits)
    if begins is None:
        return None
    if opcode_size == 0:
        wanted = _forced_opcode(length, fit, body, behind + counts_behind)
        opcode_size = opcode_bytes if wanted is None else wanted
        if opcode_size:
            begins["opcode"] = body
        body += opcode_size
    begins["payload"] = body
    described = _described(traits, begins, opcode_size, body + counts_behind + behind)
    try:
        return Frame.model_validate(described)
    except ValidationError:
        return None


def _described(traits: _Traits, begins: Mapping[str, int], opcode_size: int, overhead: int) -> dict[str, Any]:
    """Return the frame as the profile language writes it; what cannot be expressed does not fit its schema."""
    fit = traits.checksum
    counts_behind = traits.counter is not None and traits.counter < 0
    parts = [*begins, *(["counter"] if counts_behind else []), *(["checksum"] if fit else [])]
    described: dict[str, Any] = {"layout": [*parts, *(["tail"] if traits.tail else [])]}
    if "head" in begins:
        described["head"] = traits.head[: min(begin for part, begin in begins.items() if part != "head")].hex(" ")
    if traits.tail:
        described["tail"] = traits.tail.hex(" ")
    if opcode_size:
        described["opcode_bytes"] = opcode_size
    if traits.length:
        described["length"] = _counts(traits.length, overhead)
    if fit:
        described["checksum"] = _over(fit, begins, "counter" if counts_behind else "payload")
    return described


def _front(traits: _Traits) -> tuple[dict[str, int] | None, int, int]:
    """Return where the parts before the payload begin, the size of the opcode among them, and where they end.

    What differs between two of them is the opcode; there is one at most.
    """
    fixed = [(traits.length.at, traits.length.width, "length")] if traits.length else []
    if traits.counter is not None and traits.counter >= 0:
        fixed.append((traits.counter, 1, "counter"))
    fixed.sort()
    head_bytes = min(len(traits.head), fixed[0][0]) if fixed else len(traits.head)
    if traits.checksum and 0 < traits.checksum.begin < head_bytes:
        head_bytes = traits.checksum.begin
    begins: dict[str, int] = {"head": 0} if head_bytes else {}
    opcode_size, at = 0, head_bytes
    for begin, size, name in fixed:
        if begin < at or (begin > at and opcode_size):
            return None, 0, 0
        if begin > at:
            begins["opcode"], opcode_size = at, begin - at
        begins[name] = begin
        at = begin + size
    return begins, opcode_size, at


def _forced_opcode(length: LengthFit | None, fit: ChecksumFit | None, body: int, behind: int) -> int | None:
    """Return the size of the opcode by which length and checksum begin at a part; `None` where any will do."""
    sizes = set()
    if length and length.uncounted not in (0, length.at + length.width):
        sizes.add(length.uncounted - body - behind)
    if fit and fit.begin > body:
        sizes.add(fit.begin - body)
    return None if not sizes else sizes.pop() if len(sizes) == 1 else -1


def _counts(length: LengthFit, overhead: int) -> dict[str, Any]:
    meanings = {overhead: "payload", length.at + length.width: "rest", 0: "frame"}
    counts = meanings.get(length.uncounted)
    wide = {"type": "u16", "order": length.order} if length.width > 1 else {"type": "u8"}
    return {**wide, "counts": counts}


def _over(fit: ChecksumFit, begins: Mapping[str, int], last: str) -> dict[str, Any]:
    order = {"order": fit.order} if checksum_size(fit.kind) > 1 else {}
    if fit.begin == 0:
        return {"kind": fit.kind, "over": "frame", **order}
    first = next((part for part, begin in begins.items() if begin == fit.begin), None)
    return {"kind": fit.kind, "over": "payload" if first == last else (first, last), **order}
