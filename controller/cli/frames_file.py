"""`letdown capture show --html`: one page with the frames of a device, which needs nothing else and stays private."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from controller.cli.capture_rows import short_form
from controller.cli.capture_show import chosen_device, read_with_progress
from controller.cli.printable import printable
from controller.contract.words import Words
from controller.figures.frames.frames_page import frames_document
from controller.figures.frames.frames_view import FramesView, LabelRow, NamedGroup
from devices.capture.byte_names import names_in_draft
from devices.capture.conversation import Capture, CapturedDevice
from devices.capture.draft import FrameGroup
from devices.capture.inference.drafting import draft_profile
from devices.capture.inference.frame_roles import frame_groups
from devices.capture.label_alignment import clock_offset_seconds
from devices.capture.labels import Labels, load_labels
from devices.capture.private_bytes import PrivateBytes


async def write_frames(file: Path, out: Path, number: int | None, labels_file: Path | None, words: Words) -> int:
    """Write the page of a capture, and return how many groups of frames are on it. Raise `FileError`, `OSError`.

    `number`: of the device, from 1; `None`: the one with most values.
    """
    labels = None if labels_file is None else load_labels(labels_file)
    capture = await read_with_progress(file, quiet=False)
    device = chosen_device(capture, number)
    view = await asyncio.to_thread(frames_view, file.name, capture, device, labels)  # Ctrl+C works meanwhile
    _write(out, view, words)
    return len(view.groups)


def _write(out: Path, view: FramesView, words: Words) -> None:
    style = files("controller.web").joinpath("static", "page.css").read_text(encoding="utf-8")
    out.write_text(frames_document(view, words, style), encoding="utf-8")


def frames_view(name: str, capture: Capture, device: CapturedDevice | None, labels: Labels | None) -> FramesView:
    """Return what the page shows of a device, with no address in it. `name`: of the file."""
    if device is None:
        return FramesView(name, (), problems=capture.problems)
    heading = f"{name} · {printable(device.name) if device.name else capture.file_format}"
    private = PrivateBytes(capture, device.name)
    draft = None if labels is None else draft_profile(device, labels)
    groups = draft.groups if draft is not None and draft.groups else frame_groups(device)
    names = names_in_draft(draft, groups)
    return FramesView(
        heading,
        tuple(_named(each, device, fields, private) for each, fields in zip(groups, names, strict=True)),
        () if labels is None else _label_rows(device, labels),
        capture.problems,
    )


def _named(group: FrameGroup, device: CapturedDevice, fields: tuple[str, ...], private: PrivateBytes) -> NamedGroup:
    row = device.characteristics.get(group.handle)
    uuid = short_form(row.uuid) if row is not None and row.uuid else None
    frames = tuple((at_seconds, private.replaced(data)) for at_seconds, data in group.frames)
    return NamedGroup(replace(group, frames=frames), uuid, fields)


def _label_rows(device: CapturedDevice, labels: Labels) -> tuple[LabelRow, ...]:
    offset_seconds = clock_offset_seconds(device, labels) or 0.0
    actions = sorted(labels.actions, key=lambda each: each.at_seconds)
    return tuple(LabelRow(labels.time_of(each) + offset_seconds, each.do, each.values) for each in actions)
