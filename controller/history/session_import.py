"""Puts sessions of a file into the history: all of them or none, and nothing that is there is changed unasked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.contract.session_record import HistoryError, SessionDetails
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.history.whole_sessions import as_stored, delete, insert

_WRITE_SECONDS = 600.0  # years of sessions


@dataclass
class Imported:
    """The ids of the sessions of a file, by what became of them. `different`: kept as they were here."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)


async def import_sessions(store: HistoryStore, sessions: Iterable[SessionDetails], *, replace: bool) -> Imported:
    """Store the sessions that are not here yet, in one transaction.

    `replace`: also those that are here but differ from the file, in place of what is here. Raise `HistoryError`, and
    whatever reading `sessions` raises; then nothing was stored.
    """
    records = SessionRecords(store)
    done = Imported()
    statements: list[Statement] = []
    for details in sessions:
        id_ = details.record.id
        here = await records.details(id_)
        if here is None:
            done.added.append(id_)
            statements += insert(details)
        elif _content(here) == _content(details):
            done.same.append(id_)
        elif not replace:
            done.different.append(id_)
        else:
            done.replaced.append(id_)
            statements += [delete(id_, here.record.revision), *insert(_after(details, here))]
    if statements and not await store.write(*statements, seconds=_WRITE_SECONDS):
        raise HistoryError(
            "a session that is here changed meanwhile, or has an event of another session in the file; nothing was "
            "imported: try again"
        )
    return done


def _content(details: SessionDetails) -> tuple[object, ...]:
    """Return what makes two sessions the same: not the revision, nor in which order things were read."""
    record = details.record
    return (
        record.model_copy(update={"revision": 0, "milk": (), "began_at": 0.0, "ended_at": None}),
        frozenset(record.milk),
        record.began_at.timestamp(),
        record.ended_at and record.ended_at.timestamp(),
        details.steps,
        {each.id: each for each in details.events},
        {(each.device, each.quantity): as_stored(each) for each in details.curves},
    )


def _after(details: SessionDetails, here: SessionDetails) -> SessionDetails:
    """Return a session with a revision that is later than the one here: who has seen that must notice."""
    revision = max(details.record.revision, here.record.revision + 1)
    return details.model_copy(update={"record": details.record.model_copy(update={"revision": revision})})
