"""The Tuya driver's device: verbs become datapoints, and reported datapoints become values."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from devices.bluetooth.link import Link
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.stopper import NOT_RUNNING, READ_BACK_SECONDS
from devices.driver.vocabulary import Value
from devices.errors import DeviceError, ProtocolError, RefusedError, UncertainError
from devices.support.clock import Clock
from devices.tuya.datapoint_codec import TuyaCodec
from devices.tuya.datapoints import DatapointReport
from devices.tuya.tuya_credentials import TuyaCredentials
from devices.tuya.tuya_model import TuyaModel
from devices.tuya.tuya_session import ANSWER_SECONDS, TuyaSession

_LOGGER = logging.getLogger(__name__)

_REPORT_SECONDS = 0.5  # how long a queried report may take

_NOW_SECONDS = 10.0  # how far a device's clock may be from ours, in a report of what is now
_FRESH = frozenset({"run_state", "vacuum_mmhg", "surface_celsius"})  # what must not grow old while a device runs


def _local_time() -> datetime:
    return datetime.now().astimezone()


class TuyaDevice(BaseDevice):
    """One Tuya BLE device.

    Raise `ValueError` where the credentials lack the id of a datapoint that the model leaves to the owner.
    """

    model: TuyaModel
    link: Link

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        model: TuyaModel,
        options: DeviceOptions,
        credentials: TuyaCredentials,
        now: Callable[[], datetime] = _local_time,
    ) -> None:
        self._codec = TuyaCodec(model.tuya, model.tuya.ids(credentials.datapoints))
        super().__init__(radio, clock, model, options)
        self._now = now
        self._session = TuyaSession(self.link, clock, credentials, model.tuya, self._on_report, now)
        self._dropped_points = 0
        self._run_state_message = 0  # the message of the session that reported it last
        self._reported = asyncio.Event()

    @property
    def dropped_packets(self) -> int:
        """How many messages and datapoints were malformed."""
        return self._session.dropped + self._dropped_points

    async def _check(self, verb: str, values: Mapping[str, Value]) -> None:
        self._codec.encode(verb, values, self.values)

    async def _carry_out(self, verb: str, values: Mapping[str, Value], undone_by: str | None) -> None:  # noqa: ARG002
        for points in self._codec.encode(verb, values, self.values):
            await self._session.write(points)

    async def write_urgently(self, verb: str) -> None:
        """Write a verb's datapoints at once, and wait for no acknowledgement."""
        for points in self._codec.encode(verb, {}, {}):
            await self._session.write(points, urgent=True)

    async def send_again(self, verb: str, within_seconds: float) -> None:
        """Write a verb's datapoints, each acknowledged by the device."""
        for points in self._codec.encode(verb, {}, {}):
            await self._session.write(points, within_seconds=min(within_seconds, ANSWER_SECONDS / 2))

    def mark(self) -> int:
        """Return how many messages were received."""
        return self._session.received

    async def read_back_stopped(self, since: int) -> None:  # noqa: ARG002 - the device can always be queried
        """Wait until the device itself reports that it does not run.

        Messages are answered in order, so a report after it has acknowledged the question is from after the stop.
        """
        while True:
            with contextlib.suppress(UncertainError, RefusedError):
                asked = await self._session.query(_REPORT_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with self.clock.timeout(_REPORT_SECONDS):
                        while self._run_state_message <= asked or self.values.get("run_state") not in NOT_RUNNING:
                            self._reported.clear()
                            await self._reported.wait()
                        return
            await self.clock.sleep(READ_BACK_SECONDS)

    async def _ask_run_state(self) -> None:
        """Ask for all datapoints."""
        await self._session.query(_REPORT_SECONDS)

    async def _set_up(self) -> None:
        """Open a session, end what a lost link left on, and ask for everything once."""
        await self._session.open()
        await self._stopper.end_what_runs()
        await self._session.query()
        with contextlib.suppress(TimeoutError):  # it may have nothing to report
            async with self.clock.timeout(_REPORT_SECONDS):
                while not self.values:
                    self._reported.clear()
                    await self._reported.wait()
        self._start_task(self._poll())

    async def _poll(self) -> None:
        """Query a device that has not reported: most report only what changes, and no report is no confirmation."""
        watched, poll_seconds = _FRESH & self.model.reported or self.model.reported, self.model.tuya.poll_seconds
        while True:
            await self.clock.sleep(poll_seconds / 2)
            age_seconds = self.state.age_seconds(watched)
            if age_seconds is None or age_seconds >= poll_seconds / 2:
                try:
                    await self._session.query()
                except DeviceError as error:
                    _LOGGER.debug("%s: %s", self.name, error)

    def _on_report(self, report: DatapointReport) -> None:
        if report.unix_seconds is not None and abs(report.unix_seconds - self._now().timestamp()) > _NOW_SECONDS:
            # Devices keep what they could not report, and report it later with its time: that is an old value.
            self._dropped_points += len(report.points)
            _LOGGER.debug("%s: ignored a report that is not of this moment", self.name)
            return
        for point in report.points:
            try:
                values = self._codec.decode(point)
            except ProtocolError as error:
                self._dropped_points += 1
                self.state.mark_unknown(self._codec.reported_by(point))
                _LOGGER.debug("%s: dropped a datapoint: %s", self.name, error)
                continue
            if "run_state" in values:
                self._run_state_message = self._session.received
            self.state.update(values)
        self._reported.set()

    def _on_disconnected(self) -> None:
        super()._on_disconnected()
        self._session.end()
