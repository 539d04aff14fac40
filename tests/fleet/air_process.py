"""The radio of a fleet in a process of its own: the stations' virtual devices, and a record of what is true of them.

    python -m tests.fleet.air_process AIR.json RECORD.jsonl

AIR.json is an `AirPlan`. Each controller has a port of its own, so the record names who connected and wrote, whatever a
controller says of itself. The first line on standard output is a JSON object with these ports. Times are those of this
machine's monotonic clock, the same in every process of it. Nothing of the controller runs here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from bumble import hci, ll
from bumble.transport.common import TransportSink, TransportSource

from devices.driver.vocabulary import START_VERB, STOP_VERB, Value
from devices.profiles.catalog import Catalog
from devices.profiles.codec import DecodedMessage
from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.air_controller import AirController
from devices.virtual.device_body import DeviceBody
from devices.virtual.device_run import CommandResult, DeviceRun
from devices.virtual.transports import Air, serve_controller
from devices.virtual.twin import Twin
from devices.virtual.virtual_air import _public_address
from devices.virtual.virtual_home import DescribedDevice, Home

DRIVING = frozenset({*START_VERB.values(), "adjust", "resume", "renew"})
"""The commands that let a device run, run on, or run otherwise. Every other one stops, asks or acknowledges."""

_PULLS_MMHG = 25.0  # more than the residual vacuum between two cycles
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class AirPlan:
    """Devices by station, each (key, profile, advertised name, side), and which stations a controller receives."""

    stations: Mapping[str, tuple[tuple[str, str, str, str], ...]]
    in_range: Mapping[str, tuple[str, ...]]
    profiles: str
    host: str = "127.0.0.1"

    def dump(self, file: Path) -> None:
        """Write it to a file."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> AirPlan:
        """Read it from a file."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))


class Record:
    """Writes what happens, one JSON object a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, what: str, **more: Any) -> None:
        """Write a line now: whatever happens to this process, it is in the file."""
        self._file.write(json.dumps({"at": time.monotonic(), "what": what, **more}) + "\n")
        self._file.flush()


class RangedController(AirController):
    """The radio of one controller: receives only the devices in its range, and says whose each of its addresses is."""

    in_range: frozenset[str]
    whose: dict[str, str]

    def receive_advertisement(self, pdu: ll.AdvInd | ll.AdvExtInd, scan_response: bytes) -> None:
        """Take what is in range."""
        if address_of(pdu.advertiser_address) in self.in_range:
            super().receive_advertisement(pdu, scan_response)

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Note under which address it connects, before the device can know of it."""
        for each in (self.public_address, self.random_address):
            self.whose[address_of(each)] = self.name
        super().create_le_connection(peer_address)


class FleetAir(Air):
    """An air that gives each controller a radio with its own range."""

    def __init__(self) -> None:
        super().__init__()
        self.whose: dict[str, str] = {}  # controllers by the addresses of their radios

    def attach_ranged(
        self, name: str, in_range: frozenset[str], source: TransportSource, sink: TransportSink
    ) -> RangedController:
        """Put a controller on the air; after a restart, anew."""
        made = RangedController(name, self, _public_address(next(self._numbers)), source, sink)
        made.in_range, made.whose = in_range, self.whose
        return made


class RadioOf:
    """The air as one controller is attached to it: what `serve_controller` needs of an air."""

    def __init__(self, air: FleetAir, name: str, in_range: frozenset[str]) -> None:
        self._air, self._name, self._in_range = air, name, in_range

    def attach(self, _name: str, source: TransportSource, sink: TransportSink) -> AirController:
        """Put the controller on the air."""
        return self._air.attach_ranged(self._name, self._in_range, source, sink)

    def remove_controller(self, controller: AirController) -> None:
        """Take it off the air, and its links with it."""
        self._air.remove_controller(controller)


class RecordedRun(DeviceRun):
    """A device's run that records its beginning and its end."""

    def __init__(self, record: Record, device: str, like: DeviceRun) -> None:
        super().__init__(like.limit_run_seconds, like.limit_lease_seconds)
        self._record = record
        self._device = device

    def begin(self, values: Mapping[str, Value]) -> None:
        """Also when it runs already."""
        was_on = self.on
        super().begin(values)
        if not was_on:
            self._record.write("on", device=self._device)

    def end(self, reason: str) -> None:
        """Record what ended it: a command, the lease, the lost link."""
        was_on = self.on
        super().end(reason)
        if was_on:
            self._record.write("off", device=self._device, why=reason)


