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
        self.callbacks: list[Callable[[], None]] = []

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

    def __init__(self, side: Side = Side.LEFT) -> None:
        super().__init__(f"{side.value}-pump", side)
        self.reading = PumpReading()

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

    def __init__(self) -> None:
        self.now_seconds = 0.0
        self.let_downs: list[str] = []
        self.left, self.right = TalkingPump(Side.LEFT), TalkingPump(Side.RIGHT)
        self.pad, self.massager = TalkingPad(), TalkingMassager()
        devices = [self.left, self.right, self.pad, self.massager]
        self.record = Record(devices, lambda: self.now_seconds, self.let_downs.append)


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
    bench.left.say(volume_ml=12.34)
    assert bench.record.volume_ml == Volume(left=12.3, right=None)
    bench.right.say(volume_ml=20)
    assert bench.record.volume_ml == Volume(left=12.3, right=20)
    assert bench.record.volume_ml.total == pytest.approx(32.3)


def test_milk_from_before_the_session_does_not_count() -> None:
    bench = Bench()
    bench.left.reading = PumpReading(volume_ml=50)
    bench.record.open()
    assert bench.record.volume_ml.left == 0
    bench.left.say(volume_ml=60)
    assert bench.record.volume_ml.left == 10


def test_a_pump_that_begins_to_count_anew_keeps_what_it_had(bench: Bench) -> None:
    for ml in (0, 10, 30, 0, 5, 12, 0, 3):
        bench.left.say(volume_ml=ml)
    assert bench.record.volume_ml.left == 30 + 12 + 3


def test_a_pump_that_begins_anew_after_an_earlier_session_counts_from_nothing() -> None:
    bench = Bench()
    bench.left.reading = PumpReading(volume_ml=50)
    bench.record.open()
    for ml in (0, 7):
        bench.left.say(volume_ml=ml)
    assert bench.record.volume_ml.left == 7


def test_a_silent_moment_loses_no_milk(bench: Bench) -> None:
    bench.left.say(volume_ml=25)
    bench.left.say(volume_ml=None)
    bench.left.say(RunState.STOPPED, volume_ml=26)
    assert bench.record.volume_ml.left == 26


def test_milk_that_nobody_told_apart_is_not_made_up_for_each_side() -> None:
    both = TalkingPump(Side.BOTH)
    record = Record([both], lambda: 0.0, lambda _: None)
    record.open()
    both.say(volume_ml=40)
    assert record.volume_ml.left is None
    assert record.volume_ml.total == 40


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
    bench.left.say(volume_ml=5)
    bench.record.close()
    bench.left.say(volume_ml=50, let_down=True)
    assert bench.record.volume_ml.left == 5
    assert bench.let_downs == []
    assert all(not device.callbacks for device in (bench.left, bench.right, bench.pad, bench.massager))
