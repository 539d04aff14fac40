"""The Tuya driver: one device, with the public surface of `profiles.driver.ProfileDevice`, for the same roles."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from devices.clock import Clock
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.link import Link
from devices.profiles.vocabulary import Value
from devices.radio import Radio, Sighting
from devices.roles import RunState, Side
from devices.tuya.codec import TuyaCodec
from devices.tuya.credentials import TuyaCredentials
from devices.tuya.datapoints import Report
from devices.tuya.profile import TuyaProfile
from devices.tuya.session import ANSWER_SECONDS, Session

_LOGGER = logging.getLogger(__name__)

_STOP_SECONDS = 2.0  # a stop that is not confirmed by then is uncertain
_REPORT_SECONDS = 0.5  # how long a report may take that was asked for

_READ_BACK_SECONDS = 0.1
_FRESH = frozenset({"run_state", "vacuum_mmhg", "surface_celsius"})  # what must not grow old while a device runs

_STOPPED = (RunState.STOPPED, RunState.FAULT)


def _local_time() -> datetime:
    return datetime.now().astimezone()


class TuyaDevice:
    """One device that speaks Tuya BLE. `values` holds what it said, by the names in its profile.

    Raise `ValueError` where the credentials lack the id of a datapoint that the profile leaves to the owner.
    """

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        *,
        name: str,
        side: Side,
        profile: TuyaProfile,
        credentials: TuyaCredentials,
        wanted: Callable[[Sighting], bool],
        may_control: bool = True,
        max_level: int | None = None,
        now: Callable[[], datetime] = _local_time,
    ) -> None:
        self.name = name
        self.side = side
        self.profile = profile.described()  # what the roles read
        self.may_control = may_control  # only read an unverified device, unless its owner allowed more
        self.max_level = max_level
        self.values: dict[str, Value] = {}
        self.link = Link(radio, clock, name, wanted, self._set_up, self._on_link_change)
        self.clock = clock
        self._spec = profile.tuya
        self._codec = TuyaCodec(self._spec, self._spec.ids(credentials.datapoints))
        self._session = Session(self.link, clock, credentials, self._spec, self._on_report, now)
        self._reports_run_state = "run_state" in self._spec.reported
        self._dropped_points = 0
        self._told_at_seconds: dict[str, float] = {}
        self._run_state_heard = 0  # which message of the session said it last
        self._reported = asyncio.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._on: set[str] = set()  # stop verbs of what was started and not yet confirmed as stopped
        self._stops: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Keep the device connected, and ask it for its status when it has been silent, until cancelled."""
        polling = asyncio.create_task(self._poll(), name=f"poll {self.name}")
        try:
            await self.link.run()
        finally:
            self._session.end()
            polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await polling

    @property
    def dropped_packets(self) -> int:
        """How much of what it said was malformed."""
        return self._session.dropped + self._dropped_points

    def age_seconds(self, values: Iterable[str]) -> float | None:
        """Return how old the oldest of these values is; `None` if one was never told since the device was connected."""
        told = [self._told_at_seconds.get(name) for name in values]
        known = [at_seconds for at_seconds in told if at_seconds is not None]
        return self.clock.now() - min(known) if known and len(known) == len(told) else None

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on every report and every change of the link; the result unsubscribes."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    async def command(self, name: str, values: Mapping[str, Value], *, undone_by: str | None = None) -> None:
        """Carry out a verb in its turn, one message after another, each acknowledged by the device.

        `undone_by` names the verb that ends what this one begins: after a lost link it is sent before anything else.
        Raise `RefusedError`, `UncertainError` or `LinkLostError`.
        """
        if not self.may_control:
            raise RefusedError(
                f"the profile of {self.name} is unverified; allow_unverified: true lets it be controlled"
            )

        async def send() -> None:
            if not self.link.connected:
                raise LinkLostError(f"{self.name} is not connected")
            messages = self._codec.encode(name, values, self.values)
            if undone_by is not None:
                self._on.add(undone_by)
            for points in messages:
                await self._session.write(points)

        await self.link.lane.run(send)

    async def renew(self, values: Mapping[str, Value]) -> None:
        """Renew the lease of what runs, for a product that has one."""
        if "renew" in self._spec.verbs:
            await self.command("renew", values)

    async def stop(self, verb: str) -> None:
        """Send a stop past everything, then again behind whatever was in flight, and read back that it took.

        Goes on even if the caller is cancelled. Raise `UncertainError` if not confirmed in 2 s, `LinkLostError`.
        """
        task = self._stops.get(verb)
        if task is None or task.done():
            task = asyncio.create_task(self._stop(verb), name=f"stop {self.name}")
            task.add_done_callback(_retrieve)
            self._stops[verb] = task
        else:
            await self._write_urgently(verb)
        await asyncio.shield(task)

    async def _stop(self, verb: str) -> None:
        if verb not in self.profile.commands:
            raise UncertainError(f"{self.name} cannot be stopped from here: switch it off at its button")
        if not self.link.connected:
            raise LinkLostError(f"{self.name} is not connected: whether it stopped is not known")
        self.link.lane.clear()
        await self._confirmed(verb)

    async def _confirmed(self, verb: str) -> None:
        """Stop, and see that it took, within the time that a stop has."""
        try:
            async with self.clock.timeout(_STOP_SECONDS):
                await self._write_urgently(verb)
                await self._stop_again(verb)
                await self._read_back_stopped()
        except (TimeoutError, ProtocolError, RefusedError) as error:
            reason = str(error) or f"no answer in {_STOP_SECONDS:g} s"
            raise UncertainError(f"{self.name} did not confirm that it stopped: {reason}") from None
        self._on.discard(verb)

    async def _stop_again(self, verb: str) -> None:
        """Stop once more, acknowledged. The first write may have overtaken a start on its way; this one cannot."""

        async def send() -> None:
            for points in self._codec.encode(verb, {}, {}):
                await self._session.write(points, within_seconds=ANSWER_SECONDS / 2)

        try:
            await (self.link.lane.run(send) if self.link.connected else send())
        except (UncertainError, RefusedError):
            if not self._reports_run_state:
                raise  # where it can be read back, what it reads decides

    async def _write_urgently(self, verb: str) -> None:
        with contextlib.suppress(DeviceError):  # the acknowledged one follows, and is judged
            for points in self._codec.encode(verb, {}, {}):
                await self._session.write(points, urgent=True)

    async def _read_back_stopped(self) -> None:
        """Wait until the device itself says it is not running. Where it cannot tell, nobody pretends it did.

        Messages are answered in order, so what it says after it has acknowledged the question was said after the stop.
        """
        if not self._reports_run_state:
            return
        while True:
            with contextlib.suppress(UncertainError, RefusedError):
                asked = await self._session.query(_REPORT_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with self.clock.timeout(_REPORT_SECONDS):
                        while self._run_state_heard <= asked or self.values.get("run_state") not in _STOPPED:
                            self._reported.clear()
                            await self._reported.wait()
                        return
            await self.clock.sleep(_READ_BACK_SECONDS)

    async def _set_up(self) -> None:
        """Open a session, end what a lost link left on, and ask for everything once."""
        await self._session.open()
        for verb in list(self._on):
            _LOGGER.warning("%s was running when its link was lost: stopping it", self.name)
            await self._confirmed(verb)
        await self._session.query()
        with contextlib.suppress(TimeoutError):  # it may have nothing to report
            async with self.clock.timeout(_REPORT_SECONDS):
                while not self._told_at_seconds:
                    self._reported.clear()
                    await self._reported.wait()

    async def _poll(self) -> None:
        """Ask a device that has been silent: most report only what changes, and silence must not pass for an answer."""
        watched = _FRESH & self._spec.reported or self._spec.reported
        while True:
            await self.clock.sleep(self._spec.poll_seconds / 2)
            age_seconds = self.age_seconds(watched)
            if self.link.connected and (age_seconds is None or age_seconds >= self._spec.poll_seconds / 2):
                try:
                    await self._session.query()
                except DeviceError as error:
                    _LOGGER.debug("%s: %s", self.name, error)

    def _on_report(self, report: Report) -> None:
        for point in report.points:
            try:
                values = self._codec.decode(point)
            except ProtocolError as error:
                self._dropped_points += 1
                _LOGGER.debug("%s: dropped a datapoint: %s", self.name, error)
                continue
            self.values.update(values)
            self._told_at_seconds.update(dict.fromkeys(values, self.clock.now()))
            if "run_state" in values:
                self._run_state_heard = self._session.heard
        self._reported.set()
        self._changed()

    def _on_link_change(self) -> None:
        if not self.link.connected:
            # What was true a moment ago is not known any more; only what the device *is* stays.
            self.values = {name: value for name, value in self.values.items() if name.startswith("limit_")}
            self._told_at_seconds.clear()
            self._session.end()
        self._changed()

    def _changed(self) -> None:
        for callback in tuple(self._callbacks):
            callback()


def _retrieve(task: asyncio.Task[None]) -> None:
    """Look at a stop's error once, so that asyncio does not complain when its caller was cancelled."""
    if not task.cancelled():
        task.exception()
