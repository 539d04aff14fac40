"""What the page shows of stored milk: pure functions, in a person's words, units and time zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from controller.contract.stash import Container, MovementKind, Place
from controller.figures.figure_words import milk_with_unit, sum_with_unit
from controller.web.history_view import Shown, day_and_time


class StashLine(NamedTuple):
    """A bottle or bag. `places`: where it may be put, with the name of the text of that button."""

    name: str
    amount: str
    place: str
    best_before: str
    frozen: bool
    places: tuple[tuple[Place, str], ...]


class StashShown(NamedTuple):
    """The section. `typed`: a form for new milk that was refused, else empty; `is_open`: whether that form is open."""

    lines: tuple[StashLine, ...]
    total: str
    typed: Mapping[str, str]
    is_open: bool


def stash_shown(
    found: Sequence[Container], shown: Shown, typed: Mapping[str, str] | None, *, asked_for: bool
) -> StashShown:
    """Return the section. `typed`: any form that was refused. `asked_for`: to store the first milk."""
    kept = typed if typed and typed.get("kind") == MovementKind.STORED else {}
    return StashShown(
        tuple(_line(each, shown) for each in found),
        sum_with_unit((each.ml for each in found), shown.units, shown.words),
        kept,
        asked_for or bool(kept),
    )


def _line(container: Container, shown: Shown) -> StashLine:
    texts, over = shown.words.stash, container.best_before < shown.now
    time = day_and_time(container.best_before, shown, always=True, inside_sentence=True)
    place = texts[container.place]
    return StashLine(
        container.name,
        milk_with_unit(container.ml, shown.units, shown.words),
        f"{place}, {texts['thawed']}" if container.thawed else place,
        shown.words.web["stash_over" if over else "stash_best_before"].format(time=time),
        container.place is Place.FREEZER,
        tuple((each, f"stash_to_{each}") for each in _places(container, over=over)),
    )


def _places(container: Container, *, over: bool) -> Iterator[Place]:
    """Yield where a container may be put; one in the freezer is thawed instead."""
    if container.place is Place.FREEZER:
        return
    for place in Place:
        if place is not container.place and not (place is Place.FREEZER and (container.thawed or over)):
            yield place
