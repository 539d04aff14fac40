"""Carries out what the supervisor of one body decides: trips, lower settings, stops. Reports each to the listeners."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from controller.safety.blocks import EnergyBlock, MustStopError
from controller.safety.body_state import BodyState
from controller.safety.envelope import Allowance, AppliedEnergy, Correction, Verdict
from controller.safety.latch import Latch
from controller.safety.limits import STOP_AGAIN_SECONDS, Trip, TripKind
from controller.safety.manual_use import lower_manual_use, manual_use_budgets
from controller.safety.message import KeyedMessage, message, message_of
from controller.safety.pump_run import PumpRun
from controller.safety.stopping import Stopped, StopTasks
from controller.safety.watched_device import WatchedDevice
from devices.errors import DeviceError, RefusedError
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

_LOWER_AGAIN_SECONDS = 1.0
FAILED = "the controller failed to supervise it; see its log"


class Enforcer:
    """Lowers and stops the devices of one body. `stopping`: its stops that are under way."""

    def __init__(self, clock: Clock, body: BodyState, latch: Latch) -> None:
        self.stopping = StopTasks(clock, self._on_stop_result, lambda device: device in latch.uncertain)
        self._clock = clock
        self._body = body
        self._latch = latch
        self._tasks: set[asyncio.Task[None]] = set()

    # Everything

    def halt(self) -> None:
        """Let nothing start or change any more, and take no stop for a device's own."""
        self._latch.halt(self._clock.now())
        for block in tuple(self._body.blocks):
            self._body.close_block(block)

    def trip(self, trip: Trip) -> None:
        """Latch a trip and stop everything; nothing happens where there is a trip already."""
        if not self._latch.set_trip(trip):
            return
        _LOGGER.warning("trip: %s: %s", trip.device, trip.detail)
        self.halt()
        self.stopping.begin([each.device for each in self._body.watched.values()])
        for listener in self._body.listeners:
            listener.on_trip(trip)

    def trip_if_running(self, detail: str) -> None:
        """Trip where a block is open: nothing may run on unsupervised."""
        if self._body.blocks:
            device = next(iter(self._body.blocks[0].devices), "")
            self.trip(Trip(kind=TripKind.LEASE, device=device, detail=detail))

    def _on_stop_result(self, device: str, result: Stopped) -> None:
        """Note the result of a stop. What is uncertain is stopped again, and nothing starts until it is confirmed."""
        if result == "uncertain":
            if self._latch.mark_uncertain(device):
                for listener in self._body.listeners:
                    listener.on_stop_uncertain(device)
        elif self._latch.confirm_stopped(device):
            for listener in self._body.listeners:
                listener.on_stop_confirmed(device)

    # One device

    def apply(self, watched: WatchedDevice, found: Verdict, applied: AppliedEnergy, allowance: Allowance) -> None:
        """Do what a verdict says. A device that does not follow a lower setting in time is stopped."""
        now_seconds, why = self._clock.now(), found.why or message("must_be_off")
        if found.correction is Correction.STOP:
            self._correct_by_stop(watched, why)
        elif found.correction is not Correction.LOWER:
            watched.above_since_seconds, watched.reported_above = None, False
        elif watched.did_not_follow(now_seconds):
            self._correct_by_stop(watched, why)
        elif now_seconds >= watched.lowered_at_seconds + _LOWER_AGAIN_SECONDS:
            if not watched.reported_above:
                watched.reported_above = True
                self._report_correction(watched, Correction.LOWER, why)
            self._lower(watched, applied, allowance, now_seconds)

    def stop_device(self, watched: WatchedDevice) -> bool:
        """Stop a device, and again every 3 s until it is off. Return whether a stop began now."""
        device, now_seconds = watched.device, self._clock.now()
        if not device.can_stop or now_seconds < watched.stop_at_seconds or self.stopping.in_progress(device.name):
            return False
        watched.stop_at_seconds = now_seconds + STOP_AGAIN_SECONDS
        self.stopping.begin([device])
        return True

    def end_block(self, watched: WatchedDevice, block: EnergyBlock, why: KeyedMessage | None) -> None:
        """End a whole block because of one of its devices."""
        devices = list(block.devices.values())
        self._body.close_block(block)
        self.stopping.begin(devices)
        for listener in self._body.listeners:
            listener.on_run_ended(watched.device.name, why)

    def _correct_by_stop(self, watched: WatchedDevice, why: KeyedMessage) -> None:
        if watched.block is not None:
            self._report_correction(watched, Correction.STOP, why)
            self.end_block(watched, watched.block, why)
        elif self.stop_device(watched) and watched.device.name not in self._latch.uncertain:
            # Of a device whose stop is uncertain the person knows already, and knows more.
            self._report_correction(watched, Correction.STOP, why)

    def _report_correction(self, watched: WatchedDevice, correction: Correction, why: KeyedMessage) -> None:
        _LOGGER.warning("%s: %s; correction: %s", watched.device.name, why, correction.value)
        for listener in self._body.listeners:
            listener.on_corrected(watched.device.name, correction, why)

    # Settings

    def refresh(self, block: EnergyBlock, *, again: bool = False) -> None:
        """Set a block's devices to what is allowed now. `again`: also where nothing has changed."""
        self.start_task(self._refresh(block, again=again))

    def _lower(self, watched: WatchedDevice, applied: AppliedEnergy, allowance: Allowance, now_seconds: float) -> None:
        block, watched.lowered_at_seconds = watched.block, now_seconds
        if block is None:
            self.start_task(self._lower_manual_use(watched, applied, allowance))
            return
        if isinstance(block, PumpRun) and block.setting.vacuum_mmhg is not None:
            watched.trim(applied, block.setting.vacuum_mmhg, allowance.most)
        self.refresh(block, again=True)

    async def _lower_manual_use(self, watched: WatchedDevice, applied: AppliedEnergy, allowance: Allowance) -> None:
        level = watched.most_level(symptoms=self._body.has_symptoms)
        budgets = manual_use_budgets(watched.device, applied, self._body.measured())
        left_seconds = self._body.budgets.left_seconds(budgets)
        try:
            await lower_manual_use(watched.device, applied, allowance, most_level=level, left_seconds=left_seconds)
            watched.grant_manual_lease(self._clock.now())
        except RefusedError as error:
            self._correct_by_stop(watched, message_of(error))
        except DeviceError as error:
            _LOGGER.debug("%s was not lowered: %s", watched.device.name, error)

    async def _refresh(self, block: EnergyBlock, *, again: bool) -> None:
        try:
            await block.refresh(again=again)
        except MustStopError as error:
            for name in tuple(block.devices)[:1]:  # the others stop with it
                self._correct_by_stop(self._body.watched[name], message_of(error))
        except DeviceError as error:  # its next report decides: it is lowered again, or stopped
            _LOGGER.debug("the setting of a block was not changed: %s", error)
        for listener in self._body.listeners:
            listener.on_setting_changed()

    # Tasks

    def start_task(self, action: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in a task of its own. Where it fails unexpectedly, what runs is tripped."""
        task = asyncio.create_task(action)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def cancel_tasks(self) -> None:
        """Cancel what is under way, but for stops."""
        for task in self._tasks:
            task.cancel()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("the supervisor failed: %r", error, exc_info=error)
            self.trip_if_running(FAILED)
