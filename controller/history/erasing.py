"""Erases sessions for good: from the history, from its copies, and from what is still to be sent.

After `erase_sessions` no file of the history or the journal has anything of them, but for one thing: where another
program has an entry of a session, the table `upload` keeps the id of both, and nothing else, until that program has
erased it, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from controller.contract.session_record import HistoryError
from controller.database.database import Statement
from controller.database.sqlite_database import backup_file, scrub
from controller.history.history_store import SCRUB_SECONDS, HistoryStore, queue_file

_ERASE = "DELETE FROM session WHERE id = :id"
_FORGET_UNSENT = "DELETE FROM upload WHERE session_id = :id AND remote_id IS NULL AND attempted IS NULL"
_ERASE_REMOTE = """
UPDATE upload SET state = 'erasing', content = NULL, problem = NULL, tries = 0, next_at = 0,
    attempted = CASE WHEN remote_id IS NULL THEN attempted END
WHERE session_id = :id
"""
_REST = ("stash_movement", "comfort", "comfort_learned", "done", "reminded", "upload_target")
_ERASE_REST = tuple(f"DELETE FROM {table}" for table in _REST)  # noqa: S608 - names of our own
_BUSY_SECONDS = 3.0
# The session that a crash cut off, and those of versions that kept sessions in the journal. What may still run, and is
# stopped on the next start, is in a table of its own.
_JOURNAL_SESSIONS = ("under_way", "session", "earlier_session")


class HistoryFiles(NamedTuple):
    """Where sessions are kept on this machine.

    `journal`: what safety needs, with events that no broker has acknowledged yet. `history`: the file with the history;
    where that is on a server, the file beside which records wait for it.
    """

    journal: Path
    history: Path


async def erase_sessions(
    store: HistoryStore, ids: Collection[str], files: HistoryFiles, *, everything: bool = False
) -> None:
    """Erase these sessions. Raise `HistoryError`.

    `everything`: also the stash, what comfort learned, and when things were done last.
    """
    statements = [Statement(sql, {"id": id_}) for id_ in ids for sql in (_ERASE, _FORGET_UNSENT, _ERASE_REMOTE)]
    if everything:
        statements += [Statement(sql) for sql in _ERASE_REST]
    try:
        await asyncio.to_thread(_erase_copies, files, frozenset(ids))
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(f"nothing was erased: a copy of it cannot be ({error}); try again") from error
    await store.write(*statements, seconds=SCRUB_SECONDS)
    await overwrite_traces(store)


async def overwrite_traces(store: HistoryStore) -> None:
    """Overwrite what was erased from the history before. Raise `HistoryError`."""
    try:
        await store.scrub()
    except HistoryError as error:
        raise HistoryError(
            f"the sessions are erased, but traces of them may still be in the file, which is in use ({error}); "
            "`letdown history erase --traces` overwrites them"
        ) from error


def _erase_copies(files: HistoryFiles, ids: frozenset[str]) -> None:
    for file in copies_of(files):
        file.unlink(missing_ok=True)
    erase_session_events(files.journal, ids)


def copies_of(files: HistoryFiles) -> list[Path]:
    """Return the copies that were made before tables changed, and what was put aside because it was damaged."""
    originals = (files.journal, files.history, queue_file(files.history))
    return sorted(
        copy
        for file in originals
        for pattern in (backup_file(file, "*").name, f"{file.name}.damaged*")
        for copy in file.parent.glob(pattern)
    )


def erase_session_events(journal: Path, ids: Collection[str]) -> None:
    """Delete from the journal what it has of these sessions: events that no broker has yet, and rows of old versions.

    Works while a controller runs. Raise `sqlite3.Error`.
    """
    if not journal.exists() or not journal.stat().st_size:
        return
    address = f"{journal.absolute().as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)) as file:
        file.execute("PRAGMA secure_delete = ON")
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        file.execute("BEGIN IMMEDIATE")
        try:
            if "outbox" in tables:
                rows = file.execute("SELECT id, event FROM outbox").fetchall()
                file.executemany("DELETE FROM outbox WHERE id = ?", [(id_,) for id_ in _of_sessions(rows, ids)])
            for table in tables & set(_JOURNAL_SESSIONS):
                file.executemany(f"DELETE FROM {table} WHERE id = ?", [(id_,) for id_ in ids])  # noqa: S608 - names of our own
        except BaseException:
            file.execute("ROLLBACK")
            raise
        file.execute("COMMIT")
    scrub(journal)


def _of_sessions(rows: Iterable[tuple[str, str]], ids: Collection[str]) -> Iterator[str]:
    for id_, event in rows:
        with contextlib.suppress(ValueError, AttributeError):
            if json.loads(event).get("session_id") in ids:
                yield id_


async def uploads_of(store: HistoryStore, ids: Sequence[str]) -> int:
    """Return how many entries of these sessions other programs have or are to get."""
    rows = await store.read("SELECT session_id FROM upload")
    chosen = frozenset(ids)
    return sum(row["session_id"] in chosen for row in rows)
