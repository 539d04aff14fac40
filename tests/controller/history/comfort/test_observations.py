"""What one session says about comfort."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.contract.session_record import Curve, EventRecord, SessionDetails, SessionRecord, StepRecord
from controller.history.comfort.observations import Observation, flow_end_seconds, observations
from devices.roles import Phase, Side

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
EXPRESS = (
    StepRecord(name="stimulate", began_seconds=400, seconds=90),
    StepRecord(name="express", began_seconds=490, seconds=900),
)


def session(*events: EventRecord, side: Side = Side.LEFT, curves: tuple[Curve, ...] = ()) -> SessionDetails:
    record = SessionRecord(id="s1", station="home", routine="classic", side=side, began_at=AT)
    return SessionDetails(record=record, steps=EXPRESS, events=events, curves=curves)


def vacuum_set(seconds: float, from_mmhg: float, mmhg: float, phase: str = "expression") -> EventRecord:
    data: dict[str, object] = {"phase": phase, "from_mmhg": from_mmhg, "mmhg": mmhg}
    return EventRecord(id=f"v{seconds}", seconds=seconds, type="vacuum_set", data=data)


def pain(seconds: float, mmhg: float | None, phase: str | None = "expression") -> EventRecord:
    data: dict[str, object] = {"vacuum_mmhg": mmhg, "phase": phase}
    return EventRecord(id=f"p{seconds}", seconds=seconds, type="pain", data=data)


def seen(kept: float | None, pain: float | None = None, offered: float | None = 150) -> Observation:
    return Observation(Side.LEFT, Phase.EXPRESSION, AT, offered, kept, pain)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), []),
        ((vacuum_set(500, 150, 130), vacuum_set(510, 130, 110)), [seen(110)]),
        ((vacuum_set(500, 150, 130), vacuum_set(1350, 130, 110)), []),  # 40 s are not long enough
        ((vacuum_set(500, 150, 130), pain(530, 130)), [seen(None, 130)]),
        ((vacuum_set(500, 150, 130), pain(600, 130)), [seen(130, 130)]),
        ((pain(500, 150),), [seen(None, 150, offered=None)]),
        ((pain(100, None, None),), []),  # during the massage
    ],
)
def test_only_what_is_kept_and_what_hurt_counts(events: tuple[EventRecord, ...], expected: list[Observation]) -> None:
    assert list(observations(session(*events))) == expected


def test_one_setting_for_both_breasts_says_the_same_of_both() -> None:
    found = list(observations(session(vacuum_set(410, 70, 60, "stimulation"), side=Side.BOTH)))
    assert [(each.side, each.phase, each.kept) for each in found] == [
        (Side.LEFT, Phase.STIMULATION, 60),
        (Side.RIGHT, Phase.STIMULATION, 60),
    ]


def test_a_session_that_a_crash_cut_off_says_nothing_of_what_was_kept() -> None:
    steps = (StepRecord(name="express", began_seconds=490, seconds=None),)
    cut_off = session(vacuum_set(500, 150, 130)).model_copy(update={"steps": steps})
    assert list(observations(cut_off)) == []


def test_the_flow_ends_when_milk_last_flowed_and_is_unknown_where_no_device_reports_flow() -> None:
    values = (*[None] * 450, *[0.3] * 300, *[0.01] * 200)
    curve = Curve(device="pump", side=Side.LEFT, quantity="flow_ml_per_s", values=values)
    assert flow_end_seconds(session(curves=(curve,))) == 749 - 400
    assert flow_end_seconds(session()) is None
    silent = curve.model_copy(update={"values": (None, 0.0, None)})
    assert flow_end_seconds(session(curves=(silent,))) is None
