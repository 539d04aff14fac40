"""One device as the supervisor sees it: what follows from its earlier readings, beyond the latest one."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Iterator, Sequence

from controller.safety import limits
from controller.safety.apply_limits import level_layers
from controller.safety.blocks import EnergyBlock
from controller.safety.compress_thermometers import CompressThermometers, WatchedThermometer
from controller.safety.envelope import ENERGY_OF, AppliedEnergy, applied_energy, highest_plausible
from controller.safety.limits import Energy, Reason, Trip, TripKind
from controller.safety.message import KeyedMessage
from controller.safety.trip_rules import CYCLE_SLACK, RiseDetector, TripRule, rules_for
from devices.errors import DeviceError, RefusedError
from devices.roles import Capability, PumpReading, Reading, Role, RunState, WarmerReading
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

RENEW_EVERY_SECONDS = 3.0
MANUAL_USE_TRIPS = frozenset({TripKind.VACUUM, TripKind.NO_RELEASE, TripKind.TEMPERATURE})


class WatchedDevice:
    """A device, the block that uses it, if any, and its state over time. Times are seconds of the clock.

    `seen_off`: it reported that it is off, since the service began and since its stop was last uncertain.
    `sealed_at_seconds`: when it last measured a vacuum. `trim_mmhg`: the most it may be set to, where it pulls more
    than it is set to. `leased_until_seconds`: until when its lease is valid. `outside`: how it runs, though
    this controller did not start it. `above_since_seconds`: since when it exceeds what is allowed.
    """

    def __init__(self, device: Role, now_seconds: float, thermometers: Sequence[WatchedThermometer] = ()) -> None:
        self.device = device
        self.thermometers = CompressThermometers(device, thermometers)
        self.energy = ENERGY_OF[device.role]
        self.block: EnergyBlock | None = None
        self.seen_off = False
        self.connected_at_seconds = now_seconds
        self.sealed_at_seconds = -math.inf
        self.trim_mmhg: float | None = None
        self.leased_until_seconds = math.inf
        self.above_since_seconds: float | None = None
        self.reported_above = False
        self.lowered_at_seconds = -math.inf
        self.stop_at_seconds = -math.inf  # it is not stopped again before this
        self.outside: KeyedMessage | None = None
        self._assumed_off_at_seconds = -math.inf  # when a person confirmed that it is off
        self.renewing: asyncio.Task[None] | None = None
        self.rises = False
        self._ran = False
        self._manual_lease = False
        self._peaks: deque[tuple[float, float]] = deque()
        self._rules: list[TripRule] | None = None
        self._rise = RiseDetector()
        self._outside_rise = RiseDetector()
        self._outside_rises = False
        self._outside_celsius: float | None = None

    # Blocks

    def enter_block(self, block: EnergyBlock) -> None:
        """Reset its state for a block that uses it from now on."""
        self.block = block
        self.trim_mmhg = self.above_since_seconds = self._rules = None
        self.leased_until_seconds = math.inf
        self._ran = self._manual_lease = False

    def started(self, now_seconds: float) -> None:
        """Begin its lease and its trip rules: its block has started it."""
        self._rules = rules_for(self.device, now_seconds)
        self.thermometers.begin(now_seconds)
        self.leased_until_seconds = now_seconds + limits.LEASE_SECONDS

    def leave_block(self) -> None:
        """Reset what belonged to its block, which is over."""
        self.block = self.trim_mmhg = self.above_since_seconds = self._rules = None
        self._rise, self.rises = RiseDetector(), False
        self._outside_rise, self._outside_rises = RiseDetector(), False
        self.thermometers.reset()
        self._peaks.clear()

    # Readings

    def update(self, now_seconds: float) -> None:
        """Update the state by its latest reading. Called on every report and every second."""
        reading = self.device.reading
        if not self.device.connected:
            self.connected_at_seconds = now_seconds
        self.rises = self._rise.rises(reading, now_seconds)
        if self.thermometers:
            self._update_thermometers(reading, now_seconds)
        self._note_peak(reading, now_seconds)
        if isinstance(reading, PumpReading) and self.block is not None and reading.run_state is not RunState.STOPPED:
            highest = max(reading.vacuum_mmhg or 0.0, reading.peak_vacuum_mmhg or 0.0)
            if highest >= limits.SEAL_MMHG:
                self.sealed_at_seconds = now_seconds
        self._ran = self._ran or reading.run_state is RunState.RUNNING

    def _update_thermometers(self, reading: Reading, now_seconds: float) -> None:
        """Update what is measured on it from outside. Where it has no sensor of its own, that shows that it heats."""
        self._outside_celsius = self.thermometers.celsius(now_seconds)
        there = reading.model_copy(update={"surface_celsius": self._outside_celsius})
        self._outside_rises = self._outside_rise.rises(there, now_seconds)
        if self.thermometers.only_sensor and self.thermometers.celsius(now_seconds, on_pad=True) is not None:
            self.rises = self._outside_rises

    def _note_peak(self, reading: Reading, now_seconds: float) -> None:
        """Keep a pump's peaks of one cycle: that it releases between two of them does not mean that it pulls less."""
        if not isinstance(reading, PumpReading) or (self.block is not None and not self.block.had_time_to_follow):
            self._peaks.clear()
            return
        rate_cpm = min(max(reading.rate_cpm or 0.0, limits.SLOWEST_CPM), limits.STIMULATION_RATE_CPM)
        self._peaks.append((now_seconds, max(reading.vacuum_mmhg or 0.0, reading.peak_vacuum_mmhg or 0.0)))
        while now_seconds - self._peaks[0][0] > CYCLE_SLACK * 60 / rate_cpm:
            self._peaks.popleft()

    @property
    def applied(self) -> AppliedEnergy:
        """What it does to the body, by its reports; in a block it counts as on where it never reports that."""
        applied = applied_energy(self.device.reading, rises=self.rises, started=self.block is not None)
        if self.thermometers:
            return self._with_thermometers(applied)
        if applied.measured is None or not self._peaks:
            return applied
        return applied.model_copy(update={"measured": max(peak for _, peak in self._peaks)})

    def _with_thermometers(self, applied: AppliedEnergy) -> AppliedEnergy:
        """Return what it does, with the higher of both temperatures.

        A pad that was set lower is still warm: what is measured counts while it rises. One that cannot be set has no
        such time.
        """
        outside_celsius = self._outside_celsius
        if outside_celsius is None or not applied.on or not (self._outside_rises or applied.commanded is None):
            return applied
        return applied.model_copy(update={"measured": max(outside_celsius, applied.measured or outside_celsius)})

    @property
    def silent(self) -> bool:
        """Whether it reports regularly, and has not for 10 s."""
        regular = Capability.REPORTS_REGULARLY in self.device.capabilities
        return regular and (self.device.age_seconds or 0.0) >= limits.STALE_SECONDS

    @property
    def reports_running(self) -> bool:
        """Whether it can be stopped, and reports now that it runs, pulls or heats."""
        return self.device.can_stop and self.device.connected and not self.silent and bool(self.applied.on)

    @property
    def uncontrollable(self) -> bool:
        """Whether it cannot be stopped from here, and does not report now that it is off."""
        return not self.device.can_stop and (self.silent or self.applied.on is not False)

    @property
    def ended_itself(self) -> bool:
        """Whether it ran in its block, and now reports that it does not."""
        paused = self.device.reading.run_state is RunState.PAUSED and not (self.block and self.block.may_pause)
        return self._ran and (paused or self.device.reading.run_state is RunState.STOPPED)

    @property
    def measures_vacuum(self) -> bool:
        """Whether a seal can be detected."""
        return self.device.role == "pump" and Capability.REPORTS_VACUUM in self.device.capabilities

    def trim(self, applied: AppliedEnergy, set_mmhg: float, most_mmhg: float) -> None:
        """Trim a pump that is set to what is allowed (`most_mmhg`), and pulls a little more than it may.

        One that pulls far more was set so at its own controls, and has not reported it yet; or it is broken.
        """
        measured, reported_mmhg = applied.measured or 0.0, set_mmhg if applied.commanded is None else applied.commanded
        over_mmhg = measured - highest_plausible(most_mmhg, Energy.SUCTION)
        if reported_mmhg <= most_mmhg and over_mmhg > 0 and measured - reported_mmhg <= limits.VACUUM_TOLERANCE_MMHG:
            self.trim_mmhg = max(0.0, math.floor(set_mmhg - over_mmhg - limits.TRIM_MMHG))

    def did_not_follow(self, now_seconds: float) -> bool:
        """Return whether it has exceeded what is allowed for 2 s, by reports of that time.

        Where the radio stalls, earlier reports prove nothing; a silence of 10 s is a trip of its own.
        """
        if self.above_since_seconds is None:
            self.above_since_seconds = now_seconds
        above_seconds = now_seconds - self.above_since_seconds
        regular = Capability.REPORTS_REGULARLY in self.device.capabilities
        age_seconds = (self.device.age_seconds or 0.0) if regular else 0.0
        return above_seconds >= limits.FOLLOW_SECONDS and age_seconds <= above_seconds

    def sealed(self, now_seconds: float) -> bool:
        """Return whether it holds a vacuum, or did a moment ago. After a pause, the flange may have been taken off."""
        lost_seconds = limits.SEAL_LOST_SECONDS if self.block is not None else limits.VENT_SECONDS
        return now_seconds - self.sealed_at_seconds < lost_seconds

    def most_level(self, *, symptoms: bool) -> int | None:
        """Return its highest level today; `None` where it can be set in mmHg, or has no levels."""
        can = self.device.capabilities
        if Capability.LEVELS not in can or Capability.VACUUM_MMHG in can:
            return None
        return int(min(each.allows for each in level_layers(self.device.max_level, symptoms=symptoms)))

    # Leases

    def renewal_due(self, now_seconds: float) -> bool:
        """Return whether its lease is to be renewed now: in a block, or after it was lowered in manual use."""
        leased = self._manual_lease if self.block is None else self.block.started
        due_seconds = self.leased_until_seconds - limits.LEASE_SECONDS + RENEW_EVERY_SECONDS
        return leased and now_seconds >= due_seconds and (self.renewing is None or self.renewing.done())

    async def renew(self, clock: Clock) -> bool:
        """Renew its lease. Return `False` where its run has ended by itself."""
        block, sent_at_seconds = self.block, clock.now()
        try:
            await self.device.renew(limits.LEASE_SECONDS)
        except RefusedError:
            return not self.ended_itself  # else a stop superseded it, which ends the block anyway
        except DeviceError as error:
            _LOGGER.debug("the lease of %s was not renewed yet: %s", self.device.name, error)
        else:
            if self.block is block:
                self.leased_until_seconds = sent_at_seconds + limits.LEASE_SECONDS
        return True

    def grant_manual_lease(self, now_seconds: float) -> None:
        """Note that lowering it in manual use gave it a lease, which is renewed while it is on."""
        if self.block is None:
            self._manual_lease, self.leased_until_seconds = True, now_seconds + limits.LEASE_SECONDS

    # Layers

    def layers(self, now_seconds: float) -> Iterator[Reason]:
        """Yield the layers of this pump alone: no seal yet, or more vacuum than it is set to."""
        if self.measures_vacuum and not self.sealed(now_seconds):
            most = max(limits.GENTLEST_VACUUM_MMHG, self.device.limits.least_vacuum_mmhg or 0.0)
            yield Reason(who="seal", allows=most, key="no_seal")
        if self.trim_mmhg is not None:
            yield Reason(who="measured", allows=self.trim_mmhg, key="pulls_more")

    # Hard stops

    def trip(self, now_seconds: float) -> Trip | None:
        """Return why to stop everything now, for a device whose block has started; or `None`."""
        block, found = self.block, None
        if block is None:
            return None
        if not self.device.connected:
            found = TripKind.LINK_LOST, "the Bluetooth link was lost"
        elif now_seconds >= self.leased_until_seconds:
            found = TripKind.LEASE, f"its lease could not be renewed for {limits.LEASE_SECONDS:.0f} s"
        elif now_seconds >= block.until_seconds + limits.LATE_SECONDS:
            found = TripKind.TIME, f"{block.energy.value} went on longer than its {block.seconds:.0f} s"
        elif (silent_seconds := self._silent_seconds(block, now_seconds)) >= limits.STALE_SECONDS:
            found = TripKind.STALE, f"nothing was received for {silent_seconds:.0f} s"
        reading = self.device.reading
        for rule in self._rules or ():
            found = found or rule(reading, now_seconds)
        if found is None:
            return self._thermometer_trip(now_seconds)
        return Trip(kind=found[0], device=self.device.name, detail=found[1])

    def manual_use_trip(self, now_seconds: float) -> Trip | None:
        """Return why to stop everything now, for a device in manual use; or `None`."""
        if self._rules is None:
            self._rules = rules_for(self.device, now_seconds)
        reading = self.device.reading
        for rule in self._rules:
            found = rule(reading, now_seconds)
            if found is not None and found[0] in MANUAL_USE_TRIPS:
                return Trip(kind=found[0], device=self.device.name, detail=found[1])
        return self._thermometer_trip(now_seconds)

    def _thermometer_trip(self, now_seconds: float) -> Trip | None:
        reading = self.device.reading
        found = self.thermometers.trip(reading, now_seconds) if isinstance(reading, WarmerReading) else None
        return None if found is None else Trip(kind=found[1], device=found[0], detail=found[2])

    def thermometer_fault(self, now_seconds: float) -> KeyedMessage | None:
        """Return why it must not heat on: a thermometer on it does not report, or cannot be believed; or `None`."""
        reading = self.device.reading
        return self.thermometers.fault(reading, now_seconds) if isinstance(reading, WarmerReading) else None

    def assume_off(self, now_seconds: float) -> None:
        """Treat it as off because the person confirmed it: only its later reports count."""
        self.seen_off = False
        self._assumed_off_at_seconds = now_seconds

    def silent_since_assumed_off(self, now_seconds: float) -> bool:
        """Return whether it has reported nothing since a person confirmed that it is off."""
        age_seconds = self.device.age_seconds
        assumed_off_seconds = now_seconds - self._assumed_off_at_seconds
        return assumed_off_seconds < math.inf and (age_seconds is None or age_seconds >= assumed_off_seconds)

    def reset(self) -> None:
        """Reset what belonged to a run outside of a block that is over."""
        self._rules = self.above_since_seconds = None
        self._manual_lease = False
        self.thermometers.reset()

    def _silent_seconds(self, block: EnergyBlock, now_seconds: float) -> float:
        if Capability.REPORTS_REGULARLY not in self.device.capabilities:
            return 0.0  # it never reports by itself; no report means nothing
        age_seconds = self.device.age_seconds
        return now_seconds - block.began_seconds if age_seconds is None else age_seconds
