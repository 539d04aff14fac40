"""The demo: a virtual household, one session from beginning to end, watched live."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live

from controller.app import App, SetupError, assembled, require_demo
from controller.events import Event, EventType, Item, SessionState
from controller.mqtt.instance import Instance
from controller.mqtt.settings import BrokerUrl, MqttSettings
from controller.routine import load_routines
from controller.settings import Settings
from controller.store.store import Store
from controller.summary import as_data, as_table
from controller.view import View
from devices.catalog import Catalog
from devices.clock import ScaledClock
from devices.roles import Side

_CONNECT_SECONDS = 20.0
_BROKER_SECONDS = 5.0


@dataclass(frozen=True)
class DemoOptions:
    """What can be chosen on the command line. `speed`: simulated seconds in a real one."""

    routine: str = "classic"
    side: Side = Side.BOTH
    speed: float = 60.0
    seed: int = 2
    language: str = "en"
    as_json: bool = False
    keep: bool = False
    mqtt: MqttSettings = field(default_factory=lambda: MqttSettings(embedded_port=0))


@contextlib.asynccontextmanager
async def virtual_household(
    settings: Settings,
    clock: ScaledClock,
    seed: int,
    *,
    parent: bool,
    store: Store | None = None,
    me: Instance | None = None,
    checked: Collection[BrokerUrl] = (),
) -> AsyncIterator[App]:
    """Build a service on virtual devices, with a virtual parent who follows the guide unless `parent` is false.

    `me` and `checked` are for `assembled`.
    """
    require_demo()
    from controller.virtual import DEMO_LIMITS, STATION, VirtualParent, station_settings
    from devices.virtual.air import Air
    from devices.virtual.home import VirtualHome
    from devices.virtual.radio import radio_on_air

    limits = DEMO_LIMITS if settings.limits == type(settings.limits)() else settings.limits
    settings = settings.model_copy(update={"limits": limits, "stations": {STATION: station_settings()}})
    home = VirtualHome(clock, Catalog.load(*settings.profiles), seed)
    air = Air()
    async with (
        home.on_air(air),
        radio_on_air(clock, air) as radio,
        assembled(settings, clock, radio, store, me=me, checked=checked) as app,
    ):
        if parent:
            app.stream.subscribe(VirtualParent(app.stations[STATION], clock, home.mother).watch)
        yield app


async def run_demo(options: DemoOptions) -> int:
    """Run one session and show it. Return the exit code."""
    if options.routine not in (known := load_routines()):
        raise SetupError(f"there is no routine {options.routine}; there are {', '.join(known)}")
    clock = ScaledClock(options.speed)
    settings = Settings(language=options.language, mqtt=options.mqtt)
    console = Console()
    async with contextlib.AsyncExitStack() as stack:
        with clock.held():  # reaching devices and broker takes real time, and none of the simulated
            app = await stack.enter_async_context(virtual_household(settings, clock, options.seed, parent=True))
            station = next(iter(app.stations.values()))
            task = asyncio.create_task(app.run())
            stack.push_async_callback(_ended, task)
            await _ready(app, task)
            live = stack.enter_context(contextlib.ExitStack())
            _show(app, options, console, live)
            station.start(options.routine, options.side, no_symptoms=False)
        await station.finished()
        await app.bridge.flushed(2.0)
        live.close()
        snapshot = station.snapshot
        if options.as_json:
            print(json.dumps(as_data(snapshot, app.bridge.published)), flush=True)  # noqa: T201 - what was asked for
        else:
            console.print(as_table(snapshot, app.bridge.published, str(app.broker)))
        if options.keep:
            aside = Console(stderr=True) if options.as_json else console
            aside.print(f"The devices and the broker ({app.broker}) go on until you press Ctrl+C.", soft_wrap=True)
            with contextlib.suppress(asyncio.CancelledError):  # Ctrl+C is how it is meant to end
                await task
    return 0 if snapshot.state is SessionState.COMPLETED else 1


def _show(app: App, options: DemoOptions, console: Console, live: contextlib.ExitStack) -> None:
    if options.as_json:
        return
    headline = (
        f"virtual devices, seed {options.seed}, at {options.speed:g} times the speed of life · MQTT at {app.broker}"
    )
    if console.is_terminal:
        view = View(headline)
        app.stream.subscribe(view.watch)
        live.enter_context(Live(view, console=console, refresh_per_second=12))
    else:
        console.print(headline, soft_wrap=True)
        app.stream.subscribe(lambda item: _print_event(console, item))


def _print_event(console: Console, item: Item) -> None:
    """Print what happens line by line, where no live view can be drawn."""
    if not isinstance(item, Event):
        return
    if item.type is EventType.STEP_STARTED:
        console.print(f"{item.data['step']} ...")
    elif item.type in (EventType.LET_DOWN, EventType.LIMITED, EventType.TRIP, EventType.UNCERTAIN):
        console.print(f"  {item.type.value}: {item.data.get('words') or item.data}")


async def _ready(app: App, task: asyncio.Task[None]) -> None:
    """Wait for all devices and the broker, in real time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        if task.done():
            await task
        missing = [d.name for s in app.stations.values() for d in s.devices if not d.link.connected]
        if not missing and app.bridge.connected:
            return
        if missing and loop.time() - began > _CONNECT_SECONDS:
            raise SetupError(f"these virtual devices did not connect: {', '.join(missing)}")
        if not missing and loop.time() - began > _BROKER_SECONDS:
            raise SetupError(app.bridge.trouble or f"the broker at {app.broker} does not answer")
        await asyncio.sleep(0.01)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
