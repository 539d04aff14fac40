"""Which records count where several controllers may own a station one after the other: the epoch distinguishes them.

The epoch is a whole number that rises with each owner of a station: what the cluster gives with the ownership. At home
there is none. Each record has the epoch of the owner that recorded it, and each session that of the owner under which
it began. The queue of a former owner may drain long after its successor began to write, so PostgreSQL itself enforces
this (triggers, in `schema/0004_epoch_fence.postgresql.sql`), whatever the order in which records arrive:

- A record belongs to a session of its own epoch or of an earlier one. Anything else is refused: a former owner changes
  nothing of its successor's sessions, and a controller without an epoch nothing of a fleet's.
- Late rows are taken. What belongs to a former owner's own sessions is inserted whenever it arrives: its events, steps,
  milk and curves are facts, and each has a key by which it is there once.
- The successor ends the sessions that it finds under way (`cut_off`); one that arrives later is ended when it arrives.
  From then on the former owner does not change how that session ended. The one exception is a session that had ended
  before the takeover, which only its queue knew: how it really ended counts, unless the successor has published itself
  that it was cut off.
- What the former owner measured as a whole (its duration, the highest vacuum) counts up to the takeover, not beyond.
- A session of a former owner that began after the takeover is refused, with all that belongs to it.
- What a person enters, corrects, imports or erases has no epoch and is not fenced.

The time of the takeover is when the database got to know of it, by its own clock; a beginning or an end is by the clock
of the controller that recorded it. A takeover waits for the time to live of the ownership, of which the former owner
uses two thirds, so clocks may differ by a third of it. A beginning that is in the future for the database shows that
the clock of a controller is wrong: it proves nothing, and the session is taken.

SQLite has the same columns and enforces nothing: a file has one writer.
"""

from __future__ import annotations

from datetime import UTC, datetime

from controller.contract.event_data import SessionFinishedData
from controller.contract.events import EndReason, Event
from controller.database.database import Statement

_TAKE_OVER = """
INSERT INTO station_epoch (station, epoch, words) VALUES (:station, :epoch, :words)
ON CONFLICT (station, epoch) DO NOTHING
"""
_END_INTERRUPTED = """
UPDATE session SET outcome = 'failed', reason = 'cut_off', reason_words = :words, ended_epoch = CAST(:epoch AS BIGINT)
WHERE outcome IS NULL AND station = :station
AND (CAST(:epoch AS BIGINT) IS NULL OR coalesce(epoch, 0) <= CAST(:epoch AS BIGINT))
"""
# Of no owner: the one that began it says the rest, if its queue ever arrives.
_SAVE_CUT_OFF = """
INSERT INTO session (id, station, routine, side, began_at, outcome, reason, reason_words, ended_epoch)
VALUES (:id, :station, :routine, 'both', :began_at, :outcome, :reason, :words, :epoch) ON CONFLICT (id) DO NOTHING
"""
_SAVE_END = """
UPDATE session SET outcome = :outcome, reason = :reason, reason_words = :words,
    ended_at = CAST(:ended_at AS DOUBLE PRECISION), ended_epoch = epoch
WHERE id = :id AND outcome IS NULL
"""
_DATE_LENGTH = len("20260301T023000")


def take_over(station: str, epoch: int, words: str) -> Statement:
    """Return what lets the database know of a new owner. `words`: why sessions of the one before ended."""
    return Statement(_TAKE_OVER, {"station": station, "epoch": epoch, "words": words})


def end_interrupted(station: str, words: str, epoch: int | None = None) -> Statement:
    """Return what ends the sessions of a station that a crash cut off. When they ended stays unknown.

    `epoch`: of the owner that ends them; later ones are left alone.
    """
    return Statement(_END_INTERRUPTED, {"station": station, "words": words, "epoch": epoch})


def save_cut_off(event: Event, data: SessionFinishedData, epoch: int) -> Statement:
    """Return what saves a session that a former owner left under way, and of which nothing may have arrived yet."""
    id_ = event.session_id or ""
    values = {
        "id": id_,
        "station": event.station,
        "routine": data.routine,
        "began_at": _began_at(id_, event.time).timestamp(),
        "outcome": data.outcome,
        "reason": data.reason and data.reason.value,
        "words": data.reason_words,
        "epoch": epoch,
    }
    return Statement(_SAVE_CUT_OFF, values)


def save_end(event: Event, data: SessionFinishedData) -> Statement:
    """Return what saves how a session ended, as this event says, unless the history knows that.

    When one ended that was cut off stays unknown.
    """
    values = {
        "id": event.session_id,
        "outcome": data.outcome,
        "reason": data.reason and data.reason.value,
        "words": data.reason_words,
        "ended_at": None if data.reason is EndReason.CUT_OFF else event.time.timestamp(),
    }
    return Statement(_SAVE_END, values)


def _began_at(id_: str, otherwise: datetime) -> datetime:
    """Return when a session began: its id begins with that."""
    try:
        return datetime.strptime(id_[:_DATE_LENGTH], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return otherwise
