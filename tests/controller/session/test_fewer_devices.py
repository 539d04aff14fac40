"""Steps without their devices are done by hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import pytest

from controller.contract.events import SessionState, Volume
from controller.contract.stream import Stream
from controller.safety.guard import Guard
from controller.safety.persistence import InMemoryPersistence
from controller.session.day_answers import DayAnswers
from controller.session.session import Session
from devices.roles import Capability, DeviceLimits, PumpReading, PumpSetting, RunState, Side
from devices.support.clock import ScaledClock
from tests.helpers.home import COMFORTABLE, Recorder, routines, running_home, words
from tests.helpers.past_checks import QUESTIONS, WILLING, outcomes


@pytest.mark.system
async def test_without_any_device_the_whole_routine_is_done_by_hand() -> None:
    async with running_home(devices=(), parent=True) as house:
        await house.start("classic", no_symptoms=False)
        snapshot = await house.finished()
        assert snapshot.state is SessionState.COMPLETED
        assert {step.name: step.by_hand for step in snapshot.steps} == {
            "check": False,
            "warm": True,
            "massage": True,
            "stimulate": True,
            "express": True,
        }
        assert outcomes(snapshot) == dict.fromkeys(("check", "warm", "massage", "stimulate", "express"), "done")
        assert snapshot.volume_ml == Volume()
        assert snapshot.peak_vacuum_mmhg is None
        said = [guide.words for guide in house.recorded.guides()]
        for step in ("warm", "stimulate", "express"):
            assert house.words.name_controls(house.words.steps[step].by_hand) in said
            assert house.words.name_controls(house.words.steps[step].with_device) not in said


async def test_with_only_a_pump_warmth_and_massage_are_done_by_hand() -> None:
    async with running_home(devices=["left-pump"], owner=WILLING) as house:
        house.give_no_milk()
        await house.reach("warm")
        assert house.recorded.guide.words == house.words.steps["warm"].by_hand
        await house.skip_to("stimulate")
        await house.flange_on()
        await house.elapse(2)
        assert house.on == {"left-pump"}
        assert house.recorded.guide.template == house.words.steps["stimulate"].with_device
        by_hand = {step.name: step.by_hand for step in house.recorded.snapshot.steps}
        assert by_hand["warm"]
        assert not by_hand["stimulate"]
        assert house.commanded("right-pump", "start") == 0


class LevelPump:
    """A pump that knows levels only, whose vacuum is unknown."""

    role: Literal["pump"] = "pump"
    name = "level-pump"
    side = Side.BOTH
    capabilities = frozenset({Capability.START, Capability.LEVELS, Capability.REPORTS_STATE})
    limits = DeviceLimits(level=9)
    on_link_loss: Literal["stops"] = "stops"
    max_level: int | None = None
    connected = True
    can_stop = True
    age_seconds = 0.0

    def __init__(self) -> None:
        self.reading = PumpReading(run_state=RunState.STOPPED)
        self.settings: list[PumpSetting] = []

    def updated_at_seconds(self, name: str) -> float | None:
        return None

    def reports_at_rest(self, name: str) -> bool:
        return False

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    async def renew(self, lease_seconds: float) -> None: ...

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None:
        self.settings.append(setting)
        self.reading = PumpReading(run_state=RunState.RUNNING, level=setting.level)

    async def adjust(self, setting: PumpSetting, duration_seconds: float) -> None:
        self.settings.append(setting)
        self.reading = PumpReading(run_state=RunState.RUNNING, level=setting.level)

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def stop(self) -> None:
        self.reading = PumpReading(run_state=RunState.STOPPED)


async def test_a_pump_with_levels_only_takes_part_in_a_whole_session() -> None:
    clock, stream, pump = ScaledClock(math.inf), Stream(), LevelPump()
    recorded = Recorder(clock, stream)
    guard = Guard(clock, COMFORTABLE, [pump], InMemoryPersistence())
    answers = DayAnswers(clock, InMemoryPersistence(), QUESTIONS, lambda: datetime.now(UTC))
    answers.answer_open(False)
    session = Session(
        station="home",
        routine=routines()["milk"],
        side=Side.BOTH,
        clock=clock,
        guard=guard,
        devices=[pump],
        words=words(),
        answers=answers,
        stream=stream,
        health=dict,
    )
    supervising = asyncio.create_task(guard.run())
    await session.run()
    supervising.cancel()
    assert [setting.level for setting in pump.settings] == [1, 1]
    assert pump.reading.run_state is RunState.STOPPED
    assert recorded.snapshot.state is SessionState.COMPLETED
    assert {snapshot.target_vacuum_mmhg for snapshot in recorded.snapshots} == {None}
