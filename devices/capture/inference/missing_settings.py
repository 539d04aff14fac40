"""The settings that labels name and that no command of a draft carries, each with what would decide it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devices.capture.inference.command_templates import CommandTemplate, Templates
from devices.capture.inference.draft_notes import DraftNotes, observed
from devices.capture.inference.labeled_actions import AppAction
from devices.capture.inference.unwrapped import Content


def contents_of(action: AppAction) -> list[Content]:
    """Return what was written for an action, each once."""
    return list(dict.fromkeys(message.content for message in action.messages))


def shown_vacuum(actions: Sequence[AppAction]) -> dict[int, float]:
    """Return the mmHg that labels give for each level; empty where they contradict themselves, or never rise."""
    found: dict[int, float] = {}
    for action in actions:
        level, mmhg = action.changed.get("level"), action.changed.get("vacuum_mmhg")
        if isinstance(level, int) and isinstance(mmhg, int | float) and found.setdefault(level, mmhg) != mmhg:
            return {}
    values = [found[level] for level in sorted(found)]
    return dict(sorted(found.items())) if len(values) > 1 and values == sorted(values) else {}


def note_settings(actions: Sequence[AppAction], templates: Templates, notes: DraftNotes) -> None:
    """Note the settings that labels name and no command carries, and why."""
    usable = {name for each in templates.by_key.values() if each.usable for name in each.names}
    if "level" in usable and shown_vacuum(actions):
        usable.add("vacuum_mmhg")
    changed = {name for action in actions for name in action.changed}
    for template in templates.by_key.values():
        if not template.usable:
            note_unusable(template, notes)
    for name in sorted(changed - usable):
        values = {str(action.state[name]) for action in actions if name in action.state}
        if len(values) < 2:  # noqa: PLR2004 - one value shows nothing
            more = "the other, too" if name in ("phase", "side") else "at least three values"
            notes.miss(f"{name}: only {', '.join(values)} was recorded. Record {more}.")
        elif _is_relative(actions, name):
            notes.miss(
                f"{name}: the app sends the same bytes for different values, so it only says more or less. Such "
                "steps are never used, as one that is lost or repeated leaves an unknown strength."
            )
        else:
            words = "record three values of it, one after another, with nothing else changed in between"
            notes.miss(f"{name}: no byte that follows it was found; {words}.")


def _is_relative(actions: Sequence[AppAction], name: str) -> bool:
    led_to: dict[Content, set[Any]] = {}
    for action in (action for action in actions if action.verb == "adjust"):
        if name in action.changed:
            for content in contents_of(action):
                led_to.setdefault(content, set()).add(action.state[name])
    return any(len(values) > 1 for values in led_to.values())


def note_unusable(template: CommandTemplate, notes: DraftNotes) -> None:
    """Note the bytes of a kind of command that are not understood."""
    what = f"command {template.key[1].hex(' ') or template.payloads[0].hex(' ')}".strip()
    for at in template.unexplained:
        values = [payload[at] for payload in template.payloads]
        notes.wonder(f"{what}, byte {at}", f"{observed(values)}; it follows no label", len(template.uses))
    for at, names in template.ambiguous.items():
        listed = " and ".join(names)
        notes.wonder(f"{what}, byte {at}", f"it may be {listed}", len(template.uses))
        notes.miss(f"Which of {listed} a byte of a command is: they changed together. Record each of them alone.")
