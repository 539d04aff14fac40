"""The device test: every command of one device, briefly, at its lowest setting; then it is stopped.

`letdown devices test` and the running service use the same code. All of it goes through a guard: each start has a
duration and a lease, and every limit of that guard holds. What is tried only when asked for is in `device_test_extras`.
"""

from __future__ import annotations

from functools import partial

from controller.contract.cautions import cautions_for
from controller.contract.device_test_view import DeviceTestStages, DeviceTestStep
from controller.safety.guard import Guard, HaltedError
from controller.safety.message import detail_of, message_of
from controller.safety.pump_run import PumpRun
from controller.service.device_test_extras import stop_repeatedly, try_link_loss, try_own_timer
from controller.service.device_test_stage import RUN_SECONDS, Report, report_step, run_stage
from controller.service.plug_test import report_pad, try_lease
from devices.driver.device_roles import DeviceRole
from devices.errors import RefusedError
from devices.roles import Capability, Role, RunState
from devices.support.clock import Clock

_PAUSE_SECONDS = 1.5
_NOTHING_MORE = DeviceTestStages()


def describe(role: Role, report: Report) -> None:
    """Report the readings of a device, and what it cannot do."""
    report_step(report, "reads", role, reads=True)
    for caution in cautions_for(role):
        report(DeviceTestStep(kind="caution", role=role.name, caution=caution))


async def try_role(
    role: DeviceRole,
    guard: Guard,
    clock: Clock,
    report: Report,
    symptoms: frozenset[str],
    stages: DeviceTestStages = _NOTHING_MORE,
) -> bool:
    """Run a device that can be started, and stop it. Return whether all went well. It must be off the body.

    `symptoms`: those of the day, which lower what is allowed. `stages`: what else is tried, one after the other. Each
    ends with a stop that the device confirms; after one that it did not, nothing more is tried.
    """
    if not await run_stage(role, guard, report, symptoms, partial(_try_commands, role, clock, report)):
        return False
    if role.device.model.feeds_another and not await try_lease(role, guard, clock, report, symptoms):
        return False
    if stages.repeated_stop and not await stop_repeatedly(role, guard, clock, report):
        return False
    if stages.link_loss and not await try_link_loss(role, guard, clock, report, symptoms):
        return False
    minutes = stages.own_timer_minutes
    return minutes is None or await try_own_timer(role, guard, clock, report, symptoms, minutes)


async def _try_commands(role: DeviceRole, clock: Clock, report: Report, run: PumpRun | float) -> bool:
    await clock.sleep(RUN_SECONDS)
    report_step(report, "runs", role, reads=True)
    if role.device.model.feeds_another:
        return report_pad(role, report)
    if isinstance(run, PumpRun):
        await _test_adjust_and_pause(run, clock, report)
    return True


async def _test_adjust_and_pause(run: PumpRun, clock: Clock, report: Report) -> None:
    """Test the pump's other commands, the pause last. Raise `HaltedError` once the block is over: nothing is sent."""
    (pump,) = run.pumps
    run.may_pause = True
    _check_goes_on(run)
    try:
        await pump.adjust(run.setting, run.timer_seconds(pump))
        report_step(report, "adjusted", pump)
    except RefusedError as error:
        report_step(report, "not_adjusted", pump, message_of(error), detail_of(error))
    if Capability.PAUSE not in pump.capabilities:
        return
    _check_goes_on(run)
    await pump.pause()
    await clock.sleep(_PAUSE_SECONDS)
    report_step(report, "paused", pump, reads=True)
    if run.over and pump.reading.run_state is RunState.STOPPED:
        return  # this pump takes a pause for a stop: its run has ended, and nothing may start it again outside of one
    _check_goes_on(run)
    await pump.resume()
    await clock.sleep(_PAUSE_SECONDS)
    report_step(report, "resumed", pump, reads=True)


def _check_goes_on(run: PumpRun) -> None:
    if run.over:
        raise HaltedError("it was stopped meanwhile")
