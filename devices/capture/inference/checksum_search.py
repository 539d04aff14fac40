"""Which checksum, over which bytes and where, holds for all frames? Every kind of the profile language is tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, get_args

from devices.driver.checksums import ChecksumKind, checksum, checksum_size
from devices.driver.vocabulary import ByteOrder

FEWEST_FRAMES = 4
"""Different frames that have to agree: with fewer, some checksum fits by chance."""
_FEWEST_SUMS = 3
_LATEST_BEGIN = 8


class ChecksumFit(NamedTuple):
    """A checksum that holds: over the bytes from `begin` up to itself, with `tail_bytes` behind it."""

    kind: ChecksumKind
    begin: int
    tail_bytes: int
    order: ByteOrder

    def holds(self, frame: bytes) -> bool:
        """Return whether a frame has this checksum."""
        size = checksum_size(self.kind)
        at = len(frame) - self.tail_bytes - size
        return checksum(self.kind, frame[self.begin : at]).to_bytes(size, self.order) == frame[at : at + size]

    @property
    def words(self) -> str:
        """The fit, for a person."""
        order = f", {self.order}-endian" if checksum_size(self.kind) > 1 else ""
        return f"{self.kind} from byte {self.begin}{order}"


def checksums_of(frames: Sequence[bytes], tail_bytes: int) -> tuple[ChecksumFit, ...]:
    """Return every checksum that holds for all of the different `frames`, the simplest first.

    `tail_bytes`: how many bytes at the end are the same in all frames; the checksum may be before any number of them.
    """
    if len(frames) < FEWEST_FRAMES:
        return ()
    shortest = min(map(len, frames))
    return tuple(fit for fit in _candidates(shortest, tail_bytes) if _holds(fit, frames))


def _candidates(shortest: int, tail_bytes: int) -> Iterator[ChecksumFit]:
    for tail in range(tail_bytes + 1):
        for kind in get_args(ChecksumKind):
            size = checksum_size(kind)
            orders: Iterable[ByteOrder] = ("little", "big") if size > 1 else ("little",)
            for begin in range(min(_LATEST_BEGIN, shortest - tail - size)):
                for order in orders:
                    yield ChecksumFit(kind, begin, tail, order)


def _holds(fit: ChecksumFit, frames: Sequence[bytes]) -> bool:
    size = checksum_size(fit.kind)
    found = set()
    spanned = 0
    for frame in frames:
        at = len(frame) - fit.tail_bytes - size
        value = frame[at : at + size]
        if checksum(fit.kind, frame[fit.begin : at]).to_bytes(size, fit.order) != value:
            return False
        found.add(value)
        spanned = max(spanned, at - fit.begin)
    # A byte that repeats the one before it is no checksum, and neither is one that hardly ever differs.
    return len(found) >= _FEWEST_SUMS and spanned > 1
