"""Checks every reading of every device of a body against the envelope, as long as the service runs, in blocks or not.

It checks on every report and every second, and decides; `enforcer` acts. It knows no sessions and no routines.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial

from controller.safety.blocks import EnergyBlock
from controller.safety.body_state import BodyState
from controller.safety.enforcer import FAILED, Enforcer
from controller.safety.envelope import (
    NOTHING,
    AppliedEnergy,
    Correction,
    Situation,
    Verdict,
    allowance_on,
    can_be_set,
    verdict,
)
from controller.safety.latch import Latch
from controller.safety.limits import HOT, WARM_CELSIUS, Energy, TripKind
from controller.safety.manual_use import manual_use_allowance, manual_use_budgets
from controller.safety.message import KeyedMessage, message
from controller.safety.pump_run import PumpRun
from controller.safety.stopping import stop_unasked
from controller.safety.watched_device import WatchedDevice
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

CHECK_EVERY_SECONDS = 1.0
_FIRST_READING_SECONDS = 3.0  # how long a device that was just connected may take to report whether it runs


class Supervisor:
    """One body's supervisor."""

    def __init__(self, clock: Clock, body: BodyState, latch: Latch, enforcer: Enforcer) -> None:
        self._clock = clock
        self._body = body
        self._latch = latch
        self._enforcer = enforcer
        self._on_close = contextlib.ExitStack()
        for watched in body.watched.values():
            self._on_close.callback(watched.device.on_change(partial(self._check, watched)))
        for thermometer in body.thermometers:
            self._on_close.callback(thermometer.device.on_change(self._check_heat))

    async def run(self) -> None:
        """Check every second, until cancelled. However it ends, nothing runs on without it."""
        try:
            while True:
                self.check()
                self._renew()
                await self._clock.sleep(CHECK_EVERY_SECONDS)
        finally:
            self._enforcer.trip_if_running("the controller stopped supervising it")
            self._on_close.close()
            self._enforcer.cancel_tasks()

    def start_block(self, block: EnergyBlock) -> None:
        """Supervise a block whose devices have just started."""
        block.started = True
        for name in block.devices:
            self._body.watched[name].started(self._clock.now())
        self.enforce_limits()  # what became stricter while it was starting holds now

    def enforce_limits(self) -> None:
        """Hold what runs to limits that have just become stricter."""
        for block in tuple(self._body.blocks):
            if block.started:
                self._enforcer.refresh(block)
                for name in block.devices:  # lowered just now; where that does not help, they are lowered again
                    self._body.watched[name].lowered_at_seconds = self._clock.now()
        self.check()

    # Checks

    def check(self) -> None:
        """Check every device, raise by one step what may be raised, and lower what lost its seal."""
        for watched in self._body.watched.values():
            self._check(watched)
        for block in tuple(self._body.blocks):
            if isinstance(block, PumpRun):
                unsealed = self._body.unsealed_seconds(block) is not None
                if block.refresh_due(unsealed=unsealed):
                    self._enforcer.refresh(block)

    def _check_heat(self) -> None:
        """Check the compresses that a thermometer measures."""
        for watched in self._body.watched.values():
            if watched.thermometers:
                self._check(watched)

    def _check(self, watched: WatchedDevice) -> None:
        """Check one device and correct it. Where that fails, everything is stopped."""
        try:
            now_seconds = self._clock.now()
            watched.update(now_seconds)
            if watched.block is None:
                self._check_outside(watched, now_seconds)
            elif watched.block.started:
                self._check_in_block(watched, watched.block, now_seconds)
        except Exception:
            _LOGGER.exception("the supervisor failed on %s", watched.device.name)
            if watched.block is not None:
                self._enforcer.trip_if_running(FAILED)

    def _check_in_block(self, watched: WatchedDevice, block: EnergyBlock, now_seconds: float) -> None:
        device = watched.device
        if (trip := watched.trip(now_seconds)) is not None:
            if trip.kind is not TripKind.LINK_LOST or not self._continue_without(watched, block):
                self._enforcer.trip(trip)
            return
        if watched.ended_itself:
            self._enforcer.end_block(watched, block, None)
            return
        if watched.thermometers and (fault := watched.thermometer_fault(now_seconds)) is not None:
            self._enforcer.apply(watched, Verdict(correction=Correction.STOP, why=fault), watched.applied, NOTHING)
            return
        applied, allowance = watched.applied, allowance_on(self._body.envelope(), watched.energy, device.side)
        most_level = watched.most_level(symptoms=self._body.has_symptoms)
        if isinstance(block, PumpRun):
            if block.on_report(device.name, applied, allowance.most if most_level is None else most_level):
                for listener in self._body.listeners:
                    listener.on_setting_changed()
            allowance, most_level = block.limit_allowance(device.name, allowance, most_level)
        elif watched.energy is Energy.HEAT and (applied.warmth_celsius or 0.0) > WARM_CELSIUS:
            self._body.budgets.count(frozenset({HOT}))
        found = verdict(
            applied,
            allowance,
            Situation.BLOCK,
            watched.energy,
            can_set=can_be_set(device),
            most_level=most_level,
            had_time_to_follow=block.had_time_to_follow,
        )
        self._enforcer.apply(watched, found, applied, allowance)

    def _continue_without(self, watched: WatchedDevice, block: EnergyBlock) -> bool:
        """Continue with the other pump, where the owner chose that. Return whether it does."""
        if block.energy is not Energy.SUCTION or not self._body.owner.go_on_with_one_pump or len(block.devices) == 1:
            return False
        block.drop(watched.device.name)
        watched.leave_block()
        self._enforcer.stopping.begin([watched.device])
        return True

    def _check_outside(self, watched: WatchedDevice, now_seconds: float) -> None:
        device, situation = watched.device, self._situation(watched, now_seconds)
        stopping = self._enforcer.stopping.in_progress(device.name)
        if situation is Situation.OFF and stopping:
            return  # all that can be done about it is being done
        manual = situation is Situation.MANUAL_USE
        applied, symptoms = watched.applied, self._body.has_symptoms
        unknown = watched.silent_since_assumed_off(now_seconds) or (manual and watched.silent)
        if not device.connected or unknown:
            self._report_outside(watched, None)  # whether it runs now is unknown
            return
        if not applied.on:
            self._report_outside(watched, None)
            self._check_off(watched, applied, now_seconds)
            return
        if manual and (trip := watched.manual_use_trip(now_seconds)) is not None:
            self._enforcer.trip(trip)
            return
        # Also a device that does not follow its stop counts: the body gets the energy in any case.
        measured = self._body.measured()
        self._body.budgets.count(manual_use_budgets(device, applied, measured))
        allowance = NOTHING
        if manual:
            owner, budgets = self._body.owner, self._body.budgets
            allowance = manual_use_allowance(device, applied, owner, budgets, symptoms=symptoms, measured=measured)
        found = verdict(
            applied,
            allowance,
            situation,
            watched.energy,
            can_set=can_be_set(device),
            manual_use=self._body.owner.manual_use,
            most_level=watched.most_level(symptoms=symptoms),
        )
        if manual and watched.thermometers and (fault := watched.thermometer_fault(now_seconds)) is not None:
            found = Verdict(correction=Correction.STOP, why=fault)
        if not stopping:
            self._report_outside(watched, found.why or message("used_by_hand"))
        self._enforcer.apply(watched, found, applied, allowance)

    def _situation(self, watched: WatchedDevice, now_seconds: float) -> Situation:
        if not watched.device.can_stop:
            return Situation.MANUAL_USE  # nothing else can be done about it
        off = self._body.in_session or not watched.seen_off or self._latch.must_stay_off(now_seconds)
        return Situation.OFF if off else Situation.MANUAL_USE

    def _check_off(self, watched: WatchedDevice, applied: AppliedEnergy, now_seconds: float) -> None:
        watched.reset()
        if applied.on is False:
            watched.seen_off = True
        elif not watched.seen_off and now_seconds - watched.connected_at_seconds >= _FIRST_READING_SECONDS:
            # It cannot report whether it runs, or does not: first of all it is stopped, whatever was saved of it.
            watched.seen_off = True
            self._enforcer.start_task(stop_unasked(watched.device))
        if watched.device.name in self._latch.uncertain:
            self._enforcer.stop_device(watched)  # until it confirms

    def _report_outside(self, watched: WatchedDevice, how: KeyedMessage | None) -> None:
        changed = (watched.outside is None) is not (how is None)
        watched.outside = how
        if changed:
            for listener in self._body.listeners:
                listener.on_running_outside(watched.device.name, how)

    # Leases

    def _renew(self) -> None:
        """Renew every lease that is due, again and again while it is valid."""
        for watched in self._body.watched.values():
            if watched.renewal_due(self._clock.now()):
                watched.renewing = self._enforcer.start_task(self._renew_one(watched, watched.block))

    async def _renew_one(self, watched: WatchedDevice, block: EnergyBlock | None) -> None:
        if not await watched.renew(self._clock) and block is not None and watched.block is block:
            self._enforcer.end_block(watched, block, None)
