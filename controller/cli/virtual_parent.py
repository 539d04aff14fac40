"""The station of the demo: settings of the virtual devices, and a virtual parent who answers and massages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from controller.contract.events import Guide, Item
from controller.safety.limits import OwnerLimits
from controller.service.station import Station
from controller.session.step_context import Signal
from controller.settings import DeviceSettings, Settings, StationSettings
from devices.support.clock import Clock
from devices.virtual.breast import Mother
from devices.virtual.virtual_home import DEVICES

STATION = "home"

_THINKING_SECONDS = 2.0  # a person reads before answering
_READING_SECONDS = 5.0

DEMO_LIMITS = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


# The virtual devices, as an owner would name them in the settings.
STATIONS = {
    STATION: StationSettings(
        devices=tuple(
            DeviceSettings(name=each.key, profile=each.profile, side=each.side, advertised_name=each.advertised_name)
            for each in DEVICES
        )
    )
}


def stations_on_air(settings: Settings) -> dict[str, StationSettings]:
    """Return the stations of the settings where they name virtual devices and no others, else that of the demo."""
    on_air = {(each.profile, each.advertised_name) for each in DEVICES}
    devices = [device for station in settings.stations.values() for device in station.devices]
    known = [each.address is None and (each.profile, each.advertised_name) in on_air for each in devices]
    return settings.stations if known and all(known) else STATIONS


class VirtualParent:
    """Follows the guide: answers every question with no, massages, and continues after a prompt.

    While `acts()` is `False`, a person decides, and this one only massages.
    """

    def __init__(self, station: Station, clock: Clock, mother: Mother, acts: Callable[[], bool] = lambda: True) -> None:
        self._acts = acts
        self._station = station
        self._clock = clock
        self._mother = mother
        self._question: str | None = None
        self._last: Guide | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, item: Item) -> None:
        """React to one item of the stream."""
        if not isinstance(item, Guide) or item.station != self._station.name:
            return
        last, self._last = self._last, item
        if item.question is None:
            self._question = None
        elif item.question != self._question:
            self._question = item.question
            self._schedule(self._answer(item.question))
        if (
            item.waits_for == "flange"
            and item.seconds is None
            and (last is None or last.waits_for is None or last.seconds)
        ):
            self._schedule(self._signal(Signal.START_SUCTION))
        if item.step == "prompt" and (last is None or last.words != item.words):
            self._schedule(self._signal(Signal.SKIP))
        if last and item.technique and item.side and (last.technique, last.side) == (item.technique, item.side):
            self._mother.massage(max(0.0, (last.seconds_left or 0.0) - (item.seconds_left or 0.0)), item.side)

    def _schedule(self, action: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(action)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, question: str) -> None:
        await self._clock.sleep(_THINKING_SECONDS)
        if self._acts():
            self._station.body.answer(question, False)

    async def _signal(self, signal: Signal) -> None:
        await self._clock.sleep(_READING_SECONDS)
        if self._acts() and self._station.running and self._station.session is not None:
            self._station.session.signal(signal)
