"""Stores and deletes whole sessions: with their milk, steps, events and curves."""

from __future__ import annotations

import json

from controller.contract.session_record import Curve, SessionDetails, StepRecord
from controller.database.database import Statement
from controller.history.curve_samples import decode_samples, encode_samples
from controller.history.session_records import save

# Unlike what a recorder saves, this fails where there is such a session already, also one that came meanwhile.
_CLAIM = """
INSERT INTO session (id, station, routine, side, began_at, outcome, note, revision)
VALUES (:id, :station, :routine, :side, :began_at, :outcome, :note, :revision) ON CONFLICT (id) DO NOTHING
"""
_MILK = "INSERT INTO milk (session_id, side, source, ml) VALUES (:session_id, :side, :source, :ml)"
_STEP = """
INSERT INTO step (session_id, number, name, began_seconds, seconds, outcome, by_hand)
VALUES (:session_id, :number, :name, :began_seconds, :seconds, :outcome, :by_hand)
"""
_EVENT = """
INSERT INTO session_event (id, session_id, began_seconds, type, data)
VALUES (:id, :session_id, :began_seconds, :type, :data) ON CONFLICT DO NOTHING
"""
_CURVE = """
INSERT INTO curve (session_id, device, quantity, began_second, side, samples)
VALUES (:session_id, :device, :quantity, :began_second, :side, :samples)
"""
_DELETE = "DELETE FROM session WHERE id = :id AND revision = :revision"


def insert(details: SessionDetails) -> list[Statement]:
    """Return what stores a session that is not there yet; with its note, its entered milk and its revision.

    Nothing of the transaction is written where the session, or one of its events, is there after all.
    """
    record = details.record
    names = ("id", "station", "routine", "side", "outcome", "note", "revision")
    claimed = record.model_dump(mode="json", include=set(names)) | {"began_at": record.began_at.timestamp()}
    entered = [each for each in record.milk if each.source == "entered"]
    of_session = {"session_id": record.id}
    return [
        Statement(_CLAIM, claimed, must_change=True),
        *save(record),
        *(Statement(_MILK, of_session | each.model_dump(mode="json")) for each in entered),
        *(Statement(_STEP, of_session | _step(number, step)) for number, step in enumerate(details.steps)),
        *(
            Statement(
                _EVENT,
                of_session
                | {"id": event.id, "began_seconds": event.seconds, "type": event.type, "data": json.dumps(event.data)},
                must_change=True,
            )
            for event in details.events
        ),
        *(Statement(_CURVE, of_session | _row(each)) for each in details.curves),
    ]


def _step(number: int, step: StepRecord) -> dict[str, object]:
    return step.model_dump(mode="json") | {"number": number, "by_hand": int(step.by_hand)}


def _row(curve: Curve) -> dict[str, object]:
    return {
        "device": curve.device,
        "quantity": curve.quantity,
        "began_second": 0,
        "side": curve.side.value,
        "samples": encode_samples(curve.quantity, curve.values),
    }


def as_stored(curve: Curve) -> Curve:
    """Return a curve as it is read again: in the steps of what is stored."""
    stored = decode_samples(curve.quantity, encode_samples(curve.quantity, curve.values))
    return curve.model_copy(update={"values": tuple(stored)})


def delete(session_id: str, revision: int) -> Statement:
    """Return what deletes a session with all that belongs to it, if it is still of this revision."""
    return Statement(_DELETE, {"id": session_id, "revision": revision}, must_change=True)
