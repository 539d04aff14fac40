"""What a device test always tries with a plug: whether its pad turns on with it, and whether it switches itself off."""

from __future__ import annotations

from functools import partial

from controller.safety.guard import Guard
from controller.safety.limits import LEASE_SECONDS
from controller.safety.pump_run import PumpRun
from controller.service.device_test_stage import Report, report_step, run_stage
from devices.driver.device_roles import DeviceRole
from devices.roles import RunState, WarmerReading
from devices.support.clock import Clock

_PAD_WATTS = 2.0  # ours: a pad that heats draws tens of watts, one that only waits for its button less than that
_LATE_SECONDS = 3.0  # until a plug has reported that it has switched itself off
_BETWEEN_SECONDS = 2.0
_LOOK_SECONDS = 0.1


def report_pad(role: DeviceRole, report: Report) -> bool:
    """Report whether the pad has turned on with its plug, by what it draws. Return whether it may have."""
    reading = role.reading
    power_w = reading.power_w if isinstance(reading, WarmerReading) else None
    if power_w is None:
        report_step(report, "pad_unknown", role)
        return True
    pad_is_on = power_w >= _PAD_WATTS
    report_step(report, "pad_on" if pad_is_on else "pad_off", role, reads=True)
    return pad_is_on


async def try_lease(role: DeviceRole, guard: Guard, clock: Clock, report: Report, symptoms: frozenset[str]) -> bool:
    """Leave a plug on without renewing its lease, as after a crash. Return whether it switches itself off."""
    await clock.sleep(_BETWEEN_SECONDS)
    action = partial(_wait_for_end, role, clock, report)
    return await run_stage(role, guard, report, symptoms, action, at_most_seconds=3 * LEASE_SECONDS)


async def _wait_for_end(role: DeviceRole, clock: Clock, report: Report, _run: PumpRun | float) -> bool:
    began_seconds = clock.now()
    with role.device.withheld_renewals():
        while (ran_seconds := clock.now() - began_seconds) < LEASE_SECONDS + _LATE_SECONDS:
            if role.reading.run_state is RunState.STOPPED:
                report_step(report, "lease_ended", role, seconds=round(ran_seconds, 1))
                return True
            await clock.sleep(_LOOK_SECONDS)
    report_step(report, "lease_not_ended", role, seconds=round(ran_seconds, 1))
    return False
