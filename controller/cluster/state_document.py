"""What safety remembers of the stations of one body, as one document in the cluster; pure functions.

Times are kept as seconds before the document was written. How old it is, says the cluster's clock alone: those of two
controllers may differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, ValidationError

from controller.safety.limits import BUDGETS
from controller.safety.persistence import EnergyUse, InterruptedSession, SavedAnswers, SavedState
from devices.roles import Frozen, Side

LONGEST_BUDGET_SECONDS = max(window.in_seconds for windows in BUDGETS.values() for window in windows)


class SessionUnderWay(Frozen):
    """A session that runs: if its controller is lost, it was interrupted."""

    session_id: str
    routine: str
    side: Side
    began_at: datetime


class StateDocument(Frozen):
    """The state of a body and its stations, by name. `epoch`: of the controller that wrote it."""

    epoch: int
    states: dict[str, SavedState] = Field(default_factory=dict)
    under_way: dict[str, SessionUnderWay] = Field(default_factory=dict)

    @property
    def anything_may_run(self) -> bool:
        """Whether a device was started that did not confirm that it stopped."""
        return any(state.running for state in self.states.values())


class UnreadableStateError(Exception):
    """The document is not one of ours. `str()` says what is wrong, without its content."""


def read(content: bytes) -> StateDocument:
    """Return a document. Raise `UnreadableStateError`."""
    try:
        return StateDocument.model_validate_json(content)
    except ValidationError as error:
        raise UnreadableStateError(f"{error.error_count()} errors, the first: {error.errors()[0]['msg']}") from None


def aged(document: StateDocument, seconds: float) -> dict[str, SavedState]:
    """Return the states as they are `seconds` later, with the sessions that were under way as interrupted."""
    names = {**document.states, **document.under_way}
    return {
        name: _aged(document.states.get(name, SavedState()), max(0.0, seconds)).model_copy(
            update={"interrupted": _interrupted(document.under_way, name)}
        )
        for name in names
    }


def _aged(state: SavedState, seconds: float) -> SavedState:
    answers = state.answers
    left_seconds = max(0.0, answers.day_left_seconds - seconds)
    return state.model_copy(
        update={
            "answers": SavedAnswers(**answers.model_dump() | {"day_left_seconds": left_seconds}),
            "energy_uses": tuple(
                use_then
                for use in state.energy_uses
                if (use_then := older(use, seconds)).ended_seconds_ago <= LONGEST_BUDGET_SECONDS
            ),
        }
    )


def older(use: EnergyUse, seconds: float) -> EnergyUse:
    """Return a use of energy as it is `seconds` later."""
    return use.model_copy(
        update={
            "began_seconds_ago": use.began_seconds_ago + seconds,
            "ended_seconds_ago": use.ended_seconds_ago + seconds,
        }
    )


def _interrupted(under_way: Mapping[str, SessionUnderWay], name: str) -> InterruptedSession | None:
    session = under_way.get(name)
    if session is None:
        return None
    return InterruptedSession(session_id=session.session_id, routine=session.routine, side=session.side)
