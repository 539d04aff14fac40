"""What is learned from a person's own adjustments and pain: where suction begins, and what they may want to change."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from pydantic import ConfigDict, Field, computed_field

from devices.roles import HEALTH_RECORD, Frozen, Phase, Side

ComfortDecision = Literal["accept", "reset", "on", "off"]
COMFORT_DECISIONS: tuple[ComfortDecision, ...] = ("accept", "reset", "on", "off")


class LearnedVacuum(Frozen):
    """The vacuum at which suction begins, if the routine would begin higher. The person may raise it at any time."""

    side: Side = Field(description="The breast.")
    phase: Phase = Field(description="Stimulation or expression.")
    mmhg: float = Field(description="The vacuum.")
    because: Literal["pain", "lowered", "accepted"] = Field(
        description="It hurt at a higher one; the person lowered it again and again; or the person accepted it."
    )
    since: datetime = Field(description="When that was last the case.")
    too_much_mmhg: float | None = Field(
        None, description="It hurt here, or was lowered from here: not suggested again."
    )


class VacuumSuggestion(Frozen):
    """A vacuum that the person chose again and again without pain. It counts only once they accept it."""

    side: Side = Field(description="The breast.")
    phase: Phase = Field(description="Stimulation or expression.")
    mmhg: float = Field(description="The vacuum.")
    sessions: int = Field(description="In how many sessions they chose at least this.")


class Usual(Frozen):
    """What is usual for a person: the median of some sessions."""

    seconds: float = Field(description="The median.")
    sessions: int = Field(description="Of how many sessions.")


class ComfortAdvice(Frozen):
    """What is learned for a station. Nothing of it exceeds any limit, and it never rises by itself."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    station: str = Field(description="The station.")
    learning: bool = Field(True, description="Whether it is applied; the person can turn it off.")
    learned: tuple[LearnedVacuum, ...] = Field((), description="Where suction begins.")
    suggestions: tuple[VacuumSuggestion, ...] = Field((), description="What the person may want to accept.")
    let_down: Usual | None = Field(None, description="Time from the beginning of suction to the let-down.")
    flow_end: Usual | None = Field(None, description="Time from the beginning of suction until milk last flowed.")

    @computed_field(  # type: ignore[prop-decorator]
        description="The lowest vacuum that was learned for expression, in mmHg; `null`: none, or it is turned off."
    )
    @property
    def expression_mmhg(self) -> float | None:
        """The lowest vacuum that was learned for expression, and is used."""
        found = [each.mmhg for each in self.learned if each.phase is Phase.EXPRESSION]
        return min(found, default=None) if self.learning else None

    def learned_for(self, side: Side, phase: Phase) -> LearnedVacuum | None:
        """Return the lowest vacuum that was learned for any breast of `side`; `None` where none was."""
        found = [each for each in self.learned if each.phase is phase and each.side.covers(side)]
        return min(found, key=lambda each: each.mmhg, default=None) if self.learning else None


def may_raise(advice: ComfortAdvice | None, decision: ComfortDecision) -> bool:
    """Return whether suction may begin at a higher vacuum then: at what is accepted, or without what lowers it."""
    if decision == "accept":
        return True
    learned = () if advice is None else advice.learned
    return any((each.because == "accepted") == (decision == "on") for each in learned)


class ComfortArgs(Frozen):
    """What a person decides about what is learned."""

    what: ComfortDecision = Field(
        description="`accept`: suction begins at what is suggested; limits apply. `reset`: forget what was learned. "
        "`off`, `on`: use what is learned, or not; nothing is forgotten."
    )


class Comfort(Protocol):
    """What is learned at all stations, as interfaces use it."""

    async def decide(self, station: str, what: ComfortDecision) -> None:
        """Carry out a decision, and publish what is learned then.

        Raise `NotAllowedError` where nothing is suggested that could be accepted, else `HistoryError`.
        """
