"""The household of the demo: virtual devices, their settings, and a virtual parent who answers and massages."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from controller.events import Guide, Item
from controller.safety import OwnerLimits
from controller.settings import DeviceSettings, StationSettings
from controller.stage import Signal
from controller.station import Station
from devices.clock import Clock
from devices.virtual.breast import Mother
from devices.virtual.home import DEVICES

STATION = "home"

_THINKING_SECONDS = 2.0  # a person reads before answering
_READING_SECONDS = 5.0

DEMO_LIMITS = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


def station_settings() -> StationSettings:
    """Return the settings that find the virtual devices, as an owner would write them."""
    return StationSettings(
        devices=tuple(
            DeviceSettings(
                name=device.key, profile=device.profile, side=device.side, advertised_name=device.advertised_name
            )
            for device in DEVICES
        )
    )


class VirtualParent:
    """Does what the guide says: answers every question with no, massages, and goes on after a prompt."""

    def __init__(self, station: Station, clock: Clock, mother: Mother) -> None:
        self._station = station
        self._clock = clock
        self._mother = mother
        self._asked: str | None = None
        self._last: Guide | None = None
        self._doing: set[asyncio.Task[None]] = set()

    def watch(self, item: Item) -> None:
        """Take in one item of the stream."""
        if not isinstance(item, Guide) or item.station != self._station.name:
            return
        last, self._last = self._last, item
        if item.question is None:
            self._asked = None
        elif item.question != self._asked:
            self._asked = item.question
            self._soon(self._answer(item.question))
        if (
            item.waits_for == "flange"
            and item.seconds is None
            and (last is None or last.waits_for is None or last.seconds)
        ):
            self._soon(self._start_suction())
        if item.step == "prompt" and (last is None or last.words != item.words):
            self._soon(self._go_on())
        if (
            item.technique
            and item.side
            and last is not None
            and (last.technique, last.side)
            == (
                item.technique,
                item.side,
            )
        ):
            self._mother.massage(max(0.0, (last.seconds_left or 0.0) - (item.seconds_left or 0.0)), item.side)

    def _soon(self, action: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(action)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _answer(self, question: str) -> None:
        await self._clock.sleep(_THINKING_SECONDS)
        self._station.answer(question, False)

    async def _start_suction(self) -> None:
        await self._clock.sleep(_READING_SECONDS)
        if self._station.running and self._station.session is not None:
            self._station.session.signal(Signal.START_SUCTION)

    async def _go_on(self) -> None:
        await self._clock.sleep(_READING_SECONDS)
        if self._station.running and self._station.session is not None:
            self._station.session.signal(Signal.SKIP)
