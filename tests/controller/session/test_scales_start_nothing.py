"""A scale can never start or raise anything, whatever it reports; at most it says that the milk flows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.envelope import ENERGY_OF
from controller.session.measurements import Measurements
from devices.roles import Capability, ScaleReading, Side
from tests.helpers.weighed_home import weighed_home

WEIGHTS = st.none() | st.floats(allow_nan=True, allow_infinity=True)


class FakeScale:
    """A scale that reports what a test says."""

    role = "scale"
    name = "scale"
    side = Side.LEFT
    connected = True
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self) -> None:
        self.now_seconds = 0.0
        self.reading = ScaleReading()
        self._callbacks: list[Callable[[], None]] = []

    def updated_at_seconds(self, _: str) -> float:
        return self.now_seconds

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def report(self, grams: float | None, *, after_seconds: float = 0.2) -> None:
        self.now_seconds += after_seconds
        self.reading = ScaleReading(weight_g=grams)
        for callback in tuple(self._callbacks):
            callback()


class FakePump(FakeScale):
    """A connected pump that can report some things, and reports nothing."""

    role = "pump"
    name = "pump"

    def __init__(self, *can: Capability) -> None:
        super().__init__()
        self.capabilities = frozenset(can)


class Noticed:
    """Measurements of a session with one scale."""

    def __init__(self, *pumps: FakePump) -> None:
        self.scale = FakeScale()
        self.let_downs: list[str] = []
        self.measured = Measurements(pumps, lambda: self.scale.now_seconds, self.let_downs.append, [self.scale])  # type: ignore[arg-type, list-item]
        self.measured.scales.subscribe()
        self.measured.scales.tare()

    def flow(self, seconds: float, grams_per_s: float = 0.5) -> None:
        grams = self.scale.reading.weight_g or 80.0
        for number in range(round(seconds / 0.2)):
            grams += grams_per_s * 0.2
            self.scale.report(grams + 0.01 * (number % 2))  # the last digit of a scale never stands still


def test_a_rising_weight_is_a_let_down_only_while_there_is_suction() -> None:
    noticed = Noticed()
    noticed.flow(20)
    assert noticed.let_downs == []
    noticed.measured.suction_on = True
    noticed.flow(5)
    assert noticed.let_downs == ["weight"]
    noticed.flow(60)
    assert noticed.let_downs == ["weight"]


@pytest.mark.parametrize("can", [Capability.REPORTS_LET_DOWN, Capability.REPORTS_FLOW])
def test_a_pump_that_reports_it_is_believed_instead(can: Capability) -> None:
    noticed = Noticed(FakePump(can))
    noticed.measured.suction_on = True
    noticed.flow(60)
    assert noticed.let_downs == []


def test_one_push_on_the_bottle_is_no_let_down() -> None:
    noticed = Noticed()
    noticed.measured.suction_on = True
    noticed.flow(20, 0.0)
    noticed.flow(0.4, 5.0)
    noticed.flow(0.4, -5.0)
    noticed.flow(20, 0.0)
    assert noticed.let_downs == []


def test_a_scale_that_says_nothing_does_not_end_the_step_as_dry() -> None:
    noticed = Noticed()
    noticed.measured.suction_on = True
    noticed.flow(30, 0.3)
    assert noticed.measured.reports_flow
    noticed.scale.now_seconds += 600
    assert noticed.measured.dry_seconds(0.0) == 0


def test_no_flow_is_dry_after_its_time() -> None:
    noticed = Noticed()
    noticed.measured.suction_on = True
    noticed.flow(30, 0.3)
    noticed.flow(120, 0.0)
    assert noticed.measured.dry_seconds(0.0) == pytest.approx(110, abs=5)


@given(st.lists(st.tuples(WEIGHTS, st.floats(0.01, 120)), max_size=60))
def test_whatever_it_reports_the_count_never_falls_and_never_fails(reports: list[tuple[float | None, float]]) -> None:
    noticed, counted_ml = Noticed(), 0.0
    noticed.measured.suction_on = True
    for grams, after_seconds in reports:
        noticed.scale.report(grams, after_seconds=after_seconds)
        now_ml = noticed.measured.weighed_ml.total or 0.0
        assert now_ml >= counted_ml
        counted_ml = now_ml


async def test_the_guard_is_given_no_scale_and_the_envelope_knows_none() -> None:
    async with weighed_home() as house:
        assert [scale.name for scale in house.station.scales] == ["scale"]
        assert [role.name for role in house.station.roles] == ["pump"]
        assert set(ENERGY_OF) == {"pump", "warmer", "massager"}
        assert set(house.station.guard._devices) == {"pump"}


async def test_a_scale_that_fills_up_while_no_session_runs_starts_nothing() -> None:
    async with weighed_home() as house:
        house.scale.drift_g_per_s = 2.0
        await house.clock.sleep(60)
        house.scale.bump(500, 5)
        await house.clock.sleep(20)
        assert not house.station.running
        assert "start" not in [each.name for each in house.home.twins["pump"].commands]
