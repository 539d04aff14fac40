"""The SQL that writes sessions: pure functions from the records to statements.

`epoch`: of the owner of the station (`epochs.py`); `None` at home, and for what a person enters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from controller.contract.events import Event
from controller.contract.session_record import EventRecord, Milk, SessionDetails, SessionRecord, StepRecord
from controller.database.database import Statement
from controller.history.curve_recorder import Stretch, stretches_of

COLUMNS = tuple(name for name in SessionRecord.model_fields if name != "milk")
TIMES = ("began_at", "ended_at")
_SAVED = (*COLUMNS, "epoch", "ended_epoch")
_SAVE = (
    f"INSERT INTO session ({', '.join(_SAVED)}) VALUES ({', '.join(f':{name}' for name in _SAVED)}) "  # noqa: S608 - names of our own
    "ON CONFLICT (id) DO UPDATE SET "
    # What a person has edited stays: only the edit changes it.
    + ", ".join(f"{name} = excluded.{name}" for name in _SAVED if name not in ("id", "note", "revision"))
)
_SAVE_MILK = (
    "INSERT INTO milk (session_id, side, source, ml, epoch) VALUES (:session_id, :side, :source, :ml, :epoch) "
    "ON CONFLICT (session_id, side, source) DO UPDATE SET ml = excluded.ml, epoch = excluded.epoch"
)
_DELETE_MILK = "DELETE FROM milk WHERE session_id = :session_id AND side = :side AND source = :source"
_SAVE_STEP = """
INSERT INTO step (session_id, number, name, began_seconds, seconds, outcome, by_hand, epoch)
VALUES (:session_id, :number, :name, :began_seconds, :seconds, :outcome, :by_hand, :epoch)
ON CONFLICT (session_id, number) DO UPDATE SET
    seconds = excluded.seconds, outcome = excluded.outcome, by_hand = excluded.by_hand, epoch = excluded.epoch
"""
_SAVE_EVENT = """
INSERT INTO session_event (id, session_id, began_seconds, type, data, epoch)
VALUES (:id, :session_id, :began_seconds, :type, :data, :epoch) ON CONFLICT DO NOTHING
"""
_SAVE_LATER_EVENT = """
INSERT INTO session_event (id, session_id, began_seconds, type, data, epoch)
SELECT CAST(:id AS TEXT), id, CAST(:time AS DOUBLE PRECISION) - began_at, CAST(:type AS TEXT), CAST(:data AS TEXT),
    CAST(:epoch AS BIGINT)
FROM session WHERE id = :session_id ON CONFLICT DO NOTHING
"""
_SAVE_EVENT_OF_OWNER = _SAVE_LATER_EVENT.replace(
    "CAST(:epoch AS BIGINT)", "CASE WHEN CAST(:epoch AS BIGINT) > epoch THEN CAST(:epoch AS BIGINT) ELSE epoch END"
)
_SAVE_CURVE = """
INSERT INTO curve (session_id, device, quantity, began_second, side, samples, epoch)
VALUES (:session_id, :device, :quantity, :began_second, :side, :samples, :epoch)
ON CONFLICT (session_id, device, quantity, began_second) DO UPDATE SET
    samples = excluded.samples, epoch = excluded.epoch
"""
_DELETE_STRETCHES = "DELETE FROM curve WHERE session_id = :session_id"


def save(record: SessionRecord) -> list[Statement]:
    """Return what saves a session as devices measured it, and leaves what a person edited as it is."""
    measured = [each for each in record.milk if each.source != "entered"]
    return [save_session(record), *(save_milk(record.id, each) for each in measured)]


def save_by_hand(record: SessionRecord) -> list[Statement]:
    """Return what saves a new session with the milk that was entered for it."""
    return [save_session(record), *(save_milk(record.id, each) for each in record.milk)]


def save_details(details: SessionDetails) -> list[Statement]:
    """Return what saves all of a session as devices measured it."""
    record = details.record
    return [
        *save(record),
        *(save_step(record.id, number, each) for number, each in enumerate(details.steps)),
        *(save_event(record.id, each) for each in details.events),
        *save_whole_curves(
            record.id,
            (
                stretch
                for each in details.curves
                for stretch in stretches_of(each.device, each.side, each.quantity, each.values)
            ),
        ),
    ]


def save_session(record: SessionRecord, epoch: int | None = None) -> Statement:
    """Return what saves a session without its milk."""
    values = record.model_dump(mode="json", exclude={"milk"})
    for name in TIMES:
        time: datetime | None = getattr(record, name)
        values[name] = time and time.timestamp()
    values["cautions"] = json.dumps(record.cautions)
    values |= {"epoch": epoch, "ended_epoch": None if record.outcome is None else epoch}
    return Statement(_SAVE, values)


def save_milk(session_id: str, milk: Milk, epoch: int | None = None) -> Statement:
    """Return what saves one figure of the milk."""
    return Statement(_SAVE_MILK, {"session_id": session_id, "epoch": epoch} | milk.model_dump(mode="json"))


def enter_milk(session_id: str, side: str, ml: float | None) -> Statement:
    """Return what sets how much milk was entered for a breast; `None` removes it."""
    key = {"session_id": session_id, "side": side, "source": "entered"}
    return Statement(_DELETE_MILK, key) if ml is None else Statement(_SAVE_MILK, key | {"ml": ml, "epoch": None})


def save_step(session_id: str, number: int, step: StepRecord, epoch: int | None = None) -> Statement:
    """Return what saves one step."""
    values = step.model_dump(mode="json") | {"by_hand": int(step.by_hand)}
    return Statement(_SAVE_STEP, {"session_id": session_id, "number": number, "epoch": epoch} | values)


def save_event(session_id: str, event: EventRecord, epoch: int | None = None) -> Statement:
    """Return what saves one event of a session that is saved before it, or with it."""
    values = {"id": event.id, "began_seconds": event.seconds, "type": event.type, "data": json.dumps(event.data)}
    return Statement(_SAVE_EVENT, {"session_id": session_id, "epoch": epoch} | values)


def save_later_event(event: Event, epoch: int | None = None) -> Statement:
    """Return what saves an event of a session that is over, if that is in the history."""
    values = {"id": event.id, "time": event.time.timestamp(), "type": event.type.value}
    values |= {"data": event.data.model_dump_json(), "session_id": event.session_id, "epoch": epoch}
    return Statement(_SAVE_LATER_EVENT, values)


def save_event_of_owner(event: Event) -> Statement:
    """Return what saves an event that its owner publishes after all: with the epoch of the session, if it has none."""
    return save_later_event(event, event.epoch)._replace(sql=_SAVE_EVENT_OF_OWNER)


def save_stretch(session_id: str, stretch: Stretch, epoch: int | None = None) -> Statement:
    """Return what saves a stretch of a curve."""
    values = stretch._asdict() | {"session_id": session_id, "side": stretch.side.value, "epoch": epoch}
    return Statement(_SAVE_CURVE, values, expendable=True)


def save_whole_curves(session_id: str, curves: Iterable[Stretch], epoch: int | None = None) -> list[Statement]:
    """Return what saves the curves of a session that is over, instead of their shorter stretches."""
    delete = Statement(_DELETE_STRETCHES, {"session_id": session_id}, expendable=True)
    return [delete, *(save_stretch(session_id, each, epoch) for each in curves)]
