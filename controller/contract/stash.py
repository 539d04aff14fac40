"""Stored milk: what is in each bottle or bag, and what can be done with it. `controller/history/stash` keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime, Field

from devices.roles import Frozen


class Place(StrEnum):
    """Where milk is kept."""

    ROOM = "room"
    FRIDGE = "fridge"
    FREEZER = "freezer"


class MovementKind(StrEnum):
    """What was done: stored, put elsewhere, thawed, used to feed, or thrown away."""

    STORED = "stored"
    MOVED = "moved"
    THAWED = "thawed"
    USED = "used"
    DISCARDED = "discarded"


class Container(Frozen):
    """A bottle or bag that still holds milk."""

    name: str = Field(description="What it is called.")
    ml: float = Field(description="How much milk is in it, in mL.")
    place: Place = Field(description="Where it is.")
    thawed: bool = Field(description="Whether it was frozen before.")
    expressed_at: AwareDatetime = Field(description="When the milk was expressed.")
    best_before: AwareDatetime = Field(description="Until when it is best used.")


class StashArgs(Frozen):
    """What was done with a bottle or bag. What does not fit what is there is refused."""

    kind: MovementKind = Field(description="What was done.")
    container: str = Field(min_length=1, max_length=40, description="What the bottle or bag is called.")
    ml: float | None = Field(
        None, ge=0, le=1000, description="How much was stored or used. Left out: all of it was used."
    )
    place: Place | None = Field(
        None, description="Where it was stored or moved to. Thawed milk goes to the fridge, or to the room."
    )
    expressed_at: AwareDatetime | None = Field(None, description="When stored milk was expressed. Left out: now.")


class Stash(Protocol):
    """The stored milk of all stations, as interfaces use it. Each method raises `HistoryError`."""

    async def containers(self, station: str) -> Sequence[Container]:
        """Return what still holds milk, the nearest best-before first."""

    async def move(self, station: str, args: StashArgs) -> Sequence[Container]:
        """Note what was done, and return what there is then. Raise `NotAllowedError` where it does not fit."""
