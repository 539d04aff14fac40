"""One stage of a device test: the device runs at its lowest setting in the guard, and ends with a confirmed stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from controller.contract.device_test_view import DeviceTestStep, DeviceTestStepKind
from controller.safety.guard import Guard, HaltedError
from controller.safety.limits import TripKind
from controller.safety.message import KeyedMessage, NotAllowedError, detail_of, message, message_of
from controller.safety.pump_run import PumpRun
from controller.safety.stopping import Stopped
from devices.errors import DeviceError
from devices.roles import Phase, PumpSetting, Role

RUN_SECONDS = 5.0
CONFIRMED: tuple[Stopped, ...] = ("stopped", "unconfirmed")
"""The results of a stop after which a test goes on; a device that never confirms one has been sent it."""

_LOWEST_MMHG = 40.0
_LOWEST_CELSIUS = 36.0
_LOWEST_INTENSITY = 0.1
_RATE_CPM = 60.0

Report = Callable[[DeviceTestStep], None]
Action = Callable[[PumpRun | float], Awaitable[bool]]
"""What a stage does while the device runs: called with its run, or its seconds; returns whether that went well."""


async def run_stage(
    role: Role,
    guard: Guard,
    report: Report,
    symptoms: frozenset[str],
    action: Action,
    *,
    at_most_seconds: float = RUN_SECONDS * 2,
    expected_trip: TripKind | None = None,
) -> bool:
    """Start a device at its lowest setting, do something, and stop it. Return whether all of that went well.

    `expected_trip`: what the stage brings about on purpose. It is lifted once the device has confirmed that it stopped.
    """
    guard.begin_session(symptoms)
    went_well = False
    try:
        async with _lowest(role, guard, at_most_seconds) as run:
            went_well = await action(run)
    except (DeviceError, NotAllowedError) as error:
        why = error.message if isinstance(error, NotAllowedError) else message_of(error)
        detail = error.detail if isinstance(error, NotAllowedError) else detail_of(error)
        report(DeviceTestStep(kind="did_not_run", role=role.name, why=why, detail=detail))
        went_well = False
    except HaltedError:
        report(DeviceTestStep(kind="ended_early", role=role.name, why=message("halted")))
        went_well = False
    except BaseException:  # Ctrl+C, a closed terminal, an output that takes nothing more, or a stop
        result = (await guard.stop_all())[role.name]
        report(DeviceTestStep(kind="interrupted", role=role.name, stopped=result))
        raise
    finally:
        guard.end_session()
    result = (await guard.stop_all())[role.name]
    report(DeviceTestStep(kind="off", role=role.name, stopped=result))
    confirmed = result in CONFIRMED
    if confirmed and guard.trip is not None and guard.trip.kind is expected_trip:
        guard.acknowledge()
    if went_well and guard.trip is not None:
        why = message(f"trip_{guard.trip.kind.value}")
        report(DeviceTestStep(kind="ended_early", role=role.name, why=why, detail=guard.trip.detail))
    return went_well and confirmed and guard.trip is None


def _lowest(role: Role, guard: Guard, at_most_seconds: float) -> AbstractAsyncContextManager[PumpRun | float]:
    if role.role == "pump":
        setting = PumpSetting(phase=Phase.STIMULATION, vacuum_mmhg=_LOWEST_MMHG, level=1, rate_cpm=_RATE_CPM)
        return guard.suction([role], setting, at_most_seconds=at_most_seconds)
    if role.role == "warmer":
        return guard.heat([role], _LOWEST_CELSIUS, at_most_seconds=at_most_seconds)
    return guard.vibration([role], _LOWEST_INTENSITY, role.side, at_most_seconds=at_most_seconds)


def report_step(
    report: Report,
    kind: DeviceTestStepKind,
    role: Role,
    why: KeyedMessage | None = None,
    detail: str | None = None,
    *,
    reads: bool = False,
    **more: object,
) -> None:
    """Report a step of a device, with what it reads now where that is asked for."""
    reading = role.reading if reads else None
    values = {"kind": kind, "role": role.name, "reading": reading, "why": why, "detail": detail}
    report(DeviceTestStep.model_validate(values | more))
