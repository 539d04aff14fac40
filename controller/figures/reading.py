"""Reads from the history what its figures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from controller.contract.history_summary import HistorySummary
from controller.contract.session_record import History, SessionRecord
from controller.figures.summary import SINCE, next_change_at, summarize
from controller.figures.totals import last_session

_A_FEW = 20  # among so many sessions there is one that took place; else it is long ago


async def read_summary(history: History, station: str, now: datetime, zone: tzinfo) -> tuple[HistorySummary, datetime]:
    """Return the summary of a station, and when it changes by itself. Raise `HistoryError`."""
    records: Sequence[SessionRecord] = await history.sessions(station, since=now - SINCE)
    if last_session(records) is None:
        records = await history.sessions(station, last=max(_A_FEW, len(records)))
    return summarize(station, records, now, zone), next_change_at(records, now, zone)
