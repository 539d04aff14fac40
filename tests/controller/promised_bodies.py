"""What must hold of the virtual bodies, in truth: what may be on, how strong, for how long, and who knows of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from controller import safety
from controller.events import SessionState
from controller.safety import OwnerLimits
from devices.profiles.vocabulary import Value
from devices.roles import Phase, Side
from devices.virtual.bodies import PumpBody
from devices.virtual.duty import Result
from tests.controller.household import PUMPS
from tests.controller.lives import World
from tests.controller.mishaps import STARTS, STOPS, Mishaps

ON_IN = {"warm": {"warm-pad"}, "massage": {"massager"}, "stimulate": set(PUMPS), "express": set(PUMPS)}
SIDES = {"left-pump": Side.LEFT, "right-pump": Side.RIGHT, "warm-pad": Side.BOTH, "massager": Side.BOTH}

IN_FLIGHT_SECONDS = 0.05  # what was written before a stop may arrive in the same moment
OFF_SECONDS = 0.5  # from what ends it to silence
AGAIN_SECONDS = 8.5  # until a device that can hear again was stopped again: 3 s of waiting, 2 of trying, twice
DOUBT_SECONDS = 4.6  # until a stop that did not take is known: 2 s, and 2 s for a vacuum to let go
LEASE_SECONDS = 10.5
SLACK_SECONDS = 6.0  # of budgets: a device's own timer ends 3 s after ours
ASKED_SECONDS = 5.0  # until what a person asked for has reached a pump


class Ledger:
    """How long one energy was on in truth, without the rest that starts it anew."""

    def __init__(self, most_seconds: float, rest_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._rest_seconds = rest_seconds
        self._used_seconds = 0.0
        self._last_on_seconds = -math.inf

    def used(self, now_seconds: float) -> float:
        """Return how long it was on since the last rest that was long enough."""
        if now_seconds - self._last_on_seconds >= self._rest_seconds - 2:
            self._used_seconds = 0.0
        return self._used_seconds

    def on(self, now_seconds: float, for_seconds: float) -> str | None:
        """Note that it was on. Return what is wrong with that."""
        self._used_seconds = self.used(now_seconds) + for_seconds
        self._last_on_seconds = now_seconds
        if self._used_seconds <= self._most_seconds + SLACK_SECONDS:
            return None
        return f"was on for {self._used_seconds:.0f} s; {self._most_seconds:.0f} are allowed"


class Seen:
    """What is known of one device, in truth."""

    def __init__(self) -> None:
        self.off_since_seconds: float | None = -math.inf
        self.why_off: str | None = "nothing has begun"
        self.believed_off = False  # the person said that it is off, and it is not
        self.target_mmhg = 0.0
        self.raised_at_seconds = -math.inf
        self.leaseless_at_seconds = -math.inf
        self.pulls_since_seconds: float | None = None


class Bodies:
    """Watches every device of a world: at every command that it carries out, and several times a simulated second.

    `symptoms()`: whether the day has any. `say(words)` is called with every promise that is broken.
    """

    def __init__(
        self, world: World, owner: OwnerLimits, symptoms: Callable[[], bool], say: Callable[[str], None]
    ) -> None:
        self.starts = 0
        self.stop_first: set[str] = set()  # what may have run in a crash: a stop is the first thing that it is told
        self.ledgers = {
            "suction": Ledger(safety.SUCTION_SECONDS, safety.SUCTION_REST_SECONDS),
            "heat": Ledger(safety.HEAT_SECONDS, safety.HEAT_REST_SECONDS),
            "hot": Ledger(safety.ABOVE_WARM_SECONDS, safety.HEAT_REST_SECONDS),
            "vibration": Ledger(safety.VIBRATION_SECONDS, safety.VIBRATION_REST_SECONDS),
        }
        self._world = world
        self._owner = owner
        self._symptoms = symptoms
        self._say = say
        self._seen = {key: Seen() for key in world.home.twins}
        self._looked_at_seconds = world.clock.now()
        self._doubt_since_seconds: float | None = None
        self._asked_at_seconds = -math.inf
        self._asked: set[tuple[str, object]] = set()  # sessions and phases in which the person chose the vacuum
        self._asked_last: tuple[str, object] | None = None
        self._session_ledgers: dict[str, Ledger] = {}
        tick = world.home.tick

        def tick_and_look() -> None:
            tick()
            self.look()

        world.home.tick = tick_and_look  # type: ignore[method-assign]
        for key, twin in world.home.twins.items():
            self._watch(key, twin.body)

    # What the person says

    def ask_for_vacuum(self) -> None:
        """Note that the person asks for another vacuum: until that is refused, it is they who choose."""
        house = self._world.house
        if house is not None and house.station.session is not None and house.station.snapshot.phase is not None:
            asked = (house.station.session.id, house.station.snapshot.phase)
            self._asked_last = None if asked in self._asked else asked
            self._asked.add(asked)
            self._asked_at_seconds = self._world.clock.now()

    def refuse_vacuum(self) -> None:
        """Note that what they asked for last was refused."""
        self._asked.discard(self._asked_last or ("", None))

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
            result: Result = command(name, values)
            if result.result in ("accepted", "limited"):
                numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
                self._on_command(key, name, numbers, Phase(str(values["phase"])) if "phase" in values else None)
            return result

        body.command = carry_out

    def _on_command(self, key: str, name: str, values: Mapping[str, float], phase: Phase | None) -> None:
        now_seconds = self._world.clock.now()
        seen = self._seen[key]
        if name in STARTS:
            self.starts += 1
            seen.believed_off = False
            why = self._why_off(key)
            if why and now_seconds - (seen.off_since_seconds or now_seconds) > IN_FLIGHT_SECONDS:
                self._say(f"{key} begins although {why}")
            if self._doubt_since_seconds is not None and now_seconds - self._doubt_since_seconds > IN_FLIGHT_SECONDS:
                self._say(f"{key} begins although something may still run")
            if values["lease_seconds"] > safety.LEASE_SECONDS:
                self._say(f"{key} begins with a lease of {values['lease_seconds']:g} s")
        if phase is not None:
            self._on_vacuum(key, seen, name, phase, values["vacuum_mmhg"])
        if "celsius" in values and (values["celsius"] > self._owner.heat_celsius or self._symptoms()):
            self._say(f"{key} is set to {values['celsius']:g} °C, symptoms: {self._symptoms()}")
        if "intensity" in values:
            allowed = self._owner.vibration and not self._symptoms()
            if not allowed or values["intensity"] > safety.VIBRATION_INTENSITY:
                self._say(f"{key} is set to {values['intensity']:g}, symptoms: {self._symptoms()}")

    def _on_vacuum(self, key: str, seen: Seen, name: str, phase: Phase, mmhg: float) -> None:
        now_seconds = self._world.clock.now()
        if mmhg > (most_mmhg := self._most_mmhg(phase, name)):
            self._say(f"{key} is set to {mmhg:g} mmHg for {phase}; {most_mmhg:g} are allowed")
        raised = mmhg > seen.target_mmhg
        if name == "adjust" and raised:
            since_seconds = now_seconds - seen.raised_at_seconds
            if mmhg > seen.target_mmhg + safety.RAISE_STEP_MMHG:
                self._say(f"{key} is raised from {seen.target_mmhg:g} to {mmhg:g} mmHg at once")
            if since_seconds < safety.RAISE_EVERY_SECONDS - 0.01:
                self._say(f"{key} is raised to {mmhg:g} mmHg {since_seconds:.2f} s after it began or was raised")
            if self._person_chose(phase) and now_seconds - self._asked_at_seconds > ASKED_SECONDS:
                self._say(f"{key} is raised to {mmhg:g} mmHg, and the person had chosen less")
        if name == "start" or raised:
            seen.raised_at_seconds = now_seconds
        seen.target_mmhg = mmhg

    def _most_mmhg(self, phase: Phase, name: str) -> float:
        most_mmhg = self._owner.comfort_vacuum_mmhg or safety.EXPRESSION_VACUUM_MMHG
        if phase is Phase.STIMULATION:
            most_mmhg = min(most_mmhg, self._owner.stimulation_vacuum_mmhg)
        elif name == "start":
            most_mmhg = min(most_mmhg, safety.FIRST_EXPRESSION_VACUUM_MMHG)
        if not self._person_chose(phase):
            most_mmhg = min(most_mmhg, self._owner.comfortable_mmhg)
        return min(most_mmhg, safety.SYMPTOM_VACUUM_MMHG) if self._symptoms() else most_mmhg

    def _person_chose(self, phase: Phase) -> bool:
        house = self._world.house
        session = house.station.session if house is not None else None
        return session is not None and (session.id, phase) in self._asked

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
            if mishaps.twin.body.duty.running and not (seen.why_off and self._excused(mishaps, now_seconds)):
                counted.add(key)
        self._count(counted, now_seconds, elapsed_seconds)

    def _look_at(self, key: str, seen: Seen, mishaps: Mishaps, now_seconds: float) -> None:
        on = mishaps.twin.body.duty.on
        seen.why_off = self._why_off(key)
        seen.off_since_seconds = since(seen.why_off is not None, seen.off_since_seconds, now_seconds)
        if mishaps.no_lease:
            seen.leaseless_at_seconds = now_seconds
        if not self.pulls(key):
            seen.believed_off = False
        if on and not seen.believed_off and key not in self._world.disk.running:
            self._say(f"{key} is on, and would be forgotten in a crash")
        self._look_at_valve(key, seen, mishaps, now_seconds)
        if not on or seen.off_since_seconds is None:
            return
        late_seconds = now_seconds - seen.off_since_seconds
        if late_seconds > LEASE_SECONDS and now_seconds - seen.leaseless_at_seconds > 61:
            self._say(f"{key} is on {late_seconds:.1f} s after its lease was to end: {seen.why_off}")
        if seen.believed_off:
            return
        if late_seconds > OFF_SECONDS and not self._excused(mishaps, now_seconds):
            self._say(f"{key} is on {late_seconds:.1f} s after it was to be off: {seen.why_off}")
        house = self._world.house
        if late_seconds > DOUBT_SECONDS and house is not None and key not in house.guard.uncertain:
            self._say(f"{key} is on, {seen.why_off}, and nobody says that it may still run")

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
        house = self._world.house
        session = house.station.session if house is not None else None
        if house is None or session is None or not house.station.running:
            return "no session is running" if house else "the controller is gone"
        guard, step = house.guard, house.station.snapshot.step or ""
        doubt = guard.uncertain and not (self._owner.go_on_with_one_pump and key in PUMPS)
        reasons = {
            f"the session is {session.state}": session.state is not SessionState.RUNNING,
            "there was a trip": guard.trip is not None,
            f"{guard.uncertain} may still run": doubt,
            f"it is time for {step}": key not in ON_IN.get(step, ()),
            f"the session is for {session.side}": not SIDES[key].covers(session.side),
        }
        return next((why for why, holds in reasons.items() if holds), None)

    def _excused(self, mishaps: Mishaps, now_seconds: float) -> bool:
        """Whether a device cannot be stopped from here, or could not until a moment ago."""
        if mishaps.deaf_to & {*STOPS, "everything"} or not mishaps.reachable:
            return True
        return now_seconds - max(mishaps.heard_again_at_seconds, mishaps.connected_at_seconds) < AGAIN_SECONDS

    def _count(self, on: set[str], now_seconds: float, elapsed_seconds: float) -> None:
        hot = "warm-pad" in on and (self._world.home.pad.pad.target_celsius or 0) > safety.WARM_CELSIUS
        ledgers = {
            "suction": on & set(PUMPS),
            "heat": on & {"warm-pad"},
            "hot": hot,
            "vibration": on & {"massager"},
        }
        for energy, counts in ledgers.items():
            if counts and (words := self.ledgers[energy].on(now_seconds, elapsed_seconds)):
                self._say(f"{energy} {words}")
        house = self._world.house
        session = house.station.session if house is not None else None
        if on & set(PUMPS) and session is not None:
            ledger = self._session_ledgers.setdefault(session.id, Ledger(safety.SUCTION_SESSION_SECONDS, math.inf))
            if words := ledger.on(now_seconds, elapsed_seconds):
                self._say(f"suction of one session {words}")


def since(holds: bool, since_seconds: float | None, now_seconds: float) -> float | None:
    """Return since when something has held, or `None`."""
    if not holds:
        return None
    return now_seconds if since_seconds is None else since_seconds
