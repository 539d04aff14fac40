"""What is to be done for each session: pure functions of the session, its row, and what its entry would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from controller.contract.session_record import SessionRecord
from controller.history.baby_buddy.pumping_entry import PumpingEntry, Unit, entry_of
from controller.history.baby_buddy.upload_table import UploadProblem, UploadRow
from controller.safety.message import KeyedMessage

FIRST_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 3600.0
MOST_TRIES = 10  # of a session on which the server fails; then a person decides


class Plan(NamedTuple):
    """Rows to save, and rows that are needed no more."""

    save: list[UploadRow]
    delete: list[UploadRow]


def retry_seconds(tries: int) -> float:
    """Return how long to wait after so many failures in a row."""
    return min(FIRST_RETRY_SECONDS * 2.0 ** min(tries - 1, 20), LONGEST_RETRY_SECONDS)


def plan(
    target: str,
    unit: Unit,
    since: float,
    sessions: Iterable[SessionRecord],
    rows: Mapping[str, UploadRow],
    existing: frozenset[str],
) -> Plan:
    """Return the rows that differ from what the sessions ask for.

    `since`: sessions that ended before are not sent. `existing`: of the sessions that have a row, those that were not
    erased.
    """
    found = Plan([], [])
    for record in sessions:
        over = record.outcome is not None and record.outcome.over
        if not over or (record.ended_at or record.began_at).timestamp() < since:
            continue
        row = rows.get(record.id)
        new = _row_for(record, entry_of(record, unit), row, target)
        if new != row:
            found.save.append(new)
    for row in rows.values():
        if row.session_id in existing or row.state == "erasing":
            continue
        if row.may_be_there:
            found.save.append(row.changed("erasing"))
        else:
            found.delete.append(row)
    return found


def _row_for(
    record: SessionRecord, entry: PumpingEntry | KeyedMessage, row: UploadRow | None, target: str
) -> UploadRow:
    row_or_new = row or UploadRow(target=target, session_id=record.id, station=record.station, state="not_sent")
    match row_or_new.state:
        case "skipped" | "waiting" | "erasing":
            return row_or_new  # what waits is made of the session when its turn comes
        case "rejected" if entry == row_or_new.attempted:
            return row_or_new  # the same would be rejected again
        case "sent" if entry == row_or_new.content:
            return row_or_new
        case "not_sent" if isinstance(entry, KeyedMessage):
            return row_or_new.changed("not_sent", problem=UploadProblem(why=entry))
    return row_or_new.changed("waiting")
