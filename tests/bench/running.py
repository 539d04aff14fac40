"""Letdown on virtual devices, and the bare loop beside it: same process, same radio, same broker, same clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import aiomqtt
import bleak

from controller.app import App, assembled
from controller.mqtt.mqtt_settings import MqttSettings
from controller.service.station import Station
from controller.settings import DeviceSettings, Settings, StationSettings
from controller.web.web_settings import WebSettings
from devices.driver.device_roles import roles_of
from devices.profiles.catalog import Catalog
from devices.profiles.codec import Codec
from devices.roles import RunState
from devices.support.clock import RealClock
from devices.virtual.bumble_backend import backend_classes
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DEVICES, VirtualHome
from devices.virtual.virtual_radio import radio_on_air

SETTLE_SECONDS = 0.1  # what starting has to say is said by then: a stop comes in the middle of a run
ROUTINE = "power-pumping"  # its first step after the questions is suction
_CONNECTED_SECONDS = 120.0


def address_of(number: int) -> str:
    """Return the address of the device with that number, as `Home.on_air` gives it."""
    return f"F0:1E:7D:00:00:{number:02X}"


def station_name(number: int) -> str:
    """Return the name of a station, by its number from 0."""
    return f"station-{number}"


def settings_of(stations: int, mqtt: MqttSettings, *, web: bool = False) -> Settings:
    """Return the settings of so many stations, each with its own virtual home, found by address."""
    return Settings(
        mqtt=mqtt,
        web=WebSettings(enabled=web, port=0),
        stations={
            station_name(station): StationSettings(
                devices=tuple(
                    DeviceSettings(
                        name=f"{each.key}-{station}",
                        profile=each.profile,
                        side=each.side,
                        address=address_of(station * len(DEVICES) + at),
                    )
                    for at, each in enumerate(DEVICES, 1)
                )
            )
            for station in range(stations)
        },
    )


@contextlib.asynccontextmanager
async def homes_on_air(air: Air, stations: int) -> AsyncIterator[None]:
    """Put the devices of so many stations on the air."""
    clock, catalog = RealClock(), Catalog.load()
    async with contextlib.AsyncExitStack() as stack:
        for station in range(stations):
            home = VirtualHome(clock, catalog, seed=station + 1)
            await stack.enter_async_context(home.on_air(air, first_number=station * len(DEVICES) + 1))
        yield


@contextlib.asynccontextmanager
async def letdown(stations: int = 1, *, web: bool = False, most_streams: int = 0) -> AsyncIterator[tuple[App, Air]]:
    """Run the whole service on virtual devices, in real time. `most_streams`: so many event streams may be open."""
    clock, air = RealClock(), Air()
    settings = settings_of(stations, MqttSettings(embedded_port=0), web=web)
    async with (
        homes_on_air(air, stations),
        radio_on_air(clock, air) as radio,
        assembled(settings, clock, radio) as app,
    ):
        if app.web is not None:
            app.web.parts.hub.allow(most_streams)
        task = asyncio.create_task(app.run())
        links = [device.link for station in app.stations.values() for device in station.devices]
        async with asyncio.timeout(_CONNECTED_SECONDS):
            while not (app.bridge.connected and all(link.connected for link in links)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        if app.web is not None:
            await app.web.settled()
        yield app, air
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def start_suction(station: Station, client: aiomqtt.Client) -> None:
    """Start a session by MQTT, and wait until its pumps run."""
    topic = f"letdown/{station.name}/command"
    pumps = pumps_of(station)
    changed = asyncio.Event()
    unsubscribe = [pump.on_change(changed.set) for pump in pumps]
    start = {"action": "start", "args": {"routine": ROUTINE, "no_symptoms": True}}
    await client.publish(topic, json.dumps(start), qos=1)
    while not (station.session and station.session.progress.flange_wait):  # noqa: ASYNC110 - a script
        await asyncio.sleep(0.005)
    await client.publish(topic, json.dumps({"action": "start_suction"}), qos=1)
    await until(changed, lambda: all(pump.reading.run_state is RunState.RUNNING for pump in pumps))
    for each in unsubscribe:
        each()


def pumps_of(station: Station) -> Sequence[object]:
    """Return the pumps of a station."""
    return [role for device in station.devices for role in roles_of(device) if role.role == "pump"]


async def letdown_stop(station: Station, client: aiomqtt.Client) -> float:
    """Start a session, and when the pumps run, send stop; return the seconds until both say they stopped."""
    await start_suction(station, client)
    await asyncio.sleep(SETTLE_SECONDS)
    pumps, changed = pumps_of(station), asyncio.Event()
    unsubscribe = [pump.on_change(changed.set) for pump in pumps]
    began = time.perf_counter()
    await client.publish(f"letdown/{station.name}/command", json.dumps({"action": "stop"}), qos=0)
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
    first = 0xF0
    async with home.on_air(air, first_number=first), contextlib.AsyncExitStack() as stack:
        pumps = []
        for number in (first, first + 1):
            device = await bleak.BleakScanner.find_device_by_address(address_of(number), backend=scanner)
            pump = await stack.enter_async_context(bleak.BleakClient(device, backend=client_class))

            def on_notification(_: object, data: bytearray, number: int = number) -> None:
                states[number] = codec.decode_report("status", bytes(data)).values["run_state"]
                changed.set()

            await pump.start_notify(status, on_notification)
            await pump.start_notify(control, lambda *_: None)
            pumps.append(pump)
        subscriber = await stack.enter_async_context(mqtt_client(app.broker.host, app.broker.port))
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
            await asyncio.sleep(SETTLE_SECONDS)
            began = time.perf_counter()
            await client.publish("bare/command", "stop", qos=0)
            await until(changed, lambda: list(states.values()) == ["stopped", "stopped"])
            return time.perf_counter() - began

        task = asyncio.create_task(serve())
        yield stop
        task.cancel()


def mqtt_client(host: str, port: int) -> aiomqtt.Client:
    """Return a client that sends at once: else a message waits 25 ms for the last one's delayed acknowledgement."""
    return aiomqtt.Client(host, port, socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)])


async def until(changed: asyncio.Event, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, looking at it whenever something changed."""
    async with asyncio.timeout(10):
        while not condition():
            changed.clear()
            await changed.wait()
