"""Sends sessions to Baby Buddy, one at a time, until it is done. A subscriber of the stream, and a task of its own.

What is sent is compared with the history again and again, so that a crash, a restart or a lost answer needs no special
case. Before anything is created, Baby Buddy is asked whether it is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from controller.contract.event_data import EventType
from controller.contract.events import Event
from controller.contract.session_record import History, HistoryError, SessionRecord
from controller.contract.stream import Stream
from controller.contract.uploads import Resolution, Upload, UploadSummary
from controller.contract.words import Words
from controller.history.baby_buddy.baby_buddy_api import (
    LONGEST_RETRY_SECONDS,
    BabyBuddyApi,
    BabyBuddyError,
    SetUpError,
    UnreachableError,
)
from controller.history.baby_buddy.pumping_entry import Unit
from controller.history.baby_buddy.send_session import send, withdraw
from controller.history.baby_buddy.upload_plan import plan, retry_seconds
from controller.history.baby_buddy.upload_table import (
    TargetRow,
    UploadProblem,
    UploadRow,
    UploadTable,
    delete,
    rows_of,
    save,
    save_target,
    sessions_that_exist,
    target_of,
)
from controller.history.history_store import HistoryStore
from controller.safety.message import message
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

SETTLE_SECONDS = 10.0  # after a session or an edit: the milk is often corrected right away
_LOOK_SECONDS = 60.0  # for what was decided on the command line, and what is due again
_SCAN_SECONDS = 3600.0  # for edits without an event
_PACE_SECONDS = 1.0  # between two sessions
_MOST_AT_ONCE = 50
_EDITED_WITHIN = timedelta(days=35)
_LONGER_THAN_A_SESSION = timedelta(days=1)
_SET_UP_RETRY_SECONDS = 900.0  # somebody has to change something first
_MOST_FAILURES = 2  # of the server on different sessions, before all of them wait

_CAUSES = (EventType.SESSION_FINISHED, EventType.VOLUME_LOGGED, EventType.SESSION_EDITED)


class Uploader:
    """Keeps Baby Buddy up to date while `run` runs. `now`: the wall clock; deadlines survive restarts by it."""

    def __init__(
        self,
        target: str,
        unit: Unit,
        api: BabyBuddyApi,
        store: HistoryStore,
        history: History,
        *,
        clock: Clock,
        stream: Stream,
        words: Words,
        stations: Collection[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._target, self._unit, self._api = target, unit, api
        self._store, self._history = store, history
        self._table = UploadTable(store, target)
        self._clock, self._stream, self._words, self._now = clock, stream, words, now
        self._summaries: dict[str, UploadSummary | None] = dict.fromkeys(stations)
        self._changed = asyncio.Event()
        self._scan_at = float("-inf")  # by the clock
        self._logged: str | None = None

    def watch(self, event: Event) -> None:
        """Notice that a session ended or was edited."""
        if event.type in _CAUSES:
            self._scan_at = float("-inf")
            self._changed.set()

    async def uploads(self, station: str | None = None, *, last: int = 100) -> Sequence[Upload]:
        """Return what became of the latest sessions."""
        return await self._table.uploads(station, last=last)

    async def resolve(self, session_id: str, how: Resolution, station: str | None = None) -> int:
        """Try again, or skip; see `Uploads`."""
        found = await self._table.resolve(session_id, how, station)
        self._changed.set()
        return found

    async def run(self) -> None:
        """Send what is to be sent, until cancelled. Nothing that goes wrong here ends it."""
        async with self._api:
            while True:
                try:
                    await self.send_what_is_due()
                except HistoryError as error:
                    self._log(f"the history cannot be used: {error}")
                except Exception:
                    _LOGGER.exception("sending to Baby Buddy failed; it is tried again")
                await self._wait()

    async def _wait(self) -> None:
        waited = asyncio.create_task(self._clock.sleep(_LOOK_SECONDS))
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait((waited, changed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waited.cancel()
            changed.cancel()
            await asyncio.gather(waited, changed, return_exceptions=True)
        if self._changed.is_set():
            self._changed.clear()
            await self._clock.sleep(SETTLE_SECONDS)

    async def send_what_is_due(self) -> None:
        """Compare the history with what was sent, and send what is due, oldest first."""
        target = await self._target_row()
        rows = await self._rows(target)
        if self._due(target.next_at):
            target = await self._send(target, rows)
            rows = await rows_of(self._store, self._target)
        self._publish(target, rows)

    async def _target_row(self) -> TargetRow:
        """Return the target; at the first time, note since when sessions are sent to it."""
        found = await target_of(self._store, self._target)
        if found is None:
            found = TargetRow(target=self._target, since=self._now().timestamp())
            await self._store.write(save_target(found))
        return found

    async def _rows(self, target: TargetRow) -> dict[str, UploadRow]:
        """Return the rows as the history asks for them. Sessions are only read where they may have changed."""
        rows = await rows_of(self._store, self._target)
        sessions: list[SessionRecord] = []
        began = self._clock.now()
        scans = began - self._scan_at >= _SCAN_SECONDS
        if scans:
            since = max(datetime.fromtimestamp(target.since, UTC), self._now() - _EDITED_WITHIN)
            sessions = list(await self._history.sessions(since=since - _LONGER_THAN_A_SESSION))
        existing = await sessions_that_exist(self._store, self._target)
        wanted = plan(self._target, self._unit, target.since, sessions, rows, existing)
        if wanted.save or wanted.delete:
            await self._store.write(*map(save, wanted.save), *map(delete, wanted.delete))
            rows = await rows_of(self._store, self._target)
        if scans and not self._changed.is_set():
            self._scan_at = began
        return rows

    def _due(self, at: float) -> bool:
        """Return whether a time has come; also where the clock was set back since."""
        now = self._now().timestamp()
        return at <= now or at > now + LONGEST_RETRY_SECONDS

    async def _send(self, target: TargetRow, rows: Mapping[str, UploadRow]) -> TargetRow:
        pending = [row for row in rows.values() if row.state in ("waiting", "erasing")]
        due = [row for row in pending if self._due(row.next_at)]
        failures = 0
        for number, row in enumerate(sorted(due, key=lambda each: each.session_id)[:_MOST_AT_ONCE]):
            if number:
                await self._clock.sleep(_PACE_SECONDS)
            try:
                done = await self._send_one(row)
            except BabyBuddyError as error:
                return await self._leave_alone(target, error)
            failures += done is not None and done.tries > 0
            if failures >= _MOST_FAILURES:
                return await self._leave_alone(target, UnreachableError(message("upload_server_error")))
        if (due or not pending) and not failures and (target.problem is not None or target.tries):
            target = target.model_copy(update={"problem": None, "tries": 0, "next_at": 0.0})
            await self._store.write(save_target(target))
            self._log(None)
        return target

    async def _send_one(self, row: UploadRow) -> UploadRow | None:
        """Send or withdraw one session, and save what became of it. Return its row; `None`: it needs none any more."""
        now = self._now().timestamp()
        details = await self._history.details(row.session_id)
        if details is None:
            await withdraw(self._api, row)
            await self._store.write(delete(row))
            return None
        done = await send(self._api, row, details.record, self._unit, self._note, now)
        await self._store.write(save(done))
        if done.state != row.state:
            _LOGGER.info("a session for Baby Buddy: %s", done.state)
        return done

    async def _note(self, row: UploadRow) -> None:
        """Save what is about to be sent: after a crash, it may be there."""
        await self._store.write(save(row))

    async def _leave_alone(self, target: TargetRow, error: BabyBuddyError) -> TargetRow:
        """Send nothing for a while: longer each time, at most an hour, or as long as the server asks."""
        tries = target.tries + 1
        wait = retry_seconds(tries)
        if isinstance(error, SetUpError):
            wait = max(wait, _SET_UP_RETRY_SECONDS)
        if isinstance(error, UnreachableError) and error.retry_seconds is not None:
            wait = max(wait, error.retry_seconds)
        found = target.model_copy(
            update={
                "problem": UploadProblem(why=error.message, detail=error.detail),
                "tries": tries,
                "next_at": self._now().timestamp() + wait,
            }
        )
        await self._store.write(save_target(found))
        self._log(str(error.message))
        return found

    def _log(self, problem: str | None) -> None:
        if problem == self._logged:
            return  # once, not for every try
        self._logged = problem
        if problem is None:
            _LOGGER.info("Baby Buddy: everything works again")
        else:
            _LOGGER.warning("Baby Buddy: %s; it is tried again, see `letdown history uploads`", problem)

    def _publish(self, target: TargetRow, rows: Mapping[str, UploadRow]) -> None:
        counts = Counter((row.station, row.state) for row in rows.values())
        for station, before in self._summaries.items():
            rejected = counts[station, "rejected"]
            waiting = counts[station, "waiting"] + counts[station, "erasing"]
            why = message("upload_some_rejected") if rejected else None
            if target.problem is not None:
                why = target.problem.why
            summary = UploadSummary(
                station=station,
                waiting=waiting,
                rejected=rejected,
                problem=None if why is None else self._words.sentence(why),
                key=None if why is None else why.key,
            )
            if summary != before:
                self._summaries[station] = summary
                self._stream.publish(summary)
