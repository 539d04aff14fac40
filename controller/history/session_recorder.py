"""Records sessions in the history as they happen: a subscriber of the stream of events.

Everything that is known of a session is written at least once a second, so that a crash loses no more than that. While
the database cannot be reached, its events are on the disk of this machine within a second all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from controller.contract.event_data import SessionFinishedData, SessionStartedData, StepStartedData
from controller.contract.events import DeviceView, Event, Guide, Snapshot, Telemetry
from controller.contract.session_record import SessionRecord
from controller.contract.stream import Stream
from controller.history.coalesced_writes import CoalescedWrites
from controller.history.epochs import end_interrupted, save_cut_off, take_over
from controller.history.history_store import HistoryStore
from controller.history.open_session import OpenSession
from controller.history.session_statements import (
    save_event,
    save_later_event,
    save_milk,
    save_session,
    save_step,
    save_stretch,
    save_whole_curves,
)

_EVERY_SECONDS = 0.8  # of real time: with the time that writing takes, a crash loses no more than a second
_SETTLE_SECONDS = 0.5  # of real time, at the end of the controller


class _Recording:
    """A session under way, and what of it is not written yet. Its times are those of `now`, since it began."""

    def __init__(self, store: HistoryStore, record: SessionRecord, now: Callable[[], float], epoch: int | None) -> None:
        self.session = OpenSession(record)
        self._store = store
        self._writes = CoalescedWrites(store)
        self._now = now
        self._epoch = epoch
        self._began_seconds = now()
        self._steps_written: dict[int, object] = {}
        self._writes.set_first(save_session(record, epoch))
        self._writes.hand_over()  # before anything that a person may edit at once

    @property
    def writing(self) -> bool:
        """Whether something of it is being written."""
        return self._writes.writing

    @property
    def seconds(self) -> float:
        """How long it takes so far."""
        return self._now() - self._began_seconds

    def add_event(self, event: Event) -> None:
        """Take in an event, and write it."""
        self.session.add_event(event)
        self._store.put(save_event(self.session.id, self.session.events[-1], self._epoch))

    def write(self) -> None:
        """Write what has changed."""
        self.session.advance(self.seconds)
        self._collect(self.session.record)
        for stretch in self.session.curves.changed():
            key = ("curve", stretch.device, stretch.quantity, stretch.began_second)
            self._writes.set(key, save_stretch(self.session.id, stretch, self._epoch))
        self._writes.write_soon()

    def finish(self, record: SessionRecord) -> None:
        """Write all of it."""
        self._collect(record)
        curves = save_whole_curves(self.session.id, self.session.curves.whole(), self._epoch)
        for number, statement in enumerate(curves):
            self._writes.set(("whole curve", number), statement)
        self._writes.hand_over()

    async def settle(self) -> None:
        """Wait until all of it is written, or in the queue of the store."""
        await self._writes.settle(_SETTLE_SECONDS)

    def _collect(self, record: SessionRecord) -> None:
        self._writes.set_first(save_session(record, self._epoch))
        for each in record.milk:
            self._writes.set(("milk", each.side, each.source), save_milk(record.id, each, self._epoch))
        for index, step in self.session.steps.items():
            if self._steps_written.get(index) is not step:
                self._steps_written[index] = step
                self._writes.set(("step", index), save_step(record.id, index, step, self._epoch))


class SessionRecorder:
    """Records the sessions of all stations. `now`: the clock by which sessions run, in seconds.

    `epoch`: of the owner of the stations, where others may own them later (`epochs.py`); `None` at home.
    It only takes notes while the stream calls it; writing is done in tasks of their own.
    """

    def __init__(self, store: HistoryStore, now: Callable[[], float], epoch: int | None = None) -> None:
        self._store = store
        self._now = now
        self._epoch = epoch
        self._open: dict[str, _Recording] = {}  # by station
        self._ended: list[_Recording] = []
        self._devices: dict[tuple[str, str], DeviceView] = {}  # by station and device

    def subscribe(self, stream: Stream) -> None:
        """Follow a stream from now on."""
        stream.subscribe(self._on_event, Event)
        stream.subscribe(self._on_snapshot, Snapshot)
        stream.subscribe(self._on_guide, Guide)
        stream.subscribe(self._on_device, DeviceView)
        stream.subscribe(self._on_telemetry, Telemetry)

    def end_interrupted(self, stations: Iterable[str], words: str) -> None:
        """End those sessions of `stations` that a crash cut off, before any new one begins. `words`: why they ended.

        They stay as they were recorded last; when they ended is unknown. With an epoch, the history gets to know that
        these stations have a new owner.
        """
        for station in stations:
            taken = [] if self._epoch is None else [take_over(station, self._epoch, words)]
            self._store.put(*taken, end_interrupted(station, words, self._epoch))

    async def run(self) -> None:
        """Write what has changed every second, until cancelled; then write the rest, and wait for that."""
        try:
            while True:
                await asyncio.sleep(_EVERY_SECONDS)
                self.write()
        finally:
            self.write()
            await self.settle()

    async def settle(self) -> None:
        """Wait until all that is being written is, and what ended is written or in the queue of the store."""
        ended, self._ended = self._ended, []
        for recording in (*ended, *self._open.values()):
            await recording.settle()

    def write(self) -> None:
        """Write what has changed."""
        for recording in self._open.values():
            recording.write()

    def _on_event(self, event: Event) -> None:
        recording = self._open.get(event.station)
        if isinstance(event.data, SessionStartedData) and event.session_id is not None:
            recording = _Recording(self._store, _begun(event, event.data), self._now, self._epoch)
            self._open[event.station] = recording
            for view in [each for each in self._devices.values() if each.station == event.station]:
                recording.session.report(view)
        if recording is None or recording.session.id != event.session_id:
            self._on_later_event(event)
            return
        session = recording.session
        session.advance(recording.seconds)
        recording.add_event(event)
        match event.data:
            case StepStartedData() as data:
                session.begin_step(data.index, data.step)
            case SessionFinishedData() as data:
                self._ended = [*(each for each in self._ended if each.writing), self._open.pop(event.station)]
                recording.finish(session.finished(data, event.time))

    def _on_later_event(self, event: Event) -> None:
        """Record an event of a session that is over, such as its correction."""
        if event.session_id is None:
            return
        if isinstance(event.data, SessionFinishedData) and self._epoch is not None:
            self._store.put(save_cut_off(event, event.data, self._epoch))
        self._store.put(save_later_event(event, self._epoch))

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        recording = self._open.get(snapshot.station)
        if recording is not None and recording.session.id == snapshot.session_id:
            recording.session.advance(recording.seconds)
            recording.session.update(snapshot)

    def _on_guide(self, guide: Guide) -> None:
        if guide.cautions and (recording := self._open.get(guide.station)) is not None:
            recording.session.show(guide)

    def _on_device(self, view: DeviceView) -> None:
        self._devices[view.station, view.device] = view
        if (recording := self._open.get(view.station)) is not None:
            recording.session.advance(recording.seconds)
            recording.session.report(view)

    def _on_telemetry(self, telemetry: Telemetry) -> None:
        view = self._devices.get((telemetry.station, telemetry.device))
        recording = self._open.get(telemetry.station)
        if view is not None and recording is not None:
            recording.session.curves.add(view.device, view.side, recording.seconds, telemetry.values)


def _begun(event: Event, data: SessionStartedData) -> SessionRecord:
    return SessionRecord(
        id=event.session_id or "",
        station=event.station,
        routine=data.routine,
        side=data.side,
        began_at=event.time,
    )
