"""What a session measured: milk of each side, let-down, dryness, and the extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from controller.contract.events import Volume
from controller.session.measurements import Measurements
from devices.roles import (
    Capability,
    DeviceLimits,
    MassagerReading,
    PumpReading,
    PumpSetting,
    RunState,
    Side,
    WarmerReading,
)

RUNNING = RunState.RUNNING


class FakeDevice:
    """A device whose reports a test makes."""

    def __init__(self, name: str, side: Side) -> None:
        self.name = name
        self.side = side
        self.capabilities: frozenset[Capability] = frozenset()
        self.limits = DeviceLimits()
        self.on_link_loss: Literal["stops"] = "stops"
        self.max_level: int | None = None
        self.connected = True
        self.age_seconds: float | None = 0.0
        self.updated_at: float | None = None
        self.callbacks: list[Callable[[], None]] = []

    def updated_at_seconds(self, name: str) -> float | None:
        return self.updated_at

    def reports_at_rest(self, name: str) -> bool:
        return False

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    async def renew(self, lease_seconds: float) -> None: ...

    async def stop(self) -> None: ...

    def changed(self) -> None:
        for callback in tuple(self.callbacks):
            callback()


class FakePump(FakeDevice):
    role: Literal["pump"] = "pump"

    def __init__(self, side: Side = Side.LEFT, *, each_run: bool = False) -> None:
        super().__init__(f"{side.value}-pump", side)
        self.reading = PumpReading()
        self.capabilities = frozenset({Capability.COUNTS_EACH_RUN} if each_run else ())

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None: ...

    async def adjust(self, setting: PumpSetting, duration_seconds: float) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    def report(self, run_state: RunState = RUNNING, **values: float | bool | None) -> None:
        self.reading = PumpReading.model_validate({"run_state": run_state, **values})
        self.changed()


class FakePad(FakeDevice):
    role: Literal["warmer"] = "warmer"

    def __init__(self) -> None:
        super().__init__("warm-pad", Side.BOTH)
        self.reading = WarmerReading()

    async def set_target(self, celsius: float, duration_seconds: float, lease_seconds: float) -> None: ...

    def report(self, celsius: float | None, run_state: RunState = RUNNING) -> None:
        self.reading = WarmerReading(run_state=run_state, surface_celsius=celsius)
        self.changed()


class FakeMassager(FakeDevice):
    role: Literal["massager"] = "massager"

    def __init__(self) -> None:
        super().__init__("massager", Side.BOTH)
        self.reading = MassagerReading(run_state=RUNNING, intensity=0.2)

    async def run(self, intensity: float, duration_seconds: float, lease_seconds: float, side: Side) -> None: ...


class Bench:
    """Measurements of two pumps, a pad and a massager, with a clock that a test sets."""

    def __init__(self, *, side: Side = Side.LEFT, each_run: bool = False) -> None:
        self.now_seconds = 0.0
        self.let_downs: list[str] = []
        self.left, self.right = FakePump(side, each_run=each_run), FakePump(Side.RIGHT)
        self.pad, self.massager = FakePad(), FakeMassager()
        devices = [self.left, self.right, self.pad, self.massager]
        self.measurements = Measurements(devices, lambda: self.now_seconds, self.let_downs.append)

    def count(self, pump: FakePump, *volumes_ml: float) -> None:
        """Let a pump report one volume after the other, ten seconds apart."""
        for ml in volumes_ml:
            self.now_seconds += 10
            pump.updated_at = self.now_seconds
            pump.report(volume_ml=ml)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.measurements.subscribe()
    return bench


# Milk


def test_before_any_report_everything_is_unknown(bench: Bench) -> None:
    assert bench.measurements.volume_ml == Volume()
    assert bench.measurements.peak_vacuum_mmhg is None
    assert bench.measurements.warmest_celsius is None
    assert not bench.measurements.reports_flow


def test_milk_is_counted_for_each_side(bench: Bench) -> None:
    bench.count(bench.left, 0, 12.34)
    assert bench.measurements.volume_ml == Volume(left=12.3, right=None)
    bench.count(bench.right, 0, 20)
    assert bench.measurements.volume_ml == Volume(left=12.3, right=20)
    assert bench.measurements.volume_ml.total == pytest.approx(32.3)


def test_milk_from_before_the_session_does_not_count() -> None:
    bench = Bench()
    bench.left.reading = PumpReading(volume_ml=50)
    bench.measurements.subscribe()
    assert bench.measurements.volume_ml.left == 0
    bench.count(bench.left, 50, 60)
    assert bench.measurements.volume_ml.left == 10


@pytest.mark.parametrize("each_run", [True, False])
def test_the_first_report_of_a_counter_that_comes_when_the_pump_starts_does_not_count(each_run: bool) -> None:
    """After a restart of the controller, with a pump that reports its total only while it runs."""
    bench = Bench(each_run=each_run)
    bench.measurements.subscribe()
    bench.count(bench.left, 41, 41, 41.5)
    assert bench.measurements.volume_ml.left == 0.5


def test_a_counter_of_each_run_counts_from_the_start_of_a_run_that_began_in_the_session() -> None:
    bench = Bench(each_run=True)
    bench.measurements.subscribe()
    bench.left.report(RunState.STOPPED)
    bench.left.report()
    bench.count(bench.left, 12)
    assert bench.measurements.volume_ml.left == 12


def test_a_counter_that_resets_loses_nothing(bench: Bench) -> None:
    bench.count(bench.left, 0, 10, 30, 0, 5, 12, 0, 3)
    assert bench.measurements.volume_ml.left == 30 + 12 + 3


def test_a_counter_that_resets_after_an_earlier_session_counts_from_zero() -> None:
    bench = Bench()
    bench.left.reading = PumpReading(volume_ml=50)
    bench.measurements.subscribe()
    bench.count(bench.left, 0, 7)
    assert bench.measurements.volume_ml.left == 7


def test_a_missing_report_loses_no_milk(bench: Bench) -> None:
    bench.count(bench.left, 0, 25)
    bench.left.report(volume_ml=None)
    bench.count(bench.left, 26)
    assert bench.measurements.volume_ml.left == 26


def test_milk_of_a_pump_for_both_sides_is_not_split() -> None:
    bench = Bench(side=Side.BOTH)
    bench.measurements.subscribe()
    bench.count(bench.left, 0, 40)
    assert bench.measurements.volume_ml.left is None
    assert bench.measurements.volume_ml.total == 40


# Let-down


@pytest.mark.parametrize(("flow", "let_down"), [(None, False), (0.0, False), (0.099, False), (0.1, True), (0.5, True)])
def test_a_flow_of_a_tenth_of_a_millilitre_per_second_means_let_down(
    bench: Bench, flow: float | None, let_down: bool
) -> None:
    bench.left.report(flow_ml_per_s=flow)
    assert bench.let_downs == (["flow"] if let_down else [])


def test_a_device_may_report_the_let_down(bench: Bench) -> None:
    bench.right.report(let_down=False)
    assert bench.let_downs == []
    bench.right.report(let_down=True, flow_ml_per_s=0.4)
    assert bench.let_downs == ["device"]


def test_the_let_down_is_reported_once(bench: Bench) -> None:
    bench.left.report(let_down=True)
    bench.right.report(let_down=True)
    bench.left.report(flow_ml_per_s=1)
    bench.measurements.record_let_down("tap")
    assert bench.let_downs == ["device"]


@pytest.mark.parametrize("run_state", [state for state in RunState if state is not RUNNING])
def test_a_pump_that_does_not_run_causes_no_let_down_and_no_peak(bench: Bench, run_state: RunState) -> None:
    bench.left.report(run_state, let_down=True, flow_ml_per_s=1, vacuum_mmhg=100)
    assert bench.let_downs == []
    assert bench.measurements.peak_vacuum_mmhg is None
    assert not bench.measurements.reports_flow


# Dry


def test_dry_means_since_the_last_flow(bench: Bench) -> None:
    bench.now_seconds = 10
    bench.left.report(flow_ml_per_s=0.3)
    bench.now_seconds = 70
    bench.left.report(flow_ml_per_s=0.019)  # a drip
    assert bench.measurements.reports_flow
    assert bench.measurements.dry_seconds(since_seconds=0) == 60
    bench.right.report(flow_ml_per_s=0.02)
    assert bench.measurements.dry_seconds(since_seconds=0) == 0


def test_dry_time_starts_with_the_step_at_the_earliest(bench: Bench) -> None:
    bench.left.report(flow_ml_per_s=0.3)
    bench.now_seconds = 500
    assert bench.measurements.dry_seconds(since_seconds=400) == 100


def test_without_a_flow_measurement_dryness_is_unknown(bench: Bench) -> None:
    bench.now_seconds = 500
    bench.left.report(flow_ml_per_s=None, volume_ml=3)
    assert not bench.measurements.reports_flow


def test_the_first_measurement_of_no_flow_starts_the_dry_time(bench: Bench) -> None:
    bench.now_seconds = 30
    bench.left.report(flow_ml_per_s=0.0)
    bench.now_seconds = 90
    assert bench.measurements.reports_flow
    assert bench.measurements.dry_seconds(since_seconds=0) == 60


# Extremes


def test_the_highest_vacuum_of_all_pumps_counts(bench: Bench) -> None:
    bench.left.report(vacuum_mmhg=100, peak_vacuum_mmhg=130)
    bench.right.report(vacuum_mmhg=120)
    bench.left.report(vacuum_mmhg=90)
    assert bench.measurements.peak_vacuum_mmhg == 130


def test_the_highest_temperature_counts_only_while_the_pad_heats(bench: Bench) -> None:
    bench.pad.report(60, RunState.STOPPED)
    assert bench.measurements.warmest_celsius is None
    for celsius in (38, 41.5, None, 40):
        bench.pad.report(celsius)
    assert bench.measurements.warmest_celsius == 41.5


def test_a_massager_measures_nothing(bench: Bench) -> None:
    bench.massager.changed()
    assert bench.measurements.volume_ml == Volume()


# Subscription


def test_it_measures_from_subscribe_until_unsubscribe(bench: Bench) -> None:
    bench.count(bench.left, 0, 5)
    bench.measurements.unsubscribe()
    bench.count(bench.left, 15)
    bench.left.report(let_down=True)
    assert bench.measurements.volume_ml.left == 5
    assert bench.let_downs == []
    assert all(not device.callbacks for device in (bench.left, bench.right, bench.pad, bench.massager))


def test_each_side_is_rounded_down_and_nothing_counts_after_the_session() -> None:
    seconds = 0.0
    pumps = [FakePump(Side.LEFT), FakePump(Side.RIGHT)]
    measurements = Measurements(pumps, lambda: seconds, lambda _: None)
    measurements.subscribe()
    for left_ml, right_ml in ((500.0, 3.0), (500.0, 3.0), (500.19, 3.06)):
        seconds += 1.0
        for pump, ml in zip(pumps, (left_ml, right_ml), strict=True):
            pump.updated_at = seconds
            pump.report(volume_ml=ml)
    assert measurements.volume_ml == Volume(left=0.1, right=0.0)
    measurements.unsubscribe()
    seconds = pumps[0].updated_at = 9.0
    pumps[0].report(volume_ml=501.0)
    assert measurements.volume_ml == Volume(left=0.1, right=0.0)
