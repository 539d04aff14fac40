"""Publishes what is due, by sessions and batteries. A subscriber of the stream, and a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from controller.contract.event_data import ReminderData, SessionFinishedData, StepStartedData
from controller.contract.events import DeviceView, Event, Item, Snapshot
from controller.contract.reminders import Reminders
from controller.contract.session_record import HistoryError
from controller.contract.stream import Stream
from controller.contract.words import Words
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.reminders.reminder_rules import CHARGED_BY_PERCENT, Due, ReminderState, due, reminders
from controller.history.reminders.reminder_settings import ReminderSettings
from controller.history.reminders.reminder_table import BATTERY, CLEANED, PUMPED, done, no_more, reminded, saved_state
from controller.safety.message import message
from devices.roles import PumpReading
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

_LOOK_SECONDS = 30.0  # also between two reminders: they never come in a burst
_PUMPING = ("stimulate", "express")  # the steps after which the parts are used


class ReminderPublisher:
    """Reminds while `run` runs. Without a store, it remembers nothing through a restart.

    `now`: the wall clock; `zone`: of times of day, by default that of this machine.
    """

    def __init__(
        self,
        settings: ReminderSettings,
        stations: Collection[str],
        *,
        clock: Clock,
        stream: Stream,
        words: Words,
        store: HistoryStore | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo | None = None,
    ) -> None:
        self._settings, self._store = settings, store
        self._clock, self._stream, self._words = clock, stream, words
        self._now, self._zone = now, zone
        self._states = {station: ReminderState(since=now()) for station in stations}
        self._published: dict[str, Reminders] = {}
        self._pumping: dict[str, str | None] = {}  # by station, the session whose parts are in use
        self._next_at: dict[str, float] = {}  # by the clock
        self._changed = asyncio.Event()
        self._loaded = store is None

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        match item:
            case Event(data=StepStartedData(step=step)) if step in _PUMPING:
                self._pumping[item.station] = item.session_id
                self._pumped(item.station, item.time)
            case Event(data=SessionFinishedData()):
                if self._pumping.pop(item.station, None) == item.session_id is not None:
                    self._pumped(item.station, item.time)
            case Snapshot():
                self._change(item.station, running=item.running)
            case DeviceView(reading=PumpReading(battery_percent=percent)) if percent is not None and item.available:
                self._battery(item.station, item.device, percent)

    async def parts_clean(self, station: str) -> None:
        """Note that the parts are clean."""
        now = self._now()
        self._change(station, cleaned_at=now)
        self._save(done(station, CLEANED, now))

    async def run(self) -> None:
        """Publish what is due, until cancelled."""
        while True:
            try:
                await self.load()
                self.remind()
            except HistoryError as error:
                _LOGGER.warning("reminders wait for the history: %s", error)
            self._changed.clear()
            waited = asyncio.create_task(self._clock.sleep(_LOOK_SECONDS))
            changed = asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait((waited, changed), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waited.cancel()
                changed.cancel()
                await asyncio.gather(waited, changed, return_exceptions=True)

    async def load(self) -> None:
        """Read what is known from before; what happened since this controller started counts more."""
        if self._loaded or self._store is None:
            return
        for station, new in self._states.items():
            saved = await saved_state(self._store, station, self._now())
            self._states[station] = replace(
                saved,
                pumped_at=_later(saved.pumped_at, new.pumped_at),
                cleaned_at=_later(saved.cleaned_at, new.cleaned_at),
                batteries=new.batteries,
                low_since=_low_since(saved, new, self._settings),
                running=new.running,
            )
        self._loaded = True

    def remind(self) -> None:
        """Publish what is due now, and at most one reminder for each station."""
        now = self._now()
        for station, state in self._states.items():
            shown = reminders(station, self._settings, state, now, self._zone)
            if shown != self._published.get(station):
                self._published[station] = shown
                self._stream.publish(shown)
            if self._clock.now() < self._next_at.get(station, 0.0):
                continue
            for each in due(self._settings, state, now, self._zone)[:1]:
                self._next_at[station] = self._clock.now() + _LOOK_SECONDS
                self._change(station, reminded={**state.reminded, each.key: each.at})
                self._save(reminded(station, each.key, each.at))
                data = ReminderData(kind=each.kind, due_at=each.at, device=each.device, words=self._say(state, each))
                self._stream.publish(Event.of(station, None, data))

    def _say(self, state: ReminderState, each: Due) -> str:
        match each.kind:
            case "next_session":
                why = message("reminder_next_session")
            case "clean_parts":
                why = message("reminder_clean_parts")
            case "battery_low":
                device = each.device or ""
                percent = state.batteries.get(device)
                why = (
                    message("reminder_battery", device=device)
                    if percent is None
                    else message("reminder_battery_low", device=device, percent=percent)
                )
        return self._words.sentence(why)

    def _pumped(self, station: str, at: datetime) -> None:
        self._change(station, pumped_at=at)
        self._save(done(station, PUMPED, at))

    def _battery(self, station: str, device: str, percent: float) -> None:
        least, state = self._settings.battery_below_percent, self._states.get(station)
        if least is None or state is None or state.batteries.get(device) == percent:
            return
        low = dict(state.low_since)
        if percent < least and device not in low:
            low[device] = self._now()
            self._save(done(station, f"{BATTERY}{device}", low[device]))
        elif percent >= min(100, least + CHARGED_BY_PERCENT) and low.pop(device, None) is not None:
            self._save(no_more(station, f"{BATTERY}{device}"))
        self._change(station, batteries={**state.batteries, device: percent}, low_since=low)

    def _change(self, station: str, **fields: object) -> None:
        state = self._states.get(station)
        if state is None:
            return  # one that is not in the settings any more
        changed = replace(state, **fields)  # type: ignore[arg-type]
        if changed != state:
            self._states[station] = changed
            self._changed.set()

    def _save(self, statement: Statement) -> None:
        if self._store is not None:
            self._store.put(statement)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [each for each in (one, other) if each is not None]
    return max(known, default=None)


def _low_since(saved: ReminderState, new: ReminderState, settings: ReminderSettings) -> Mapping[str, datetime]:
    """Return since when batteries are low: from before, unless they were charged meanwhile."""
    least = settings.battery_below_percent or 0
    kept = {
        name: at
        for name, at in saved.low_since.items()
        if new.batteries.get(name, 0) < min(100, least + CHARGED_BY_PERCENT)
    }
    return {**new.low_since, **kept}
