"""The form that corrects a session: what it shows, and what a person changed in it. Pure functions.

A field counts only where it differs from what the form was sent with. So a note alone leaves the milk as it is, and
where somebody else has changed the session meanwhile, both see the newer values and what they typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from controller.contract.commands import BadCommandError
from controller.contract.session_record import SessionRecord
from controller.contract.units import Units
from controller.contract.words import Words
from controller.figures.figure_words import exact_milk, milk_with_unit
from controller.web.form_values import ml_of
from devices.roles import Side

NOTE_FIELD = "note"
_SIDES = (Side.LEFT, Side.RIGHT)
_WAS = "_was"


class MilkField(NamedTuple):
    """Milk of one breast. `value`: in the field; `was`: as it was sent; `hints`: other figures; `now`: the newer."""

    side: Side
    name: str
    value: str
    was: str
    hints: tuple[str, ...]
    now: str | None


class EditForm(NamedTuple):
    """The form. `revision`: of the session that it shows. `note_now`: the newer note, where it is another one."""

    session_id: str
    revision: str
    units: Units
    milk: tuple[MilkField, ...]
    note: str
    note_was: str
    note_now: str | None


def edit_form(record: SessionRecord, typed: Mapping[str, str] | None, units: Units, words: Words) -> EditForm:
    """Return the form of a session. `typed`: a form that was refused, whose changes are kept, in its units."""
    given = typed or {}
    units = _units_of(given, units)
    sides = _SIDES if record.side is Side.BOTH else (record.side,)
    note = record.note or ""
    typed_note = _changed(given, NOTE_FIELD)
    return EditForm(
        session_id=record.id,
        revision=str(record.revision),
        units=units,
        milk=tuple(_milk_field(record, side, given, units, words) for side in sides),
        note=note if typed_note is None else typed_note,
        note_was=note,
        note_now=note if typed_note is not None and _lines(given.get(NOTE_FIELD + _WAS)) != _lines(note) else None,
    )


def form_again(typed: Mapping[str, str], units: Units) -> EditForm:
    """Return a refused form as it was, where the session cannot be read now."""
    units = _units_of(typed, units)
    return EditForm(
        session_id=typed.get("session_id", ""),
        revision=typed.get("revision", ""),
        units=units,
        milk=tuple(
            MilkField(side, name, typed.get(name, ""), typed.get(name + _WAS, ""), (), None)
            for side in _SIDES
            if _is_in(typed, name := _field(side, units))
        ),
        note=typed.get(NOTE_FIELD, ""),
        note_was=typed.get(NOTE_FIELD + _WAS, ""),
        note_now=None,
    )


def edit_args(form: Mapping[str, str]) -> dict[str, JsonValue] | None:
    """Return the arguments of `edit_session`; `None` if nothing was changed. Raise `BadCommandError`."""
    args: dict[str, JsonValue] = {}
    for side in _SIDES:
        for units in Units:
            if (typed := _changed(form, _field(side, units))) is not None:
                if (name := f"{side.value}_ml") in args:
                    raise BadCommandError(f"{name} is given twice, in different units")
                args[name] = ml_of(typed, units) if typed else None
    if (note := _changed(form, NOTE_FIELD)) is not None:
        args["note"] = note or None
    if not args:
        return None
    args["session_id"] = form.get("session_id", "")
    revision = form.get("revision", "")
    if revision:
        args["revision"] = int(revision) if revision.isascii() and revision.isdigit() else revision
    return args


def _field(side: Side, units: Units) -> str:
    """Return the name of a field, which says the units of what is typed into it."""
    return f"{side.value}_{units.field}"


def _is_in(form: Mapping[str, str], name: str) -> bool:
    return name in form or name + _WAS in form


def _units_of(form: Mapping[str, str], otherwise: Units) -> Units:
    """Return the units of the fields of a form."""
    found = (units for units in Units for side in _SIDES if _is_in(form, _field(side, units)))
    return next(found, otherwise)


def _changed(form: Mapping[str, str], name: str) -> str | None:
    """Return what was typed into a field, if it differs from what the form was sent with."""
    typed = _lines(form.get(name))
    return None if typed == _lines(form.get(name + _WAS)) else typed


def _lines(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").strip()  # browsers send a note with \r\n


def _milk_field(record: SessionRecord, side: Side, typed: Mapping[str, str], units: Units, words: Words) -> MilkField:
    known = {each.source: each.ml for each in record.milk if each.side is side}
    was, name = exact_milk(known.get("entered"), units, words), _field(side, units)
    changed = _changed(typed, name)
    newer = typed and changed is not None and _lines(typed.get(name + _WAS)) != was
    return MilkField(
        side=side,
        name=name,
        value=was if changed is None else changed,
        was=was,
        hints=tuple(
            words.web[source].format(amount=milk_with_unit(known[source], units, words))
            for source in ("measured", "weighed")
            if source in known
        ),
        now=(was or words.web["empty"]) if newer else None,
    )
