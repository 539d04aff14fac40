"""The store of a station in a fleet: what safety needs, kept in the cluster, so that a successor knows it.

Every write says which revision it follows, and the successor writes first of all. So a former owner cannot write any
more, and because nothing starts before a write has succeeded (`save_starting`), it cannot start anything either.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from nats.js.errors import KeyWrongLastSequenceError

from controller.cluster.answer import within
from controller.cluster.cluster_connection import CLUSTER_ERRORS, Cluster, KeyValue, explain
from controller.cluster.lease import Lease, LeaseLostError, now
from controller.cluster.shared_persistence import SharedPersistence
from controller.cluster.state_document import SessionUnderWay, StateDocument, aged
from controller.cluster.state_entry import Found, read_state, take_over
from controller.contract.event_data import SessionFinishedData, SessionStartedData
from controller.contract.events import Event
from controller.mqtt.backlog import Backlog
from controller.safety.limits import LEASE_SECONDS
from controller.safety.persistence import DeviceIdentity, SavedState

_FLUSH_SECONDS = 3.0  # a person waits for their pump
_ANSWER_SECONDS = 2.0
_RETRY_SECONDS = 0.5
_CLOSE_SECONDS = 3.0  # longer than one answer: one that is lost leaves time for another write


class SharedStore:
    """What is kept of the stations of one body while this controller holds their `lease`. Made by `opened`.

    `backlog`: the events that no broker has acknowledged yet, on this machine.
    """

    def __init__(self, bucket: KeyValue, lease: Lease, found: Found, age_seconds: float, backlog: Backlog) -> None:
        document = found.document
        self.backlog = backlog
        self.interrupted_sessions: Sequence[dict[str, Any]] = [
            _row(station, each) for station, each in document.under_way.items()
        ]
        self.earlier_sessions: Sequence[dict[str, Any]] = ()  # of versions that knew no fleet
        self._bucket = bucket
        self._lease = lease
        self._revision = found.revision
        self._unreadable = found.problem
        # A former owner may have renewed the lease of a device just before its own ended.
        self._embargo_until = now() + (LEASE_SECONDS if document.anything_may_run else 0.0)
        states = aged(document, age_seconds)
        self._persistences = {name: SharedPersistence(name, saved, self) for name, saved in states.items()}
        # A session that was interrupted stays in the document until that was published: a watcher may be lost, too.
        self._under_way = dict(document.under_way)
        self._problem: str | None = None
        self._changed = asyncio.Event()
        self._written = asyncio.Condition()
        self._wanted_version = self._written_version = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, cluster: Cluster, lease: Lease, backlog: Backlog) -> AsyncIterator[SharedStore]:
        """Take the state over, so that no former owner can write it any more.

        Raise one of `CLUSTER_ERRORS`, or `LeaseLostError` where a later owner has it already. A state that cannot be
        read is left as it is: then nothing is saved, and nothing starts.
        """
        found, age_seconds = await take_over(cluster.state, lease)
        store = cls(cluster.state, lease, found, age_seconds, backlog)
        if found.problem is not None:
            yield store
            return
        store.changed()  # its age counts from the latest write
        writing = asyncio.create_task(store._write_changes(), name=f"shared state of {lease.key}")
        try:
            yield store
        finally:
            writing.cancel()
            await asyncio.wait({writing})
            await store._close()

    @property
    def problem(self) -> str | None:
        """Why nothing can be saved or started now; `None` if everything can."""
        if not self._lease.held:
            return "another controller of the fleet may have this station by now; it is given up here"
        if self._unreadable is not None:
            return self._unreadable
        if now() < self._embargo_until:
            return (
                f"this station was taken over from a controller that was lost: nothing starts for {LEASE_SECONDS:.0f} "
                "s, until what that one has started has ended"
            )
        return self._problem

    def persistence(self, name: str) -> SharedPersistence:
        """Return the persistence of a body or station, with its state as it was when the store was opened."""
        return self._persistences.setdefault(name, SharedPersistence(name, SavedState(), self))

    def orphaned_devices(self, names: Collection[str]) -> dict[str, dict[str, DeviceIdentity]]:
        """Return the devices that may still run at bodies and stations other than `names`, by body or station."""
        return {
            name: dict(each.saved.running)
            for name, each in self._persistences.items()
            if each.saved.running and name not in names
        }

    def forget_earlier_sessions(self) -> None:
        """Do nothing: there are none."""

    def watch(self, event: Event) -> None:
        """Save which session is under way at a station: if this controller is lost, it was interrupted."""
        match event.data:
            case SessionStartedData() as data if event.session_id is not None:
                self._under_way[event.station] = SessionUnderWay(
                    session_id=event.session_id, routine=data.routine, side=data.side, began_at=event.time
                )
                self.changed()
            case SessionFinishedData() if self._is_under_way(event):
                del self._under_way[event.station]
                self.changed()
            case _:
                pass

    def _is_under_way(self, event: Event) -> bool:
        session = self._under_way.get(event.station)
        return session is not None and session.session_id == event.session_id

    def changed(self) -> None:
        """Write the state soon."""
        self._wanted_version += 1
        self._changed.set()

    async def flush(self) -> str | None:
        """Write the state now. Return why it cannot be saved, or why nothing may start; `None` if it was saved."""
        if self._unreadable is not None or not self._lease.held:
            return self.problem
        self.changed()
        version = self._wanted_version
        try:
            async with asyncio.timeout(_FLUSH_SECONDS), self._written:
                await self._written.wait_for(lambda: self._written_version >= version or not self._lease.held)
        except TimeoutError:
            return self.problem or "the cluster does not answer: the state of this station cannot be saved"
        return self.problem

    async def _write_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            version = self._wanted_version
            try:
                await self._write(self._document())
            except LeaseLostError:
                async with self._written:
                    self._written.notify_all()  # nothing is written any more
                return
            except CLUSTER_ERRORS as error:
                self._problem = f"the state of this station cannot be saved in the cluster ({explain(error)})"
                await asyncio.sleep(_RETRY_SECONDS)
                self._changed.set()
                continue
            self._problem = None
            async with self._written:
                self._written_version = version
                self._written.notify_all()

    async def _write(self, document: StateDocument) -> None:
        content = document.model_dump_json().encode()
        try:
            update = self._bucket.update(self._lease.key, content, last=self._revision)
            self._revision = await within(_ANSWER_SECONDS, update)
        except KeyWrongLastSequenceError:
            # A write whose answer was lost, or a successor: its document has another epoch.
            found = await read_state(self._bucket, self._lease.key)
            if found.revision and not found.deleted and found.document.epoch != self._lease.epoch:
                self._lease.lose("another controller has taken its state over")
                raise LeaseLostError("another controller has taken its state over") from None
            self._revision = found.revision
            raise

    def _document(self) -> StateDocument:
        states = {name: each.state() for name, each in self._persistences.items()}
        return StateDocument(epoch=self._lease.epoch, states=states, under_way=self._under_way)

    async def _close(self) -> None:
        """Write the last state. If that cannot be done soon, the lease is not released: it expires.

        Else a successor would begin at once, and without the latest trip, symptom or use of energy.
        """
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                while True:
                    # A write that was under way has come first, or an answer was lost.
                    with contextlib.suppress(KeyWrongLastSequenceError, TimeoutError):
                        await self._write(self._document())
                        return
        except (LeaseLostError, *CLUSTER_ERRORS):
            self._lease.lose("its last state could not be saved")


def _row(station: str, session: SessionUnderWay) -> dict[str, Any]:
    return {
        "station": station,
        "id": session.session_id,
        "routine": session.routine,
        "side": session.side.value,
        "began_at": session.began_at.isoformat(),
    }
