"""The device test in a terminal: connect one device, read it, and after a yes try it at its lowest setting."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import TextIO

from controller.contract.device_test_view import DeviceTestStages, DeviceTestStep
from controller.contract.words import load_words
from controller.safety.guard import Guard
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from controller.safety.stopping import Stopped
from controller.service.device_test_stage import RUN_SECONDS
from controller.service.role_test import describe, try_role
from devices.driver.base import BaseDevice
from devices.driver.device_roles import (
    DeviceRole,
    DeviceScale,
    DeviceThermometer,
    buttons_of,
    roles_of,
    scales_of,
    thermometers_of,
)
from devices.roles import Capability, Reading
from devices.support.clock import Clock

_CONNECT_SECONDS = 30.0
_MEASURE_SECONDS = 2.0  # until a scale or a thermometer has reported
_NOTHING_MORE = DeviceTestStages()
_STOPPED: dict[Stopped, str] = {
    "stopped": "stopped, confirmed by the device",
    "unconfirmed": "stop sent; this device never confirms it: check that it is off",
    "uncertain": "NOT confirmed that it stopped: switch it off at its button",
    "unreachable": "the device can no longer be reached: switch it off at its button",
    "uncontrolled": "cannot be stopped from here: switch it off at its button",
}


async def run_device_test(
    device: BaseDevice,
    clock: Clock,
    show: Callable[[str], None],
    ask: Callable[[str], Awaitable[bool]],
    on_stopped: Callable[[str, Stopped], None] = lambda _name, _result: None,
    *,
    stages: DeviceTestStages = _NOTHING_MORE,
    on_step: Callable[[DeviceTestStep], None] = lambda _step: None,
) -> bool:
    """Test a device; `show` prints a line, `ask` is called before anything runs. Return whether all went well.

    `on_stopped` is called with the name of each role that ran, and what became of its stop; `on_step` with every step.
    """

    def report(step: DeviceTestStep) -> None:
        on_step(step)
        if line := _line(step):
            show(line)
        if step.kind == "off" and step.stopped is not None:
            on_stopped(step.role, step.stopped)

    show(f"Keep {device.name} off your body until this is over, and lay it where you see it.")
    link = asyncio.create_task(device.run(), name=f"link {device.name}")
    try:
        show(f"looking for {device.name} …" + (" press it now" if buttons_of(device) else ""))
        async with clock.timeout(_CONNECT_SECONDS):
            while not device.link.connected:
                await clock.sleep(0.2)
        show("heard" if buttons_of(device) else "connected")
        for button in buttons_of(device):
            show(f"{button.name} (button): {_formatted(button.reading)}")
        roles = roles_of(device)
        sensors: list[DeviceScale | DeviceThermometer] = [*scales_of(device), *thermometers_of(device)]
        for sensor in sensors:
            await clock.sleep(_MEASURE_SECONDS)
            show(f"{sensor.name} ({sensor.role}): {_formatted(sensor.reading)}")
        # Everything is allowed here, because `ask` is called before each device runs.
        owner = OwnerLimits(vibration=True, vibration_at_full=True, heat_without_temperature=True)
        guard = Guard(clock, owner, roles, InMemoryPersistence())
        supervisor = asyncio.create_task(guard.run(), name="supervisor")
        try:
            return all([await _asked(role, guard, clock, report, show, ask, stages) for role in roles])
        finally:
            supervisor.cancel()
    except TimeoutError:
        show(
            f"not found in {_CONNECT_SECONDS:g} s: {device.link.problem or 'is it on, and not in use by its own app?'}"
        )
        return False
    finally:
        link.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await link


async def _asked(
    role: DeviceRole,
    guard: Guard,
    clock: Clock,
    report: Callable[[DeviceTestStep], None],
    show: Callable[[str], None],
    ask: Callable[[str], Awaitable[bool]],
    stages: DeviceTestStages,
) -> bool:
    show(f"{role.name} ({role.role}): {_formatted(role.reading)}")
    describe(role, report)
    if Capability.START not in role.capabilities:
        return True
    more = ", then again until it switches itself off" if role.device.model.feeds_another else ""
    more += _more_in_words(stages)
    question = f"Run {role.name} for {RUN_SECONDS:g} s at its lowest setting{more}? Nobody may be attached to it."
    if not await ask(question):
        show("not tested")
        return False
    return await try_role(role, guard, clock, report, frozenset(), stages)


def _more_in_words(stages: DeviceTestStages) -> str:
    parts = ["stop it three times"] if stages.repeated_stop else []
    parts += ["run it again and drop its link"] if stages.link_loss else []
    if stages.own_timer_minutes is not None:
        parts += [f"run it for up to {stages.own_timer_minutes} min until it stops by itself"]
    return "".join(f", then {part}" for part in parts)


def _line(step: DeviceTestStep) -> str:
    """Return what to print for a step; nothing where it was printed already."""
    reading = "" if step.reading is None else _formatted(step.reading)
    stopped = "" if step.stopped is None else _STOPPED[step.stopped]
    why = step.detail or ("" if step.why is None else load_words("en").reason(step.why))
    return {
        "caution": f"caution: {(step.caution or '').replace('_', ' ')}",
        "runs": f"running: {reading}",
        "adjusted": "its setting can be changed while it runs",
        "not_adjusted": f"its setting cannot be changed while it runs: {why}",
        "paused": f"paused: {reading}",
        "resumed": f"resumed: {reading}",
        "did_not_run": f"it did not run: {why}",
        "ended_early": f"it was stopped: {why}",
        "off": stopped,
        "interrupted": f"interrupted: {stopped}",
        "stopped_again": f"stopped once more: {stopped}; {reading}",
        "runs_again": f"it RUNS after a stop that was repeated: {reading}; {stopped}",
        "link_dropped": "running; its link is dropped now, on purpose",
        "link_loss": _found(step, "whether it goes on without a link is not known", why),
        "waits": f"running until it stops by itself, or for {_minutes(step.seconds)} more",
        "own_timer": _found(step, "it stopped by itself", why),
        "no_own_timer": f"it did not stop by itself in {_minutes(step.seconds)}: leave own_timer_seconds out",
        "not_tried": f"not tried: {why}",
        "pad_on": f"its pad turns on with it: {reading}",
        "pad_off": f"its pad draws nothing: it stays off when power returns, and cannot be used ({reading})",
        "pad_unknown": "it does not measure power: look whether its pad turned on; one that stays off cannot be used",
        "lease_ended": f"not renewed, it switched itself off after {step.seconds or 0:g} s",
        "lease_not_ended": f"NOT renewed, it did NOT switch itself off in {step.seconds or 0:g} s: it cannot be used",
    }.get(step.kind, "")


def _found(step: DeviceTestStep, unknown: str, why: str) -> str:
    """Return what was found out, and what to do with it."""
    if step.profile_line is None:
        return f"{unknown}: {why}"
    return f"seen after {step.seconds or 0:g} s; write into its profile: {step.profile_line}"


def _minutes(seconds: float | None) -> str:
    return f"{(seconds or 0) / 60:.0f} min" if (seconds or 0) >= 60 else f"{seconds or 0:.0f} s"  # noqa: PLR2004


def _formatted(reading: Reading) -> str:
    known = reading.model_dump(mode="json", exclude_none=True)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in known.items())


async def confirmed(question: str, output: TextIO) -> bool:
    """Ask on the terminal without blocking the event loop: Ctrl+C works, and the link is kept, while it waits."""
    output.write(f"{question} [y/N] ")
    output.flush()
    loop = asyncio.get_running_loop()
    input_ready = asyncio.Event()
    try:
        loop.add_reader(sys.stdin, input_ready.set)
    except (OSError, NotImplementedError):  # a file, which never blocks, or Windows, which cannot wait for input
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    try:
        await input_ready.wait()
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        loop.remove_reader(sys.stdin)
