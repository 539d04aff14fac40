"""Thermometers on a compress, as rules: each limit of theirs, and that no reading ever allows more than none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.blocks import EnergyBlock
from controller.safety.compress_thermometers import CompressThermometers, WatchedThermometer
from controller.safety.energy_budgets import budgets_of
from controller.safety.envelope import Allowance, Correction, Situation, verdict
from controller.safety.limits import ABOVE_WARM_SECONDS, UNMEASURED, Energy, OwnerLimits, Reason, TripKind
from controller.safety.manual_use import manual_use_budgets
from controller.safety.message import KeyedMessage
from controller.safety.watched_device import WatchedDevice
from devices.roles import Capability, RunState, Side, WarmerReading
from devices.sensor_roles import Placed
from tests.helpers.still import StillClock, StillPad, StillThermometer

HEATS = WarmerReading(run_state=RunState.RUNNING, target_celsius=40)
BLIND = WarmerReading(run_state=RunState.RUNNING)


class OneCompress:
    """A compress and one thermometer on it, second by second."""

    def __init__(self, reading: WarmerReading = HEATS, placed: Placed = Placed.PAD, *, measures: bool = True) -> None:
        self.pad: Any = StillPad()
        self.pad.side = Side.BOTH
        self.pad.capabilities = frozenset({Capability.REPORTS_TEMPERATURE} if measures else set())
        self.thermometer = StillThermometer()
        self.thermometer.placed = placed
        self.reading = reading
        self.now_seconds = 100.0
        watched: Any = WatchedThermometer(self.thermometer)  # type: ignore[arg-type]
        self.rules = CompressThermometers(self.pad, [watched])

    def second(self, celsius: float | None, *, own: float | None = None) -> KeyedMessage | None:
        """Let a second pass with a new temperature; return the fault."""
        self.now_seconds += 1
        self.thermometer.measure(celsius, self.now_seconds)
        self.reading = self.reading.model_copy(update={"surface_celsius": own})
        return self.rules.fault(self.reading, self.now_seconds)

    def until_fault(self, celsius: float | None, seconds: float, wiggle: float = 0.0) -> tuple[float, str | None]:
        """Let it measure the same, or to and fro, for so long. Return when which fault was found."""
        for passed in range(1, round(seconds) + 1):
            shown = None if celsius is None else celsius + wiggle * (passed % 2)
            if (why := self.second(shown)) is not None:
                return passed, why.key
        return seconds, None


@pytest.mark.parametrize(("age_seconds", "known"), [(0.0, True), (9.9, True), (10.0, False), (60.0, False)])
def test_a_temperature_counts_for_ten_seconds(age_seconds: float, known: bool) -> None:
    home = OneCompress()
    home.second(38)
    at = home.now_seconds + age_seconds
    assert (home.rules.celsius(at) is not None) is known
    fault, refusal = home.rules.fault(home.reading, at), home.rules.start_refusal(at)
    assert [each.key for each in (fault, refusal) if each] == ([] if known else ["thermometer_silent"] * 2)


def test_one_that_was_never_heard_is_another_matter() -> None:
    why = OneCompress().rules.start_refusal(100.0)
    assert why is not None
    assert (why.key, why.values) == ("thermometer_never_heard", {"device": "thermometer"})


def test_what_it_does_not_know_for_a_moment_is_no_fault_yet() -> None:
    home = OneCompress()
    assert home.second(38) is None
    assert [home.second(None) for _ in range(9)] == [None] * 9
    assert home.rules.celsius(home.now_seconds) == 38
    fault = home.second(None)
    assert fault is not None
    assert fault.key == "thermometer_silent"


@pytest.mark.parametrize(
    ("celsius", "own", "trips_after_seconds"),
    [(44.0, None, 0), (43.0, None, 5), (42.9, None, None), (40.0, 44.0, 0), (40.0, 43.0, 5), (43.0, 20.0, 5)],
)
def test_the_higher_of_both_trips_at_the_limits_of_a_compress(
    celsius: float, own: float | None, trips_after_seconds: int | None
) -> None:
    home = OneCompress()
    found = []
    for _ in range(8):
        home.second(celsius, own=own)
        found.append(home.rules.trip(home.reading, home.now_seconds))
    first = next((at for at, each in enumerate(found) if each is not None), None)
    assert first == trips_after_seconds
    if first is not None:
        assert found[first][:2] == ("thermometer", TripKind.TEMPERATURE)  # type: ignore[index]


def test_taking_turns_they_stay_too_hot() -> None:
    home = OneCompress()
    for at in range(8):
        home.second(43.1 if at % 2 else 42.0, own=42.0 if at % 2 else 43.1)
        tripped = home.rules.trip(home.reading, home.now_seconds) is not None
    assert tripped


@pytest.mark.parametrize("celsius", [math.nan, math.inf, -math.inf, -0.1])
def test_what_no_thermometer_can_measure_is_implausible(celsius: float) -> None:
    home = OneCompress()
    why = home.second(celsius)
    assert why is not None
    assert why.key == "thermometer_implausible"
    assert home.rules.trip(home.reading, home.now_seconds) is None


@pytest.mark.parametrize(("to_celsius", "found"), [(31.1, None), (30.9, "thermometer_implausible")])
def test_a_jump_is_implausible(to_celsius: float, found: str | None) -> None:
    home = OneCompress(BLIND)
    home.second(35.9)
    home.second(36.0)
    home.reading = home.reading.model_copy(update={"target_celsius": 33.0})
    why = home.second(to_celsius)
    assert (None if why is None else why.key) == found


@pytest.mark.parametrize(
    ("reading", "celsius", "found"),
    [
        (HEATS, 37.0, (121, "thermometer_does_not_warm")),
        (HEATS, 37.1, (300, None)),
        (BLIND, 35.0, (121, "thermometer_does_not_warm")),
        (BLIND, 35.1, (300, None)),
    ],
)
def test_on_a_pad_it_gets_warmer(reading: WarmerReading, celsius: float, found: tuple[float, str | None]) -> None:
    """Of a pad without a target: as warm as skin does not make it."""
    home = OneCompress(reading)
    # To and fro by a single step, so that it neither stands still nor turns widely.
    assert home.until_fault(celsius - 0.5, 300, wiggle=0.5) == found


@pytest.mark.parametrize(("fallen_celsius", "found"), [(2.9, None), (3.0, "thermometer_fell_off")])
@pytest.mark.parametrize("reading", [HEATS, BLIND])
def test_one_that_gets_three_degrees_colder_has_fallen_off(
    reading: WarmerReading, fallen_celsius: float, found: str | None
) -> None:
    home = OneCompress(reading)
    home.second(37.0)
    why = home.second(37.0 - fallen_celsius)
    assert (None if why is None else why.key) == found


def test_a_compress_that_is_set_lower_gets_colder_without_a_fault() -> None:
    home = OneCompress(HEATS.model_copy(update={"target_celsius": 42.0}))
    home.second(42.0)
    home.reading = home.reading.model_copy(update={"target_celsius": 36.0})
    assert [home.second(42.0 - step / 10) for step in range(60)] == [None] * 60


@pytest.mark.parametrize(("celsius", "found"), [(28.0, None), (27.9, "thermometer_not_on_skin")])
def test_on_a_breast_it_is_as_warm_as_skin(celsius: float, found: str | None) -> None:
    home = OneCompress(placed=Placed.BREAST)
    whys = [home.second(celsius), home.rules.start_refusal(home.now_seconds)]
    assert [None if why is None else why.key for why in whys] == [found, found]


def test_on_a_breast_nothing_has_to_get_warmer() -> None:
    assert OneCompress(placed=Placed.BREAST).until_fault(33, 300, wiggle=0.5) == (300, None)


@pytest.mark.parametrize(
    ("measures", "placed", "found"),
    [
        (False, Placed.PAD, (121, "thermometer_stands_still")),
        (True, Placed.PAD, (300, None)),
        (False, Placed.BREAST, (300, None)),
    ],
)
def test_the_only_sensor_of_a_compress_never_stands_still_for_two_minutes(
    measures: bool, placed: Placed, found: tuple[float, str | None]
) -> None:
    assert OneCompress(placed=placed, measures=measures).until_fault(40, 300) == found


def test_each_side_has_its_own() -> None:
    pad: Any = StillPad()
    pad.side = Side.LEFT
    for side, serves in ((Side.LEFT, True), (Side.BOTH, True), (Side.RIGHT, False)):
        thermometer = StillThermometer()
        thermometer.side = side
        watched: Any = WatchedThermometer(thermometer)  # type: ignore[arg-type]
        assert bool(CompressThermometers(pad, [watched])) is serves
        pad.role = "massager"
        assert not CompressThermometers(pad, [watched])
        pad.role = "warmer"


@pytest.mark.parametrize("measured", [(), ("warm-pad",)])
def test_it_is_measured_heat_where_one_measures_it(measured: tuple[str, ...]) -> None:
    pad: Any = StillPad()
    pad.capabilities = frozenset()
    assert (UNMEASURED in budgets_of(Energy.HEAT, [pad], measured=measured)) is (not measured)


# No reading allows more than none

_CELSIUS = st.none() | st.floats(20, 50) | st.sampled_from([math.nan, math.inf, -5.0, 43.0, 44.0])
_SECOND = st.tuples(_CELSIUS, st.floats(24, 46), st.sampled_from([36.0, 40.0, 42.0]))
_ORDER = [Correction.NOTHING, Correction.REPORT, Correction.LOWER, Correction.STOP]


class Limits:
    owner = OwnerLimits()
    has_symptoms = False
    hot_seconds = ABOVE_WARM_SECONDS

    def pump_layers(self, pump: str) -> list[Reason]:
        return []


def watched_pad(pad: Any, thermometers: list[Any], now_seconds: float, *, in_block: bool) -> WatchedDevice:
    watched = WatchedDevice(pad, now_seconds, thermometers)
    if in_block:
        block = EnergyBlock(StillClock(now_seconds), Limits(), [pad], 600)
        block.energy = watched.energy
        watched.enter_block(block)
        watched.started(now_seconds)
    return watched


def severity(watched: WatchedDevice, now_seconds: float, most: float, *, in_block: bool) -> int:
    """Return how hard it is corrected: a trip is the hardest."""
    watched.leased_until_seconds = now_seconds + 10
    trip = watched.trip(now_seconds) if in_block else watched.manual_use_trip(now_seconds)
    if trip is not None:
        return len(_ORDER)
    if watched.thermometers and watched.thermometer_fault(now_seconds) is not None:
        return _ORDER.index(Correction.STOP)
    allowance = Allowance(most=most, until_seconds=math.inf)
    situation = Situation.BLOCK if in_block else Situation.MANUAL_USE
    found = verdict(watched.applied, allowance, situation, Energy.HEAT, can_set=watched.applied.commanded is not None)
    return _ORDER.index(found.correction)


@given(
    seconds=st.lists(_SECOND, min_size=1, max_size=30),
    placed=st.sampled_from(Placed),
    sensor=st.booleans(),
    target=st.booleans(),
    in_block=st.booleans(),
    most=st.sampled_from([36.0, 40.0, 42.0]),
)
def test_no_reading_allows_more_than_no_thermometer(
    seconds: list[tuple[float | None, float, float]],
    placed: Placed,
    sensor: bool,
    target: bool,
    in_block: bool,
    most: float,
) -> None:
    pad: Any = StillPad()
    pad.side = Side.BOTH
    pad.capabilities = frozenset({Capability.REPORTS_TEMPERATURE} if sensor else set())
    pad.reading = WarmerReading(run_state=RunState.RUNNING)
    thermometer: Any = StillThermometer()
    thermometer.placed = placed
    without = watched_pad(pad, [], 0.0, in_block=in_block)
    with_one = watched_pad(pad, [WatchedThermometer(thermometer)], 0.0, in_block=in_block)
    for now_seconds, (celsius, own, target_celsius) in enumerate(seconds, 1):
        thermometer.measure(celsius, now_seconds)
        pad.reading = WarmerReading(
            run_state=RunState.RUNNING,
            surface_celsius=own if sensor else None,
            target_celsius=target_celsius if target else None,
        )
        for each in (without, with_one):
            each.update(now_seconds)
        bare = severity(without, now_seconds, most, in_block=in_block)
        assert severity(with_one, now_seconds, most, in_block=in_block) >= bare
        known = with_one.thermometers.celsius(now_seconds, on_pad=True) is not None
        measured = ("warm-pad",) if known else ()
        counted = manual_use_budgets(pad, with_one.applied, measured)
        lacks = manual_use_budgets(pad, without.applied) - counted
        assert lacks <= ({UNMEASURED} if known and not sensor else set())
        if len(_ORDER) in (bare,):
            return  # everything is off
