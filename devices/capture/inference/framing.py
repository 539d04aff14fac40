"""Which characteristics have a frame around their payloads, and which one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devices.capture.inference.frame_layout import FrameLayout, find_layout
from devices.capture.inference.traffic import WireFrame
from devices.profiles.frames import Parts


@dataclass(frozen=True)
class Framing:
    """One layout, and the handles whose frames have it; on the others there is nothing around a payload."""

    layout: FrameLayout
    framed: frozenset[int]

    def parts(self, frame: WireFrame) -> Parts | None:
        """Return what a frame carries; `None` where it does not have the layout of its characteristic."""
        if frame.handle not in self.framed:
            return Parts(b"", frame.data, None)
        return self.layout.parts(frame.data)


def find_framing(frames: Sequence[WireFrame]) -> Framing:
    """Return the layout of the app's frames, with all of the device's characteristics that have it as well."""
    ways = [False, True]
    by_handle: dict[bool, dict[int, list[WireFrame]]] = {way: {} for way in ways}
    for frame in frames:
        by_handle[frame.from_device].setdefault(frame.handle, []).append(frame)
    written = sorted(by_handle[False], key=lambda handle: -len(by_handle[False][handle]))
    if not written:
        return Framing(FrameLayout(None, True, 0), frozenset())
    everything = set(by_handle[False]) | set(by_handle[True])
    best = _framing_of(frames, everything)
    for chosen in _choices(written, by_handle[True]):
        found = _framing_of(frames, chosen)
        if found.layout.strength > best.layout.strength:
            best = found
    grown = set(best.framed)
    for handle in sorted(everything - grown):
        found = _framing_of(frames, grown | {handle})
        if found.layout.strength >= max(best.layout.strength, 1):
            best, grown = found, grown | {handle}
    return best


def _choices(written: Sequence[int], sent: dict[int, list[WireFrame]]) -> Iterator[set[int]]:
    for handle in written:
        yield from ({handle, other} for other in sorted(sent) if other != handle)
        yield {handle}


def _framing_of(frames: Sequence[WireFrame], handles: set[int]) -> Framing:
    chosen = sorted((each for each in frames if each.handle in handles), key=lambda each: each.at_seconds)
    layout = find_layout(chosen)
    return Framing(layout, frozenset(handles) if layout.frame is not None else frozenset())
