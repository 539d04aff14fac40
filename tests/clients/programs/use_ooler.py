"""ooler-ble-client, told what to do by a test."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import ooler_ble_client as ooler
from on_bumble import find, public, serve


class Pad:
    """What the client offers, under its own names; what JSON has no word for is made here."""

    def __init__(self) -> None:
        self._device = ooler.OolerBLEDevice("OOLER")
        self.states: list[Any] = []  # that it told by itself
        self.events: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the client."""
        return getattr(self._device, name)

    def operations(self) -> list[str]:
        """Return the names of all that it offers."""
        return public(ooler.OolerBLEDevice)

    async def set_ble_device(self, name: str) -> None:
        """Look for the device, as its user has to."""
        self._device.set_ble_device(await find(name))

    def register_callback(self) -> None:
        """Keep the states that it tells."""
        self._device.register_callback(lambda state: self.states.append(vars(state).copy()))

    def register_connection_event_callback(self) -> None:
        """Keep the events that it tells."""
        self._device.register_connection_event_callback(lambda event: self.events.append(event.type.value))

    async def set_sleep_schedule(self) -> None:
        """Let it be 68 °F from 22:00, 62 °F from 2:00 and warm from 6:00 for half an hour, on Monday and Sunday."""
        schedule = ooler.build_sleep_schedule(
            bedtime=time(22),
            wake_time=time(6),
            temp_f=68,
            days=[0, 6],
            warm_wake=ooler.WarmWake(116, 30),
            extra_temps=[(time(2), 62)],
        )
        await self._device.set_sleep_schedule(schedule.nights)

    async def set_sleep_schedule_events(self, *events: tuple[int, int]) -> None:
        """Set a schedule by its events, each a minute of the week and °F."""
        await self._device.set_sleep_schedule_events([ooler.SleepScheduleEvent(*event) for event in events])

    async def sync_clock(self, now: str) -> None:
        """Set its clock."""
        await self._device.sync_clock(datetime.fromisoformat(now))


if __name__ == "__main__":
    serve(Pad)
