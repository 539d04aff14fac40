"""The history of a whole session on the virtual radio, beside what the virtual body itself says."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from controller.contract.events import SessionState
from controller.contract.session_record import Curve, SessionDetails
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from devices.roles import Side
from tests.helpers.controlled import Service, service_under_test
from tests.helpers.histories import temporary_history
from tests.helpers.home import STATION, RunningHome, fine_home
from tests.helpers.service_process import wait

pytestmark = pytest.mark.system

SIDES = (Side.LEFT, Side.RIGHT)
VACUUM_MMHG = 12.0  # four standard deviations of a pump's noise
LOST_SECONDS = 3.0  # one second is promised; a busy machine may be late
MILK_ML = 1.0  # the resolution of the counters, and a report that was on its way when the session ended


class Truth:
    """What the body and the devices feel, looked at once a second."""

    def __init__(self, house: RunningHome) -> None:
        self.house = house
        self.began_seconds = house.clock.now()
        self.vacuum_mmhg: dict[Side, list[float]] = {side: [] for side in SIDES}
        self.flow_ml_per_s: dict[Side, list[float]] = {side: [] for side in SIDES}
        self.pad_celsius: list[float] = []
        self.suction_seconds: dict[Side, float] = dict.fromkeys(SIDES, 0.0)
        self.milk_seconds: float | None = None  # when milk first flowed fast enough for a let-down

    async def watch(self) -> None:
        mother = self.house.home.mother
        while True:
            for side in SIDES:
                pump, breast = self.house.home.pumps[side], mother.breasts[side]
                self.vacuum_mmhg[side].append(pump.suction_mmhg)
                self.flow_ml_per_s[side].append(breast.flow_ml_per_s)
                self.suction_seconds[side] += pump.run.running
                if breast.let_down and self.milk_seconds is None:
                    self.milk_seconds = self.house.clock.now() - self.began_seconds
            self.pad_celsius.append(self.house.home.pad.pad.surface_celsius)
            await self.house.clock.sleep(1.0)


async def classic_session() -> tuple[SessionDetails, Truth]:
    """Run `classic` to its end with a virtual parent. Return its history, and the truth."""
    async with temporary_history() as history:
        async with fine_home(parent=True, history=history) as house:
            await house.start("classic")
            truth = Truth(house)
            watching = asyncio.create_task(truth.watch())
            snapshot = await house.finished()
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        await history.write()
        records = SessionRecords(history)
        (record,) = await records.sessions(STATION)
        assert (record.id, record.outcome) == (snapshot.session_id, SessionState.COMPLETED)
        details = await records.details(record.id)
        assert details is not None
        return details, truth


def curve(details: SessionDetails, quantity: str, side: Side) -> Curve:
    (found,) = [each for each in details.curves if each.quantity == quantity and each.side is side]
    return found


async def test_the_history_of_a_session_is_what_the_body_says() -> None:
    details, truth = await classic_session()
    record, mother = details.record, truth.house.home.mother
    for side in SIDES:
        flowed_ml = mother.breasts[side].volume_ml
        shown_ml = getattr(record.volume_ml, side.value)
        assert flowed_ml > 20
        assert flowed_ml - MILK_ML <= shown_ml <= flowed_ml + 0.1
    assert all(each.source == "measured" for each in record.milk)

    # The let-down: noticed within seconds, in the step that waits for it.
    assert record.let_down_seconds is not None
    assert truth.milk_seconds is not None
    (noticed,) = [each.seconds for each in details.events if each.type == "let_down"]
    assert -1 <= noticed - truth.milk_seconds <= 5
    (stimulate,) = [each for each in details.steps if each.name == "stimulate"]
    assert stimulate.outcome == "let_down"
    assert noticed == pytest.approx(stimulate.began_seconds + (stimulate.seconds or 0), abs=1)

    # How long things were on.
    assert record.suction_seconds == pytest.approx(max(truth.suction_seconds.values()), rel=0.02, abs=6)
    assert [each.name for each in details.steps] == ["check", "warm", "massage", "stimulate", "express"]
    assert all(each.seconds is not None for each in details.steps)
    for before, after in pairwise(details.steps):
        assert after.began_seconds == pytest.approx(before.began_seconds + (before.seconds or 0), abs=1)
    assert record.seconds == pytest.approx(len(truth.pad_celsius), abs=3)
    (warm,) = [each for each in details.steps if each.name == "warm"]
    assert record.heat_seconds == pytest.approx(warm.seconds, abs=6)
    assert details.events[-1].type == "session_finished"

    check_curves(details, truth)


def check_curves(details: SessionDetails, truth: Truth) -> None:
    """Check each curve against what the body felt."""
    for side in SIDES:
        vacuum = curve(details, "vacuum_mmhg", side).values
        felt = truth.vacuum_mmhg[side]
        steady = [
            second
            for second in range(3, min(len(vacuum), len(felt)) - 3)
            if min(felt[second - 3 : second + 3]) > 40
            and max(felt[second - 3 : second + 3]) - min(felt[second - 3 : second + 3]) < VACUUM_MMHG
        ]
        assert len(steady) > 300
        apart = [abs((vacuum[second] or 0.0) - felt[second]) for second in steady]
        assert sorted(apart)[round(0.98 * len(apart))] <= VACUUM_MMHG

        flow = curve(details, "flow_ml_per_s", side).values
        milk_ml = truth.house.home.mother.breasts[side].volume_ml
        assert sum(each or 0.0 for each in flow) == pytest.approx(milk_ml, rel=0.05)
    assert max(
        max(each or 0 for each in curve(details, "vacuum_mmhg", side).values) for side in SIDES
    ) == pytest.approx(details.record.peak_vacuum_mmhg, abs=0.1)
    pad = curve(details, "surface_celsius", Side.BOTH).values
    known = [second for second, value in enumerate(pad) if value is not None and second < len(truth.pad_celsius)]
    assert len(known) > 200
    apart = [abs((pad[second] or 0.0) - truth.pad_celsius[second]) for second in known]
    assert sorted(apart)[round(0.95 * len(apart))] <= 1.0


async def history_of(service: Service) -> list[SessionDetails]:
    """Return all sessions in the history of a service, the latest first."""
    async with HistoryStore.opened(service.store.with_name("letdown-history.db")) as store:
        records = SessionRecords(store)
        found = [await records.details(each.id) for each in await records.sessions()]
    return [each for each in found if each is not None]


async def test_a_killed_service_loses_a_second_and_ends_the_session_when_it_is_back(tmp_path: Path) -> None:
    async with service_under_test(tmp_path / "home") as service:
        async with service.running() as process:
            await service.ready(process)
            session_id = await service.start_and_run("express")
            await asyncio.sleep(5)
            killed_at = datetime.now(UTC)
            await service.kill(process)
        (cut_off,) = await history_of(service)
        assert (cut_off.record.id, cut_off.record.outcome) == (session_id, None)
        took_seconds = (killed_at - cut_off.record.began_at).total_seconds()
        assert took_seconds - LOST_SECONDS <= (cut_off.record.seconds or 0.0) <= took_seconds + 0.5
        assert (cut_off.record.suction_seconds or 0.0) >= 5 - LOST_SECONDS
        pumps = {each.device for each in cut_off.curves if each.quantity == "vacuum_mmhg"}
        assert pumps == {"left-pump", "right-pump"}

        async with service.running() as process:
            await service.ready(process)
            await wait(lambda: not service.uncertain[-1])  # what ran when it was killed is off
            await service.start_and_run("stimulate")
        latest, ended = await history_of(service)
        assert latest.record.id != session_id
        assert (ended.record.outcome, ended.record.reason) == (SessionState.FAILED, "cut_off")
        assert (ended.record.ended_at, ended.record.seconds) == (None, cut_off.record.seconds)
        assert ended.record.milk == cut_off.record.milk
        assert ended.curves == cut_off.curves
