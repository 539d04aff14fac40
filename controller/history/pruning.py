"""Erases sessions by their age, where the settings ask for it, and keeps the months of PostgreSQL's tables in order.

Sessions go one by one with all that belongs to them, so none stays much longer than asked for. In PostgreSQL, a month
of which no session is left is dropped as a whole: its disk space is free at once. Any number of controllers may do it,
and PostgreSQL lets one at a time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from controller.contract.session_record import HistoryError
from controller.database.database import Transaction
from controller.history.history_store import HistoryStore

_LOGGER = logging.getLogger(__name__)

_LOOK_SECONDS = 600.0  # of real time
_DAY_SECONDS = 86_400.0
_MOST_CLOCK_STEP_SECONDS = 60.0
_AT_ONCE = 200  # sessions in one transaction: a session that is under way writes in between
_BATCH_SECONDS = 30.0
_LOCK = 0x6C65_7470  # any number that no other program uses: "letp"
_EPOCHS_DAYS = 90  # no queue of a former owner arrives later

# One that is under way stays, whatever the clock showed at its beginning.
_OLD = """
SELECT id FROM session WHERE began_at < :before AND outcome IS NOT NULL
AND (CAST(:station AS TEXT) IS NULL OR station = :station) ORDER BY began_at, id LIMIT :most
"""
# What another program has stays there. Where it is still to be erased there, that goes on.
_FORGET_UPLOADS = f"DELETE FROM upload WHERE state <> 'erasing' AND session_id IN ({_OLD})"  # noqa: S608 - names of our own
_PRUNE = f"DELETE FROM session WHERE id IN ({_OLD})"  # noqa: S608 - names of our own

_TAKE_LOCK = "SELECT pg_try_advisory_xact_lock(:lock) AS mine"
_WAIT_FOR_LOCK = "SELECT pg_advisory_xact_lock(:lock)"
_SERVER_TIME = "SELECT extract(EPOCH FROM clock_timestamp()) AS now"
_ADD_MONTHS = """
SELECT add_month((date_trunc('month', now()) + each * INTERVAL '1 month')::DATE) FROM generate_series(0, 2) AS each
"""
_EMPTY_MONTHS = """
SELECT month FROM (
    SELECT substr(relname::TEXT, 7) COLLATE "C" AS month FROM pg_class
    WHERE relnamespace = 'letdown'::regnamespace AND relname ~ '^curve_[0-9]{6}$'
) AS months
WHERE month < to_char(to_timestamp(:before), 'YYYYMM') AND NOT EXISTS (
    SELECT FROM session WHERE id >= month AND id < to_char(to_date(month, 'YYYYMM') + INTERVAL '1 month', 'YYYYMM')
)
"""
_WRITE_ALONE = "LOCK TABLE session IN EXCLUSIVE MODE"
_DROP_MONTH = "SELECT drop_month(:month)"
_FORGET_EPOCHS = """
DELETE FROM station_epoch AS former WHERE since < :before AND EXISTS (
    SELECT FROM station_epoch AS later WHERE later.station = former.station AND later.epoch > former.epoch
)
"""


class HistoryPruner:
    """Prunes a history once a day.

    `keep_days`: how old sessions get; `None`: nothing is pruned. `stations`: whose sessions; `None`: of all stations.
    A clock that was set within the last ten minutes may be wrong, and then nothing is pruned, either.
    """

    def __init__(
        self,
        store: HistoryStore,
        keep_days: int | None,
        stations: Collection[str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._keep_days = keep_days
        self._stations = stations
        self._now = now

    async def run(self) -> None:
        """Do it once a day, the first time after ten minutes, until cancelled."""
        done_at: float | None = None
        while True:
            monotonic, wall = time.monotonic(), self._now()
            await asyncio.sleep(_LOOK_SECONDS)
            passed = time.monotonic() - monotonic
            step = abs((self._now() - wall).total_seconds() - passed)
            if step > _MOST_CLOCK_STEP_SECONDS or (done_at is not None and monotonic - done_at < _DAY_SECONDS):
                continue
            try:
                await self.prune()
            except HistoryError as error:
                _LOGGER.info("old sessions are pruned later: %s", error)
            else:
                done_at = monotonic

    async def prune(self) -> int:
        """Do it now. Return how many sessions were erased. Raise `HistoryError`."""
        on_server = self._store.dialect == "postgresql"
        if on_server:
            await self._store.transact(_keep_months, _BATCH_SECONDS)
        if self._keep_days is None:
            return 0
        before = (self._now() - timedelta(days=self._keep_days)).timestamp()
        if on_server:
            (found,) = await self._store.read(_SERVER_TIME)  # of two clocks, the one that keeps more
            before = min(before, found["now"] - self._keep_days * _DAY_SECONDS)
        pruned = 0
        for station in (None,) if self._stations is None else self._stations:
            pruned += await self._prune(station, before, on_server=on_server)
        if on_server:
            await self._store.transact(lambda transaction: _drop_months(transaction, before), _BATCH_SECONDS)
        if pruned:
            _LOGGER.info("%d sessions that began more than %d days ago were pruned", pruned, self._keep_days)
        return pruned

    async def _prune(self, station: str | None, before: float, *, on_server: bool) -> int:
        values = {"station": station, "before": before, "most": _AT_ONCE}

        def prune_some(transaction: Transaction) -> int:
            if on_server:
                transaction.read(_WAIT_FOR_LOCK, {"lock": _LOCK})
            transaction.execute(_FORGET_UPLOADS, values)
            return transaction.execute(_PRUNE, values)

        pruned = 0
        while some := await self._store.transact(prune_some, _BATCH_SECONDS):
            pruned += some
        return pruned


def _locked(transaction: Transaction) -> bool:
    """Return whether no other controller is at it."""
    return bool(transaction.read(_TAKE_LOCK, {"lock": _LOCK})[0]["mine"])


def _keep_months(transaction: Transaction) -> None:
    """Create the parts of the next months, before anything is to be written into them."""
    if _locked(transaction):
        transaction.read(_ADD_MONTHS, {})
        until = transaction.read(_SERVER_TIME, {})[0]["now"] - _EPOCHS_DAYS * _DAY_SECONDS
        transaction.execute(_FORGET_EPOCHS, {"before": until})


def _drop_months(transaction: Transaction, before: float) -> None:
    """Drop the parts of past months of which no session is left, nor comes in this moment."""
    values = {"before": before}
    if _locked(transaction) and transaction.read(_EMPTY_MONTHS, values):
        transaction.execute(_WRITE_ALONE, {})
        for row in transaction.read(_EMPTY_MONTHS, values):
            transaction.read(_DROP_MONTH, row)
