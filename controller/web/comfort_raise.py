"""Raising the comfort cap, or where suction begins: a page asks once more, with a box to tick, before that is done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from controller.contract.comfort import ComfortAdvice, ComfortArgs, may_raise
from controller.contract.commands import Args, StartDefaultsArgs
from controller.safety.limits import EXPRESSION_VACUUM_MMHG, LEAST_COMFORT_VACUUM_MMHG
from controller.web.web_parts import WebParts


class ComfortCap(NamedTuple):
    """The comfort cap of a station in mmHg: now, and what its owner's settings accept. `now` is 0 while unknown."""

    now: float
    least: float
    most: float

    def raised_to(self, wanted: float) -> float | None:
        """Return what a wanted cap would come to, where that is more than now; else `None`: nothing is raised."""
        if not math.isfinite(wanted):
            return None
        value = min(wanted, self.most)
        return value if value > self.now else None


def comfort_cap_of(parts: WebParts, station: str) -> ComfortCap:
    """Return the comfort cap of a station, and its range."""
    features = (each for found in parts.features if found.name == station for each in found.features)
    feature = next((each for each in features if each.id == "comfort_vacuum"), None)
    defaults = parts.view(station).start_defaults
    return ComfortCap(
        0.0 if defaults is None else defaults.comfort_vacuum_mmhg,
        LEAST_COMFORT_VACUUM_MMHG if feature is None or feature.least is None else feature.least,
        EXPRESSION_VACUUM_MMHG if feature is None or feature.most is None else feature.most,
    )


def is_unconfirmed(args: Args, form: Mapping[str, str], cap: ComfortCap) -> bool:
    """Return whether a form raises the cap, and its person was not asked twice about raising it from its value now."""
    if not isinstance(args, StartDefaultsArgs) or args.comfort_vacuum_mmhg is None:
        return False
    if cap.raised_to(args.comfort_vacuum_mmhg) is None:
        return False
    return form.get("sure") != "yes" or form.get("from") != f"{cap.now:g}"


def is_unconfirmed_decision(args: Args, form: Mapping[str, str], advice: ComfortAdvice | None) -> bool:
    """Return whether suction may begin higher after a form, and its person was not asked twice about what holds now."""
    if not isinstance(args, ComfortArgs) or not may_raise(advice, args.what):
        return False
    return form.get("sure") != "yes" or form.get("from") != seen_of(advice)


def seen_of(advice: ComfortAdvice | None) -> str:
    """Return what is learned and suggested in short: a confirmation counts for what the person has seen."""
    if advice is None:
        return ""
    learned = [f"{each.side} {each.phase} {each.mmhg:g}" for each in advice.learned]
    suggested = [f"{each.side} {each.phase} {each.mmhg:g}?" for each in advice.suggestions]
    return "; ".join(learned + suggested)
