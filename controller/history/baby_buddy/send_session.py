"""Brings one session and its entry in Baby Buddy together: found first, then created, changed or deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from controller.contract.session_record import SessionRecord
from controller.history.baby_buddy.baby_buddy_api import BabyBuddyApi, RejectedError, WriteFailedError
from controller.history.baby_buddy.pumping_entry import (
    PumpingEntry,
    RemoteEntry,
    Unit,
    changes,
    entry_of,
    is_ours,
)
from controller.history.baby_buddy.upload_plan import MOST_TRIES, retry_seconds
from controller.history.baby_buddy.upload_table import UploadProblem, UploadRow
from controller.safety.message import KeyedMessage, message

# Baby Buddy takes no start in the future by its own clock; that passes by itself.
_PASSING = frozenset({"start"})


async def send(
    api: BabyBuddyApi,
    row: UploadRow,
    record: SessionRecord,
    unit: Unit,
    note: Callable[[UploadRow], Awaitable[None]],
    now: float,
) -> UploadRow:
    """Create or change the entry of a session, or delete it where there is nothing to send any more.

    `note`: saves a row before anything is created. Return the row as it is then. Raise `BabyBuddyError` for what
    concerns not this session alone.
    """
    entry = entry_of(record, unit)
    if isinstance(entry, KeyedMessage):
        await withdraw(api, row)
        return row.changed("not_sent", problem=UploadProblem(why=entry), content=None, attempted=None, remote_id=None)
    try:
        return await _send(api, row, entry, note)
    except RejectedError as error:
        problem = UploadProblem(why=error.message, detail=error.detail)
        rejected = row.changed("rejected", attempted=entry, problem=problem)
        return _later(row, problem, now) if error.fields == _PASSING and row.tries < MOST_TRIES else rejected
    except WriteFailedError as error:
        problem = UploadProblem(why=error.message, detail=error.detail)
        if row.tries + 1 < MOST_TRIES:
            return _later(row.model_copy(update={"attempted": row.attempted or entry}), problem, now)
        return row.changed("rejected", attempted=entry, problem=problem)


def _later(row: UploadRow, problem: UploadProblem, now: float) -> UploadRow:
    tries = row.tries + 1
    return row.changed("waiting", problem=problem, tries=tries, next_at=now + retry_seconds(tries))


async def _send(
    api: BabyBuddyApi, row: UploadRow, entry: PumpingEntry, note: Callable[[UploadRow], Awaitable[None]]
) -> UploadRow:
    sent = row.content or row.attempted
    remote = await _find(api, row, entry.start)
    if remote is None:
        if row.content is not None:
            # It was there, and a person deleted it: that is their decision.
            why = UploadProblem(why=message("upload_deleted_there"))
            return row.changed("skipped", problem=why, content=None, attempted=None, remote_id=None)
        await note(row.model_copy(update={"attempted": entry}))
        try:
            remote = await api.create(entry)
        except RejectedError:
            # Perhaps what was sent before without an answer arrived meanwhile, and is in its own way.
            remote = await _find(api, row, entry.start)
            if remote is None:
                raise
        sent = entry
    different = changes(entry, sent, remote)
    if different and await api.change(remote.id, different) is None:
        return row  # deleted in this moment: look again next time
    return row.changed("sent", content=entry, attempted=None, remote_id=remote.id)


async def withdraw(api: BabyBuddyApi, row: UploadRow) -> None:
    """Delete the entry of a session, if there is one, and if it is still the one that was created for it."""
    if not row.may_be_there:
        return
    known = row.content or row.attempted
    remote = await _find(api, row, known.start if known is not None else None)
    if remote is not None:
        await api.delete(remote.id)


async def _find(api: BabyBuddyApi, row: UploadRow, start: datetime | None) -> RemoteEntry | None:
    """Return the entry of a session: by its number, else by its marker or start; `None` where there is none."""
    if row.remote_id is not None:
        remote = await api.entry(row.remote_id)
        # After a restored backup of Baby Buddy, the number may be that of another entry.
        if remote is not None and is_ours(remote, row.session_id, start):
            return remote
    near = await api.near(start)
    return next((each for each in near if is_ours(each, row.session_id, start)), None)
