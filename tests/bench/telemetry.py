"""How many notifications reach an MQTT subscriber, and what each costs the controller.

Four processes: the virtual devices and the broker in one, whose cost does not count; then in turn `letdown` and the
bare loop, each with a Bluetooth controller of its own on that air; and this one, which starts the pumps and counts.
The bare loop decodes each notification and publishes it as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import bleak

from controller.app import assembled
from controller.mqtt.embedded_broker import embedded_broker
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from devices.profiles.catalog import Catalog
from devices.profiles.codec import Codec
from devices.support.clock import RealClock
from devices.virtual.bumble_backend import backend_classes
from devices.virtual.transports import Air, open_central, serve_controller
from devices.virtual.virtual_home import DEVICES
from devices.virtual.virtual_radio import radio_through
from tests.bench.processes import cpu_seconds
from tests.bench.rows import Row
from tests.bench.running import ROUTINE, address_of, homes_on_air, mqtt_client, settings_of, station_name

_WARM_UP_SECONDS = 3.0
_PUMPS = tuple(at for at, each in enumerate(DEVICES, 1) if each.profile == "open-pump")
_SETTING = {"phase": "stimulation", "vacuum_mmhg": 70, "rate_cpm": 100, "duration_seconds": 300, "lease_seconds": 60}


async def measure(stations: int, seconds: float) -> list[Row]:
    """Run `stations` stations in suction, with ours and with the bare loop, and compare."""
    async with _process("air", stations) as (_, air):
        figures = {}
        for role in ("letdown", "bare"):
            async with _process(role, stations, air["transport"], str(air["port"])) as (pid, _):
                figures[role] = await _count(role, pid, stations, air["port"], seconds)
    (count, cpu), (bare_count, bare_cpu) = figures["letdown"], figures["bare"]
    return [
        Row(f"telemetry of {stations} stations", "messages/s", count / seconds, bare_count / seconds, at_least=0.7),
        Row("messages for a second of processor", "messages", count / cpu, bare_count / bare_cpu),
        Row(
            "processor for a station in suction",
            "ms/s",
            *(each / seconds / stations * 1000 for each in (cpu, bare_cpu)),
        ),
    ]


async def _count(role: str, pid: int, stations: int, port: int, seconds: float) -> tuple[int, float]:
    """Return how many messages came in so many seconds, and the processor time that the process took for them."""
    async with mqtt_client("127.0.0.1", port) as client:
        if role == "letdown":
            await asyncio.gather(*(_start(client, station_name(each)) for each in range(stations)))
        await client.subscribe("letdown/+/device/+/telemetry" if role == "letdown" else "bare/+")
        await _take(client, _WARM_UP_SECONDS)
        before = cpu_seconds(pid)
        count = await _take(client, seconds)
        return count, cpu_seconds(pid) - before


async def _take(client: aiomqtt.Client, seconds: float) -> int:
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for _ in client.messages:
                count += 1
    return count


async def _start(client: aiomqtt.Client, station: str) -> None:
    topic = f"letdown/{station}/command"
    await client.publish(topic, json.dumps({"action": "start", "args": {"routine": ROUTINE, "no_symptoms": True}}), 1)
    await asyncio.sleep(1.0)
    await client.publish(topic, json.dumps({"action": "start_suction"}), 1)


@contextlib.asynccontextmanager
async def _process(role: str, stations: int, *arguments: str) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """Run this module in another process; yield its number and the one line that it says when it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.telemetry", role, str(stations), *arguments),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 180)
        if not line:
            raise RuntimeError(f"the process of {role} has ended")
        yield process.pid, json.loads(line)
    finally:
        process.terminate()
        await process.wait()


async def _air(stations: int) -> None:
    air = Air()
    async with (
        homes_on_air(air, stations),
        serve_controller(air, "tcp-server:127.0.0.1:0") as transport,
        embedded_broker(0) as broker,
    ):
        _say(transport=transport, port=broker.port)
        await asyncio.Event().wait()


async def _letdown(stations: int, transport: str, port: int) -> None:
    clock = RealClock()
    settings = settings_of(stations, MqttSettings(brokers=(BrokerUrl(host="127.0.0.1", port=port),)))
    async with radio_through(clock, transport) as radio, assembled(settings, clock, radio) as app:
        task = asyncio.create_task(app.run())
        links = [device.link for station in app.stations.values() for device in station.devices]
        while not (app.bridge.connected and all(link.connected for link in links)):  # noqa: ASYNC110 - a script
            await asyncio.sleep(0.05)
        _say()
        await task


async def _bare(stations: int, transport: str, port: int) -> None:
    profile = Catalog.load().get("open-pump")
    if profile is None:
        raise LookupError("open-pump")
    codec = Codec(profile)
    control, telemetry = profile.channels["control"].characteristic, profile.channels["measurement"].characteristic
    received: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    async with contextlib.AsyncExitStack() as stack:
        scanner, client_class = backend_classes(await stack.enter_async_context(open_central(transport)))
        mqtt = await stack.enter_async_context(mqtt_client("127.0.0.1", port))
        for number in (station * len(DEVICES) + at for station in range(stations) for at in _PUMPS):
            device = await bleak.BleakScanner.find_device_by_address(address_of(number), backend=scanner)
            pump = await stack.enter_async_context(bleak.BleakClient(device, backend=client_class))
            await pump.start_notify(telemetry, lambda _, data, n=number: received.put_nowait((n, bytes(data))))
            await pump.write_gatt_char(control, codec.encode_command("start", _SETTING, 1).data, response=True)
        _say()
        while True:
            number, data = await received.get()
            values = codec.decode_report("measurement", data).values
            await mqtt.publish(f"bare/{number}", json.dumps(values))


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201 - for the process that started this one


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("air", "letdown", "bare"))
    parser.add_argument("stations", type=int)
    parser.add_argument("transport", nargs="?", default="")
    parser.add_argument("port", nargs="?", type=int, default=0)
    options = parser.parse_args()
    match options.role:
        case "air":
            work = _air(options.stations)
        case "letdown":
            work = _letdown(options.stations, options.transport, options.port)
        case _:
            work = _bare(options.stations, options.transport, options.port)
    asyncio.run(work)
