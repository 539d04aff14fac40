"""Try one device of the settings: connect, read, try every command shortly at its lowest, and stop it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

from controller.cautions import cautions_for
from controller.guard import Guard, NotAllowedError
from controller.memory import ShortMemory
from controller.pump_run import Suction
from controller.safety import OwnerLimits
from controller.stopping import Stopped
from devices.clock import Clock
from devices.errors import DeviceError, RefusedError
from devices.profiles.roles import Driver, roles_of
from devices.roles import Capability, Phase, PumpSetting, Reading, Role

_CONNECT_SECONDS = 30.0
_RUN_SECONDS = 5.0
_PAUSE_SECONDS = 1.5
_LOWEST_MMHG = 40.0
_LOWEST_CELSIUS = 36.0
_LOWEST_INTENSITY = 0.1
_RATE_CPM = 60.0
_STOPPED: dict[Stopped, str] = {
    "stopped": "stopped, and it says so itself",
    "unconfirmed": "told to stop; it never says whether it did: see for yourself",
    "uncertain": "it did NOT confirm that it stopped: switch it off at its button",
    "unreachable": "it cannot be reached any more",
    "uncontrolled": "it cannot be stopped from here: switch it off at its button",
}


async def try_device(
    device: Driver, clock: Clock, say: Callable[[str], None], allow: Callable[[str], Awaitable[bool]]
) -> bool:
    """Try a device; `say` shows what happens, `allow` asks before anything runs. Return whether all went well."""
    link = asyncio.create_task(device.run(), name=f"link {device.name}")
    try:
        say(f"looking for {device.name} …")
        async with clock.timeout(_CONNECT_SECONDS):
            while not device.link.connected:
                await clock.sleep(0.2)
        say("connected")
        roles = roles_of(device)
        owner = OwnerLimits(
            vibration=True, vibration_at_full=True, heat_without_temperature=True
        )  # asked for one by one, below
        guard = Guard(clock, owner, roles, ShortMemory())
        watching = asyncio.create_task(guard.run(), name="supervisor")
        try:
            return all([await _try_role(role, guard, clock, say, allow) for role in roles])
        finally:
            watching.cancel()
    except TimeoutError:
        say(f"not found in {_CONNECT_SECONDS:g} s: {device.link.trouble or 'is it on, and not in use by its own app?'}")
        return False
    finally:
        link.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await link


async def _try_role(
    role: Role, guard: Guard, clock: Clock, say: Callable[[str], None], allow: Callable[[str], Awaitable[bool]]
) -> bool:
    say(f"{role.name} ({role.role}) says: {_told(role.reading)}")
    for caution in cautions_for(role):
        say(f"mind: {caution.value.replace('_', ' ')}")
    if Capability.START not in role.capabilities:
        return True
    if not await allow(f"Run {role.name} for {_RUN_SECONDS:g} s at its lowest setting? Nobody may be attached to it."):
        say("not tried")
        return False
    guard.begin_session(frozenset())
    try:
        async with _lowest(role, guard) as run:
            await clock.sleep(_RUN_SECONDS)
            say(f"running: {_told(role.reading)}")
            if run is not None:
                await _exercise(run, clock, say)
    except (DeviceError, NotAllowedError) as error:
        say(f"it did not run: {error}")
    result = (await guard.stop_all())[role.name]
    say(_STOPPED[result])
    return result in ("stopped", "unconfirmed") and guard.trip is None


@contextlib.asynccontextmanager
async def _lowest(role: Role, guard: Guard) -> AsyncIterator[Suction | None]:
    if role.role == "pump":
        setting = PumpSetting(phase=Phase.STIMULATION, vacuum_mmhg=_LOWEST_MMHG, level=1, rate_cpm=_RATE_CPM)
        async with guard.suction([role], setting, at_most_seconds=_RUN_SECONDS * 2) as run:
            yield run
    elif role.role == "warmer":
        async with guard.heat([role], _LOWEST_CELSIUS, at_most_seconds=_RUN_SECONDS * 2):
            yield None
    else:
        async with guard.vibration([role], _LOWEST_INTENSITY, role.side, at_most_seconds=_RUN_SECONDS * 2):
            yield None


async def _exercise(run: Suction, clock: Clock, say: Callable[[str], None]) -> None:
    """Try the pump's other commands, the pause last."""
    (pump,) = run.pumps
    run.may_pause = True
    try:
        await pump.adjust(run.setting)
        say("it takes a change of its setting")
    except RefusedError as error:
        say(f"its setting cannot be changed while it runs: {error}")
    if Capability.PAUSE not in pump.capabilities:
        return
    await pump.pause()
    await clock.sleep(_PAUSE_SECONDS)
    say(f"paused: {_told(pump.reading)}")
    await pump.resume()
    await clock.sleep(_PAUSE_SECONDS)
    say(f"resumed: {_told(pump.reading)}")


def _told(reading: Reading) -> str:
    known = reading.model_dump(mode="json", exclude_none=True)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in known.items())


async def confirmed(question: str) -> bool:
    """Ask on the terminal, without holding anything up: Ctrl+C and the device's link go on meanwhile."""
    print(f"{question} [y/N] ", end="", flush=True)  # noqa: T201 - a question
    loop = asyncio.get_running_loop()
    typed = asyncio.Event()
    try:
        loop.add_reader(sys.stdin, typed.set)
    except (OSError, NotImplementedError):  # a file, or Windows: there is nothing to wait for, or no way to
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    try:
        await typed.wait()
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        loop.remove_reader(sys.stdin)
