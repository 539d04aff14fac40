"""Invented sessions: one record, and the history of a whole time, as a person's days may look. No real data."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.contract.session_record import Curve, EventRecord, Milk, SessionDetails, SessionRecord, StepRecord
from controller.contract.session_state import EndReason, SessionState
from devices.roles import Side

BEGAN = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
FIRST_BEGAN = datetime(2026, 3, 1, 3, 0, 12, 345678, tzinfo=UTC)  # not in whole seconds, as in life
_HOURS = (2, 5, 8, 11, 14, 17, 20, 23)


def record(id_: str = "s1", began_at: datetime = BEGAN, minutes: float | None = 25.0, **more: Any) -> SessionRecord:
    """Return a session that is over; without `minutes`, one that is under way. `left`, `right`, `both`: measured mL."""
    sides = {side: more.pop(side.value, None) for side in Side}
    milk = tuple(Milk(side=side, source="measured", ml=ml) for side, ml in sides.items() if ml is not None)
    over: dict[str, Any] = {}
    if minutes is not None:
        over = {
            "ended_at": began_at + timedelta(minutes=minutes),
            "outcome": SessionState.COMPLETED,
            "reason": EndReason.COMPLETED.value,
            "reason_words": "the routine is done",
        }
    known = {"station": "home", "routine": "classic", "side": Side.BOTH, "milk": milk}
    return SessionRecord(**{"id": id_, "began_at": began_at, **known, **over, **more})


def begun(id_: str = "s1", *, hours: float = 0.0, **more: Any) -> SessionRecord:
    """Return a session that began so many hours after `BEGAN` and is under way, unless `more` says otherwise."""
    return record(id_, more.pop("began_at", BEGAN + timedelta(hours=hours)), None, **more)


def numbered(number: int = 1, **more: Any) -> SessionRecord:
    """Return a session that is over, and began `number` times three hours after `FIRST_BEGAN`."""
    return record(f"s{number}", FIRST_BEGAN + timedelta(hours=3 * number), **more)


def days_of_sessions(until: datetime, days: int, a_day: int = 8, seed: int = 1) -> Iterator[SessionRecord]:
    """Yield the sessions of some days up to `until`, the latest first; a few without a figure, more milk at night."""
    dice = random.Random(seed)
    number = 0
    for ago in range(days):
        day = (until - timedelta(days=ago)).replace(hour=0, minute=0, second=0, microsecond=0)
        for hour in reversed(_HOURS[:: len(_HOURS) // a_day]):
            began_at = day + timedelta(hours=hour, minutes=dice.randrange(55), seconds=dice.randrange(60))
            if began_at + timedelta(minutes=30) > until:
                continue
            number += 1
            yield _session(number, began_at, dice)


def _session(number: int, began_at: datetime, dice: random.Random) -> SessionRecord:
    warmth, massage = dice.random() < 0.6, dice.random() < 0.7
    milk = 38 + 16 * math.cos((began_at.hour - 4) / 24 * 2 * math.pi)
    let_down = 75 * (0.8 if warmth else 1.0) * (0.85 if massage else 1.0) * math.exp(dice.gauss(0, 0.3))
    known = {
        "left": round(milk * math.exp(dice.gauss(0.08, 0.15)), 1),
        "right": round(milk * math.exp(dice.gauss(-0.04, 0.15)), 1),
    }
    return record(
        f"{began_at:%Y%m%dT%H%M%S}-{number:06x}",
        began_at,
        minutes=round(dice.uniform(17, 29), 1),
        **({} if dice.random() < 0.06 else known),
        let_down_seconds=round(let_down, 1),
        let_down_by="flow",
        peak_vacuum_mmhg=round(dice.uniform(120, 165), 1),
        highest_target_mmhg=150,
        rate_cpm=54,
        warmest_celsius=40.2 if warmth else None,
        suction_seconds=dice.uniform(800, 1000),
        heat_seconds=300.0 if warmth else 0.0,
        massage_seconds=240.0 if massage else 0.0,
    )


def details(of: SessionRecord, seed: int = 3) -> SessionDetails:
    """Return a session with its steps, a let-down, and its curves: 5 min of warmth, 4 of massage, then suction.

    The right pump was out of reach for a minute and a half.
    """
    dice = random.Random(seed)
    seconds, first = 1500, 540
    let_down = first + round(of.let_down_seconds or 80)

    def vacuum(second: int) -> float | None:
        if second < first:
            return None
        aim = 80 if second < let_down else min(150, 90 + (second - let_down) // 60 * 20)
        return round(aim + dice.gauss(0, 3), 1)

    def flow(second: int, share: float) -> float | None:
        if second < first:
            return None
        since = [second - each for each in (let_down, let_down + 200, let_down + 420) if second > each]
        return round(sum(share * each / 625 * math.exp(-each / 25) * 25 for each in since) + 0.004, 3)

    def celsius(second: int) -> float | None:
        return round(40 - 14 * math.exp(-second / 60) + dice.gauss(0, 0.05), 1) if second < 300 else None

    def lost(second: int, value: float | None) -> float | None:
        return None if 1100 <= second < 1190 else value

    return SessionDetails(
        record=of,
        steps=(
            StepRecord(name="check", began_seconds=0, seconds=8, outcome="done"),
            StepRecord(name="warm", began_seconds=8, seconds=292, outcome="done"),
            StepRecord(name="massage", began_seconds=300, seconds=240, outcome="done", by_hand=True),
            StepRecord(name="stimulate", began_seconds=first, seconds=let_down - first, outcome="let_down"),
            StepRecord(name="express", began_seconds=let_down, seconds=seconds - let_down, outcome="dry"),
        ),
        events=(
            EventRecord(id=f"{of.id}-1", seconds=0, type="session_started"),
            EventRecord(id=f"{of.id}-2", seconds=let_down, type="let_down", data={"by": "flow"}),
        ),
        curves=(
            Curve(
                device="left-pump", side=Side.LEFT, quantity="vacuum_mmhg", values=tuple(map(vacuum, range(seconds)))
            ),
            Curve(
                device="right-pump",
                side=Side.RIGHT,
                quantity="vacuum_mmhg",
                values=tuple(lost(each, vacuum(each)) for each in range(seconds)),
            ),
            Curve(
                device="left-pump",
                side=Side.LEFT,
                quantity="flow_ml_per_s",
                values=tuple(flow(each, 0.5) for each in range(seconds)),
            ),
            Curve(
                device="right-pump",
                side=Side.RIGHT,
                quantity="flow_ml_per_s",
                values=tuple(lost(each, flow(each, 0.4)) for each in range(seconds)),
            ),
            Curve(
                device="warm-pad",
                side=Side.BOTH,
                quantity="surface_celsius",
                values=tuple(map(celsius, range(seconds))),
            ),
        ),
    )
