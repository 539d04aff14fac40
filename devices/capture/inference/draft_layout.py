"""The frame or the text protocol of a draft, and in which pieces the app writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.capture.inference.draft_notes import DraftNotes
from devices.capture.inference.frame_layout import FrameLayout
from devices.capture.inference.interpretation import Interpretation
from devices.capture.inference.traffic import Traffic
from devices.profiles.frame_spec import Frame

_LONGEST_UNSPLIT_BYTES = 20  # with the smallest MTU


def layout_entries(
    traffic: Traffic, found: Interpretation, names: Mapping[int, str], notes: DraftNotes
) -> dict[str, Any]:
    """Return `frame`, `text` and `link` as the profile language writes them, where there are any.

    `names`: of the channels, by handle.
    """
    if found.text is not None:
        count = len(found.written) + len(found.received)
        notes.prove("text", f"each line ends with {found.text.terminator!r}", count)
        return {"text": {"terminator": found.text.terminator, "encoding": "ascii"}}
    layout = found.framing.layout
    if found.misfits:
        notes.wonder("frames", "do not have the layout of the others", found.misfits)
    if layout.frame is None:
        return {}
    notes.prove("frame", "re-encodes every frame", layout.frame_count)
    entries: dict[str, Any] = {"frame": _frame(layout, layout.frame, notes)}
    if _is_joined(layout.frame, traffic):
        entries["frame"]["joined"] = True
    pieces = [size for handle, size in (traffic.piece_bytes or {}).items() if names[handle].startswith(("tx", "data"))]
    if pieces:
        entries["link"] = {"chunk_bytes": max(pieces)}
        notes.prove("link", f"the app writes pieces of {max(pieces)} bytes", len(traffic.from_app))
    return entries


def _frame(layout: FrameLayout, frame: Frame, notes: DraftNotes) -> dict[str, Any]:
    entry = frame.model_dump(exclude_defaults=True)
    entry["layout"] = list(frame.layout)
    for key in ("head", "tail"):
        if entry.get(key):
            entry[key] = entry[key].hex(" ")
    if frame.length is not None:
        entry["length"] = frame.length.model_dump(exclude_none=True)
        notes.prove("frame.length", f"counts the {frame.length.counts}", layout.frame_count)
    if frame.checksum is not None:
        entry["checksum"] = frame.checksum.model_dump(exclude_none=True)
        if isinstance(frame.checksum.over, tuple):
            entry["checksum"]["over"] = list(frame.checksum.over)
        rivals = [each.words for each in layout.rivals]
        notes.prove("frame.checksum", "holds", layout.frame_count, rivals)
    if "counter" in frame.layout:
        notes.prove("frame.layout", "the counter goes up by one with each frame of the app", layout.frame_count)
    return entry


def _is_joined(frame: Frame, traffic: Traffic) -> bool:
    """Return whether frames have to be joined: they came split, or are longer than what fits into one piece."""
    if frame.length is None or frame.layout.index("length") > frame.layout.index("payload"):
        return False
    longest = max((len(each.data) for each in traffic.from_device), default=0)
    return bool(traffic.split) or longest > _LONGEST_UNSPLIT_BYTES
