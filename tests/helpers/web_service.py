"""The whole service in this process, with its web page on a free port, on virtual devices."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import yaml

from controller.app import App, assembled
from controller.cli.command_settings import virtual_app
from controller.contract.words import load_words
from controller.history.history_store import HistoryStore
from controller.mqtt.mqtt_settings import MqttSettings
from controller.service.service import Service
from controller.settings import Settings, load_settings
from controller.setup.running_setup import RunningSetup, busy_with
from controller.web.web_settings import WebSettings
from devices.profiles.catalog import Catalog
from devices.support.clock import ScaledClock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DEVICES, VirtualHome
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.kept_history import WithCurves


@contextlib.asynccontextmanager
async def setup_service(
    file: Path, speed: float = 10.0, *, configured: int = 0, language: str = "en"
) -> AsyncIterator[tuple[App, int, list[str]]]:
    """Run a service whose settings are in `file`, with the demo's devices on air and the first of them configured.

    Yield it, its port, and what is noted for each time that it was asked to read its settings again.
    """
    settings = _written(file, configured, language)
    more = {"mqtt": MqttSettings(embedded_port=0), "web": WebSettings(port=0, enabled=True)}
    clock, air = ScaledClock(speed), Air()
    reloads: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        home = VirtualHome(clock, Catalog.load(), 2)
        await stack.enter_async_context(home.on_air(air))
        radio = await stack.enter_async_context(radio_on_air(clock, air))

        def device_setup(service: Service) -> RunningSetup:
            setup = RunningSetup(
                file,
                clock,
                lambda: contextlib.nullcontext(radio),
                busy=partial(busy_with, service),
                reload=lambda: reloads.append("reload"),
                texts=load_words(language).setup,
                reload_after_seconds=0.01,
            )
            stack.push_async_callback(setup.close)
            return setup

        assembling = assembled(settings.model_copy(update=more), clock, radio, device_setup=device_setup)
        app = await stack.enter_async_context(assembling)
        yield app, await stack.enter_async_context(running_service(app)), reloads


def _written(file: Path, configured: int, language: str) -> Settings:
    devices = [
        {"name": each.key, "profile": each.profile, "side": each.side.value, "advertised_name": each.advertised_name}
        for each in DEVICES[:configured]
    ]
    data = {"language": language, "stations": {"home": {"devices": devices}}}
    file.write_text(f"# mine\n{yaml.safe_dump(data, sort_keys=False)}", encoding="utf-8")
    return load_settings(file)


@contextlib.asynccontextmanager
async def web_service(
    speed: float = 10.0,
    web: WebSettings | None = None,
    language: str = "en",
    history: HistoryStore | None = None,
    *,
    curves: bool = False,
) -> AsyncIterator[tuple[App, int]]:
    """Run it; yield it and its port. `LETDOWN_WEB__ENABLED` must not be set. `history`: where sessions are kept.
    `curves`: show invented curves of every session."""
    settings = Settings(mqtt=MqttSettings(embedded_port=0), web=web or WebSettings(port=0), language=language)
    async with virtual_app(settings, ScaledClock(speed), 2, parent=lambda: False, history=history) as app:
        assert app.web is not None
        if curves and history is not None:
            app.web.parts = replace(app.web.parts, history=WithCurves(history))
        async with running_service(app) as port:
            yield app, port


@contextlib.asynccontextmanager
async def running_service(app: App) -> AsyncIterator[int]:
    """Run a service until the end of the block; yield the port of its page once every device is connected."""
    task = asyncio.create_task(app.run())
    assert app.web is not None
    links = [device.link for station in app.stations.values() for device in station.devices]
    try:
        async with asyncio.timeout(30):
            await app.web.settled()
            while not all(link.connected for link in links):  # noqa: ASYNC110 - links have no event
                await asyncio.sleep(0.01)
        assert app.web.address is not None, app.web.problem
        yield int(app.web.address.rstrip("/").rpartition(":")[2])
    finally:
        task.cancel()
        await asyncio.wait({task})
