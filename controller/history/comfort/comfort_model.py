"""Learns a comfortable vacuum. Pure: from observations to where suction begins.

It goes down by itself and never up: pain lowers it at once, and so does lowering it by hand in two sessions. Where the
person raises it by hand in eight sessions, it is suggested, and goes up only when they accept it. What was too much
once is not suggested again. So it cannot oscillate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from controller.contract.comfort import LearnedVacuum, VacuumSuggestion
from controller.history.comfort.observations import Observation
from controller.safety.limits import GENTLEST_VACUUM_MMHG, RAISE_STEP_MMHG
from devices.roles import Phase, Side

BELOW_PAIN_MMHG = RAISE_STEP_MMHG  # ours: one step
LOWERED_SESSIONS = 2  # ours: once may have been a bad day
SUGGESTED_SESSIONS = 8  # ours: about a day without one that was lower; raising needs more than lowering

Key = tuple[Side, Phase]


def learn(
    observed: Iterable[Observation], known: Mapping[Key, LearnedVacuum]
) -> tuple[tuple[LearnedVacuum, ...], tuple[VacuumSuggestion, ...]]:
    """Return what is learned and what is suggested, of each breast and phase.

    `known`: what was learned or accepted before; only what was observed since changes it. `observed`: in any order.
    """
    by_key: dict[Key, list[Observation]] = {key: [] for key in known}
    for each in sorted(observed, key=lambda each: each.at):
        by_key.setdefault((each.side, each.phase), []).append(each)
    learned, suggestions = [], []
    for key, found in by_key.items():
        vacuum, suggestion = _learn_one(key, found, known.get(key))
        learned += [vacuum] if vacuum is not None else []
        suggestions += [suggestion] if suggestion is not None else []
    return tuple(learned), tuple(suggestions)


def _learn_one(
    key: Key, observed: list[Observation], vacuum: LearnedVacuum | None
) -> tuple[LearnedVacuum | None, VacuumSuggestion | None]:
    if vacuum is not None:
        observed = [each for each in observed if each.at > vacuum.since]
    lowered: list[float] = []  # what was kept, in consecutive sessions below where suction began
    raised: list[float] = []  # the same above it
    for each in observed:
        now = None if vacuum is None else vacuum.mmhg
        before = min((each for each in (now, each.offered) if each is not None), default=each.kept)
        if each.pain is not None:
            lowered, raised = [], []
            vacuum = _lower(key, vacuum, each.pain - BELOW_PAIN_MMHG, each.pain, "pain", each.at)
        elif each.kept is None or before is None or each.kept == before:
            lowered, raised = [], []
        elif each.kept > before:
            lowered, raised = [], [*raised, each.kept]
        else:
            lowered, raised = [*lowered, each.kept], []
            if len(lowered) == LOWERED_SESSIONS:
                vacuum = _lower(key, vacuum, max(lowered), before, "lowered", each.at)
                lowered = []
    return vacuum, _suggestion(key, vacuum, raised[-SUGGESTED_SESSIONS:])


def _lower(
    key: Key,
    vacuum: LearnedVacuum | None,
    mmhg: float,
    too_much_mmhg: float,
    because: Literal["pain", "lowered"],
    at: datetime,
) -> LearnedVacuum:
    """Return what is learned from now on: never more than before."""
    too_much = (
        [too_much_mmhg] if vacuum is None or vacuum.too_much_mmhg is None else [too_much_mmhg, vacuum.too_much_mmhg]
    )
    side, phase = key
    mmhg = max(GENTLEST_VACUUM_MMHG, mmhg)
    if vacuum is not None and vacuum.mmhg <= mmhg:
        return vacuum.model_copy(update={"too_much_mmhg": min(too_much)})
    return LearnedVacuum(side=side, phase=phase, mmhg=mmhg, because=because, since=at, too_much_mmhg=min(too_much))


def _suggestion(key: Key, vacuum: LearnedVacuum | None, raised: list[float]) -> VacuumSuggestion | None:
    """Return what the person chose again and again, one step below what was too much; `None` where it is no more."""
    if len(raised) < SUGGESTED_SESSIONS:
        return None
    mmhg = min(raised)
    if vacuum is not None:
        mmhg = mmhg if vacuum.too_much_mmhg is None else min(mmhg, vacuum.too_much_mmhg - RAISE_STEP_MMHG)
        if mmhg <= vacuum.mmhg:
            return None
    side, phase = key
    return VacuumSuggestion(side=side, phase=phase, mmhg=mmhg, sessions=len(raised))
