"""The Tuya driver: one device, with the public surface of `profiles.driver.ProfileDevice`, for the same roles."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from devices.clock import Clock
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.link import Link
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Value
from devices.radio import Radio
from devices.roles import RunState, Side
from devices.sighting import Sighting
from devices.stopper import Stopper
from devices.told import Told
from devices.tuya.codec import TuyaCodec
from devices.tuya.credentials import TuyaCredentials
from devices.tuya.datapoints import Report
from devices.tuya.session import ANSWER_SECONDS, Session

_LOGGER = logging.getLogger(__name__)

_REPORT_SECONDS = 0.5  # how long a report may take that was asked for

_READ_BACK_SECONDS = 0.1
_NOW_SECONDS = 10.0  # how far a device's clock may be from ours, in a report of what is now
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
        profile: Profile,
        credentials: TuyaCredentials,
        wanted: Callable[[Sighting], bool],
        may_control: bool = True,
        max_level: int | None = None,
        now: Callable[[], datetime] = _local_time,
    ) -> None:
        self.name = name
        self.side = side
        if profile.tuya is None:
            raise ValueError(f"{profile.name} does not speak Tuya")
        self.profile = profile
        self.may_control = may_control  # only read an unverified device, unless its owner allowed more
        self.max_level = max_level
        self.told = Told(clock)
        self.link = Link(radio, clock, name, wanted, self._set_up, self._on_link_change)
        self.clock = clock
        self._now = now
        self._spec = profile.tuya
        self._codec = TuyaCodec(self._spec, self._spec.ids(credentials.datapoints))
        self._session = Session(self.link, clock, credentials, self._spec, self._on_report, now)
        self._dropped_points = 0
        self._run_state_heard = 0  # which message of the session said it last
        self._reported = asyncio.Event()
        self._stopper = Stopper(self)

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

    @property
    def values(self) -> Mapping[str, Value]:
        """What the device said, by the names in its profile."""
        return self.told.values

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
                self._stopper.started(undone_by)
            for points in messages:
                await self._session.write(points)

        await self.link.lane.run(send)

    async def renew(self, values: Mapping[str, Value]) -> None:
        """Renew the lease of what runs, for a product that has one."""
        if "renew" in self._spec.verbs:
            await self.command("renew", values)

    def assume_running(self, verb: str) -> None:
        """Take for running what this verb ends: it is sent before anything else, once there is a connection."""
        self._stopper.started(verb)

    async def stop(self, verb: str) -> None:
        """Send a stop past everything, then again behind whatever was in flight, and read back that it took.

        Goes on even if the caller is cancelled. Raise `UncertainError` if not confirmed in 2 s, `LinkLostError`.
        """
        await self._stopper.stop(verb)

    # What the stopper needs

    def knows(self, verb: str) -> bool:
        """Say whether the profile has a verb of that name."""
        return verb in self._spec.verbs

    @property
    def tells_run_state(self) -> bool:
        """Whether the device says that it runs or not."""
        return "run_state" in self._spec.reported

    def mark(self) -> int:
        """Return how many messages were heard."""
        return self._session.heard

    async def write_urgently(self, verb: str) -> None:
        """Write a verb's datapoints at once, and wait for no acknowledgement."""
        for points in self._codec.encode(verb, {}, {}):
            await self._session.write(points, urgent=True)

    async def send_again(self, verb: str, within_seconds: float) -> None:
        """Write a verb's datapoints, each acknowledged by the device."""
        for points in self._codec.encode(verb, {}, {}):
            await self._session.write(points, within_seconds=min(within_seconds, ANSWER_SECONDS / 2))

    async def read_back_stopped(self, since: int) -> None:  # noqa: ARG002 - the device can always be asked
        """Wait until the device itself says that it does not run.

        Messages are answered in order, so what it says after it has acknowledged the question was said after the stop.
        """
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
        await self._stopper.end_what_runs()
        await self._session.query()
        with contextlib.suppress(TimeoutError):  # it may have nothing to report
            async with self.clock.timeout(_REPORT_SECONDS):
                while not self.told.values:
                    self._reported.clear()
                    await self._reported.wait()

    async def _poll(self) -> None:
        """Ask a device that has been silent: most report only what changes, and silence must not pass for an answer."""
        watched = _FRESH & self._spec.reported or self._spec.reported
        while True:
            await self.clock.sleep(self._spec.poll_seconds / 2)
            age_seconds = self.told.age_seconds(watched)
            if self.link.connected and (age_seconds is None or age_seconds >= self._spec.poll_seconds / 2):
                try:
                    await self._session.query()
                except DeviceError as error:
                    _LOGGER.debug("%s: %s", self.name, error)

    def _on_report(self, report: Report) -> None:
        if report.unix_seconds is not None and abs(report.unix_seconds - self._now().timestamp()) > _NOW_SECONDS:
            # Devices keep what they could not report, and report it later with its time: no word on what is now.
            self._dropped_points += len(report.points)
            _LOGGER.debug("%s: passed over a report that is not of this moment", self.name)
            return
        for point in report.points:
            try:
                values = self._codec.decode(point)
            except ProtocolError as error:
                self._dropped_points += 1
                self.told.doubt(self._codec.names_told_by(point))
                _LOGGER.debug("%s: dropped a datapoint: %s", self.name, error)
                continue
            if "run_state" in values:
                self._run_state_heard = self._session.heard
            self.told.hear(values)
        self._reported.set()

    def _on_link_change(self) -> None:
        if not self.link.connected:
            self.told.forget()
            self._session.end()
        self.told.changed()
