"""The tables of what is sent where: rows, and the statements that change them. Also used beside a running service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from controller.contract.uploads import Resolution, Upload, UploadState
from controller.database.database import Row, Statement
from controller.history.baby_buddy.pumping_entry import PumpingEntry
from controller.history.history_store import HistoryStore
from controller.safety.message import KeyedMessage, message
from devices.roles import Frozen

_SAVE = """
INSERT INTO upload (target, session_id, station, state, content, attempted, remote_id, problem, tries, next_at)
VALUES (:target, :session_id, :station, :state, :content, :attempted, :remote_id, :problem, :tries, :next_at)
ON CONFLICT (target, session_id) DO UPDATE SET state = excluded.state, content = excluded.content,
    attempted = excluded.attempted, remote_id = excluded.remote_id, problem = excluded.problem,
    tries = excluded.tries, next_at = excluded.next_at
"""
_DELETE = "DELETE FROM upload WHERE target = :target AND session_id = :session_id"
_SAVE_TARGET = """
INSERT INTO upload_target (target, since, problem, tries, next_at) VALUES (:target, :since, :problem, :tries, :next_at)
ON CONFLICT (target) DO UPDATE SET problem = excluded.problem, tries = excluded.tries, next_at = excluded.next_at
"""
_LATEST = """
SELECT upload.*, session.began_at FROM upload LEFT JOIN session ON session.id = upload.session_id
WHERE target = :target AND (:station = '' OR upload.station = :station)
ORDER BY CASE WHEN state IN ('sent', 'not_sent', 'skipped') THEN 1 ELSE 0 END, session.began_at DESC, session_id
LIMIT :last
"""
_OPEN = ("waiting", "rejected")


class UploadProblem(Frozen):
    """Why something was not sent, as it is kept."""

    why: KeyedMessage
    detail: str | None = None


class UploadRow(Frozen):
    """One session and one target. Times are seconds since 1970 in UTC."""

    target: str
    session_id: str
    station: str
    state: UploadState
    content: PumpingEntry | None = None
    attempted: PumpingEntry | None = None
    remote_id: int | None = None
    problem: UploadProblem | None = None
    tries: int = 0
    next_at: float = 0.0

    @property
    def may_be_there(self) -> bool:
        """Whether the other program may have an entry of it."""
        return self.content is not None or self.attempted is not None or self.remote_id is not None

    def changed(self, state: UploadState, **fields: Any) -> UploadRow:
        """Return it in another state; what is not named stays, but for the problem and the tries."""
        return self.model_copy(update={"problem": None, "tries": 0, "next_at": 0.0, "state": state, **fields})


class TargetRow(Frozen):
    """A target. Nothing is sent to it before `next_at`."""

    target: str
    since: float
    problem: UploadProblem | None = None
    tries: int = 0
    next_at: float = 0.0


def save(row: UploadRow) -> Statement:
    """Return what saves a row."""
    return Statement(
        _SAVE,
        {
            **row.model_dump(),
            "content": _json(row.content),
            "attempted": _json(row.attempted),
            "problem": _json(row.problem),
            "remote_id": None if row.remote_id is None else str(row.remote_id),
        },
    )


def delete(row: UploadRow) -> Statement:
    """Return what deletes a row."""
    return Statement(_DELETE, {"target": row.target, "session_id": row.session_id})


def save_target(row: TargetRow) -> Statement:
    """Return what saves a target; since when it is one never changes."""
    return Statement(_SAVE_TARGET, {**row.model_dump(), "problem": _json(row.problem)})


def _json(value: Frozen | None) -> str | None:
    return None if value is None else value.model_dump_json()


def _row(found: Row) -> UploadRow:
    fields = {name: found[name] for name in UploadRow.model_fields}
    for name in ("content", "attempted", "problem"):
        fields[name] = None if not fields[name] else json.loads(fields[name])
    return UploadRow.model_validate(fields)


async def rows_of(store: HistoryStore, target: str) -> dict[str, UploadRow]:
    """Return all rows of a target by session."""
    found = await store.read("SELECT * FROM upload WHERE target = :target", target=target)
    return {each["session_id"]: _row(each) for each in found}


async def sessions_that_exist(store: HistoryStore, target: str) -> frozenset[str]:
    """Return those sessions of a target's rows that have not been erased."""
    query = "SELECT id FROM session WHERE id IN (SELECT session_id FROM upload WHERE target = :target)"
    return frozenset(each["id"] for each in await store.read(query, target=target))


async def target_of(store: HistoryStore, target: str) -> TargetRow | None:
    """Return a target; `None` where nothing was ever sent to it."""
    found = await store.read("SELECT * FROM upload_target WHERE target = :target", target=target)
    if not found:
        return None
    problem = found[0]["problem"]
    return TargetRow.model_validate({**found[0], "problem": json.loads(problem) if problem else None})


class UploadTable:
    """`controller.contract.uploads.Uploads` over the history database, for one target."""

    def __init__(self, store: HistoryStore, target: str) -> None:
        self._store = store
        self._target = target

    async def uploads(self, station: str | None = None, *, last: int = 100) -> Sequence[Upload]:
        """Return what became of the latest sessions: first what is open, then the latest."""
        rows = await self._store.read(_LATEST, target=self._target, station=station or "", last=last)
        return [_shown(_row(each), each["began_at"]) for each in rows]

    async def problem(self) -> UploadProblem | None:
        """Return why nothing can be sent at all; `None` where it can."""
        found = await target_of(self._store, self._target)
        return None if found is None else found.problem

    async def resolve(self, session_id: str, how: Resolution, station: str | None = None) -> int:
        """Try again, or skip. `all`: every one that waits or was rejected. Return how many sessions that were."""
        rows = await rows_of(self._store, self._target)
        chosen = [
            row
            for row in rows.values()
            if (station is None or row.station == station)
            and (row.state in _OPEN if session_id == "all" else row.session_id == session_id)
            and row.state not in ("sent", "erasing")
        ]
        statements = [
            save(row.changed("waiting"))
            if how == "retry"
            else save(row.changed("skipped", problem=UploadProblem(why=message("upload_skipped"))))
            for row in chosen
        ]
        if how == "retry":  # also what waits for the server alone
            statements.append(
                Statement("UPDATE upload_target SET next_at = 0, tries = 0 WHERE target = :t", {"t": self._target})
            )
        await self._store.write(*statements)
        return len(chosen)


def _shown(row: UploadRow, began_at: float | None) -> Upload:
    waits = row.state in ("waiting", "erasing") and row.next_at > 0
    return Upload(
        session_id=row.session_id,
        station=row.station,
        began_at=None if began_at is None else datetime.fromtimestamp(began_at, UTC),
        state=row.state,
        problem=None if row.problem is None else row.problem.why,
        detail=None if row.problem is None else row.problem.detail,
        next_try_at=datetime.fromtimestamp(row.next_at, UTC) if waits else None,
    )
