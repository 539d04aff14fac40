"""A witness: the virtual devices in a process of their own, and a record of what is true of them, whoever says what.

    python -m tests.system.witness SPEED [--endless]

It writes JSON lines, with the seconds of this machine's monotonic clock, which is the same in every process of it. The
first names the transport that leads to the devices. A line on its standard input, such as `fault left-pump`, breaks a
device; at its end the witness ends, too. Nothing of the controller runs here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from devices.driver.vocabulary import Value
from devices.profiles.catalog import Catalog
from devices.support.clock import Clock, RealClock, ScaledClock
from devices.virtual.device_run import DeviceRun
from devices.virtual.open_devices import PadBody, PumpBody
from devices.virtual.transports import Air, serve_controller
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import VirtualHome

SEED = 2

Tell = Callable[..., None]


def write(**line: Any) -> None:
    """Write one line of the record."""
    print(json.dumps({"at": time.monotonic(), **line}), flush=True)  # noqa: T201 - it is the record


class WatchedRun(DeviceRun):
    """A device's run that records whatever begins and ends. `endless`: neither a lease nor a timer ends it."""

    def __init__(self, tell: Tell, limit_run_seconds: int, *, endless: bool) -> None:
        super().__init__(limit_run_seconds)
        self._tell = tell
        self._endless = endless

    def begin(self, values: Mapping[str, Value]) -> None:
        """Also when it runs already: whoever told it to start did."""
        super().begin(values)
        self._tell("on")

    def end(self, reason: str) -> None:
        """Tell what ended it: a command, the lease, the lost link."""
        was_on = self.on
        super().end(reason)
        if was_on:
            self._tell("off", why=reason)

    def advance(self, to_seconds: float) -> str | None:
        """Let the worst device there is run until somebody stops it."""
        reason = super().advance(to_seconds)
        return reason if reason == "fault" or not self._endless else None


class Watched:
    """One device. Tells when it goes on and off, who connects, what it aims at, and its highest values."""

    def __init__(self, key: str, twin: Twin, *, endless: bool) -> None:
        self.twin = twin
        self._key = key
        self._lose_link = twin.body.lose_link
        self._endless = endless
        self._target: float | None = None
        self._highest = 0.0
        body: Any = twin.body
        body.run = WatchedRun(self._tell, body.run.limit_run_seconds, endless=endless)
        body.lose_link = self._link_lost

    def watch_connections(self) -> None:
        """Tell of whoever connects. The server is there once the device is on air."""
        server = self.twin.server
        assert server is not None
        assert server.on_connection is not None
        begin = server.on_connection

        def connected() -> None:
            self._tell("connected")
            begin()

        server.on_connection = connected

    def look(self) -> None:
        """Tell a new target, and the highest vacuum or temperature so far."""
        body = self.twin.body
        if isinstance(body, PumpBody):
            self._note(body.suction.target_mmhg if body.run.on else None, body.suction_mmhg)
        elif isinstance(body, PadBody):
            self._note(body.pad.target_celsius if body.run.on else None, body.pad.surface_celsius)

    def _note(self, target: float | None, value: float) -> None:
        if target != self._target:
            self._target = target
            self._tell("target", value=target)
        if value >= self._highest + 1:  # the record is to be read, not to be drawn
            self._highest = value
            self._tell("highest", value=value)

    def _link_lost(self) -> None:
        self._tell("disconnected")
        if not self._endless:
            self._lose_link()

    def _tell(self, what: str, **more: Any) -> None:
        write(device=self._key, what=what, **more)


class WatchedHome(VirtualHome):
    """The home of the demo, watched."""

    def __init__(self, clock: Clock, *, endless: bool) -> None:
        super().__init__(clock, Catalog.load(), SEED)
        self.watched = [Watched(key, twin, endless=endless) for key, twin in self.twins.items()]

    def tick(self) -> None:
        """Look after each step of the physics."""
        super().tick()
        for each in self.watched:
            each.look()


async def commands() -> asyncio.StreamReader:
    """Return the standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def serve(speed: float, *, endless: bool) -> None:
    """Serve until the standard input ends."""
    home, air = WatchedHome(RealClock() if speed == 1 else ScaledClock(speed), endless=endless), Air()
    async with home.on_air(air), serve_controller(air, "tcp-server:127.0.0.1:0") as transport:
        for each in home.watched:
            each.watch_connections()
        write(transport=transport)
        async for line in await commands():
            fault, key = line.decode().split()
            assert fault == "fault"
            home.twins[key].body.run.fault = "sensor"


def main() -> None:
    """Be a witness."""
    logging.getLogger("bumble").setLevel(logging.CRITICAL)
    asyncio.run(serve(float(sys.argv[1]), endless="--endless" in sys.argv))


if __name__ == "__main__":
    main()
