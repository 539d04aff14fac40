"""The drawings in `config/pictures`: which one belongs to a step, a prompt or a message, and their SVG."""

from __future__ import annotations

from functools import cache

from controller.contract.events import Guide, Snapshot
from devices.roles import Side
from devices.support.shipped import SHIPPED

_FOLDER = SHIPPED / "pictures"

STEP_PICTURES = {
    "check": "check",
    "warm": "warm",
    "massage": "stroke",
    "stimulate": "stimulate",
    "express": "express",
    "rest": "rest",
    "prompt": "prompt",
}

PROMPT_PICTURES = {
    "position": "prompt",
    "finished_first_days": "done",
    "latch_now": "take-off",
    "change_side": "prompt",
    "drink": "prompt",
}

# Any other message leaves the picture of the step.
# `stopped` shows a pump away from the body; where it is unknown whether a device is off, `take-off` says what to do.
MESSAGE_PICTURES = {
    "skip_massage_today": "rest",
    "no_heat_today": "rest",
    "paused": "rest",
    "let_down": "let-down",
    "flange_countdown": "flange",
    "flange_waiting": "flange",
    "no_seal": "flange",
    "completed": "done",
    "stopped": "stopped",
    "symptom": "stopped",
    "shut_down": "stopped",
    "failed": "stopped",
    "ended": "stopped",
    "cut_off": "stopped",
    "nobody_answered": "stopped",
    "device_ended": "stopped",
    "enforced_stop": "stopped",
    "settled": "stopped",
    "acknowledged": "stopped",
    "pain": "take-off",
    "tripped": "take-off",
    "uncertain": "take-off",
    "uncertain_several": "take-off",
    "restarted": "take-off",
    "not_reached": "take-off",
    "switched_on_again": "take-off",
}

_SIDED = b'<g class="side">'
_MIRRORED = b'<g class="side" transform="matrix(-1 0 0 1 240 0)">'


@cache
def picture_names() -> tuple[str, ...]:
    """Return the names of all drawings, such as `spiral`."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.svg")))


def shown_picture(guide: Guide, snapshot: Snapshot) -> tuple[str | None, Side]:
    """Return the name of the drawing to show now, and for which side; no name where nothing was done yet."""
    side = guide.side or snapshot.side or Side.LEFT
    if guide.picture:
        return guide.picture, side
    if snapshot.running or not snapshot.session_id:
        return None, side
    return MESSAGE_PICTURES.get(snapshot.reason or "", "stopped"), side


def picture_svg(name: str, side: Side = Side.LEFT) -> bytes:
    """Return a drawing as SVG, for a breast. Raise `KeyError` if there is none of that name.

    The files show her left breast as she sees it in a mirror, at the left; for the right one, what belongs to the
    breast is mirrored. `both` is drawn like `left`.
    """
    if name not in picture_names():
        raise KeyError(f"no picture {name}; there are {', '.join(picture_names())}")
    svg = (_FOLDER / f"{name}.svg").read_bytes()
    return svg.replace(_SIDED, _MIRRORED) if side is Side.RIGHT else svg
