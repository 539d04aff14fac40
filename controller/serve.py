"""The service as a process: watched over, with its store, and with new settings when it is told to read them again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from controller.app import App, SetupError, assembled, check, open_radio
from controller.demo import virtual_household
from controller.heartbeat import heartbeat
from controller.settings import Settings
from controller.store.store import Store
from controller.systemd import notify, reloading, watchdog
from devices.clock import Clock, RealClock, ScaledClock
from devices.radio import Radio
from devices.yaml_file import FileError

_LOGGER = logging.getLogger("letdown")

_REMOTE_GRACE_SECONDS = 1.0  # devices in another process answer in real time, however fast the clock runs


@dataclass(frozen=True)
class ServeOptions:
    """What can be chosen on the command line. `ask`: with virtual devices, nobody answers the questions."""

    virtual: bool = False
    ask: bool = False
    speed: float = 1.0
    seed: int = 2


async def serve(read: Callable[[], Settings], options: ServeOptions) -> int:
    """Serve until cancelled. On SIGHUP, `read` the settings again; they take effect when no session is under way."""
    settings: Settings | None = await asyncio.to_thread(read)
    async with watchdog():  # also between two rounds
        while settings is not None:
            settings = await _serve_once(settings, read, options)
            reloading()
    return 0


async def _serve_once(settings: Settings, read: Callable[[], Settings], options: ServeOptions) -> Settings | None:
    """Serve with these settings, until there are new ones to serve with."""
    new: Settings | None = None
    async with _app(settings, options) as app:

        async def read_again() -> None:
            nonlocal new
            try:
                new = await asyncio.to_thread(_checked, read, app)
            except (FileError, SetupError, ValueError) as error:
                _LOGGER.error("the new settings are not taken over: %s", error)  # noqa: TRY400 - it says it all
                return
            _LOGGER.info("new settings are taken over as soon as no session is under way")
            app.service.wind_down()

        with _on_hangup(read_again):
            _LOGGER.info("serving %s over MQTT at %s", ", ".join(app.stations), app.broker)
            notify("READY=1")
            try:
                async with heartbeat():
                    await app.run()
            except asyncio.CancelledError:
                notify("STOPPING=1")
                raise
    return new


@contextlib.asynccontextmanager
async def _app(settings: Settings, options: ServeOptions) -> AsyncIterator[App]:
    """Build the service. Virtual devices are played with: without a path for their store, nothing is kept of them."""
    async with contextlib.AsyncExitStack() as stack:
        store: Store | None = None
        if not options.virtual or settings.store.path is not None:
            store = await stack.enter_async_context(Store.opened(settings.store.file))
        if options.virtual:
            household = virtual_household(
                settings, ScaledClock(options.speed), options.seed, parent=not options.ask, store=store
            )
            yield await stack.enter_async_context(household)
            return
        clock = _clock(settings, options.speed)
        # Without any device, everything is by hand, and no Bluetooth is needed for that.
        named = settings.radio.kind != "auto" or any(each.devices for each in settings.stations.values())
        radio = await stack.enter_async_context(open_radio(settings, clock)) if named else Radio(clock)
        yield await stack.enter_async_context(assembled(settings, clock, radio, store))


def _clock(settings: Settings, speed: float) -> Clock:
    if speed == 1.0:
        return RealClock()
    if settings.radio.kind != "bumble":
        raise SetupError("--speed is for virtual devices: a real body lives in real time")
    return ScaledClock(speed, grace_seconds=_REMOTE_GRACE_SECONDS)


def _checked(read: Callable[[], Settings], app: App) -> Settings:
    """Return new settings that a service can be built from: what is wrong with them must not end the one that runs."""
    settings = read()
    check(settings, app.clock)
    return settings


@contextlib.contextmanager
def _on_hangup(do: Callable[[], Coroutine[Any, Any, None]]) -> Iterator[None]:
    """Do something on SIGHUP inside the block."""
    number = getattr(signal, "SIGHUP", None)  # Windows has none
    if number is None:
        yield
        return
    loop = asyncio.get_running_loop()
    doing: set[asyncio.Task[None]] = set()

    def begin() -> None:
        task = loop.create_task(do(), name="read the settings again")
        doing.add(task)
        task.add_done_callback(doing.discard)

    loop.add_signal_handler(number, begin)
    try:
        yield
    finally:
        # Not removed: between two rounds, the default would end the process.
        loop.add_signal_handler(number, lambda: None)
