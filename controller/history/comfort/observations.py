"""What one session shows about comfort. Pure: from its record to observations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from controller.contract.event_data import EventType
from controller.contract.session_record import EventRecord, SessionDetails
from controller.session.measurements import DRY_ML_PER_S
from devices.roles import Phase, Side

KEPT_SECONDS = 60.0  # ours: who leaves a vacuum as it is for so long has not just tried it

_PHASES = {"stimulate": Phase.STIMULATION, "express": Phase.EXPRESSION}


class Observation(NamedTuple):
    """One session, breast and phase. Vacuums in mmHg, as the pump was set.

    `offered`: what it was to be before the person changed it. `kept`: what they chose last and then left for a minute.
    `pain`: what it was when it hurt. Each `None` where that did not happen.
    """

    side: Side
    phase: Phase
    at: datetime
    offered: float | None
    kept: float | None
    pain: float | None


def observations(session: SessionDetails) -> Iterator[Observation]:
    """Yield what a session shows. With one setting for both breasts, it shows the same of both."""
    record = session.record
    sides = (Side.LEFT, Side.RIGHT) if record.side is Side.BOTH else (record.side,)
    for phase in Phase:
        choices = [each for each in _of(session.events, EventType.VACUUM_SET) if each.data.get("phase") == phase.value]
        offered = _number(choices[0], "from_mmhg") if choices else None
        kept, pain = _kept(session, phase, choices), _pain(session.events, phase)
        if kept is not None or pain is not None:
            for side in sides:
                yield Observation(side, phase, record.began_at, offered, kept, pain)


def flow_end_seconds(session: SessionDetails) -> float | None:
    """Return when milk last flowed, since suction began; `None` where no device reports flow, or none came."""
    steps = [step for step in session.steps if step.name in _PHASES]
    flows = [
        second
        for curve in session.curves
        if curve.quantity == "flow_ml_per_s"
        for second, value in enumerate(curve.values)
        if value is not None and value >= DRY_ML_PER_S
    ]
    if not steps or not flows:
        return None
    return max(0.0, max(flows) - steps[0].began_seconds)


def _kept(session: SessionDetails, phase: Phase, choices: list[EventRecord]) -> float | None:
    mmhg = _number(choices[-1], "mmhg") if choices else None
    if mmhg is None:
        return None
    chosen = choices[-1].seconds
    ends = [
        step.began_seconds + step.seconds
        for step in session.steps
        if _PHASES.get(step.name) is phase and step.seconds is not None
    ]
    ends += [each.seconds for each in _of(session.events, EventType.PAIN) if each.seconds >= chosen]
    return mmhg if min((end for end in ends if end >= chosen), default=chosen) - chosen >= KEPT_SECONDS else None


def _pain(events: tuple[EventRecord, ...], phase: Phase) -> float | None:
    found = (
        _number(each, "vacuum_mmhg") for each in _of(events, EventType.PAIN) if each.data.get("phase") == phase.value
    )
    return min((each for each in found if each is not None), default=None)


def _of(events: tuple[EventRecord, ...], kind: EventType) -> list[EventRecord]:
    return [each for each in events if each.type == kind.value]


def _number(event: EventRecord, name: str) -> float | None:
    value = event.data.get(name)
    return float(value) if isinstance(value, int | float) else None
