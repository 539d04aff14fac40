"""What a device test tries only when asked for: a repeated stop, a lost link, the device's own timer.

What it finds out is the line that belongs into the profile.
"""

from __future__ import annotations

from functools import partial

from controller.contract.device_test_view import DeviceTestStep
from controller.safety.guard import Guard, HaltedError
from controller.safety.limits import TripKind
from controller.safety.message import KeyedMessage, message
from controller.safety.pump_run import PumpRun
from controller.service.device_test_stage import CONFIRMED, RUN_SECONDS, Report, report_step, run_stage
from controller.service.run_end import RunEnd
from devices.driver.device_roles import DeviceRole
from devices.driver.vocabulary import START_VERB
from devices.roles import Capability, RunState
from devices.support.clock import Clock

_TIMES = 2
_BETWEEN_SECONDS = 2.0  # a device that cannot report its state is stopped once more after a run; that is over then
_STILL_SECONDS = 2.0  # how long it is watched after each repeated stop
_LINK_RUN_SECONDS = 90.0  # longer than a new connection takes: its timer must not end it before that
_RECONNECT_SECONDS = 60.0
_LOOK_SECONDS = 0.25
_EVERY_MINUTE_SECONDS = 60.0
_BEFORE_OURS_SECONDS = 2.0  # what ends so shortly before our own end is not its own timer
_ROUNDED_SECONDS = 3.0  # what is so near to a whole minute means it: reports come late


async def stop_repeatedly(role: DeviceRole, guard: Guard, clock: Clock, report: Report) -> bool:
    """Stop a device twice more while it is off: it must stay off, and still answer. Return whether it does."""
    for _ in range(_TIMES):
        states: set[RunState] = set()
        unsubscribe = role.on_change(partial(_note_state, role, states))
        try:
            result = (await guard.stop_all())[role.name]
            await clock.sleep(_STILL_SECONDS)
        finally:
            unsubscribe()
        stays_off = not states & {RunState.RUNNING, RunState.PAUSED}
        report_step(report, "stopped_again" if stays_off else "runs_again", role, reads=True, stopped=result)
        if not stays_off or result not in CONFIRMED:
            result = (await guard.stop_all())[role.name]
            report(DeviceTestStep(kind="off", role=role.name, stopped=result))
            return False
    return True


def _note_state(role: DeviceRole, states: set[RunState]) -> None:
    states.add(role.reading.run_state)


async def try_link_loss(role: DeviceRole, guard: Guard, clock: Clock, report: Report, symptoms: frozenset[str]) -> bool:
    """Drop the link while the device runs, connect again, and report whether it still ran. Return whether that worked.

    The guard takes it for any lost link, and stops the device; the trip is lifted once it has confirmed that.
    """
    action = partial(_lose_link, role, clock, report)
    link_lost = TripKind.LINK_LOST
    await clock.sleep(_BETWEEN_SECONDS)
    return await run_stage(
        role, guard, report, symptoms, action, at_most_seconds=_LINK_RUN_SECONDS, expected_trip=link_lost
    )


async def _lose_link(role: DeviceRole, clock: Clock, report: Report, _run: PumpRun | float) -> bool:
    began_seconds = clock.now()
    await clock.sleep(RUN_SECONDS)
    if Capability.REPORTS_STATE in role.capabilities and role.reading.run_state is not RunState.RUNNING:
        report_step(report, "did_not_run", role, message("device_failed", device=role.name), reads=True)
        return False
    report_step(report, "link_dropped", role)
    with role.device.dropped_link() as found:
        try:
            async with clock.timeout(_RECONNECT_SECONDS):
                while not (found.looked and role.connected):
                    await clock.sleep(_LOOK_SECONDS)
        except TimeoutError:
            report_step(report, "ended_early", role, message("device_not_connected", device=role.name))
            return False
    ends_itself = (_LINK_RUN_SECONDS, role.limits.run_seconds, role.device.model.own_timer_seconds)
    in_time = clock.now() - began_seconds < min(seconds for seconds in ends_itself if seconds is not None)
    line = {RunState.RUNNING: "continues", RunState.STOPPED: "stops"}.get(found.run_state) if in_time else None
    why = None if line else message("test_run_state_unknown", device=role.name)
    write = None if line is None else f"on_link_loss: {line}"
    report_step(report, "link_loss", role, why, profile_line=write, seconds=round(found.after_seconds, 1))
    return True


async def try_own_timer(
    role: DeviceRole, guard: Guard, clock: Clock, report: Report, symptoms: frozenset[str], minutes: int
) -> bool:
    """Let a device run at its lowest setting until it stops by itself. Return whether that could be tried.

    It is stopped after `minutes`, or earlier where the guard allows less.
    """
    if (why := _no_timer_to_see(role)) is not None:
        report_step(report, "not_tried", role, why)
        return True
    await clock.sleep(_BETWEEN_SECONDS)
    action = partial(_wait_for_timer, role, guard, clock, report)
    return await run_stage(role, guard, report, symptoms, action, at_most_seconds=minutes * 60.0)


def _no_timer_to_see(role: DeviceRole) -> KeyedMessage | None:
    """Return why a device's own timer would not be seen; `None` where it would."""
    model = role.device.model
    if Capability.REPORTS_STATE not in role.capabilities:
        return message("test_run_state_unknown", device=role.name)
    if any(name.startswith("duration_") for name in model.carried_by(START_VERB[role.role])):
        return message("test_timer_is_sent", device=role.name)
    return message("test_start_is_repeated", device=role.name) if model.repeats_start else None


async def _wait_for_timer(role: DeviceRole, guard: Guard, clock: Clock, report: Report, run: PumpRun | float) -> bool:
    end = RunEnd(role.name)
    guard.listeners.append(end)
    try:
        return await _count_down(role, guard, clock, report, end, run.seconds if isinstance(run, PumpRun) else run)
    finally:
        guard.listeners.remove(end)


async def _count_down(
    role: DeviceRole, guard: Guard, clock: Clock, report: Report, end: RunEnd, last_seconds: float
) -> bool:
    began_seconds, next_seconds = clock.now(), 0.0
    while (ran_seconds := clock.now() - began_seconds) < last_seconds - _BEFORE_OURS_SECONDS:
        if guard.must_stay_off:
            raise HaltedError("it was stopped meanwhile")
        if end.ended and end.why is not None:
            report_step(report, "ended_early", role, end.why)
            return False
        if end.ended:
            line = f"own_timer_seconds: {_rounded(ran_seconds)}"
            report_step(report, "own_timer", role, profile_line=line, seconds=round(ran_seconds, 1))
            return True
        if ran_seconds >= next_seconds:
            report_step(report, "waits", role, seconds=round(last_seconds - ran_seconds))
            next_seconds += _EVERY_MINUTE_SECONDS
        await clock.sleep(_LOOK_SECONDS)
    report_step(report, "no_own_timer", role, seconds=round(last_seconds))
    return True


def _rounded(seconds: float) -> int:
    """Return a time as it is set in a device: whole minutes where it is near one, else whole seconds."""
    minutes = round(seconds / 60)
    return minutes * 60 if minutes and abs(seconds - minutes * 60) <= _ROUNDED_SECONDS else int(seconds)
