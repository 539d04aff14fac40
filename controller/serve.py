"""The service as a process: watched over, with its store, and with new settings when it is told to read them again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from controller.app import App, SetupError, assembled, check, check_alone, check_unused, open_radio
from controller.demo import virtual_household
from controller.heartbeat import heartbeat
from controller.mqtt.instance import Instance, this_process
from controller.settings import Settings
from controller.store.store import Store
from controller.systemd import notify, reloading, watchdog
from devices.clock import Clock, RealClock, ScaledClock
from devices.radio import Radio
from devices.yaml_file import FileError

_LOGGER = logging.getLogger("letdown")

_REMOTE_GRACE_SECONDS = 1.0  # devices in another process answer in real time, however fast the clock runs

# Bumble's transports between processes. All others, known or still to come, may lead to a real Bluetooth controller.
_BETWEEN_PROCESSES = frozenset(
    {"pty", "tcp-client", "tcp-server", "unix", "unix-client", "unix-server", "ws-client", "ws-server"}
)


@dataclass(frozen=True)
class ServeOptions:
    """What can be chosen on the command line.

    `ask`: with virtual devices, nobody answers the questions. `take_over`: run although another controller serves the
    same stations or devices.
    """

    virtual: bool = False
    ask: bool = False
    speed: float = 1.0
    seed: int = 2
    take_over: bool = False


async def serve(read: Callable[[], Settings], options: ServeOptions) -> int:
    """Serve until cancelled. On SIGHUP, `read` the settings again; they take effect when no session is under way."""
    asked = asyncio.Event()  # to read them again; it waits where one service ends and the next begins
    with _on_hangup(asked.set):
        first = await asyncio.to_thread(read)
        me = this_process(first.mqtt.node, _stations(first, options), take_over=options.take_over)
        settings: Settings | None = first
        async with watchdog():  # also between two rounds
            while settings is not None:
                settings = await _serve_once(settings, read, options, me, asked)
                reloading()
    return 0


async def _serve_once(
    settings: Settings, read: Callable[[], Settings], options: ServeOptions, me: Instance, asked: asyncio.Event
) -> Settings | None:
    """Serve with these settings, until there are new ones to serve with."""
    new: Settings | None = None
    me = me.model_copy(update={"node": settings.mqtt.node, "stations": _stations(settings, options)})
    async with _app(settings, options, me) as app:

        async def read_again() -> None:
            """Read them whenever it is asked for, one time after the other: the last word counts."""
            nonlocal new
            while True:
                await asked.wait()
                asked.clear()
                try:
                    new = await asyncio.to_thread(_checked, read, app)
                except asyncio.CancelledError:
                    asked.set()  # the next service reads them
                    raise
                except (FileError, SetupError, ValueError) as error:
                    _LOGGER.error("the new settings are not taken over: %s", error)  # noqa: TRY400 - it says it all
                else:
                    _LOGGER.info("new settings are taken over as soon as no session is under way")
                    app.service.wind_down()

        reading = asyncio.create_task(read_again(), name="read the settings again")
        _LOGGER.info("serving %s over MQTT at %s", ", ".join(app.stations), app.broker)
        notify("READY=1")
        try:
            async with heartbeat():
                await app.run()
        except asyncio.CancelledError:
            notify("STOPPING=1")
            raise
        finally:
            reading.cancel()
            await asyncio.wait({reading})
    return new


@contextlib.asynccontextmanager
async def _app(settings: Settings, options: ServeOptions, me: Instance) -> AsyncIterator[App]:
    """Build the service, but not beside another of the same stations: then raise `SetupError` before any radio is open.

    Virtual devices are played with: without a path for their store, nothing is kept of them.
    """
    checked = frozenset() if options.take_over else await check_alone(settings.mqtt, me)
    async with contextlib.AsyncExitStack() as stack:
        store: Store | None = None
        if not options.virtual or settings.store.path is not None:
            store = await stack.enter_async_context(Store.opened(settings.store.file))
        if options.virtual:
            household = virtual_household(
                settings,
                ScaledClock(options.speed),
                options.seed,
                parent=not options.ask,
                store=store,
                me=me,
                checked=checked,
            )
            yield await stack.enter_async_context(household)
            return
        clock = _clock(settings, options.speed)
        # Without any device, everything is by hand, and no Bluetooth is needed for that.
        named = settings.radio.kind != "auto" or any(each.devices for each in settings.stations.values())
        if named and not options.take_over:
            check_unused(settings)
        opening = open_radio(settings, clock, take_over=options.take_over, simulated=options.speed != 1.0)
        radio = await stack.enter_async_context(opening) if named else Radio(clock)
        yield await stack.enter_async_context(assembled(settings, clock, radio, store, me=me, checked=checked))


def _stations(settings: Settings, options: ServeOptions) -> tuple[str, ...]:
    return ("home",) if options.virtual else tuple(settings.stations)  # the virtual devices have a station of their own


def _clock(settings: Settings, speed: float) -> Clock:
    if speed == 1.0:
        return RealClock()
    scheme = (settings.radio.transport or "").partition(":")[0]
    if scheme not in _BETWEEN_PROCESSES:
        raise SetupError(
            "--speed is for virtual devices: a real body lives in real time "
            f"(use --virtual, or a transport between processes: {', '.join(sorted(_BETWEEN_PROCESSES))})"
        )
    return ScaledClock(speed, grace_seconds=_REMOTE_GRACE_SECONDS)


def _checked(read: Callable[[], Settings], app: App) -> Settings:
    """Return new settings that a service can be built from: what is wrong with them must not end the one that runs."""
    settings = read()
    check(settings, app.clock)
    return settings


@contextlib.contextmanager
def _on_hangup(do: Callable[[], None]) -> Iterator[None]:
    """Do something on SIGHUP inside the block."""
    number = getattr(signal, "SIGHUP", None)  # Windows has none
    if number is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, do)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
