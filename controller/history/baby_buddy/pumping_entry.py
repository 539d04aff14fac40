"""A session as a pumping entry of Baby Buddy, and what of it has to be changed there. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field

from controller.contract.session_record import SessionRecord
from controller.contract.units import ML_PER_OZ
from controller.safety.message import KeyedMessage, message
from devices.roles import Frozen, Side

Unit = Literal["mL", "oz"]

_DIGITS = {"mL": 1, "oz": 2}
_LETTERS = {Side.LEFT: "L", Side.RIGHT: "R"}  # the same in every language: another one changes no entry
_LONGEST_SECONDS = 24 * 3600  # Baby Buddy takes no longer entry


class PumpingEntry(Frozen):
    """An entry, as it is sent. Baby Buddy keeps one for both breasts, and its amount has no unit."""

    start: AwareDatetime
    end: AwareDatetime
    amount: float = Field(allow_inf_nan=False)
    notes: str
    tags: tuple[str, ...]


class RemoteEntry(Frozen):
    """An entry, as Baby Buddy has it, and a person may have changed it there."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int
    start: AwareDatetime
    end: AwareDatetime
    amount: float
    notes: str | None = None
    tags: tuple[str, ...] = ()


def marker(session_id: str) -> str:
    """Return what identifies the entry of a session. It is the last line of the notes."""
    return f"letdown:{session_id}"


def entry_of(record: SessionRecord, unit: Unit) -> PumpingEntry | KeyedMessage:
    """Return the entry of a session that is over, or why there is none: nothing is made up for it."""
    volume = record.volume_ml
    if volume.total is None:
        return message("upload_no_volume")
    if volume.total == 0 and not record.entered and not record.suction_seconds:
        return message("upload_no_milk")
    if record.ended_at is None:
        return message("upload_no_end")
    seconds = (record.ended_at - record.began_at).total_seconds()
    if not 0 <= seconds <= _LONGEST_SECONDS:
        return message("upload_no_end")
    sides = {Side.LEFT: volume.left, Side.RIGHT: volume.right}
    known = {side: ml for side, ml in sides.items() if ml is not None}
    lines = [", ".join(f"{_LETTERS[side]} {amount(ml, unit):g} {unit}" for side, ml in known.items())] if known else []
    flowed = ["letdown"] if record.let_down_seconds is not None else []
    breasts = known or ([Side.LEFT, Side.RIGHT] if record.side is Side.BOTH else [record.side])
    return PumpingEntry(
        start=record.began_at.astimezone(UTC),
        end=record.ended_at.astimezone(UTC),
        amount=amount(volume.total, unit),
        notes="\n".join([*lines, marker(record.id)]),
        tags=tuple(sorted([*(side.value for side in breasts), *flowed])),
    )


def amount(ml: float, unit: Unit) -> float:
    """Return a volume in the unit of the amounts, rounded as it is entered."""
    return round(ml / ML_PER_OZ if unit == "oz" else ml, _DIGITS[unit])


def is_ours(remote: RemoteEntry, session_id: str, start: datetime | None) -> bool:
    """Return whether an entry is that of a session: by the marker, or by its start to the microsecond.

    No person enters a start to the microsecond. `start`: that of the session; `None` where it is not known any more.
    """
    return marker(session_id) in (remote.notes or "").split() or (start is not None and remote.start == start)


def changes(wanted: PumpingEntry, sent: PumpingEntry | None, remote: RemoteEntry) -> dict[str, object]:
    """Return the fields to change in an entry, so that nothing is lost that a person wrote there.

    `sent`: what was sent last; `None` where that is not known. A field that has not changed here since then stays as it
    is there; so do notes and tags that were changed there.
    """
    found: dict[str, object] = {}
    values = wanted.model_dump(mode="json")
    for name in ("start", "end", "amount"):
        here = getattr(wanted, name)
        if here != getattr(remote, name) and (sent is None or here != getattr(sent, name)):
            found[name] = values[name]
    untouched = sent is not None and (remote.notes or "") == sent.notes
    if untouched and sent is not None and wanted.notes != sent.notes:
        found["notes"] = values["notes"]
    if sent is not None and wanted.tags != sent.tags and sorted(remote.tags) == sorted(sent.tags):
        found["tags"] = values["tags"]
    return found
