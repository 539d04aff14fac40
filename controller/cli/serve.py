"""The service as a process: with its store, its watchdogs, and new settings on SIGHUP.

A closed terminal sends SIGHUP, too. So it means new settings only under systemd, or where it was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from controller.app import App, assembled, check, check_alone
from controller.assembly.device_opening import uses_bluetooth
from controller.assembly.extras import SetupError, check_unused, open_radio, require_fleet
from controller.assembly.tracing_building import traced
from controller.cli.command_settings import virtual_app
from controller.cli.person import Person
from controller.contract.device_setup import DeviceSetup
from controller.contract.words import load_words
from controller.history.history_store import HistoryStore
from controller.journal.store import Store
from controller.mqtt.instance import Instance, this_process
from controller.service.service import Service
from controller.service.stall_watchdog import heartbeat
from controller.service.systemd import notify, reloading, supervises, watchdog
from controller.settings import Settings
from controller.setup.running_setup import RunningSetup, busy_with
from devices.bluetooth.radio import Radio
from devices.support.clock import Clock, RealClock, ScaledClock
from devices.support.file_error import FileError

_LOGGER = logging.getLogger("letdown")

_REMOTE_GRACE_SECONDS = 1.0  # devices in another process answer in real time, at any speed of the clock

# Bumble's transports between processes. Any other transport may lead to a real Bluetooth controller.
_BETWEEN_PROCESSES = frozenset(
    {"pty", "tcp-client", "tcp-server", "unix", "unix-client", "unix-server", "ws-client", "ws-server"}
)


@dataclass(frozen=True)
class ServeOptions:
    """Options of the command line.

    `ask`: with virtual devices, the user answers the questions instead of a virtual parent. `take_over`: start even if
    another controller serves the same stations or devices. `reload_on_hangup`: SIGHUP means new settings, also without
    systemd. `file`: the settings file, into which the page may add devices.
    """

    virtual: bool = False
    ask: bool = False
    speed: float = 1.0
    seed: int = 2
    take_over: bool = False
    reload_on_hangup: bool = False
    file: Path | None = None


async def serve(read: Callable[[], Settings], options: ServeOptions) -> int:
    """Serve until cancelled.

    On SIGHUP under systemd, `read` the settings again; they take effect when no session is running.
    """
    reload_requested = asyncio.Event()  # kept from one service to the next
    reloads = options.reload_on_hangup or supervises()
    with _on_sighup(reload_requested.set) if reloads else contextlib.nullcontext():
        first = await asyncio.to_thread(read)
        me = this_process(first.mqtt.node, tuple(first.stations), take_over=options.take_over)
        settings: Settings | None = first
        with traced(first.mqtt.node, os.environ):
            if first.fleet is not None:
                async with watchdog():
                    await _serve_node(first, options)
                return 0
            async with watchdog():  # also between two services
                while settings is not None:
                    settings = await _serve_once(settings, read, options, me, reload_requested)
                    reloading()
    return 0


async def _serve_node(settings: Settings, options: ServeOptions) -> None:
    """Serve what this node of a fleet owns, until cancelled. Raise `SetupError`."""
    if options.virtual:
        raise SetupError("--virtual goes with a controller by itself, not with the section fleet of the settings")
    require_fleet()
    await asyncio.to_thread(import_module, "controller.fleet.serve_node")  # in a thread: systemd watches the event loop
    from controller.fleet.serve_node import run_node  # the client of the cluster is not loaded at home

    clock = _clock(settings, options.speed)
    opening = open_radio(settings, clock, take_over=options.take_over, simulated=options.speed != 1.0)
    async with opening as radio, heartbeat():
        try:
            await run_node(settings, clock, radio, ready=lambda: notify("READY=1"))
        except asyncio.CancelledError:
            notify("STOPPING=1")
            raise


async def _serve_once(
    settings: Settings,
    read: Callable[[], Settings],
    options: ServeOptions,
    me: Instance,
    reload_requested: asyncio.Event,
) -> Settings | None:
    """Serve with these settings until cancelled, or until there are new ones; return those."""
    new: Settings | None = None
    me = me.model_copy(update={"node": settings.mqtt.node, "stations": tuple(settings.stations)})
    person = Person(takes_part=options.ask)
    async with _app(settings, options, me, person, reload_requested.set) as app:

        async def read_again() -> None:
            """Read the settings on every request, one at a time; the last ones that are valid count."""
            nonlocal new
            while True:
                await reload_requested.wait()
                reload_requested.clear()
                try:
                    new = await asyncio.to_thread(_checked, read, app)
                except asyncio.CancelledError:
                    reload_requested.set()  # the next service reads them
                    raise
                except (FileError, SetupError, ValueError) as error:
                    _LOGGER.error("the new settings are not used: %s", error)  # noqa: TRY400 - a traceback adds nothing
                else:
                    _LOGGER.info("the new settings take effect as soon as no session is running")
                    app.service.wind_down()

        reading = asyncio.create_task(read_again(), name="read the settings again")
        _LOGGER.info("serving %s over MQTT at %s", ", ".join(app.stations), app.broker)
        notify("READY=1")
        try:
            async with heartbeat():
                await _run(app, settings, options, person)
        except asyncio.CancelledError:
            notify("STOPPING=1")
            raise
        finally:
            reading.cancel()
            await asyncio.wait({reading})
    return new


async def _run(app: App, settings: Settings, options: ServeOptions, person: Person) -> None:
    """Run the service; with virtual devices in a terminal, with the view and its keys."""
    if not (options.virtual and sys.stdout.isatty()):
        await app.run()
        return
    from controller.cli.terminal.local_session import run_shown  # loads the terminal's output where there is one

    await run_shown(app, next(iter(app.stations.values())), load_words(settings.language), person.take_part)


@contextlib.asynccontextmanager
async def _app(
    settings: Settings, options: ServeOptions, me: Instance, person: Person, reload: Callable[[], None]
) -> AsyncIterator[App]:
    """Build the service. Raise `SetupError`, before opening a radio, if another controller serves the same stations.

    Sessions with virtual devices are saved only where the settings name a path for the store. `reload`: has the
    settings read again, once the page has added a device.
    """
    clock = None if options.virtual else _clock(settings, options.speed)  # first: it may refuse the speed
    checked = frozenset() if options.take_over else await check_alone(settings.mqtt, me)
    async with contextlib.AsyncExitStack() as stack:
        store: Store | None = None
        history: HistoryStore | None = None
        if not options.virtual or settings.store.path is not None:
            store = await stack.enter_async_context(Store.opened(settings.store.file))
            kept = HistoryStore.opened(settings.store.history_file, settings.history.database(), journal=store.settle)
            history = await stack.enter_async_context(kept)
        if clock is None:
            virtual = virtual_app(
                settings,
                ScaledClock(options.speed),
                options.seed,
                parent=person.leaves_it_to_others,
                store=store,
                history=history,
                me=me,
                checked=checked,
            )
            yield await stack.enter_async_context(virtual)
            return
        # Without any device, or with plugs alone, no Bluetooth is needed.
        uses_radio = settings.radio.kind != "auto" or uses_bluetooth(settings)
        if uses_radio and not options.take_over:
            check_unused(settings)
        opening = open_radio(settings, clock, take_over=options.take_over, simulated=options.speed != 1.0)
        radio = await stack.enter_async_context(opening) if uses_radio else Radio(clock)

        def device_setup(file: Path, service: Service) -> DeviceSetup:
            setup = RunningSetup(
                file,
                clock,
                lambda: contextlib.nullcontext(radio) if uses_radio else open_radio(settings, clock),
                busy=partial(busy_with, service),
                reload=reload,
                texts=load_words(settings.language).setup,
            )
            stack.push_async_callback(setup.close)
            return setup

        app = assembled(
            settings,
            clock,
            radio,
            store,
            history,
            me=me,
            checked=checked,
            device_setup=None if options.file is None else partial(device_setup, options.file),
        )
        yield await stack.enter_async_context(app)


def _clock(settings: Settings, speed: float) -> Clock:
    if speed == 1.0:
        return RealClock()
    scheme = (settings.radio.transport or "").partition(":")[0]
    if scheme not in _BETWEEN_PROCESSES:
        raise SetupError(
            "--speed is for virtual devices only "
            f"(use --virtual, or a transport between processes: {', '.join(sorted(_BETWEEN_PROCESSES))})"
        )
    return ScaledClock(speed, grace_seconds=_REMOTE_GRACE_SECONDS)


def _checked(read: Callable[[], Settings], app: App) -> Settings:
    """Return new settings, checked: an error in them must not end the running service."""
    settings = read()
    check(settings, app.clock)
    return settings


@contextlib.contextmanager
def _on_sighup(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` on SIGHUP inside the block."""
    number = getattr(signal, "SIGHUP", None)  # Windows has none
    if number is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, callback)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
