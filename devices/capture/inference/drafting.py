"""From a device in a capture, and labels, to a draft profile: what does not re-encode every frame is left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from devices.capture.conversation import CapturedDevice
from devices.capture.draft import Draft
from devices.capture.inference.command_templates import templates_of
from devices.capture.inference.draft_channels import name_pattern
from devices.capture.inference.draft_commands import CommandDrafter
from devices.capture.inference.draft_notes import DraftNotes
from devices.capture.inference.encryption import SESSION_KEY, encryption_in, has_session_key
from devices.capture.inference.exchanges import confirmations_of
from devices.capture.inference.frame_roles import groups_of
from devices.capture.inference.interpretation import Interpretation, interpret, with_opcode
from devices.capture.inference.labeled_actions import Timeline, timeline_of
from devices.capture.inference.profile_draft import ProfileDrafter
from devices.capture.inference.traffic import Traffic, traffic_of
from devices.capture.label_alignment import clock_offset_seconds
from devices.capture.labels import Labels

NOTHING_WRITTEN = (
    "The app wrote nothing to this device in the capture. Choose another device of it, or record again while the app "
    "is connected and used."
)
NOTHING_DONE = "No label says what was done. Add the actions with their times, as docs/your-pump.md shows."


def draft_profile(
    device: CapturedDevice,
    labels: Labels,
    *,
    profile_id: str | None = None,
    name: str | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Draft:
    """Return a draft of the profile of a device, with the evidence for each of its lines.

    `profile_id` and `name`: those of the draft; by default made from the names of app and device.
    `on_progress` is called with the share that is done, from 0 to 1. The draft's profile loads and its examples hold;
    it is `None` where nothing can be inferred, and `refusal` says why.
    """
    progress = on_progress or (lambda _: None)
    progress(0.0)
    traffic = traffic_of(device)
    progress(0.1)
    found = interpret(traffic)
    progress(0.4)
    refusal = _refusal(traffic, found, labels)
    if refusal is not None:
        return Draft(None, refusal=refusal, groups=groups_of(found, {}))
    notes = DraftNotes()
    timeline = _timeline(device, labels, found)
    templates = templates_of(timeline.actions)
    found, size = with_opcode(found, templates)
    if size:
        timeline = _timeline(device, labels, found)
        templates = templates_of(timeline.actions, templates.with_opcode(size))
    progress(0.6)
    if has_session_key(timeline.actions):
        return Draft(None, refusal=SESSION_KEY, groups=groups_of(found, {}))
    drafter = CommandDrafter(labels.role, timeline.actions, templates, notes)
    commands = drafter.draft()
    progress(0.7)
    profile = ProfileDrafter(device, labels, traffic, found, timeline, templates, commands, notes)
    draft = profile.draft(
        profile_id or default_id(device, labels), name or _name(device, labels), _provenance(labels, traffic)
    )
    progress(1.0)
    return draft


def _refusal(traffic: Traffic, found: Interpretation, labels: Labels) -> str | None:
    if not traffic.from_app:
        return NOTHING_WRITTEN
    if not any(action.do in ("start", "adjust", "stop", "pause", "resume") for action in labels.actions):
        return NOTHING_DONE
    return None if found.text else encryption_in(traffic.frames)


def _timeline(device: CapturedDevice, labels: Labels, found: Interpretation) -> Timeline:
    began = {each.number: each.began_seconds for each in device.connections if each.began_seconds is not None}
    confirmed = frozenset(
        message.content for each in confirmations_of(found.written, found.kinds) for message in each.messages
    )
    offset = clock_offset_seconds(device, labels) or 0.0
    return timeline_of(found.written, labels, offset, began, confirmed)


def _provenance(labels: Labels, traffic: Traffic) -> str:
    day = datetime.fromtimestamp(traffic.frames[0].at_seconds, UTC).date() if traffic.frames else labels.began.date()
    return f"the author's own capture of {labels.app or 'the vendor app'}, {day.isoformat()}"


def _name(device: CapturedDevice, labels: Labels) -> str:
    own = name_pattern(device.name, device.address).rstrip("*-_ #") if device.name else ""
    return own or re.sub(r"[ ]*[0-9][0-9.]*$", "", labels.app or "") or f"A {labels.role} without a name"


def default_id(device: CapturedDevice, labels: Labels) -> str:
    """Return an id for a draft, made from the names of device and app."""
    slug = re.sub(r"[^a-z0-9]+", "-", _name(device, labels).lower()).strip("-")
    return f"{slug or 'my'}-{labels.role}"
