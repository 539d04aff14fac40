"""Where in a session a fault can strike: each kind of step, a pause, and the moment between two steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from controller import safety
from controller.events import SessionState
from devices.roles import Side
from devices.virtual.home import DeviceKey
from devices.virtual.suction import UnitError
from tests.controller.household import PUMPS, STEPS, House

PAD: tuple[DeviceKey, ...] = ("warm-pad",)
MASSAGER: tuple[DeviceKey, ...] = ("massager",)

_RUN_SECONDS = 3.0  # long enough that everything has begun, and shorter than any step
_PULL_SECONDS = 14.0  # of suction: until it has been raised once, so that there is a vacuum that must be released


@dataclass(frozen=True)
class Place:
    """A place in a session. `on`: what is on there, in truth; `starts`: what begins there when it is gone on with."""

    name: str
    what: str
    reach: Callable[[House], Awaitable[None]]
    on: tuple[DeviceKey, ...] = ()
    starts: tuple[DeviceKey, ...] = ()

    @property
    def victim(self) -> DeviceKey:
        """The device that a fault strikes if it may be any: one that is on, or that begins next, or a pump."""
        return (*self.on, *self.starts, "left-pump")[0]


async def _step(house: House, name: str) -> None:
    await house.reach(name, run_seconds=_PULL_SECONDS if _ON.get(name) == PUMPS else _RUN_SECONDS)


async def _paused(house: House) -> None:
    await _step(house, "express")
    await pause(house)


async def _between(house: House) -> None:
    """Hold the left pump's vacuum for a moment: without that, there is next to no time between two steps."""
    suction = house.home.pumps[Side.LEFT].suction
    suction.unit_error = UnitError(vacuum_mmhg=20)  # as much as a device may be off: so there is something to hold
    await _step(house, "stimulate")
    await house.until(lambda: suction.vacuum_mmhg > safety.RELEASE_MMHG, within_seconds=2)
    suction.stuck = True
    await house.send("skip")
    await house.elapse(0.4)
    assert not house.on
    suction.stuck = False


async def pause(house: House) -> None:
    """Pause, and wait until it is paused."""
    await house.send("pause")
    await house.until(lambda: house.told.snapshot.state is SessionState.PAUSED, within_seconds=3)


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

PLACES = (
    *(Place(step, _WHAT[step], partial(_step, name=step), _ON.get(step, ()), _ON.get(step, ())) for step in STEPS),
    Place("paused", "expression is paused; nothing is on, and going on starts both pumps", _paused, (), PUMPS),
    Place(
        "between",
        "the pumps have just been switched off for the end of `stimulate`, and `express` is about to start them",
        _between,
        (),
        PUMPS,
    ),
)
EVERYWHERE = frozenset(place.name for place in PLACES)


def where_on(*keys: DeviceKey) -> frozenset[str]:
    """Return the places where any of these devices is on; without any named, where anything is."""
    return frozenset(place.name for place in PLACES if set(place.on) & set(keys or place.on))


def where_starts(*keys: DeviceKey) -> frozenset[str]:
    """Return the places where any of these devices begins when it is gone on with; without any named, anything."""
    return frozenset(place.name for place in PLACES if set(place.starts) & set(keys or place.starts))