class RecordedDevice:
    """A virtual device; writes to the record what happens at its body."""

    def __init__(self, record: Record, name: str, twin: Twin, whose: Mapping[str, str]) -> None:
        self.twin = twin
        self._record = record
        self._name = name
        self._whose = whose
        self._controller: str | None = None
        self._pulls = False
        assert isinstance(twin.body, DeviceBody)
        twin.body.run = RecordedRun(record, name, twin.body.run)
        self._take_bytes, self._carry_out = twin._on_write, twin._execute
        twin._on_write = self._on_write  # type: ignore[method-assign]
        twin._execute = self._execute  # type: ignore[method-assign]

    def describe(self, station: str) -> None:
        """Write what the observer must know of it."""
        profile = self.twin.profile
        self._record.write(
            "device",
            device=self._name,
            station=station,
            profile=profile.id,
            has_lease=profile.lease_seconds is not None,
            stops_on_link_loss=profile.on_link_loss == "stops",
            own_timer_seconds=profile.own_timer_seconds,
        )

    def watch_links(self) -> None:
        """Write who connects and who is gone. The server is there once the device is on air."""
        server = self.twin.server
        assert server is not None
        begin, end = server.on_connection, server.on_disconnection
        assert begin is not None
        assert end is not None

        def connected() -> None:
            connection = server._connection
            assert connection is not None
            self._controller = self._whose.get(address_of(connection.peer_address), "unknown")
            self._write("link_up")
            begin()

        def disconnected() -> None:
            self._write("link_down")
            self._controller = None
            end()

        server.on_connection, server.on_disconnection = connected, disconnected

    def look(self) -> None:
        """Write whether it begins or ends to pull."""
        suction = getattr(self.twin.body, "suction", None)
        pulls = suction is not None and suction.vacuum_mmhg > _PULLS_MMHG
        if pulls and not self._pulls:
            self._pulls = True
            self._write("pulls")
        elif self._pulls and not self.twin.body.run.on and not pulls:
            self._pulls = False
            self._write("released")

    async def _on_write(self, channel: str, data: bytes) -> None:
        self._write("write", channel=channel, data=data.hex())
        await self._take_bytes(channel, data)

    def _execute(self, message: DecodedMessage) -> CommandResult:
        self._write("command", name=message.name, drives=message.name in DRIVING, **_expiry(message))
        return self._carry_out(message)

    def _write(self, what: str, **more: Any) -> None:
        self._record.write(what, device=self._name, controller=self._controller, **more)


def _expiry(message: DecodedMessage) -> dict[str, Value]:
    """Return what a command says of how long the device may run."""
    names = ("lease_seconds", "duration_seconds")
    return {each: message.values[each] for each in names if each in message.values} | {
        "stops": message.name in STOP_VERB.values()
    }


def address_of(address: hci.Address) -> str:
    """Return an address without its type."""
    return str(address).partition("/")[0].upper()


async def main(plan_file: Path, record_file: Path) -> None:
    """Serve until standard input ends."""
    plan, clock, air = AirPlan.load(plan_file), RealClock(), FleetAir()
    catalog = Catalog.load(Path(plan.profiles))
    addresses: dict[str, dict[str, str]] = {}
    recorded: list[RecordedDevice] = []
    with record_file.open("a", encoding="utf-8") as file:
        record = Record(file)
        async with contextlib.AsyncExitStack() as stack:
            number = 1
            for seed, (station, devices) in enumerate(plan.stations.items()):
                described = [DescribedDevice(key, profile, name, Side(side)) for key, profile, name, side in devices]
                home = Home(clock, catalog, described, seed)
                made = [RecordedDevice(record, f"{station}/{key}", twin, air.whose) for key, twin in home.twins.items()]
                addresses[station] = await stack.enter_async_context(home.on_air(air, number))
                number += len(described)
                for each in made:
                    each.describe(station)
                    each.watch_links()
                recorded += made
            ports = {}
            for controller, stations in plan.in_range.items():
                in_range = frozenset(each.upper() for station in stations for each in addresses[station].values())
                radio: Any = RadioOf(air, controller, in_range)
                transport = await stack.enter_async_context(serve_controller(radio, f"tcp-server:{plan.host}:0"))
                ports[controller] = int(transport.rpartition(":")[2])
            sys.stdout.write(json.dumps({"ports": ports, "addresses": addresses}) + "\n")
            sys.stdout.flush()
            looking = asyncio.create_task(_look(recorded))
            await asyncio.to_thread(sys.stdin.read)
            looking.cancel()


async def _look(recorded: list[RecordedDevice]) -> None:
    while True:
        for each in recorded:
            each.look()
        await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:3])))
