"""How long from a `stop` leaving a client until the pump says it stopped: Letdown, beside a bare aiomqtt + bleak loop.

Both run in this process, on the same virtual radio, the same broker and the same clock, in turns. The bare loop does
the least that could work: a message comes, four bytes are written, a notification is awaited.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiomqtt
import bleak
from rich.console import Console
from rich.table import Table

from controller.app import App, assembled
from controller.mqtt.settings import MqttSettings
from controller.settings import Settings
from controller.virtual import STATION, station_settings
from devices.catalog import Catalog
from devices.clock import RealClock
from devices.profiles.codec import Codec
from devices.profiles.roles import roles_of
from devices.roles import RunState
from devices.virtual.air import Air
from devices.virtual.backend import backend_classes
from devices.virtual.home import VirtualHome
from devices.virtual.radio import radio_on_air

_SETTLE_SECONDS = 0.1  # what starting has to say is said by then: a stop comes in the middle of a run
_ROUTINE = "power-pumping"  # its first step after the questions is suction


async def main(rounds: int, as_json: bool) -> None:
    """Measure both in turns, and print medians, 99th percentiles and their ratios."""
    async with letdown() as (app, air), bare(app, air) as bare_stop:
        ours, theirs = [], []
        async with mqtt_client(app) as client:
            for _ in range(rounds):
                ours.append(await letdown_stop(app, client))
                theirs.append(await bare_stop(client))
    rows = {"letdown": figures(ours), "bare": figures(theirs)}
    ratios = {key: rows["letdown"][key] / rows["bare"][key] for key in rows["bare"]}
    if as_json:
        print(json.dumps({"rounds": rounds, **rows, "ratio": ratios}))  # noqa: T201 - what was asked for
        return
    table = Table("stop to stopped", "median ms", "99th percentile ms", title=f"{rounds} rounds each, in turns")
    for name, row in rows.items():
        table.add_row(name, f"{row['median_ms']:.2f}", f"{row['p99_ms']:.2f}")
    table.add_row("ratio", f"{ratios['median_ms']:.2f}", f"{ratios['p99_ms']:.2f}", style="bold")
    Console().print(table)


def figures(seconds: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile in milliseconds."""
    return {
        "median_ms": statistics.median(seconds) * 1000,
        "p99_ms": statistics.quantiles(seconds, n=100, method="inclusive")[98] * 1000,
    }


@contextlib.asynccontextmanager
async def letdown() -> AsyncIterator[tuple[App, Air]]:
    """Run the whole service on virtual devices, in real time."""
    clock, air = RealClock(), Air()
    home = VirtualHome(clock, Catalog.load(), seed=1)
    settings = Settings(mqtt=MqttSettings(embedded_port=0), stations={STATION: station_settings()})
    async with home.on_air(air), radio_on_air(clock, air) as radio, assembled(settings, clock, radio) as app:
        task = asyncio.create_task(app.run())
        devices = app.stations[STATION].devices
        while not (app.bridge.connected and all(d.link.connected for d in devices)):  # noqa: ASYNC110 - a script
            await asyncio.sleep(0.01)
        yield app, air
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def letdown_stop(app: App, client: aiomqtt.Client) -> float:
    """Start a session, and when the pumps run, send stop; return the seconds until both say they stopped."""
    station = app.stations[STATION]
    pumps = [role for device in station.devices for role in roles_of(device) if role.role == "pump"]
    topic = f"letdown/{STATION}/command"
    changed = asyncio.Event()
    unsubscribe = [pump.on_change(changed.set) for pump in pumps]
    start = {"action": "start", "args": {"routine": _ROUTINE, "no_symptoms": True}}
    await client.publish(topic, json.dumps(start), qos=1)
    while not (station.session and station.session.waits_for_flange):  # noqa: ASYNC110 - a script
        await asyncio.sleep(0.005)
    await client.publish(topic, json.dumps({"action": "start_suction"}), qos=1)
    await until(changed, lambda: all(pump.reading.run_state is RunState.RUNNING for pump in pumps))
    await asyncio.sleep(_SETTLE_SECONDS)
    began = time.perf_counter()
    await client.publish(topic, json.dumps({"action": "stop"}), qos=0)
    await until(changed, lambda: all(pump.reading.run_state is RunState.STOPPED for pump in pumps))
    seconds = time.perf_counter() - began
    await station.finished()
    for each in unsubscribe:
        each()
    return seconds


@contextlib.asynccontextmanager
async def bare(app: App, air: Air) -> AsyncIterator[Callable[[aiomqtt.Client], Awaitable[float]]]:
    """Run two more pumps with nothing above bleak and aiomqtt: one message, one write to each, one notification."""
    profile = Catalog.load().get("open-pump")
    if profile is None:
        raise LookupError("open-pump")
    codec, clock = Codec(profile), RealClock()
    control, status = profile.channels["control"].characteristic, profile.channels["status"].characteristic
    setting = {"phase": "stimulation", "vacuum_mmhg": 70, "rate_cpm": 100, "duration_seconds": 300, "lease_seconds": 60}
    home = VirtualHome(clock, Catalog.load(), seed=2)
    scanner, client_class = backend_classes(await air.add_central())
    changed, states, counter = asyncio.Event(), {}, 0
    async with home.on_air(air, first_number=0x80), contextlib.AsyncExitStack() as stack:
        pumps = []
        for number in (0x80, 0x81):
            device = await bleak.BleakScanner.find_device_by_address(f"F0:1E:7D:00:00:{number:02X}", backend=scanner)
            pump = await stack.enter_async_context(bleak.BleakClient(device, backend=client_class))

            def heard(_: object, data: bytearray, number: int = number) -> None:
                states[number] = codec.decode_report("status", bytes(data)).values["run_state"]
                changed.set()

            await pump.start_notify(status, heard)
            await pump.start_notify(control, lambda *_: None)
            pumps.append(pump)
        subscriber = await stack.enter_async_context(mqtt_client(app))
        await subscriber.subscribe("bare/command", qos=1)

        async def serve() -> None:
            nonlocal counter
            async for _ in subscriber.messages:
                counter = (counter + 1) & 0xFF
                data = codec.encode_command("stop", {}, counter).data
                await asyncio.gather(*(pump.write_gatt_char(control, data, response=False) for pump in pumps))

        async def stop(client: aiomqtt.Client) -> float:
            nonlocal counter
            counter = (counter + 1) & 0xFF
            for pump in pumps:
                await pump.write_gatt_char(control, codec.encode_command("start", setting, counter).data, response=True)
            await until(changed, lambda: list(states.values()) == ["running", "running"])
            await asyncio.sleep(_SETTLE_SECONDS)
            began = time.perf_counter()
            await client.publish("bare/command", "stop", qos=0)
            await until(changed, lambda: list(states.values()) == ["stopped", "stopped"])
            return time.perf_counter() - began

        task = asyncio.create_task(serve())
        yield stop
        task.cancel()


def mqtt_client(app: App) -> aiomqtt.Client:
    """Return a client that sends at once: else a message waits 25 ms for the last one's delayed acknowledgement."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    return aiomqtt.Client(app.broker.host, app.broker.port, socket_options=options)


async def until(changed: asyncio.Event, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, looking at it whenever something changed."""
    async with asyncio.timeout(10):
        while not condition():
            changed.clear()
            await changed.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.rounds, options.json))
