"""The milk of a session that counts, each figure with where it comes from."""

from __future__ import annotations

from typing import get_args

from controller.contract.session_record import Milk, MilkSource, SessionRecord
from devices.roles import Side

SOURCES: tuple[MilkSource, ...] = get_args(MilkSource)
"""From the one that counts least to the one that counts most."""


def counted_milk(record: SessionRecord) -> tuple[Milk, ...]:
    """Return what `record.volume_ml` is made of: at most one figure for each of left, right and both."""
    best = {each.side: each for each in sorted(record.milk, key=lambda each: SOURCES.index(each.source))}
    return tuple(best[Side(side)] for side, ml in record.volume_ml if ml is not None)


def counted_sources(record: SessionRecord) -> tuple[MilkSource, ...]:
    """Return where the milk that counts comes from, each source once."""
    found = {each.source for each in counted_milk(record)}
    return tuple(each for each in SOURCES if each in found)
