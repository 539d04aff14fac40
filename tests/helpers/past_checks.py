"""Whole sessions that are over, each run once for all tests that look at it."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass

from controller.contract.events import Event, Snapshot
from controller.safety.limits import OwnerLimits
from devices.roles import Side
from devices.virtual.virtual_home import DeviceKey
from tests.helpers.home import ALL, PUMPS, Recorder, running_home

WILLING = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)
QUESTIONS = ("lump", "redness", "fever", "broken_skin", "numb", "surgery")
# What is on in each step, with an owner who turned vibration on.
ON: dict[str, set[str]] = {
    "check": set(),
    "warm": {"warm-pad"},
    "massage": {"massager"},
    "stimulate": set(PUMPS),
    "express": set(PUMPS),
    "rest": set(),
    "prompt": set(),
}


@dataclass(frozen=True)
class Past:
    """A session that is over: what was published, what was on in which step, and how often each device was started."""

    recorded: Recorder
    on: dict[str, set[str]]
    starts: dict[str, int]
    still_on: set[str]

    @property
    def snapshot(self) -> Snapshot:
        return self.recorded.snapshot


def run_through(routine: str, side: Side, *, seed: int = 2, devices: tuple[DeviceKey, ...] = ALL) -> Past:
    """Run a whole session with a virtual parent."""

    async def run() -> Past:
        async with running_home(owner=WILLING, devices=devices, parent=True, seed=seed, coarse=True) as house:
            on: dict[str, set[str]] = {}

            def look(item: object) -> None:
                if (
                    isinstance(item, Snapshot)
                    and item.step is not None
                    and item.steps[item.step_index or 0].seconds > 1
                ):
                    on.setdefault(item.step, set()).update(house.on)

            house.stream.subscribe(look)
            await house.start(routine, side, no_symptoms=False)
            await house.finished()
            await house.elapse(1)
            starts = {key: house.commanded(key, "start", "set_target", "run") for key in ALL}
            return Past(house.recorded, on, starts, house.on)

    return asyncio.run(run())


@functools.cache
def past(routine: str, side: Side) -> Past:
    """Run a whole session once for all tests that look at it. An hour's pumping has only its pump: that is quicker."""
    return run_through(routine, side, devices=("left-pump",) if routine == "power-pumping" else ALL)


def plain(event: Event) -> tuple[str, object]:
    return event.type.value, event.data.model_dump(mode="json")


def outcomes(snapshot: Snapshot) -> dict[str, str | None]:
    return {step.name: step.outcome for step in snapshot.steps}


def step_of(snapshot: Snapshot, name: str) -> float:
    return next(step.seconds for step in snapshot.steps if step.name == name)
