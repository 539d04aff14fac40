"""What must hold of the virtual bodies, in truth: what may be on, how strong, for how long, and who knows of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from controller import safety
from controller.events import SessionState
from controller.safety import OwnerLimits
from devices.profiles.vocabulary import Value
from devices.roles import Phase, Side
from devices.virtual.bodies import PumpBody
from devices.virtual.duty import Result
from devices.virtual.twin import Twin
from tests.controller.household import PUMPS
from tests.controller.lives import World
from tests.controller.mishaps import STARTS, STOPS, Mishaps
from tests.controller.own_controls import value_of
from tests.controller.promised_envelope import NO_SEAL_SECONDS, Excess, Today
from tests.controller.promised_uses import Uses

Chosen = tuple[str, Phase]  # a session, and a phase in which the person chose the vacuum

ON_IN = {"warm": {"warm-pad"}, "massage": {"massager"}, "stimulate": set(PUMPS), "express": set(PUMPS)}
SIDES = {"left-pump": Side.LEFT, "right-pump": Side.RIGHT, "warm-pad": Side.BOTH, "massager": Side.BOTH}

IN_FLIGHT_SECONDS = 0.05  # what was written before a stop may arrive in the same moment
OFF_SECONDS = 0.5  # from what ends it to silence
AGAIN_SECONDS = 8.5  # until a device that can hear again was stopped again: 3 s of waiting, 2 of trying, twice
DOUBT_SECONDS = 4.6  # until a stop that did not take is known: 2 s, and 2 s for a vacuum to let go
LEASE_SECONDS = 10.5
BY_HAND_SECONDS = (
    4.3  # until a device that was switched on at its button, and must not be, is off: see `promised_envelope`
)
GENTLEST_MMHG = 40.0
SAME_SEAL_SECONDS = 3.0  # a pump that pulled so short a time ago may begin at more


class Seen:
    """What is known of one device, in truth. `by_hand`: what runs was switched on at the device, not from here."""

    def __init__(self, twin: Twin) -> None:
        self.off_since_seconds: float | None = -math.inf
        self.why_off: str | None = "nothing has begun"
        self.believed_off = False  # the person said that it is off, and it is not
        self.by_hand = False
        self.began_seconds = -math.inf
        self.pressed_at_seconds = -math.inf
        self.active_at_seconds = -math.inf
        self.raised_at_seconds = -math.inf
        self.leaseless_at_seconds = -math.inf
        self.pulls_since_seconds: float | None = None
        self.leaks_since_seconds: float | None = None
        self.sealed_at_seconds = -math.inf
        self.excess = Excess(twin)


class Bodies:
    """Watches every device of a world: at every command that it carries out, and several times a simulated second.

    `say(words)` is called with every promise that is broken.
    """

    def __init__(self, world: World, owner: OwnerLimits, say: Callable[[str], None]) -> None:
        self.starts = 0
        self.stop_first: set[str] = set()  # what may have run in a crash: a stop is the first thing that it is told
        self.today = Today(owner)
        self.uses = [Uses(name) for name in safety.BUDGETS if name != safety.UNMEASURED]
        self._world = world
        self._owner = owner
        self._say = say
        self._seen = {key: Seen(twin) for key, twin in world.home.twins.items()}
        self._looked_at_seconds = world.clock.now()
        self._doubt_since_seconds: float | None = None
        self._held_off_until_seconds = -math.inf
        self._life_began_seconds = world.clock.now()
        self._chosen: dict[Chosen, float] = {}  # the highest vacuum that the person chose, in a session's phase
        self._before: tuple[Chosen, float | None] | None = None
        tick = world.home.tick

        def tick_and_look() -> None:
            tick()
            self.look()

        world.home.tick = tick_and_look  # type: ignore[method-assign]
        for key, twin in world.home.twins.items():
            self._watch(key, twin.body)

    # What the person says

    def ask_for_vacuum(self, action: str, mmhg: float | None) -> None:
        """Note that the person asks for another vacuum: until that is refused, it is they who choose."""
        house = self._world.house
        if house is None or house.station.session is None or house.station.snapshot.phase is None:
            return
        key = house.station.session.id, house.station.snapshot.phase
        if mmhg is None:
            step_mmhg = safety.RAISE_STEP_MMHG if action == "vacuum_up" else -safety.RAISE_STEP_MMHG
            mmhg = max(0.0, (house.station.snapshot.target_vacuum_mmhg or 0.0) + step_mmhg)
        self._before = key, self._chosen.get(key)
        self._chosen[key] = mmhg

    def refuse_vacuum(self) -> None:
        """Note that what they asked for last was refused."""
        if self._before is None:
            return
        key, before_mmhg = self._before
        if before_mmhg is None:
            self._chosen.pop(key, None)
        else:
            self._chosen[key] = before_mmhg

    def hold_off(self) -> None:
        """Note that everything is stopped, and for a while nothing may start at a device either."""
        self._held_off_until_seconds = self._world.clock.now() + safety.HELD_OFF_SECONDS

    def begin_session(self) -> None:
        """Note that a session begins."""
        self._held_off_until_seconds = -math.inf

    def begin_life(self, stop_first: set[str]) -> None:
        """Note that the controller begins, and which devices may run since before."""
        self._life_began_seconds = self._world.clock.now()
        self._held_off_until_seconds = -math.inf
        self.stop_first = stop_first

    def believe(self) -> None:
        """Note that the person says of all that may still run that it is off."""
        house = self._world.house
        for key in house.guard.uncertain if house else ():
            self._seen[key].believed_off = self.pulls(key)
            self.stop_first.discard(key)

    def disbelieve(self) -> None:
        """Note that everything is told to stop, also what the person took for off."""
        for seen in self._seen.values():
            seen.believed_off = False

    def pulls(self, key: str) -> bool:
        """Whether a device does anything to a body."""
        body = self._world.home.twins[key].body
        return body.duty.on or (isinstance(body, PumpBody) and body.suction.vacuum_mmhg >= safety.RELEASE_MMHG)

    # Commands

    def _watch(self, key: str, body: Any) -> None:
        command = body.command

        def carry_out(name: str, values: Mapping[str, Value]) -> Result:
            if key in self.stop_first:
                self.stop_first.discard(key)
                if name not in STOPS:
                    self._say(f"{key} may have run when the controller crashed, and is first told to {name}")
            self.look()  # so that what begins or ends here is not counted from the last look on
            before = value_of(self._world.home.twins[key])
            result: Result = command(name, values)
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
        """Let somebody use a device's own controls, or the device do as if they had."""
        seen, twin, house = self._seen[key], self._world.home.twins[key], self._world.house
        self.look()
        was_on, before = twin.body.duty.on, value_of(twin)
        press(value, *more)
        seen.pressed_at_seconds = self._world.clock.now()
        if not was_on and twin.body.duty.on:
            seen.by_hand, seen.began_seconds, seen.believed_off = True, seen.pressed_at_seconds, False
        elif house is not None and house.station.session is not None and isinstance(twin.body, PumpBody):
            if value_of(twin) == before:
                return
            chosen = house.station.session.id, house.station.snapshot.phase or twin.body.suction.phase
            self._chosen[chosen] = max(value_of(twin), self._chosen.get(chosen, 0.0))

    def _on_command(self, key: str, name: str, values: Mapping[str, float], phase: Phase | None, before: float) -> None:
        seen = self._seen[key]
        house = self._world.house
        in_session = house is not None and house.station.running
        if seen.by_hand and before and not in_session:  # what is used by hand may only be lowered
            if value_of(self._world.home.twins[key]) > before + 0.01:
                self._say(f"{key} is used by hand, and raised from {before:g} by {name}")
            return
        if name in STARTS:
            self._on_start(key, seen, values)
        if phase is not None:
            self._on_vacuum(key, seen, name, phase, values["vacuum_mmhg"], before)
        if "celsius" in values and values["celsius"] > self.today.celsius:
            self._say(f"{key} is set to {values['celsius']:g} °C; {self.today.celsius:g} are allowed")
        if "intensity" in values and values["intensity"] > self.today.intensity:
            self._say(f"{key} is set to {values['intensity']:g}; {self.today.intensity:g} are allowed")

    def _on_start(self, key: str, seen: Seen, values: Mapping[str, float]) -> None:
        now_seconds = self._world.clock.now()
        self.starts += 1
        seen.believed_off = seen.by_hand = False
        why = self._why_off(key)
        if why and now_seconds - (seen.off_since_seconds or now_seconds) > IN_FLIGHT_SECONDS:
            self._say(f"{key} begins although {why}")
        if self._doubt_since_seconds is not None and now_seconds - self._doubt_since_seconds > IN_FLIGHT_SECONDS:
            self._say(f"{key} begins although something may still run")
        if values["lease_seconds"] > safety.LEASE_SECONDS:
            self._say(f"{key} begins with a lease of {values['lease_seconds']:g} s")

    def _on_vacuum(self, key: str, seen: Seen, name: str, phase: Phase, mmhg: float, before_mmhg: float) -> None:
        now_seconds = self._world.clock.now()
        chosen_mmhg = self._chosen_mmhg(phase)
        most_mmhg = self.today.vacuum_mmhg(phase, by_person=chosen_mmhg is not None)
        first_mmhg = safety.FIRST_EXPRESSION_VACUUM_MMHG
        most_mmhg = min(most_mmhg, max(chosen_mmhg or 0.0, self.today.cap_mmhg or first_mmhg))
        if name == "start":  # one step follows another at once, and the flange stays where it is
            sealed = now_seconds - seen.sealed_at_seconds <= SAME_SEAL_SECONDS
            most_mmhg = min(most_mmhg, first_mmhg if sealed else GENTLEST_MMHG)
        if mmhg > most_mmhg:
            self._say(f"{key} is told to {name} {mmhg:g} mmHg for {phase}; {most_mmhg:g} are allowed")
        raised = mmhg > before_mmhg
        quiet_seconds = now_seconds - max(seen.pressed_at_seconds, self._world.mishaps[key].mended_at_seconds)
        known = self._world.mishaps[key].truthful and quiet_seconds > BY_HAND_SECONDS
        if name == "adjust" and raised and known:
            since_seconds = now_seconds - seen.raised_at_seconds
            if mmhg > before_mmhg + safety.RAISE_STEP_MMHG:
                self._say(f"{key} is raised from {before_mmhg:g} to {mmhg:g} mmHg at once")
            if since_seconds < safety.RAISE_EVERY_SECONDS - 0.01:
                self._say(f"{key} is raised to {mmhg:g} mmHg {since_seconds:.2f} s after it began or was raised")
            if chosen_mmhg is not None and mmhg > chosen_mmhg:
                self._say(f"{key} is raised to {mmhg:g} mmHg, and the person had chosen {chosen_mmhg:g}")
            if self._has_no_seal(key) and mmhg > GENTLEST_MMHG:
                self._say(f"{key} is raised to {mmhg:g} mmHg, and has no seal")
        if name == "start" or raised:
            seen.raised_at_seconds = now_seconds

    def _chosen_mmhg(self, phase: Phase) -> float | None:
        """Return the highest vacuum that the person chose in this session and phase, if they did."""
        house = self._world.house
        session = house.station.session if house is not None else None
        return None if session is None else self._chosen.get((session.id, phase))

    def _has_no_seal(self, key: str) -> bool:
        since_seconds = self._seen[key].leaks_since_seconds
        return since_seconds is not None and self._world.clock.now() - since_seconds > NO_SEAL_SECONDS

    # Time

    def look(self) -> None:
        """Look at every device."""
        now_seconds = self._world.clock.now()
        elapsed_seconds = now_seconds - self._looked_at_seconds
        self._looked_at_seconds = now_seconds
        house = self._world.house
        doubt = house is not None and bool(house.guard.uncertain)
        self._doubt_since_seconds = since(doubt, self._doubt_since_seconds, now_seconds)
        counted = set()
        for key, mishaps in self._world.mishaps.items():
            seen = self._seen[key]
            self._look_at(key, seen, mishaps, now_seconds)
            if mishaps.twin.body.duty.running and self._is_counted(key, seen, mishaps, now_seconds):
                counted.add(key)
        self._count(counted, now_seconds, elapsed_seconds)

    def _look_at(self, key: str, seen: Seen, mishaps: Mishaps, now_seconds: float) -> None:
        on = mishaps.twin.body.duty.on
        seen.by_hand = seen.by_hand and on
        seen.why_off = self._why_off(key)
        seen.off_since_seconds = since(seen.why_off is not None, seen.off_since_seconds, now_seconds)
        if mishaps.no_lease:
            seen.leaseless_at_seconds = now_seconds
        if not mishaps.obeys_stop:
            self.stop_first.discard(key)  # it may miss that stop, and end by its lease
        if self.pulls(key):
            seen.active_at_seconds = now_seconds
        else:
            seen.believed_off = False
        if on and not (seen.believed_off or seen.by_hand) and key not in self._world.disk.running:
            self._say(f"{key} is on, and would be forgotten in a crash")
        self._look_at_valve(key, seen, mishaps, now_seconds)
        self._look_at_excess(key, seen, mishaps, now_seconds)
        if not on or seen.off_since_seconds is None:
            return
        off_since_seconds = max(seen.off_since_seconds, seen.began_seconds if seen.by_hand else -math.inf)
        late_seconds = now_seconds - off_since_seconds
        leased = now_seconds - seen.leaseless_at_seconds > 61 and not seen.by_hand
        if late_seconds > LEASE_SECONDS and leased:
            self._say(f"{key} is on {late_seconds:.1f} s after its lease was to end: {seen.why_off}")
        if seen.believed_off or (seen.by_hand and not self.is_told(key)):
            return
        excused = self._excused(mishaps, now_seconds)
        if late_seconds > (BY_HAND_SECONDS if seen.by_hand else OFF_SECONDS) and not excused:
            self._say(f"{key} is on {late_seconds:.1f} s after it was to be off: {seen.why_off}")
        house = self._world.house
        doubt_seconds = DOUBT_SECONDS + (BY_HAND_SECONDS if seen.by_hand else 0.0)
        if late_seconds > doubt_seconds and house is not None and key not in house.guard.uncertain:
            self._say(f"{key} is on, {seen.why_off}, and nobody says that it may still run")

    def _look_at_excess(self, key: str, seen: Seen, mishaps: Mishaps, now_seconds: float) -> None:
        """Hold what it does against what it may do, where it may be on at all."""
        body = mishaps.twin.body
        leaks = isinstance(body, PumpBody) and body.suction.leak == 1
        if isinstance(body, PumpBody) and body.duty.running and body.suction.cycle_peak_mmhg >= safety.SEAL_MMHG:
            seen.sealed_at_seconds = now_seconds
        seen.leaks_since_seconds = since(leaks and body.duty.running, seen.leaks_since_seconds, now_seconds)
        if isinstance(body, PumpBody):
            most = self._most_mmhg(key, seen, body)
        else:
            most = self.today.celsius if key == "warm-pad" else self.today.intensity
        excused = seen.why_off is not None or not self.is_told(key) or self._excused(mishaps, now_seconds)
        if words := seen.excess.look(most, now_seconds, excused=excused):
            self._say(f"{key} {words}")

    def _most_mmhg(self, key: str, seen: Seen, body: PumpBody) -> float:
        house, phase = self._world.house, body.suction.phase
        if seen.by_hand or house is None:
            return self.today.vacuum_mmhg(phase, by_person=True)
        phase = house.station.snapshot.phase or phase
        most_mmhg = self.today.vacuum_mmhg(phase, by_person=self._chosen_mmhg(phase) is not None)
        return min(most_mmhg, GENTLEST_MMHG) if self._has_no_seal(key) else most_mmhg

    def is_told(self, key: str) -> bool:
        """Whether the controller is told, and was for a while, what a device does."""
        mishaps = self._world.mishaps[key]
        since_seconds = max(mishaps.mended_at_seconds, mishaps.connected_at_seconds, self._life_began_seconds)
        told = self._world.house is not None and mishaps.reachable and mishaps.truthful
        return told and self._world.clock.now() - since_seconds >= AGAIN_SECONDS

    def _is_counted(self, key: str, seen: Seen, mishaps: Mishaps, now_seconds: float) -> bool:
        """Whether its time must count: the controller began it, or is told that it is on."""
        if seen.by_hand:
            return self.is_told(key)
        return not (seen.why_off and self._excused(mishaps, now_seconds))

    def is_by_hand(self, key: str) -> bool:
        """Whether what runs was switched on at the device, or by the device itself."""
        return self._seen[key].by_hand

    def is_outside(self, key: str) -> bool:
        """Whether it has been on by hand for so long that this must be shown."""
        seen = self._seen[key]
        return seen.by_hand and self._world.clock.now() - seen.began_seconds > BY_HAND_SECONDS

    def is_quiet(self, key: str) -> bool:
        """Whether it has done nothing for so long that this must be known."""
        return self._world.clock.now() - self._seen[key].active_at_seconds > BY_HAND_SECONDS

    def _look_at_valve(self, key: str, seen: Seen, mishaps: Mishaps, now_seconds: float) -> None:
        """A vacuum that does not let go, where it can be known."""
        house = self._world.house
        known = mishaps.reachable and not mishaps.quiet and not mishaps.says and not mishaps.slow_seconds
        stuck = self.pulls(key) and not mishaps.twin.body.duty.on and not seen.believed_off
        seen.pulls_since_seconds = since(stuck and known and bool(house), seen.pulls_since_seconds, now_seconds)
        if house is None or seen.pulls_since_seconds is None:
            return
        if now_seconds - seen.pulls_since_seconds > AGAIN_SECONDS and key not in house.guard.uncertain:
            self._say(f"{key} does not let go, and nobody says so")

    def _why_off(self, key: str) -> str | None:
        """Say why a device must be off now."""
        if self._seen[key].by_hand:
            return self._why_not_by_hand(key)
        house = self._world.house
        session = house.station.session if house is not None else None
        if house is None or session is None or not house.station.running:
            return "no session is running" if house else "the controller is gone"
        guard, step = house.guard, house.station.snapshot.step or ""
        doubt = key in guard.uncertain  # the other pump may go on, where one is lost or was no part of it
        reasons = {
            f"the session is {session.state}": session.state is not SessionState.RUNNING,
            "there was a trip": guard.trip is not None,
            f"{guard.uncertain} may still run": doubt,
            f"it is time for {step}": key not in ON_IN.get(step, ()),
            f"the session is for {session.side}": not SIDES[key].covers(session.side),
        }
        return next((why for why, holds in reasons.items() if holds), None)

    def _why_not_by_hand(self, key: str) -> str | None:
        """Say why a device that was switched on at the device must be off now."""
        house, now_seconds = self._world.house, self._world.clock.now()
        if house is None:
            return None  # nobody is there who could switch it off
        none = {"warm-pad": self.today.celsius == 0, "massager": self.today.intensity == 0}
        reasons = {
            "a session is running, and did not start it": house.station.running,
            "there was a trip": house.guard.trip is not None,
            f"{house.guard.uncertain} may still run": bool(house.guard.uncertain),
            "everything was stopped": now_seconds < self._held_off_until_seconds,
            "nothing may be used by hand": self._owner.manual_use == "stop",
            "it was on before the controller began": self._seen[key].began_seconds < self._life_began_seconds,
            "it may not be on today": none.get(key, False),
        }
        return next((why for why, holds in reasons.items() if holds), None)

    def _excused(self, mishaps: Mishaps, now_seconds: float) -> bool:
        """Whether a device cannot be stopped from here, or could not until a moment ago."""
        if not mishaps.obeys_stop or not mishaps.reachable:
            return True
        return now_seconds - max(mishaps.heard_again_at_seconds, mishaps.connected_at_seconds) < AGAIN_SECONDS

    def _count(self, on: set[str], now_seconds: float, elapsed_seconds: float) -> None:
        hot = "warm-pad" in on and (self._world.home.pad.pad.target_celsius or 0) > safety.WARM_CELSIUS
        counts = {
            "suction": on & set(PUMPS),
            "heat": on & {"warm-pad"},
            safety.HOT: hot,
            "vibration": on & {"massager"},
        }
        for uses in self.uses:
            if counts[uses.name]:
                for words in uses.on(now_seconds - elapsed_seconds, now_seconds):
                    self._say(words)


def since(holds: bool, since_seconds: float | None, now_seconds: float) -> float | None:
    """Return since when something has held, or `None`."""
    if not holds:
        return None
    return now_seconds if since_seconds is None else since_seconds
