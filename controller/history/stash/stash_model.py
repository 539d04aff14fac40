"""Bottles and bags of milk, from the movements of each. Pure.

Movements are only added, never changed. Storage times: CDC, "Breast Milk Storage and Preparation", for healthy babies
born at term: 4 hours at up to 25 °C, 4 days in a refrigerator (4 °C), best within 6 months in a freezer (-18 °C);
thawed 1 to 2 hours at up to 25 °C (here 1), 24 hours in a refrigerator, and never frozen again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import Field

from controller.contract.stash import Container, MovementKind, Place
from controller.safety.message import NotAllowedError, message
from devices.roles import Frozen

FRESH = {Place.ROOM: timedelta(hours=4), Place.FRIDGE: timedelta(days=4), Place.FREEZER: timedelta(days=182)}
THAWED = {Place.ROOM: timedelta(hours=1), Place.FRIDGE: timedelta(hours=24)}
_OLDEST = timedelta(days=7300)  # ours: a date before that is a typing error
_LEAST_ML = 0.05  # what is left below this is a rounding error


class Movement(Frozen):
    """One movement of one container. `ml`: what was stored, used or discarded; 0 where only the place changed."""

    id: str
    station: str
    container: str = Field(min_length=1, max_length=40)
    kind: MovementKind
    place: Place | None = None
    ml: float = Field(ge=0, le=1000)
    moved_at: datetime
    expressed_at: datetime | None = None
    note: str | None = Field(None, max_length=200)


class StashError(NotAllowedError):
    """A movement does not fit what is there. `message` says why."""


def containers(movements: Iterable[Movement]) -> list[Container]:
    """Return what still holds milk, the nearest best-before first. Raise `StashError` for what does not fit.

    The movements of a container come in the order in which they were noted: a clock may have been set back meanwhile.
    """
    kept: dict[str, Container] = {}
    for movement in movements:
        after = after_movement(kept.get(movement.container), movement)
        if after is None:
            kept.pop(movement.container, None)
        else:
            kept[movement.container] = after
    return sorted(kept.values(), key=lambda each: (each.best_before, each.name))


def after_movement(before: Container | None, movement: Movement) -> Container | None:
    """Return a container after a movement; `None` when it is empty. Raise `StashError` where that does not fit."""
    if movement.kind is MovementKind.STORED:
        return _stored(before, movement)
    if before is None:
        raise StashError(message("stash_empty"))
    match movement.kind:
        case MovementKind.MOVED:
            return _moved(before, movement)
        case MovementKind.THAWED:
            if before.place is not Place.FREEZER:
                raise StashError(message("stash_not_frozen"))
            place = movement.place or Place.FRIDGE
            if place not in THAWED:
                raise StashError(message("stash_thawed_place"))
            return _changed(before, place=place, thawed=True, best_before=movement.moved_at + THAWED[place])
        case _:
            if movement.ml > before.ml + _LEAST_ML:
                raise StashError(message("stash_less"))
            left_ml = before.ml - movement.ml
            return None if left_ml < _LEAST_ML else _changed(before, ml=left_ml)


def _stored(before: Container | None, movement: Movement) -> Container:
    if before is not None:
        raise StashError(message("stash_taken"))
    if movement.place is None or movement.ml < _LEAST_ML:
        raise StashError(message("stash_needs"))
    expressed_at = movement.expressed_at or movement.moved_at
    if not movement.moved_at - _OLDEST <= expressed_at <= movement.moved_at:
        raise StashError(message("stash_when"))
    best_before = expressed_at + FRESH[movement.place]
    return Container(
        name=movement.container,
        ml=movement.ml,
        place=movement.place,
        thawed=False,
        expressed_at=expressed_at,
        best_before=best_before,
    )


def _moved(before: Container, movement: Movement) -> Container:
    place = movement.place
    if place is None or place is before.place:
        raise StashError(message("stash_there"))
    if before.place is Place.FREEZER:
        raise StashError(message("stash_frozen"))
    if place is Place.FREEZER:
        if before.thawed:
            raise StashError(message("stash_thawed"))
        if before.best_before < movement.moved_at:
            raise StashError(message("stash_past"))
        return _changed(before, place=place, best_before=before.expressed_at + FRESH[place])
    times = THAWED if before.thawed else FRESH
    # A cooler place does not give back what a warmer one has taken.
    return _changed(before, place=place, best_before=min(before.best_before, movement.moved_at + times[place]))


def _changed(before: Container, **fields: object) -> Container:
    return before.model_copy(update=fields)


def total_ml(kept: Sequence[Container]) -> float:
    """Return how much milk there is."""
    return sum(each.ml for each in kept)
