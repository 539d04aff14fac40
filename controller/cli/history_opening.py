"""The history of the settings, for a command: it is never created by looking at it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from controller.contract.session_record import SessionRecord
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.settings import Settings
from devices.support.closest import unknown

_MOST_IDS = 5


class OpenedHistory(NamedTuple):
    """The database, and the sessions in it."""

    store: HistoryStore
    records: SessionRecords


@contextlib.asynccontextmanager
async def opened_history(settings: Settings, *, create: bool = False) -> AsyncIterator[OpenedHistory | None]:
    """Yield the history of the settings, or `None` where there is none yet. Raise `HistoryError`."""
    file, database = settings.store.history_file, settings.history.database()
    if database is None and not create and not (file.exists() and file.stat().st_size):
        yield None
        return
    async with HistoryStore.opened(file, database) as store:
        yield OpenedHistory(store, SessionRecords(store))


class Chosen(NamedTuple):
    """Which sessions a command is about: of a station, and that began in [`since`, `until`)."""

    station: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    async def sessions(self, history: OpenedHistory | None, last: int | None = None) -> Sequence[SessionRecord]:
        """Return them, the latest first."""
        if history is None:
            return ()
        return await history.records.sessions(self.station, since=self.since, until=self.until, last=last)


def choose(station: str | None, since: str | None, until: str | None, now: datetime) -> Chosen:
    """Return what the options of a command choose. Raise `ValueError`, which says what would fit."""
    from controller.cli import time_range

    chosen = Chosen(
        station,
        None if since is None else time_range.since(since, now),
        None if until is None else time_range.until(until, now),
    )
    if chosen.since is not None and chosen.until is not None and chosen.since >= chosen.until:
        raise ValueError(f"--since {since} is not before --until {until}")
    return chosen


async def check_station(settings: Settings, chosen: Chosen, history: OpenedHistory | None) -> None:
    """Raise `ValueError` where neither the settings nor the history know the station."""
    if chosen.station is None or chosen.station in settings.stations:
        return
    if history is None or not await history.records.sessions(chosen.station, last=1):
        raise ValueError(unknown("station", chosen.station, settings.stations))


async def find_session(history: OpenedHistory | None, text: str) -> SessionRecord:
    """Return the session with this id, or whose id alone begins or ends with it; `latest`: the latest of all.

    Raise `ValueError` where there is none, or more than one.
    """
    if history is None:
        raise ValueError("there are no sessions yet: `letdown run` saves them")
    if text == "latest":
        found = list(await history.records.sessions(last=1))
    else:
        text = text.strip()
        rows = await history.store.read("SELECT id FROM session")
        ids = [row["id"] for row in rows]
        fits = [text] if text in ids else sorted(id_ for id_ in ids if text and _fits(id_, text))
        if len(fits) > 1:
            shown = ", ".join(fits[:_MOST_IDS]) + (" …" if len(fits) > _MOST_IDS else "")
            raise ValueError(f"{len(fits)} sessions fit {text!r}: {shown}; give more of the id")
        details = await history.records.details(fits[0]) if fits else None
        found = [] if details is None else [details.record]
    if not found:
        raise ValueError(f"there is no session {text!r}; `letdown history` lists them")
    return found[0]


def _fits(id_: str, text: str) -> bool:
    return id_.startswith(text) or id_.endswith(text)
