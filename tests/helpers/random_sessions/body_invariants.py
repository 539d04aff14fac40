"""Invariants of the virtual bodies, by the twins' own state: what is on, how strong, for how long, and shown how."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from controller.contract.events import SessionState
from controller.safety.limits import (
    BUDGETS,
    FIRST_EXPRESSION_VACUUM_MMHG,
    HELD_OFF_SECONDS,
    HOT,
    LEASE_SECONDS,
    RAISE_EVERY_SECONDS,
    RAISE_STEP_MMHG,
    RELEASE_MMHG,
    SEAL_MMHG,
    UNMEASURED,
    WARM_CELSIUS,
    OwnerLimits,
)
from devices.driver.vocabulary import Value
from devices.roles import Phase, Side
from devices.virtual.device_run import CommandResult
from devices.virtual.open_devices import PumpBody
from devices.virtual.twin import Twin
from tests.helpers.home import PUMPS
from tests.helpers.own_controls import value_of
from tests.helpers.random_sessions.crashes import World
from tests.helpers.random_sessions.envelope_invariants import NO_SEAL_SECONDS, DayLimits, Excess
from tests.helpers.random_sessions.faults import STARTS, STOPS, DeviceFaults
from tests.helpers.random_sessions.use_invariants import MeasuredUse

Chosen = tuple[str, Phase]  # a session, and a phase in which the person chose the vacuum

ON_IN = {"warm": {"warm-pad"}, "massage": {"massager"}, "stimulate": set(PUMPS), "express": set(PUMPS)}
SIDES = {"left-pump": Side.LEFT, "right-pump": Side.RIGHT, "warm-pad": Side.BOTH, "massager": Side.BOTH}

IN_FLIGHT_SECONDS = 0.05  # what was written before a stop may arrive in the same moment
OFF_SECONDS = 0.5  # from what ends it to silence
AGAIN_SECONDS = 8.5  # until a device that receives again was stopped again: 3 s of waiting, 2 of trying, twice
UNCERTAIN_SECONDS = 4.6  # until a stop that did not work is known: 2 s, and 2 s for a vacuum to be released
LEASE_RUNS_OUT_SECONDS = 10.5
MANUAL_USE_SECONDS = 4.3  # until a device that was switched on at its button, and must be off, is: see `SET_SECONDS`
GENTLEST_MMHG = 40.0
SAME_SEAL_SECONDS = 3.0  # a pump that pulled so short a time ago may begin at more


class DeviceState:
    """The true state of one device. `manual`: it was switched on at the device, not from here."""

    def __init__(self, twin: Twin) -> None:
        self.off_since_seconds: float | None = -math.inf
        self.why_off: str | None = "nothing has begun"
        self.assumed_off = False  # the person said that it is off, and it is not
        self.manual = False
        self.began_seconds = -math.inf
        self.pressed_at_seconds = -math.inf
        self.active_at_seconds = -math.inf
        self.raised_at_seconds = -math.inf
        self.leaseless_at_seconds = -math.inf
        self.pulls_since_seconds: float | None = None
        self.leaks_since_seconds: float | None = None
        self.sealed_at_seconds = -math.inf
        self.excess = Excess(twin)


class BodyInvariants:
    """Watches every device of a world: at every command that it carries out, and several times a simulated second.

    `violated(words)` is called with every violation.
    """

    def __init__(self, world: World, owner: OwnerLimits, say: Callable[[str], None]) -> None:
        self.starts = 0
        self.stop_first: set[str] = set()  # may have run in a crash: the first command to it must be a stop
        self.day_limits = DayLimits(owner)
        self.measured_uses = [MeasuredUse(name) for name in BUDGETS if name != UNMEASURED]
        self._world = world
        self._owner = owner
        self._violated = say
        self._states = {key: DeviceState(twin) for key, twin in world.home.twins.items()}
        self._checked_at_seconds = world.clock.now()
        self._uncertain_since_seconds: float | None = None
        self._held_off_until_seconds = -math.inf
        self._started_at_seconds = world.clock.now()
        self._chosen: dict[Chosen, float] = {}  # the highest vacuum that the person chose, in a session's phase
        self._before: tuple[Chosen, float | None] | None = None
        tick = world.home.tick

        def tick_and_check() -> None:
            tick()
            self.check()

        world.home.tick = tick_and_check  # type: ignore[method-assign]
        for key, twin in world.home.twins.items():
            self._watch(key, twin.body)

    # Commands of a person

    def ask_for_vacuum(self, action: str, mmhg: float | None) -> None:
        """Expect the vacuum that the person asks for, until that is refused."""
        house = self._world.house
        if house is None or house.station.session is None or house.station.snapshot.phase is None:
            return
        key = house.station.session.id, house.station.snapshot.phase
        if mmhg is None:
            step_mmhg = RAISE_STEP_MMHG if action == "vacuum_up" else -RAISE_STEP_MMHG
            mmhg = max(0.0, (house.station.snapshot.target_vacuum_mmhg or 0.0) + step_mmhg)
        self._before = key, self._chosen.get(key)
        self._chosen[key] = mmhg

    def refuse_vacuum(self) -> None:
        """Expect the vacuum from before the last request, which was refused."""
        if self._before is None:
            return
        key, before_mmhg = self._before
        if before_mmhg is None:
            self._chosen.pop(key, None)
        else:
            self._chosen[key] = before_mmhg

    def hold_off(self) -> None:
        """Expect everything off, and for a while also what is switched on at a device."""
        self._held_off_until_seconds = self._world.clock.now() + HELD_OFF_SECONDS

    def begin_session(self) -> None:
        """Allow starts: a session begins."""
        self._held_off_until_seconds = -math.inf

    def start_controller(self, stop_first: set[str]) -> None:
        """Expect the first command to each device in `stop_first` to be a stop: it may run since before."""
        self._started_at_seconds = self._world.clock.now()
        self._held_off_until_seconds = -math.inf
        self.stop_first = stop_first

    def assume_off(self) -> None:
        """Note which devices run on although the person says that all are off."""
        house = self._world.house
        for key in house.guard.uncertain if house else ():
            self._states[key].assumed_off = self.pulls(key)
            self.stop_first.discard(key)

    def withdraw_assumptions(self) -> None:
        """Expect everything to be stopped, also what the person took for off."""
        for state in self._states.values():
            state.assumed_off = False

    def pulls(self, key: str) -> bool:
        """Whether a device does anything to a body."""
        body = self._world.home.twins[key].body
        return body.run.on or (isinstance(body, PumpBody) and body.suction.vacuum_mmhg >= RELEASE_MMHG)

    # Commands to devices

    def _watch(self, key: str, body: Any) -> None:
        command = body.command

        def carry_out(name: str, values: Mapping[str, Value]) -> CommandResult:
            if key in self.stop_first:
                self.stop_first.discard(key)
                if name not in STOPS:
                    self._violated(f"{key} may have run when the controller crashed, and its first command is {name}")
            self.check()  # so that what begins or ends here is not counted from the last check on
            before = value_of(self._world.home.twins[key])
            result: CommandResult = command(name, values)
            if result.result in ("accepted", "limited") and name not in body.ignores:
                numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
                phase = Phase(str(values["phase"])) if "phase" in values else None
                self._on_command(key, name, numbers, phase, before)
            return result

        body.command = carry_out
        press = "press_start" if isinstance(body, PumpBody) else "press_on"
        setattr(body, press, partial(self._on_press, key, getattr(body, press)))
        if isinstance(body, PumpBody):
            body.press_vacuum = partial(self._on_press, key, body.press_vacuum)  # type: ignore[method-assign]

    def _on_press(self, key: str, press: Callable[..., None], value: float, *more: Any) -> None:
        """Somebody uses a device's own controls, or the device acts as if they had."""
        state, twin, house = self._states[key], self._world.home.twins[key], self._world.house
        self.check()
        was_on, before = twin.body.run.on, value_of(twin)
        press(value, *more)
        state.pressed_at_seconds = self._world.clock.now()
        if not was_on and twin.body.run.on:
            state.manual, state.began_seconds, state.assumed_off = True, state.pressed_at_seconds, False
        elif house is not None and house.station.session is not None and isinstance(twin.body, PumpBody):
            if value_of(twin) == before:
                return
            chosen = house.station.session.id, house.station.snapshot.phase or twin.body.suction.phase
            self._chosen[chosen] = max(value_of(twin), self._chosen.get(chosen, 0.0))

    def _on_command(self, key: str, name: str, values: Mapping[str, float], phase: Phase | None, before: float) -> None:
        state = self._states[key]
        house = self._world.house
        in_session = house is not None and house.station.running
        if state.manual and before and not in_session:  # what is used by hand may only be lowered
            if value_of(self._world.home.twins[key]) > before + 0.01:
                self._violated(f"{key} is used by hand, and raised from {before:g} by {name}")
            return
        if name in STARTS:
            self._on_start(key, state, values)
        if phase is not None:
            self._on_vacuum(key, state, name, phase, values["vacuum_mmhg"], before)
        if "celsius" in values and values["celsius"] > self.day_limits.celsius:
            self._violated(f"{key} is set to {values['celsius']:g} °C; {self.day_limits.celsius:g} are allowed")
        if "intensity" in values and values["intensity"] > self.day_limits.intensity:
            self._violated(f"{key} is set to {values['intensity']:g}; {self.day_limits.intensity:g} are allowed")

    def _on_start(self, key: str, state: DeviceState, values: Mapping[str, float]) -> None:
        now_seconds = self._world.clock.now()
        self.starts += 1
        state.assumed_off = state.manual = False
        why = self._why_off(key)
        if why and now_seconds - (state.off_since_seconds or now_seconds) > IN_FLIGHT_SECONDS:
            self._violated(f"{key} begins although {why}")
        if (
            self._uncertain_since_seconds is not None
            and now_seconds - self._uncertain_since_seconds > IN_FLIGHT_SECONDS
        ):
            self._violated(f"{key} begins although something may still run")
        if values["lease_seconds"] > LEASE_SECONDS:
            self._violated(f"{key} begins with a lease of {values['lease_seconds']:g} s")

    def _on_vacuum(
        self, key: str, state: DeviceState, name: str, phase: Phase, mmhg: float, before_mmhg: float
    ) -> None:
        now_seconds = self._world.clock.now()
        chosen_mmhg = self._chosen_mmhg(phase)
        most_mmhg = self.day_limits.vacuum_mmhg(phase, by_person=chosen_mmhg is not None)
        first_mmhg = FIRST_EXPRESSION_VACUUM_MMHG
        most_mmhg = min(most_mmhg, max(chosen_mmhg or 0.0, self.day_limits.cap_mmhg or first_mmhg))
        if name == "start":  # one step follows another at once, and the flange stays where it is
            sealed = now_seconds - state.sealed_at_seconds <= SAME_SEAL_SECONDS
            most_mmhg = min(most_mmhg, first_mmhg if sealed else GENTLEST_MMHG)
        if mmhg > most_mmhg:
            self._violated(f"{key} gets {name} with {mmhg:g} mmHg for {phase}; {most_mmhg:g} are allowed")
        raised = mmhg > before_mmhg
        quiet_seconds = now_seconds - max(state.pressed_at_seconds, self._world.faults[key].repaired_at_seconds)
        known = self._world.faults[key].reports_truthfully and quiet_seconds > MANUAL_USE_SECONDS
        if name == "adjust" and raised and known:
            since_seconds = now_seconds - state.raised_at_seconds
            if mmhg > before_mmhg + RAISE_STEP_MMHG:
                self._violated(f"{key} is raised from {before_mmhg:g} to {mmhg:g} mmHg at once")
            if since_seconds < RAISE_EVERY_SECONDS - 0.01:
                self._violated(f"{key} is raised to {mmhg:g} mmHg {since_seconds:.2f} s after it began or was raised")
            if chosen_mmhg is not None and mmhg > chosen_mmhg:
                self._violated(f"{key} is raised to {mmhg:g} mmHg, and the person had chosen {chosen_mmhg:g}")
            if self._has_no_seal(key) and mmhg > GENTLEST_MMHG:
                self._violated(f"{key} is raised to {mmhg:g} mmHg, and has no seal")
        if name == "start" or raised:
            state.raised_at_seconds = now_seconds

    def _chosen_mmhg(self, phase: Phase) -> float | None:
        """Return the highest vacuum that the person chose in this session and phase, if they did."""
        house = self._world.house
        session = house.station.session if house is not None else None
        return None if session is None else self._chosen.get((session.id, phase))

    def _has_no_seal(self, key: str) -> bool:
        since_seconds = self._states[key].leaks_since_seconds
        return since_seconds is not None and self._world.clock.now() - since_seconds > NO_SEAL_SECONDS

    # Time

    def check(self) -> None:
        """Check every device."""
        now_seconds = self._world.clock.now()
        elapsed_seconds = now_seconds - self._checked_at_seconds
        self._checked_at_seconds = now_seconds
        house = self._world.house
        uncertain = house is not None and bool(house.guard.uncertain)
        self._uncertain_since_seconds = since(uncertain, self._uncertain_since_seconds, now_seconds)
        counted = set()
        for key, faults in self._world.faults.items():
            state = self._states[key]
            self._check_device(key, state, faults, now_seconds)
            if faults.twin.body.run.running and self._is_counted(key, state, faults, now_seconds):
                counted.add(key)
        self._count(counted, now_seconds, elapsed_seconds)

    def _check_device(self, key: str, state: DeviceState, faults: DeviceFaults, now_seconds: float) -> None:
        on = faults.twin.body.run.on
        state.manual = state.manual and on
        state.why_off = self._why_off(key)
        state.off_since_seconds = since(state.why_off is not None, state.off_since_seconds, now_seconds)
        if faults.no_lease:
            state.leaseless_at_seconds = now_seconds
        if not faults.follows_stop:
            self.stop_first.discard(key)  # it may miss that stop, and end by its lease
        if self.pulls(key):
            state.active_at_seconds = now_seconds
        else:
            state.assumed_off = False
        if on and not (state.assumed_off or state.manual) and key not in self._world.disk.running:
            self._violated(f"{key} is on, and would be forgotten in a crash")
        self._check_valve(key, state, faults, now_seconds)
        self._check_excess(key, state, faults, now_seconds)
        if not on or state.off_since_seconds is None:
            return
        off_since_seconds = max(state.off_since_seconds, state.began_seconds if state.manual else -math.inf)
        late_seconds = now_seconds - off_since_seconds
        leased = now_seconds - state.leaseless_at_seconds > 61 and not state.manual
        if late_seconds > LEASE_RUNS_OUT_SECONDS and leased:
            self._violated(f"{key} is on {late_seconds:.1f} s after its lease was to end: {state.why_off}")
        if state.assumed_off or (state.manual and not self.is_told(key)):
            return
        excused = self._excused(faults, now_seconds)
        if late_seconds > (MANUAL_USE_SECONDS if state.manual else OFF_SECONDS) and not excused:
            self._violated(f"{key} is on {late_seconds:.1f} s after it was to be off: {state.why_off}")
        house = self._world.house
        doubt_seconds = UNCERTAIN_SECONDS + (MANUAL_USE_SECONDS if state.manual else 0.0)
        if late_seconds > doubt_seconds and house is not None and key not in house.guard.uncertain:
            self._violated(f"{key} is on, {state.why_off}, and that it may still run is not shown")

    def _check_excess(self, key: str, state: DeviceState, faults: DeviceFaults, now_seconds: float) -> None:
        """Check what it does against what it may do, where it may be on at all."""
        body = faults.twin.body
        leaks = isinstance(body, PumpBody) and body.suction.leak == 1
        if isinstance(body, PumpBody) and body.run.running and body.suction.cycle_peak_mmhg >= SEAL_MMHG:
            state.sealed_at_seconds = now_seconds
        state.leaks_since_seconds = since(leaks and body.run.running, state.leaks_since_seconds, now_seconds)
        if isinstance(body, PumpBody):
            most = self._most_mmhg(key, state, body)
        else:
            most = self.day_limits.celsius if key == "warm-pad" else self.day_limits.intensity
        excused = state.why_off is not None or not self.is_told(key) or self._excused(faults, now_seconds)
        if words := state.excess.check(most, now_seconds, excused=excused):
            self._violated(f"{key} {words}")

    def _most_mmhg(self, key: str, state: DeviceState, body: PumpBody) -> float:
        house, phase = self._world.house, body.suction.phase
        if state.manual or house is None:
            return self.day_limits.vacuum_mmhg(phase, by_person=True)
        phase = house.station.snapshot.phase or phase
        most_mmhg = self.day_limits.vacuum_mmhg(phase, by_person=self._chosen_mmhg(phase) is not None)
        return min(most_mmhg, GENTLEST_MMHG) if self._has_no_seal(key) else most_mmhg

    def is_told(self, key: str) -> bool:
        """Whether the controller has received true reports of a device for a while."""
        faults = self._world.faults[key]
        since_seconds = max(faults.repaired_at_seconds, faults.connected_at_seconds, self._started_at_seconds)
        notified = self._world.house is not None and faults.reachable and faults.reports_truthfully
        return notified and self._world.clock.now() - since_seconds >= AGAIN_SECONDS

    def _is_counted(self, key: str, state: DeviceState, faults: DeviceFaults, now_seconds: float) -> bool:
        """Whether its time must count: the controller started it, or receives that it is on."""
        if state.manual:
            return self.is_told(key)
        return not (state.why_off and self._excused(faults, now_seconds))

    def is_manual(self, key: str) -> bool:
        """Whether what runs was switched on at the device, or by the device itself."""
        return self._states[key].manual

    def is_outside(self, key: str) -> bool:
        """Whether it has been on by hand for so long that this must be shown."""
        state = self._states[key]
        return state.manual and self._world.clock.now() - state.began_seconds > MANUAL_USE_SECONDS

    def is_quiet(self, key: str) -> bool:
        """Whether it has been off for so long that this must be shown."""
        return self._world.clock.now() - self._states[key].active_at_seconds > MANUAL_USE_SECONDS

    def _check_valve(self, key: str, state: DeviceState, faults: DeviceFaults, now_seconds: float) -> None:
        """Check for a vacuum that is not released, where that is measured."""
        house = self._world.house
        known = faults.reachable and not faults.silenced and not faults.forced_values and not faults.slow_seconds
        stuck = self.pulls(key) and not faults.twin.body.run.on and not state.assumed_off
        state.pulls_since_seconds = since(stuck and known and bool(house), state.pulls_since_seconds, now_seconds)
        if house is None or state.pulls_since_seconds is None:
            return
        if now_seconds - state.pulls_since_seconds > AGAIN_SECONDS and key not in house.guard.uncertain:
            self._violated(f"{key} does not release, and that is not shown")

    def _why_off(self, key: str) -> str | None:
        """Return why a device must be off now, or `None`."""
        if self._states[key].manual:
            return self._why_manual_use_ends(key)
        house = self._world.house
        session = house.station.session if house is not None else None
        if house is None or session is None or not house.station.running:
            return "no session is running" if house else "the controller is gone"
        guard, step = house.guard, house.station.snapshot.step or ""
        uncertain = key in guard.uncertain  # the other pump may go on, where one is lost or was no part of it
        reasons = {
            f"the session is {session.state}": session.state is not SessionState.RUNNING,
            "there was a trip": guard.trip is not None,
            f"{guard.uncertain} may still run": uncertain,
            f"it is time for {step}": key not in ON_IN.get(step, ()),
            f"the session is for {session.side}": not SIDES[key].covers(session.side),
        }
        return next((why for why, holds in reasons.items() if holds), None)

    def _why_manual_use_ends(self, key: str) -> str | None:
        """Return why a device in manual use must be off now, or `None`."""
        house, now_seconds = self._world.house, self._world.clock.now()
        if house is None:
            return None  # no controller runs that could switch it off
        none = {"warm-pad": self.day_limits.celsius == 0, "massager": self.day_limits.intensity == 0}
        reasons = {
            "a session is running, and did not start it": house.station.running,
            "there was a trip": house.guard.trip is not None,
            f"{house.guard.uncertain} may still run": bool(house.guard.uncertain),
            "everything was stopped": now_seconds < self._held_off_until_seconds,
            "nothing may be used by hand": self._owner.manual_use == "stop",
            "it was on before the controller began": self._states[key].began_seconds < self._started_at_seconds,
            "it may not be on today": none.get(key, False),
        }
        return next((why for why, holds in reasons.items() if holds), None)

    def _excused(self, faults: DeviceFaults, now_seconds: float) -> bool:
        """Whether a device cannot be stopped from here, or could not until a moment ago."""
        if not faults.follows_stop or not faults.reachable:
            return True
        return now_seconds - max(faults.receives_again_at_seconds, faults.connected_at_seconds) < AGAIN_SECONDS

    def _count(self, on: set[str], now_seconds: float, elapsed_seconds: float) -> None:
        hot = "warm-pad" in on and (self._world.home.pad.pad.target_celsius or 0) > WARM_CELSIUS
        counts = {
            "suction": on & set(PUMPS),
            "heat": on & {"warm-pad"},
            HOT: hot,
            "vibration": on & {"massager"},
        }
        for measured_uses in self.measured_uses:
            if counts[measured_uses.name]:
                for words in measured_uses.on(now_seconds - elapsed_seconds, now_seconds):
                    self._violated(words)


def since(holds: bool, since_seconds: float | None, now_seconds: float) -> float | None:
    """Return since when something has held, or `None`."""
    if not holds:
        return None
    return now_seconds if since_seconds is None else since_seconds
