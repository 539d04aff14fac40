"""One device under the eyes of the supervisor: what it has said so far, beyond its latest reading."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Iterator

from controller import safety
from controller.blocks import Block
from controller.envelope import ENERGY_OF, Felt, believable, felt
from controller.limits import level_layers
from controller.safety import Energy, Reason, Trip, TripKind
from controller.trip_rules import CYCLE_SLACK, RiseDetector, Rule, rules_for
from devices.clock import Clock
from devices.errors import DeviceError, RefusedError
from devices.roles import Capability, PumpReading, Reading, Role, RunState

_LOGGER = logging.getLogger(__name__)

RENEW_EVERY_SECONDS = 3.0
TRIPS_BY_HAND = frozenset({TripKind.VACUUM, TripKind.NO_RELEASE, TripKind.TEMPERATURE})


class Watched:
    """A device, the block that uses it, if any, and what is known of it.

    `seen_off`: it said that it is off, since the service began and since it was last uncertain. `sealed_at_seconds`:
    when it last measured a vacuum. `trim_mmhg`: what it may be set to, where it pulls more than it is set to.
    `leased_until_seconds`: how long its lease is valid. `outside`: how it runs though nobody here started it.
    """

    def __init__(self, device: Role, now_seconds: float) -> None:
        self.device = device
        self.energy = ENERGY_OF[device.role]
        self.block: Block | None = None
        self.seen_off = False
        self.connected_at_seconds = now_seconds
        self.sealed_at_seconds = -math.inf
        self.trim_mmhg: float | None = None
        self.leased_until_seconds = math.inf
        self.above_since_seconds: float | None = None  # it exceeds what is allowed
        self.reported_above = False
        self.lowered_at_seconds = -math.inf
        self.stop_at_seconds = -math.inf  # not before this is it stopped again
        self.outside: str | None = None
        self._believed_at_seconds = -math.inf  # when a person said that it is off
        self.renewing: asyncio.Task[None] | None = None
        self.rises = False
        self._ran = False
        self._leased_by_hand = False
        self._peaks: deque[tuple[float, float]] = deque()
        self._rules: list[Rule] | None = None
        self._rise = RiseDetector()

    # Blocks

    def opened(self, block: Block) -> None:
        """Note that a block uses it from now on."""
        self.block = block
        self.trim_mmhg = self.above_since_seconds = self._rules = None
        self.leased_until_seconds = math.inf
        self._ran = self._leased_by_hand = False

    def started(self, now_seconds: float) -> None:
        """Note that its block has started it."""
        self._rules = rules_for(self.device, now_seconds)
        self.leased_until_seconds = now_seconds + safety.LEASE_SECONDS

    def closed(self) -> None:
        """Note that its block is over."""
        self.block = self.trim_mmhg = self.above_since_seconds = self._rules = None
        self._rise, self.rises = RiseDetector(), False
        self._peaks.clear()

    # What it says

    def note(self, now_seconds: float) -> None:
        """Take in its latest reading."""
        reading = self.device.reading
        if not self.device.connected:
            self.connected_at_seconds = now_seconds
        self.rises = self._rise.rises(reading, now_seconds)
        self._note_peak(reading, now_seconds)
        if isinstance(reading, PumpReading) and self.block is not None and reading.run_state is not RunState.STOPPED:
            highest = max(reading.vacuum_mmhg or 0.0, reading.peak_vacuum_mmhg or 0.0)
            if highest >= safety.SEAL_MMHG:
                self.sealed_at_seconds = now_seconds
        self._ran = self._ran or reading.run_state is RunState.RUNNING

    def _note_peak(self, reading: Reading, now_seconds: float) -> None:
        """Keep a pump's peaks of one cycle: between two of them it releases, and does not pull less for that."""
        if not isinstance(reading, PumpReading) or (self.block is not None and not self.block.settled):
            self._peaks.clear()
            return
        rate_cpm = min(max(reading.rate_cpm or 0.0, safety.SLOWEST_CPM), safety.STIMULATION_RATE_CPM)
        self._peaks.append((now_seconds, max(reading.vacuum_mmhg or 0.0, reading.peak_vacuum_mmhg or 0.0)))
        while now_seconds - self._peaks[0][0] > CYCLE_SLACK * 60 / rate_cpm:
            self._peaks.popleft()

    @property
    def felt(self) -> Felt:
        """What it does to the body, by what it says; in a block it counts as on where it never says."""
        seen = felt(self.device.reading, rises=self.rises, started=self.block is not None)
        if seen.measured is None or not self._peaks:
            return seen
        return seen.model_copy(update={"measured": max(peak for _, peak in self._peaks)})

    @property
    def silent(self) -> bool:
        """Whether what it said last is old, though it reports regularly."""
        regular = Capability.REPORTS_REGULARLY in self.device.capabilities
        return regular and (self.device.age_seconds or 0.0) >= safety.STALE_SECONDS

    @property
    def says_on(self) -> bool:
        """Whether it can be stopped, and says itself, just now, that it runs, pulls or heats."""
        return self.device.can_stop and self.device.connected and not self.silent and bool(self.felt.on)

    @property
    def out_of_control(self) -> bool:
        """Whether it cannot be stopped from here, and does not say just now that it is off."""
        return not self.device.can_stop and (self.silent or self.felt.on is not False)

    @property
    def ended_itself(self) -> bool:
        """Whether it ran in its block, and now says that it does not."""
        paused = self.device.reading.run_state is RunState.PAUSED and not (self.block and self.block.may_pause)
        return self._ran and (paused or self.device.reading.run_state is RunState.STOPPED)

    @property
    def measures_vacuum(self) -> bool:
        """Whether a seal can be noticed."""
        return self.device.role == "pump" and Capability.REPORTS_VACUUM in self.device.capabilities

    def trim(self, seen: Felt, set_mmhg: float, most_mmhg: float) -> None:
        """Set a pump lower that is set to what is allowed, and pulls a little more than it may.

        One that pulls far more was set so at its own controls, and has not said so yet; or it is broken.
        """
        measured, said = seen.measured or 0.0, set_mmhg if seen.commanded is None else seen.commanded
        over_mmhg = measured - believable(most_mmhg, Energy.SUCTION)
        if said <= most_mmhg and over_mmhg > 0 and measured - said <= safety.VACUUM_TOLERANCE_MMHG:
            self.trim_mmhg = max(0.0, math.floor(set_mmhg - over_mmhg - safety.TRIM_MMHG))

    def did_not_follow(self, now_seconds: float) -> bool:
        """Say whether it has exceeded what is allowed for too long, by what it said meanwhile.

        Where the radio stalls, what it said before is no proof; a silence of 10 s is a trip of its own.
        """
        if self.above_since_seconds is None:
            self.above_since_seconds = now_seconds
        above_seconds = now_seconds - self.above_since_seconds
        regular = Capability.REPORTS_REGULARLY in self.device.capabilities
        age_seconds = (self.device.age_seconds or 0.0) if regular else 0.0
        return above_seconds >= safety.FOLLOW_SECONDS and age_seconds <= above_seconds

    def sealed(self, now_seconds: float) -> bool:
        """Say whether it holds a vacuum, or did a moment ago. After a pause, the flange may have been taken off."""
        lost_seconds = safety.SEAL_LOST_SECONDS if self.block is not None else safety.VENT_SECONDS
        return now_seconds - self.sealed_at_seconds < lost_seconds

    def most_level(self, *, symptoms: bool) -> int | None:
        """Return its highest level today, where it knows levels only."""
        can = self.device.capabilities
        if Capability.LEVELS not in can or Capability.VACUUM_MMHG in can:
            return None
        return int(min(each.allows for each in level_layers(self.device.max_level, symptoms=symptoms)))

    # Leases

    def renewal_due(self, now_seconds: float) -> bool:
        """Say whether its lease is to be renewed now: of what a block runs, and of what was lowered by hand."""
        leased = self._leased_by_hand if self.block is None else self.block.started
        due_seconds = self.leased_until_seconds - safety.LEASE_SECONDS + RENEW_EVERY_SECONDS
        return leased and now_seconds >= due_seconds and (self.renewing is None or self.renewing.done())

    async def renew(self, clock: Clock) -> bool:
        """Renew its lease. Return `False` where it has ended by itself."""
        block, sent_at_seconds = self.block, clock.now()
        try:
            await self.device.renew(safety.LEASE_SECONDS)
        except RefusedError:
            return not self.ended_itself  # else it was superseded by a stop, which ends the block anyway
        except DeviceError as error:
            _LOGGER.debug("the lease of %s was not renewed yet: %s", self.device.name, error)
        else:
            if self.block is block:
                self.leased_until_seconds = sent_at_seconds + safety.LEASE_SECONDS
        return True

    def lease_by_hand(self, now_seconds: float) -> None:
        """Note that it was lowered while it is used by hand: that gave it a lease, which is renewed while it is on."""
        if self.block is None:
            self._leased_by_hand, self.leased_until_seconds = True, now_seconds + safety.LEASE_SECONDS

    # Layers

    def layers(self, now_seconds: float) -> Iterator[Reason]:
        """Yield what holds for this pump alone: no seal yet, or more vacuum than it is set to."""
        if self.measures_vacuum and not self.sealed(now_seconds):
            most = max(safety.GENTLEST_VACUUM_MMHG, self.device.limits.least_vacuum_mmhg or 0.0)
            yield Reason(who="seal", allows=most, words="no vacuum is measured yet: see that the flange has a seal")
        if self.trim_mmhg is not None:
            yield Reason(who="measured", allows=self.trim_mmhg, words="this pump pulls more than it is set to")

    # Hard stops

    def trip(self, now_seconds: float) -> Trip | None:
        """Return why to stop everything right now, for a device whose block has started; or `None`."""
        block, found = self.block, None
        if block is None:
            return None
        if not self.device.connected:
            found = TripKind.LINK_LOST, "the Bluetooth link was lost"
        elif now_seconds >= self.leased_until_seconds:
            found = TripKind.LEASE, f"its lease could not be renewed for {safety.LEASE_SECONDS:.0f} s"
        elif now_seconds >= block.until_seconds + safety.LATE_SECONDS:
            found = TripKind.TIME, f"{block.energy.value} went on longer than its {block.seconds:.0f} s"
        elif (silent_seconds := self._silent_seconds(block, now_seconds)) >= safety.STALE_SECONDS:
            found = TripKind.STALE, f"nothing was received for {silent_seconds:.0f} s"
        for rule in self._rules or ():
            found = found or rule.look(self.device.reading, now_seconds)
        return None if found is None else Trip(kind=found[0], device=self.device.name, words=found[1])

    def trip_by_hand(self, now_seconds: float) -> Trip | None:
        """Return a hard limit that is broken while it is used by hand, or `None`."""
        if self._rules is None:
            self._rules = rules_for(self.device, now_seconds)
        for rule in self._rules:
            found = rule.look(self.device.reading, now_seconds)
            if found is not None and found[0] in TRIPS_BY_HAND:
                return Trip(kind=found[0], device=self.device.name, words=found[1])
        return None

    def believe_off(self, now_seconds: float) -> None:
        """Believe a person who says that it is off: only what it says after that counts."""
        self.seen_off = False
        self._believed_at_seconds = now_seconds

    def overruled(self, now_seconds: float) -> bool:
        """Say whether it has said nothing since a person said that it is off."""
        age_seconds = self.device.age_seconds
        believed_seconds = now_seconds - self._believed_at_seconds
        return believed_seconds < math.inf and (age_seconds is None or age_seconds >= believed_seconds)

    def is_off(self) -> None:
        """Forget what belonged to a run that is over."""
        self._rules = self.above_since_seconds = None
        self._leased_by_hand = False

    def _silent_seconds(self, block: Block, now_seconds: float) -> float:
        if Capability.REPORTS_REGULARLY not in self.device.capabilities:
            return 0.0  # it never says anything by itself; its silence means nothing
        age_seconds = self.device.age_seconds
        return now_seconds - block.began_seconds if age_seconds is None else age_seconds
