"""Holds every reading of every device of a body against the envelope, as long as the service runs, in blocks or not.

It looks on every report and every second, and lowers, stops, or reports. It knows no sessions and no routines.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from controller import safety
from controller.blocks import Block, MustStopError
from controller.by_hand import allowance_by_hand, budgets_by_hand, lower_by_hand
from controller.energy_budgets import EnergyBudgets
from controller.envelope import (
    NOTHING,
    Allowance,
    Do,
    Envelope,
    Felt,
    Layers,
    Situation,
    Verdict,
    can_be_set,
    envelope,
    on_side,
    verdict,
)
from controller.latch import Latch
from controller.pump_run import Suction
from controller.safety import Energy, OwnerLimits, Reason, Trip, TripKind
from controller.safety_listener import SupervisorListener
from controller.stopping import Stopping, stop_unasked
from controller.watched import Watched
from devices.clock import Clock
from devices.errors import DeviceError, RefusedError
from devices.roles import Role

_LOGGER = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 1.0
_FAILED = "the controller failed to look after it; see its log"
_FIRST_READING_SECONDS = 3.0  # how long a device that was just connected may take to say whether it runs


class Supervisor:
    """One body's supervisor. `in_session`: nothing may run but what a block started."""

    def __init__(
        self,
        clock: Clock,
        devices: Sequence[Role],
        owner: OwnerLimits,
        budgets: EnergyBudgets,
        latch: Latch,
        stopping: Stopping,
        listener: SupervisorListener,
    ) -> None:
        self.owner = owner
        self.symptoms: frozenset[str] = frozenset()
        self.in_session = False
        self._clock = clock
        self._budgets = budgets
        self._latch = latch
        self._stopping = stopping
        self._listener = listener
        self._blocks: list[Block] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_close = contextlib.ExitStack()
        self._watched = {device.name: Watched(device, clock.now()) for device in devices}
        for watched in self._watched.values():
            self._on_close.callback(watched.device.on_change(partial(self._look, watched)))

    async def run(self) -> None:
        """Look every second, until cancelled. However it ends, nothing goes on without it."""
        try:
            while True:
                self.look()
                self._renew()
                await self._clock.sleep(LOOK_EVERY_SECONDS)
        finally:
            self._fail_all("the controller stopped looking after it")
            self._on_close.close()
            for task in self._tasks:
                task.cancel()

    # Layers

    @property
    def has_symptoms(self) -> bool:
        """Whether the day has any."""
        return bool(self.symptoms)

    @property
    def hot_seconds(self) -> float:
        """What is left of the time above 41 °C."""
        return self._budgets.left_seconds([safety.HOT])

    def envelope(self) -> Envelope:
        """Return what the body may feel now.

        The share of open blocks in the budgets was counted as used when they opened; they end in time by themselves.
        """
        blocks = tuple(block.layer() for block in self._blocks if not block.over)
        layers = Layers(owner=self.owner, symptoms=self.has_symptoms, blocks=blocks)
        return envelope(layers, self._clock.now())

    def layers_of(self, pump: str) -> Iterator[Reason]:
        """Return what holds for one pump alone."""
        return self._watched[pump].layers(self._clock.now())

    def unsealed_seconds(self, block: Suction) -> float | None:
        """Return for how long a pump of a block has had no seal; `None` where all have one, or cannot say."""
        now_seconds = self._clock.now()
        pumps = [self._watched[name] for name in block.devices]
        open_ = [each for each in pumps if each.measures_vacuum and not each.sealed(now_seconds)]
        return max((now_seconds - max(each.sealed_at_seconds, block.began_seconds) for each in open_), default=None)

    # Blocks

    def open(self, block: Block) -> None:
        """Widen the envelope for a block, before its devices start."""
        block.began_seconds = self._clock.now()
        self._blocks.append(block)
        for name in block.devices:
            self._watched[name].opened(block)

    def started(self, block: Block) -> None:
        """Look after a block's devices from now on: they have started."""
        block.started = True
        for name in block.devices:
            self._watched[name].started(self._clock.now())
        self.narrowed()  # what became stricter while it was starting holds now

    def shut(self, block: Block) -> None:
        """Narrow the envelope again: whatever of the block runs from now on is to be off."""
        block.over = True
        if block in self._blocks:
            self._blocks.remove(block)
        for watched in self._watched.values():
            if watched.block is block:
                watched.closed()

    def shut_all(self) -> None:
        """Shut every block at once, and take no stop for a device's own."""
        for block in tuple(self._blocks):
            self.shut(block)

    def narrowed(self) -> None:
        """Hold what runs to layers that have just become stricter."""
        for block in tuple(self._blocks):
            if block.started:
                self._begin(self._refresh(block))
                for name in block.devices:  # they are told now; where that does not help, they are told again
                    self._watched[name].lowered_at_seconds = self._clock.now()
        self.look()

    # What is on

    @property
    def running_outside(self) -> tuple[str, ...]:
        """Devices that are on and that nobody here started, by what they say."""
        return tuple(sorted(name for name, each in self._watched.items() if each.outside is not None))

    def says_on(self) -> frozenset[str]:
        """Return the devices that say just now that they run outside of any block, and that can be stopped."""
        return frozenset(name for name, each in self._watched.items() if each.block is None and each.says_on)

    def out_of_control(self) -> tuple[str, ...]:
        """Return the devices that cannot be stopped from here, and that do not say just now that they are off."""
        return tuple(name for name, each in self._watched.items() if each.out_of_control)

    def expect_off(self, devices: Iterable[str]) -> None:
        """Believe a person who says that these are off; where one says that it runs after all, it is stopped."""
        for name in devices:
            if name in self._watched:
                self._watched[name].believe_off(self._clock.now())

    # Looking

    def look(self) -> None:
        """Look at every device, raise by one step what may be raised, and lower what lost its seal."""
        for watched in self._watched.values():
            self._look(watched)
        for block in tuple(self._blocks):
            if isinstance(block, Suction) and block.is_due(unsealed=self.unsealed_seconds(block) is not None):
                self._begin(self._refresh(block))

    def _look(self, watched: Watched) -> None:
        """Look at one device, and do what is to be done. Where that fails, everything is stopped."""
        try:
            now_seconds = self._clock.now()
            watched.note(now_seconds)
            if watched.block is None:
                self._look_outside(watched, now_seconds)
            elif watched.block.started:
                self._look_in_block(watched, watched.block, now_seconds)
        except Exception:
            _LOGGER.exception("the supervisor failed on %s", watched.device.name)
            if watched.block is not None:
                self._fail_all(_FAILED)

    def _fail_all(self, words: str) -> None:
        for block in tuple(self._blocks):
            self._listener.on_trip(Trip(kind=TripKind.LEASE, device=next(iter(block.devices), ""), words=words))

    def _look_in_block(self, watched: Watched, block: Block, now_seconds: float) -> None:
        device = watched.device
        if (trip := watched.trip(now_seconds)) is not None:
            if trip.kind is not TripKind.LINK_LOST or not self._goes_on_without(watched, block):
                self._listener.on_trip(trip)
            return
        if watched.ended_itself:
            self._end(watched, block, None)
            return
        seen, allowance = watched.felt, on_side(self.envelope(), watched.energy, device.side)
        most_level = watched.most_level(symptoms=self.has_symptoms)
        if isinstance(block, Suction):
            if block.take_in(device.name, seen, allowance.most if most_level is None else most_level):
                self._listener.on_changed()
            allowance, most_level = block.bound(device.name, allowance, most_level)
        elif watched.energy is Energy.HEAT and (seen.commanded or 0.0) > safety.WARM_CELSIUS:
            self._budgets.count(frozenset({safety.HOT}))
        found = verdict(
            seen,
            allowance,
            Situation.BLOCK,
            watched.energy,
            can_set=can_be_set(device),
            most_level=most_level,
            settled=block.settled,
        )
        self._act(watched, found, seen, allowance, now_seconds)

    def _goes_on_without(self, watched: Watched, block: Block) -> bool:
        """Go on with the other pump, where the owner chose that."""
        if block.energy is not Energy.SUCTION or not self.owner.go_on_with_one_pump or len(block.devices) == 1:
            return False
        block.lose(watched.device.name)
        watched.closed()
        self._stopping.begin([watched.device])
        return True

    def _look_outside(self, watched: Watched, now_seconds: float) -> None:
        device, situation = watched.device, self._situation(watched, now_seconds)
        if situation is Situation.OFF and self._stopping.under_way(device.name):
            return  # all that can be done about it is being done
        seen = watched.felt
        unknown = watched.overruled(now_seconds) or (situation is Situation.BY_HAND and watched.silent)
        if not device.connected or unknown:
            self._report(watched, None)  # what it does now, nobody knows
            return
        if not seen.on:
            self._report(watched, None)
            self._look_at_off(watched, seen, now_seconds)
            return
        if situation is Situation.BY_HAND and (trip := watched.trip_by_hand(now_seconds)) is not None:
            self._listener.on_trip(trip)
            return
        # Also what does not follow its stop counts: the body gets it, whoever is to blame.
        self._budgets.count(budgets_by_hand(device, seen))
        allowance = NOTHING
        if situation is Situation.BY_HAND:
            allowance = allowance_by_hand(device, seen, self.owner, self._budgets, symptoms=self.has_symptoms)
        found = verdict(
            seen,
            allowance,
            situation,
            watched.energy,
            can_set=can_be_set(device),
            manual_use=self.owner.manual_use,
            most_level=watched.most_level(symptoms=self.has_symptoms),
        )
        if not self._stopping.under_way(device.name):
            self._report(watched, found.words)
        self._act(watched, found, seen, allowance, now_seconds)

    def _situation(self, watched: Watched, now_seconds: float) -> Situation:
        if not watched.device.can_stop:
            return Situation.BY_HAND  # nothing else can be done about it
        off = self.in_session or not watched.seen_off or self._latch.holds_off(now_seconds)
        return Situation.OFF if off else Situation.BY_HAND

    def _look_at_off(self, watched: Watched, seen: Felt, now_seconds: float) -> None:
        watched.is_off()
        if seen.on is False:
            watched.seen_off = True
        elif not watched.seen_off and now_seconds - watched.connected_at_seconds >= _FIRST_READING_SECONDS:
            # It cannot say whether it runs, or does not: first of all it is stopped, whatever is remembered of it.
            watched.seen_off = True
            self._begin(stop_unasked(watched.device))
        if watched.device.name in self._latch.uncertain:
            self._stop(watched, now_seconds)  # until it confirms

    def _report(self, watched: Watched, words: str | None) -> None:
        new = (watched.outside is None) is not (words is None)
        watched.outside = words
        if new:
            self._listener.on_outside(watched.device.name, words)

    # Acting

    def _act(self, watched: Watched, found: Verdict, seen: Felt, allowance: Allowance, now_seconds: float) -> None:
        if found.do is Do.STOP:
            self._stop_now(watched, found.words, now_seconds)
        elif found.do is not Do.LOWER:
            watched.above_since_seconds, watched.reported_above = None, False
        elif watched.did_not_follow(now_seconds):
            self._stop_now(watched, found.words, now_seconds)
        elif now_seconds >= watched.lowered_at_seconds + LOOK_EVERY_SECONDS:
            if not watched.reported_above:
                watched.reported_above = True
                self._enforced(watched, Do.LOWER, found.words)
            self._lower(watched, seen, allowance, now_seconds)

    def _enforced(self, watched: Watched, do: Do, words: str) -> None:
        _LOGGER.warning("%s: %s: it is told to %s", watched.device.name, words, do.value)
        self._listener.on_enforced(watched.device.name, do, words)

    def _lower(self, watched: Watched, seen: Felt, allowance: Allowance, now_seconds: float) -> None:
        block, watched.lowered_at_seconds = watched.block, now_seconds
        if block is None:
            self._begin(self._lower_outside(watched, seen, allowance))
            return
        if isinstance(block, Suction) and block.setting.vacuum_mmhg is not None:
            watched.trim(seen, block.setting.vacuum_mmhg, allowance.most)
        self._begin(self._refresh(block, again=True))

    async def _lower_outside(self, watched: Watched, seen: Felt, allowance: Allowance) -> None:
        level = watched.most_level(symptoms=self.has_symptoms)
        left_seconds = self._budgets.left_seconds(budgets_by_hand(watched.device, seen))
        try:
            await lower_by_hand(watched.device, seen, allowance, most_level=level, left_seconds=left_seconds)
            watched.lease_by_hand(self._clock.now())
        except RefusedError as error:
            self._stop_now(watched, str(error), self._clock.now())
        except DeviceError as error:
            _LOGGER.debug("%s was not lowered: %s", watched.device.name, error)

    async def _refresh(self, block: Block, *, again: bool = False) -> None:
        try:
            await block.refresh(again=again)
        except MustStopError as error:
            for name in tuple(block.devices)[:1]:  # the others stop with it
                self._stop_now(self._watched[name], str(error), self._clock.now())
        except DeviceError as error:  # what it says decides: it is lowered again, or stopped
            _LOGGER.debug("the setting of a block was not changed: %s", error)
        self._listener.on_changed()

    def _stop_now(self, watched: Watched, words: str, now_seconds: float) -> None:
        if watched.block is not None:
            self._enforced(watched, Do.STOP, words)
            self._end(watched, watched.block, words)
        elif self._stop(watched, now_seconds) and watched.device.name not in self._latch.uncertain:
            self._enforced(watched, Do.STOP, words)  # of one that is uncertain the person knows, and knows more

    def _end(self, watched: Watched, block: Block, words: str | None) -> None:
        """End a whole block because of one device."""
        devices = list(block.devices.values())
        self.shut(block)
        self._stopping.begin(devices)
        self._listener.on_ended(watched.device.name, words)

    def _stop(self, watched: Watched, now_seconds: float) -> bool:
        """Stop a device, and again every 3 s until it is off. Return whether a stop began now."""
        device = watched.device
        if not device.can_stop or now_seconds < watched.stop_at_seconds or self._stopping.under_way(device.name):
            return False
        watched.stop_at_seconds = now_seconds + safety.STOP_AGAIN_SECONDS
        self._stopping.begin([device])
        return True

    # Leases

    def _renew(self) -> None:
        """Renew every lease that is due, again and again while it is valid."""
        for watched in self._watched.values():
            if watched.renewal_due(self._clock.now()):
                watched.renewing = self._begin(self._renew_one(watched, watched.block))

    async def _renew_one(self, watched: Watched, block: Block | None) -> None:
        if not await watched.renew(self._clock) and block is not None and watched.block is block:
            self._end(watched, block, None)

    def _begin(self, action: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(action)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("the supervisor failed: %r", error, exc_info=error)
            self._fail_all(_FAILED)
