"""A thermometer on a compress or on the breast: it switches heat off, in a session and in manual use.

Each fault is seen at the virtual compress itself: whether it still heats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.contract.events import EventType, SessionState
from controller.safety.limits import OwnerLimits
from devices.sensor_roles import Placed
from devices.virtual.thermometer_body import ThermometerBody
from devices.virtual.virtual_home import DescribedDevice
from tests.helpers.heated_home import BLIND, PAD, THERMOMETER, HeatedHome, heated_home
from tests.helpers.sampling import sampled

either_way = pytest.mark.parametrize(
    "in_session", [pytest.param(True, id="session"), pytest.param(False, id="manual", marks=pytest.mark.system)]
)

_TURN_SECONDS = 1.5  # until its report has come in, and the stop has gone out

Fault = Callable[[ThermometerBody], None]


def silent(thermometer: ThermometerBody) -> None:
    thermometer.silent = True


def unknown(thermometer: ThermometerBody) -> None:
    thermometer.unknown = True


def frozen(thermometer: ThermometerBody) -> None:
    thermometer.frozen = True


def fallen(thermometer: ThermometerBody) -> None:
    thermometer.fall_off()


def drifts_up(thermometer: ThermometerBody) -> None:
    thermometer.drift_celsius_per_min = 6.0


def drifts_down(thermometer: ThermometerBody) -> None:
    thermometer.drift_celsius_per_min = -6.0


def absurdly_hot(thermometer: ThermometerBody) -> None:
    thermometer.absurd_celsius = 300.0


def absurdly_cold(thermometer: ThermometerBody) -> None:
    thermometer.absurd_celsius = -40.0


def jumped(thermometer: ThermometerBody) -> None:
    thermometer.absurd_celsius = 20.0


# Fault: (within how many seconds heat is off, why)
FAULTS: dict[Fault, tuple[float, set[str]]] = {
    silent: (10, {"thermometer_silent"}),
    unknown: (10, {"thermometer_silent"}),
    frozen: (15, {"thermometer_stands_still"}),
    fallen: (10, {"thermometer_fell_off", "thermometer_implausible"}),
    drifts_up: (90, {"temperature", "measured_above_heat"}),
    drifts_down: (180, {"thermometer_fell_off"}),
    absurdly_hot: (1, {"temperature"}),
    absurdly_cold: (1, {"thermometer_implausible"}),
    jumped: (2, {"thermometer_implausible"}),
}


WAYS = [
    pytest.param(fault, in_session, pad, id=f"{fault.__name__}-{'session' if in_session else 'manual'}-{pad.profile}")
    for fault in FAULTS
    for in_session in (True, False)
    for pad in (PAD, BLIND)
]


@pytest.mark.parametrize(
    ("fault", "in_session", "pad"),
    sampled(WAYS, keep=lambda way: way[1] is (way[2] is PAD)),
)
async def test_each_fault_switches_heat_off(fault: Fault, in_session: bool, pad: DescribedDevice) -> None:
    within_seconds, reasons = FAULTS[fault]
    async with heated_home(pad, THERMOMETER) as house:
        await house.warm(in_session=in_session, seconds=60)
        fault(house.thermometer)
        await house.until(lambda: not house.heats, within_seconds=within_seconds + _TURN_SECONDS)
        assert set(house.why) & reasons, house.why
        await house.clock.sleep(5)
        assert not house.heats


def claim(house: HeatedHome, celsius: float) -> None:
    """Let the compress report a temperature, with the noise of a sensor, whatever is true."""
    body: Any = house.home.twins["pad"].body
    truth = body.values
    body.values = lambda *since: truth(*since) | {"surface_celsius": celsius + round(house.clock.now() % 3 / 10, 2)}


@pytest.mark.system
@either_way
async def test_a_pad_that_runs_away_behind_its_own_wrong_sensor_is_stopped(in_session: bool) -> None:
    async with heated_home() as house:
        await house.warm(in_session=in_session, seconds=240)
        claim(house, celsius=40)
        house.pad.runaway = True
        await house.until(lambda: not house.heats, within_seconds=60)
        assert house.pad.surface_celsius < 45
        assert house.heard.trips[0].device == "thermometer"


@either_way
async def test_a_compress_that_measures_nothing_trips_by_what_is_measured_on_it(in_session: bool) -> None:
    async with heated_home(BLIND, THERMOMETER) as house:
        await house.warm(in_session=in_session, seconds=30)
        house.pad.runaway = True
        await house.until(lambda: not house.heats, within_seconds=120)
        assert house.pad.surface_celsius < 45
        assert house.why == ["temperature"]


@either_way
async def test_a_lower_cap_holds_by_what_is_measured(in_session: bool) -> None:
    async with heated_home(BLIND, THERMOMETER, owner=OwnerLimits(heat_celsius=38)) as house:
        await house.warm(in_session=in_session, seconds=30)
        await house.until(lambda: not house.heats, within_seconds=300)
        assert house.pad.surface_celsius < 40
        assert house.why == ["measured_above_heat"]


@pytest.mark.system
@pytest.mark.parametrize(
    ("in_session", "pad", "placed"),
    sampled(
        [(way, pad, placed) for way in (True, False) for pad in (PAD, BLIND) for placed in Placed],
        keep=lambda each: each in ((True, PAD, Placed.PAD), (False, BLIND, Placed.BREAST)),
    ),
)
async def test_a_healthy_one_lets_it_heat(in_session: bool, pad: DescribedDevice, placed: Placed) -> None:
    owner = OwnerLimits(heat_without_temperature=placed is Placed.BREAST)
    async with heated_home(pad, THERMOMETER, placed=placed, owner=owner) as house:
        await house.warm(in_session=in_session, seconds=280)
        assert house.why == []


@either_way
async def test_on_the_breast_the_same_limits_hold(in_session: bool) -> None:
    async with heated_home(placed=Placed.BREAST) as house:
        await house.warm(in_session=in_session)
        house.thermometer.absurd_celsius = 43.2
        await house.until(lambda: not house.heats, within_seconds=8)
        assert set(house.why) & {"temperature", "thermometer_implausible"}


@either_way
async def test_one_that_fell_off_the_breast_is_noticed_by_the_cold(in_session: bool) -> None:
    async with heated_home(placed=Placed.BREAST) as house:
        await house.warm(in_session=in_session)
        house.thermometer.fall_off()
        await house.until(lambda: not house.heats, within_seconds=12)
        assert house.why == ["thermometer_not_on_skin"]


async def test_one_that_lies_beside_the_compress_from_the_beginning_is_noticed() -> None:
    async with heated_home(BLIND, THERMOMETER) as house:
        house.thermometer.fall_off()
        await house.warm(in_session=True)
        await house.until(lambda: not house.heats, within_seconds=62)
        assert house.why == ["thermometer_does_not_warm"]


# Before heat starts


@pytest.mark.parametrize("absent", [(), ("thermometer",)], ids=["silent", "absent"])
@pytest.mark.parametrize("pad", [PAD, BLIND], ids=["pad", "blind"])
async def test_without_a_word_of_a_configured_one_no_heat_starts_and_the_person_is_told_why(
    absent: tuple[str, ...], pad: DescribedDevice
) -> None:
    async with heated_home(pad, THERMOMETER, silent=True, absent=absent) as house:
        house.begin()
        await house.until(lambda: house.recorded.snapshot.step == "rest", within_seconds=5)
        assert not house.heats
        assert any("thermometer" in guide.words and "received" in guide.words for guide in house.recorded.guides())
        await house.station.finished()
        assert "thermometer" in (house.recorded.snapshot.reason_words or "")


@pytest.mark.system
async def test_one_that_was_lost_before_is_missed_too() -> None:
    async with heated_home() as house:
        house.thermometer.silent = True
        await house.clock.sleep(10)
        house.begin()
        await house.clock.sleep(3)
        assert not house.heats
        assert "has not reported" in " ".join(guide.words for guide in house.recorded.guides())


async def test_one_for_the_breast_that_lies_in_the_room_lets_nothing_start() -> None:
    async with heated_home(placed=Placed.BREAST) as house:
        house.thermometer.fall_off()
        await house.clock.sleep(30)
        house.begin()
        await house.clock.sleep(3)
        assert not house.heats


@pytest.mark.system
async def test_without_any_nothing_changes() -> None:
    async with heated_home(PAD) as house:
        await house.warm(in_session=True, seconds=300)
        assert house.why == []
    async with heated_home(BLIND) as house:
        house.begin()
        await house.clock.sleep(5)
        assert not house.heats
        assert house.recorded.snapshot.step == "warm"  # by hand


# What it makes of heat that nobody measures


def left_minutes(house: HeatedHome, budget: str) -> int:
    return next(each.left_minutes for each in house.station.guard.budgets_left() if each.budget == budget)


@pytest.mark.system
@either_way
async def test_on_the_pad_it_makes_heat_measured(in_session: bool) -> None:
    async with heated_home(BLIND, THERMOMETER) as house:
        await house.warm(in_session=in_session, seconds=400)
        assert left_minutes(house, "unmeasured") == 5
        assert left_minutes(house, "heat") < 20


@pytest.mark.system
@either_way
async def test_on_the_breast_it_does_not(in_session: bool) -> None:
    owner = OwnerLimits(heat_without_temperature=True)
    async with heated_home(BLIND, THERMOMETER, placed=Placed.BREAST, owner=owner) as house:
        await house.warm(in_session=in_session, seconds=30)
        await house.until(lambda: not house.heats, within_seconds=280)


async def test_on_the_breast_alone_it_does_not_allow_a_compress_that_is_only_on_or_off() -> None:
    async with heated_home(BLIND, THERMOMETER, placed=Placed.BREAST) as house:
        house.begin()
        await house.clock.sleep(5)
        assert not house.heats


@pytest.mark.system
async def test_the_highest_temperature_of_a_session_is_kept_also_where_only_the_thermometer_measures_it() -> None:
    async with heated_home(BLIND, THERMOMETER) as house:
        await house.warm(in_session=True, seconds=300)
        assert house.recorded.snapshot.warmest_celsius == pytest.approx(42.2, abs=0.6)


async def test_the_person_is_told_why_a_session_ended() -> None:
    async with heated_home() as house:
        await house.warm(in_session=True)
        house.thermometer.silent = True
        await house.station.finished()
        assert house.recorded.snapshot.state is SessionState.STOPPED
        assert "thermometer" in (house.recorded.snapshot.reason_words or "")
        (event,) = house.recorded.events(EventType.ENFORCED)
        assert (event.data.device, event.data.key) == ("pad", "thermometer_silent")
