"""What a session measured: milk of each side, let-down, dryness, and the extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from controller.events import Volume
from controller.record import Record
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


class _Told:
    """A device that a test speaks for."""

    def __init__(self, name: str, side: Side) -> None:
        self.name = name
        self.side = side
        self.capabilities: frozenset[Capability] = frozenset()
        self.limits = DeviceLimits()
        self.on_link_loss: Literal["stops"] = "stops"
        self.max_level: int | None = None
        self.connected = True
        self.age_seconds: float | None = 0.0
        self.told_at: float | None = None
        self.callbacks: list[Callable[[], None]] = []

    def told_at_seconds(self, name: str) -> float | None:
        return self.told_at

    def tells_at_rest(self, name: str) -> bool:
        return False

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    async def renew(self, lease_seconds: float) -> None: ...

    async def stop(self) -> None: ...

    def changed(self) -> None:
        for callback in tuple(self.callbacks):
            callback()


class TalkingPump(_Told):
    role: Literal["pump"] = "pump"

    def __init__(self, side: Side = Side.LEFT, *, each_run: bool = False) -> None:
        super().__init__(f"{side.value}-pump", side)
        self.reading = PumpReading()
        self.capabilities = frozenset({Capability.COUNTS_EACH_RUN} if each_run else ())

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None: ...

    async def adjust(self, setting: PumpSetting) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    def say(self, run_state: RunState = RUNNING, **values: float | bool | None) -> None:
        self.reading = PumpReading.model_validate({"run_state": run_state, **values})
        self.changed()


class TalkingPad(_Told):
    role: Literal["warmer"] = "warmer"

    def __init__(self) -> None:
        super().__init__("warm-pad", Side.BOTH)
        self.reading = WarmerReading()

    async def set_target(self, celsius: float, duration_seconds: float, lease_seconds: float) -> None: ...

    def say(self, celsius: float | None, run_state: RunState = RUNNING) -> None:
        self.reading = WarmerReading(run_state=run_state, surface_celsius=celsius)
        self.changed()


class TalkingMassager(_Told):
    role: Literal["massager"] = "massager"

    def __init__(self) -> None:
        super().__init__("massager", Side.BOTH)
        self.reading = MassagerReading(run_state=RUNNING, intensity=0.2)

    async def run(self, intensity: float, duration_seconds: float, lease_seconds: float, side: Side) -> None: ...


class Bench:
    """A record of two pumps, a pad and a massager, with a clock that a test sets."""

    def __init__(self, *, side: Side = Side.LEFT, each_run: bool = False) -> None:
        self.now_seconds = 0.0
        self.let_downs: list[str] = []
        self.left, self.right = TalkingPump(side, each_run=each_run), TalkingPump(Side.RIGHT)
        self.pad, self.massager = TalkingPad(), TalkingMassager()
        devices = [self.left, self.right, self.pad, self.massager]
        self.record = Record(devices, lambda: self.now_seconds, self.let_downs.append)

    def count(self, pump: TalkingPump, *volumes_ml: float) -> None:
        """Let a pump say one volume after the other, ten seconds apart."""
        for ml in volumes_ml:
            self.now_seconds += 10
            pump.told_at = self.now_seconds
            pump.say(volume_ml=ml)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.record.open()
    return bench


# Milk


def test_before_anyone_says_anything_all_is_unknown(bench: Bench) -> None:
    assert bench.record.volume_ml == Volume()
    assert bench.record.peak_vacuum_mmhg is None
    assert bench.record.warmest_celsius is None
    assert not bench.record.reports_flow


def test_milk_is_counted_for_each_side(bench: Bench) -> None:
    bench.count(bench.left, 0, 12.34)
    assert bench.record.volume_ml == Volume(left=12.3, right=None)
    bench.count(bench.right, 0, 20)
    assert bench.record.volume_ml == Volume(left=12.3, right=20)
    assert bench.record.volume_ml.total == pytest.approx(32.3)


def test_milk_from_before_the_session_does_not_count() -> None:
    bench = Bench()
    bench.left.reading = PumpReading(volume_ml=50)
    bench.record.open()
    assert bench.record.volume_ml.left == 0
    bench.count(bench.left, 50, 60)
    assert bench.record.volume_ml.left == 10


@pytest.mark.parametrize("each_run", [True, False])
def test_a_counter_that_is_first_heard_when_the_pump_starts_says_what_was_there_before(each_run: bool) -> None:
    """After a restart of the controller, a pump that tells its total only while it runs."""
    bench = Bench(each_run=each_run)
    bench.record.open()
    bench.count(bench.left, 41, 41, 41.5)
    assert bench.record.volume_ml.left == 0.5


def test_a_counter_of_each_run_that_is_first_heard_in_the_midst_of_one_counts_from_its_beginning() -> None:
    bench = Bench(each_run=True)
    bench.record.open()
    bench.left.say(RunState.STOPPED)
    bench.left.say()
    bench.count(bench.left, 12)
    assert bench.record.volume_ml.left == 12


def test_a_pump_that_begins_to_count_anew_keeps_what_it_had(bench: Bench) -> None:
    bench.count(bench.left, 0, 10, 30, 0, 5, 12, 0, 3)
    assert bench.record.volume_ml.left == 30 + 12 + 3


def test_a_pump_that_begins_anew_after_an_earlier_session_counts_from_nothing() -> None:
    bench = Bench()
    bench.left.reading = PumpReading(volume_ml=50)
    bench.record.open()
    bench.count(bench.left, 0, 7)
    assert bench.record.volume_ml.left == 7


def test_a_silent_moment_loses_no_milk(bench: Bench) -> None:
    bench.count(bench.left, 0, 25)
    bench.left.say(volume_ml=None)
    bench.count(bench.left, 26)
    assert bench.record.volume_ml.left == 26


def test_milk_that_nobody_told_apart_is_not_made_up_for_each_side() -> None:
    bench = Bench(side=Side.BOTH)
    bench.record.open()
    bench.count(bench.left, 0, 40)
    assert bench.record.volume_ml.left is None
    assert bench.record.volume_ml.total == 40


# Let-down


@pytest.mark.parametrize(("flow", "noticed"), [(None, False), (0.0, False), (0.099, False), (0.1, True), (0.5, True)])
def test_flow_of_a_tenth_tells_the_let_down(bench: Bench, flow: float | None, noticed: bool) -> None:
    bench.left.say(flow_ml_per_s=flow)
    assert bench.let_downs == (["flow"] if noticed else [])


def test_a_device_that_says_so_tells_the_let_down(bench: Bench) -> None:
    bench.right.say(let_down=False)
    assert bench.let_downs == []
    bench.right.say(let_down=True, flow_ml_per_s=0.4)
    assert bench.let_downs == ["device"]


def test_the_let_down_is_told_once(bench: Bench) -> None:
    bench.left.say(let_down=True)
    bench.right.say(let_down=True)
    bench.left.say(flow_ml_per_s=1)
    bench.record.let_down("tap")
    assert bench.let_downs == ["device"]


@pytest.mark.parametrize("run_state", [state for state in RunState if state is not RUNNING])
def test_a_pump_that_does_not_run_tells_no_let_down_and_no_peak(bench: Bench, run_state: RunState) -> None:
    bench.left.say(run_state, let_down=True, flow_ml_per_s=1, vacuum_mmhg=100)
    assert bench.let_downs == []
    assert bench.record.peak_vacuum_mmhg is None
    assert not bench.record.reports_flow


# Dry


def test_dry_means_since_the_last_flow(bench: Bench) -> None:
    bench.now_seconds = 10
    bench.left.say(flow_ml_per_s=0.3)
    bench.now_seconds = 70
    bench.left.say(flow_ml_per_s=0.019)  # a drip
    assert bench.record.reports_flow
    assert bench.record.dry_seconds(since_seconds=0) == 60
    bench.right.say(flow_ml_per_s=0.02)
    assert bench.record.dry_seconds(since_seconds=0) == 0


def test_dry_counts_from_the_beginning_of_the_step_at_the_earliest(bench: Bench) -> None:
    bench.left.say(flow_ml_per_s=0.3)
    bench.now_seconds = 500
    assert bench.record.dry_seconds(since_seconds=400) == 100


def test_a_pump_that_measures_no_flow_says_nothing_about_dryness(bench: Bench) -> None:
    bench.now_seconds = 500
    bench.left.say(flow_ml_per_s=None, volume_ml=3)
    assert not bench.record.reports_flow


def test_the_first_measurement_of_no_flow_begins_the_count(bench: Bench) -> None:
    bench.now_seconds = 30
    bench.left.say(flow_ml_per_s=0.0)
    bench.now_seconds = 90
    assert bench.record.reports_flow
    assert bench.record.dry_seconds(since_seconds=0) == 60


# Extremes


def test_the_highest_vacuum_of_all_pumps_counts(bench: Bench) -> None:
    bench.left.say(vacuum_mmhg=100, peak_vacuum_mmhg=130)
    bench.right.say(vacuum_mmhg=120)
    bench.left.say(vacuum_mmhg=90)
    assert bench.record.peak_vacuum_mmhg == 130


def test_the_warmest_counts_only_while_it_warms(bench: Bench) -> None:
    bench.pad.say(60, RunState.STOPPED)
    assert bench.record.warmest_celsius is None
    for celsius in (38, 41.5, None, 40):
        bench.pad.say(celsius)
    assert bench.record.warmest_celsius == 41.5


def test_a_massager_measures_nothing_of_this(bench: Bench) -> None:
    bench.massager.changed()
    assert bench.record.volume_ml == Volume()


# Listening


def test_it_listens_from_open_until_close(bench: Bench) -> None:
    bench.count(bench.left, 0, 5)
    bench.record.close()
    bench.count(bench.left, 15)
    bench.left.say(let_down=True)
    assert bench.record.volume_ml.left == 5
    assert bench.let_downs == []
    assert all(not device.callbacks for device in (bench.left, bench.right, bench.pad, bench.massager))
