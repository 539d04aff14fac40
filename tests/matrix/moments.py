"""The moments of a session at which faults are injected: each kind of step, a pause, and between two steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from controller.contract.events import SessionState
from controller.safety.limits import RELEASE_MMHG
from devices.roles import Side
from devices.virtual.suction import UnitError
from devices.virtual.virtual_home import DeviceKey
from tests.helpers.home import PUMPS, STEPS, RunningHome

PAD: tuple[DeviceKey, ...] = ("warm-pad",)
MASSAGER: tuple[DeviceKey, ...] = ("massager",)

_RUN_SECONDS = 3.0  # long enough that everything has started, and shorter than any step
_PULL_SECONDS = 14.0  # of suction: until the vacuum has been raised once, so that it must be released


@dataclass(frozen=True)
class Moment:
    """A moment in a session. `on`: the devices that are on then; `starts`: those that start when it goes on."""

    name: str
    what: str
    reach: Callable[[RunningHome], Awaitable[None]]
    on: tuple[DeviceKey, ...] = ()
    starts: tuple[DeviceKey, ...] = ()

    @property
    def victim(self) -> DeviceKey:
        """The device that a fault hits if it may be any: one that is on, or starts next, or a pump."""
        return (*self.on, *self.starts, "left-pump")[0]


async def _step(house: RunningHome, name: str) -> None:
    await house.reach(name, run_seconds=_PULL_SECONDS if _ON.get(name) == PUMPS else _RUN_SECONDS)


async def _paused(house: RunningHome) -> None:
    await _step(house, "express")
    await pause(house)


async def _between(house: RunningHome) -> None:
    """Hold the left pump's vacuum for a moment: without that, there is next to no time between two steps."""
    suction = house.home.pumps[Side.LEFT].suction
    suction.unit_error = UnitError(vacuum_mmhg=20)  # the largest error, so that there is a vacuum to hold
    await _step(house, "stimulate")
    await house.until(lambda: suction.vacuum_mmhg > RELEASE_MMHG, within_seconds=2)
    suction.stuck = True
    await house.send("skip")
    await house.elapse(0.4)
    assert not house.on
    suction.stuck = False


async def pause(house: RunningHome) -> None:
    """Pause, and wait until it is paused."""
    await house.send("pause")
    await house.until(lambda: house.recorded.snapshot.state is SessionState.PAUSED, within_seconds=3)


_ON: dict[str, tuple[DeviceKey, ...]] = {
    "warm": PAD,
    "massage": MASSAGER,
    "stimulate": PUMPS,
    "express": PUMPS,
}
_WHAT = {
    "check": "the questions are open; nothing is on",
    "warm": "the compress is on",
    "massage": "the massager is on",
    "stimulate": "both pumps are on, light and quick",
    "express": "both pumps are on, slow and stronger",
    "rest": "nothing is on",
    "prompt": "nothing is on",
}

MOMENTS = (
    *(Moment(step, _WHAT[step], partial(_step, name=step), _ON.get(step, ()), _ON.get(step, ())) for step in STEPS),
    Moment("paused", "expression is paused; nothing is on, and going on starts both pumps", _paused, (), PUMPS),
    Moment(
        "between",
        "the pumps have just been switched off for the end of `stimulate`, and `express` is about to start them",
        _between,
        (),
        PUMPS,
    ),
)
ALL_MOMENTS = frozenset(moment.name for moment in MOMENTS)


def while_on(*keys: DeviceKey) -> frozenset[str]:
    """Return the moments where any of these devices is on; without any named, where anything is."""
    return frozenset(moment.name for moment in MOMENTS if set(moment.on) & set(keys or moment.on))


def before_start(*keys: DeviceKey) -> frozenset[str]:
    """Return the moments where any of these devices begins when it is gone on with; without any named, anything."""
    return frozenset(moment.name for moment in MOMENTS if set(moment.starts) & set(keys or moment.starts))
