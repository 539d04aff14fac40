"""Learns from the history, and publishes what it learned: at start, when a session begins, and when one has ended."""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from controller.contract.comfort import ComfortAdvice, ComfortDecision, Usual
from controller.contract.events import Event, EventType
from controller.contract.session_record import HistoryError, SessionDetails
from controller.contract.stream import Stream
from controller.history.comfort.comfort_model import learn
from controller.history.comfort.comfort_state import accept, read_state, reset, save_learned, turn
from controller.history.comfort.observations import flow_end_seconds, observations
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.safety.message import NotAllowedError, message

_LOGGER = logging.getLogger(__name__)

SESSIONS = 60  # ours: about a week at eight a day. What was learned from earlier ones is kept.
LEAST_SESSIONS = 3  # ours: fewer are not called usual

# A session that has begun: another program may have changed the history meanwhile. After its end: it is recorded.
_WHEN = frozenset({EventType.SESSION_STARTED, EventType.SESSION_FINISHED, EventType.SESSION_EDITED})


class ComfortLearner:
    """Publishes `ComfortAdvice`. `same_body`: for each station, all that serve the same person."""

    def __init__(self, store: HistoryStore, stream: Stream, same_body: Mapping[str, Sequence[str]]) -> None:
        self._store = store
        self._stream = stream
        self._same_body = same_body
        self._due = set(same_body)
        self._published: dict[str, ComfortAdvice] = {}
        self._lock = asyncio.Lock()  # what is read before a reset may not be saved after it
        self._wakeup = asyncio.Event()
        self._wakeup.set()
        stream.subscribe(self._watch, Event)

    def _watch(self, event: Event) -> None:
        if event.type in _WHEN:
            self._due |= set(self._same_body.get(event.station, ()))
            self._wakeup.set()

    async def run(self) -> None:
        """Learn whenever there is something new, until cancelled. What cannot be read now is left as it was."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._due:
                station = self._due.pop()
                try:
                    async with self._lock:
                        await self._learn(station)
                except HistoryError as error:
                    _LOGGER.warning("comfort is not learned from the latest sessions of %s: %s", station, error)

    async def decide(self, station: str, what: ComfortDecision) -> None:
        """Carry out what a person decided, and publish what is learned then.

        Raise `NotAllowedError` where nothing is suggested that they could have seen, else `HistoryError`.
        """
        async with self._lock:
            now = datetime.now(UTC)
            match what:
                case "accept":
                    seen = self._published.get(station)
                    found = await self._learn(station)
                    accepted = [each for each in found.suggestions if seen is not None and each in seen.suggestions]
                    if not accepted:
                        raise NotAllowedError(message("nothing_suggested"))
                    await accept(self._store, station, accepted, now)
                case "reset":
                    await reset(self._store, station, now)
                case _:
                    await turn(self._store, station, on=what == "on")
            await self._learn(station)

    async def _learn(self, station: str) -> ComfortAdvice:
        found = await advice(self._store, station, self._same_body[station])
        self._published[station] = found
        self._stream.publish(found)
        return found


async def advice(store: HistoryStore, station: str, same_body: Iterable[str]) -> ComfortAdvice:
    """Learn from the latest sessions of all stations of the same body, save and return it. Raise `HistoryError`."""
    state, records = await read_state(store, station), SessionRecords(store)
    found = [await records.sessions(each, since=state.since, last=SESSIONS) for each in same_body]
    latest = sorted((record for sessions in found for record in sessions), key=lambda record: record.began_at)
    sessions = [details for record in latest[-SESSIONS:] if (details := await records.details(record.id)) is not None]
    learned, suggestions = learn((each for session in sessions for each in observations(session)), state.known)
    if changed := [each for each in learned if each != state.known.get((each.side, each.phase))]:
        await save_learned(store, station, changed)
    return ComfortAdvice(
        station=station,
        learning=state.learning,
        learned=learned,
        suggestions=suggestions,
        let_down=_usual(_let_downs(sessions)),
        flow_end=_usual([each for each in map(flow_end_seconds, sessions) if each is not None]),
    )


def _let_downs(sessions: Iterable[SessionDetails]) -> list[float]:
    seconds = (session.record.let_down_seconds for session in sessions)
    return [each for each in seconds if each is not None]


def _usual(seconds: Sequence[float]) -> Usual | None:
    if len(seconds) < LEAST_SESSIONS:
        return None
    return Usual(seconds=round(statistics.median(seconds), 1), sessions=len(seconds))
