"""Faults of the devices: valves, heaters, sensors, buttons, timers, and commands that are not carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from controller.safety.limits import (
    FINE_STILL_SECONDS,
    FIRST_EXPRESSION_VACUUM_MMHG,
    FOLLOW_SECONDS,
    HEAT_CELSIUS,
    HEAT_TRIP_CELSIUS,
    HEAT_TRIP_SECONDS,
    LEASE_SECONDS,
    RELEASE_SECONDS,
    STOP_AGAIN_SECONDS,
    VACUUM_TRIP_AT_ONCE_MMHG,
    TripKind,
)
from devices.driver.stopper import STOP_SECONDS
from devices.roles import Side
from devices.virtual.device_body import DeviceBody
from devices.virtual.virtual_home import DeviceKey
from tests.helpers import own_controls
from tests.helpers.home import PUMPS
from tests.matrix import fault_injection
from tests.matrix.cell import AT_ONCE_SECONDS, Cell
from tests.matrix.fault import PERMISSIVE_OWNER, End, Fault, GoesOn, Uncertainty, failed, not_followed, stopped, tripped
from tests.matrix.moments import ALL_MOMENTS, PAD, before_start, while_on

_CHECK_SECONDS = 1.0  # readings are checked when they arrive and every second; a status comes every second
_CYCLE_SECONDS = 1.3  # the slower of the two rates that pumps run at here, and its tolerance
_SUCTION = while_on("left-pump", "right-pump")
_BETWEEN = frozenset({"between"})
_WARMTH = while_on(*PAD)
_FAULTS: dict[DeviceKey, str] = {"warm-pad": "overheat", "massager": "motor"}  # the pumps': leak
_REPAIRED_SECONDS = 20.0  # after that the fault is repaired
_STEP_SECONDS = 0.1
_TOO_HIGH_MMHG = 230.0
_COOLER = PERMISSIVE_OWNER.model_copy(update={"heat_celsius": 39})
_BUTTON_SECONDS = 60.0  # after that the user presses the button of a device that does not stop


# Bodies


async def _overpressure_once(cell: Cell) -> None:
    suction = cell.house.home.pumps[Side.LEFT].suction
    suction.overpressure = 400
    if "left-pump" in cell.moment.on:
        await cell.house.until(lambda: suction.vacuum_mmhg > VACUUM_TRIP_AT_ONCE_MMHG, within_seconds=3)
        cell.mark_cause()
    suction.overpressure = 0


async def _overpressure(cell: Cell) -> None:
    suction = cell.house.home.pumps[Side.LEFT].suction
    target_mmhg = suction.target_mmhg if cell.moment.on else FIRST_EXPRESSION_VACUUM_MMHG  # that comes next
    suction.overpressure = 285 - target_mmhg - suction.unit_error.vacuum_mmhg


async def _stick(cell: Cell) -> None:
    await cell.wait_for_pull()
    await _stick_valve_for_a_while(cell)


async def _stick_at_stop(cell: Cell) -> None:
    await cell.wait_for_pull()
    cell.send("stop", "failed" if cell.moment.name in _SUCTION | _BETWEEN else "accepted")
    await _stick_valve_for_a_while(cell)


async def _stick_valve_for_a_while(cell: Cell) -> None:
    suction = cell.house.home.pumps[Side.LEFT].suction
    suction.stuck = True
    await cell.house.elapse(_REPAIRED_SECONDS)
    suction.stuck = False


async def _run_away(cell: Cell, *, frozen: bool) -> None:
    pad = cell.house.home.pad.pad
    pad.runaway = True
    pad.frozen_sensor = frozen
    if not frozen and cell.moment.name in _WARMTH:
        await cell.house.until(lambda: pad.surface_celsius >= HEAT_TRIP_CELSIUS, within_seconds=100)
        cell.mark_cause()


# Sensors


async def _freeze_vacuum(cell: Cell) -> None:
    fault_injection.override_values(
        cell.house, "left-pump", vacuum_mmhg=10, peak_vacuum_mmhg=10, residual_vacuum_mmhg=10
    )


async def _freeze_vacuum_pulling(cell: Cell) -> None:
    await cell.wait_for_pull()
    fault_injection.freeze_vacuum(cell.house, "left-pump")


async def _freeze_temperature(cell: Cell) -> None:
    cell.house.home.pad.pad.frozen_sensor = True


async def _report(cell: Cell, key: DeviceKey, **values: float) -> None:
    fault_injection.override_values(cell.house, key, **values)


async def _report_fault(cell: Cell, *, runs_on: bool) -> None:
    victim = cell.moment.victim
    fault = _FAULTS.get(victim, "leak")
    if runs_on:
        fault_injection.override_values(cell.house, victim, fault=fault)
    else:
        cell.house.home.twins[victim].body.run.fault = fault


async def _restart_volume(cell: Cell) -> None:
    fault_injection.set_volume(cell.house, "left-pump", 50)
    await cell.house.elapse(2)
    fault_injection.set_volume(cell.house, "left-pump", 0)


# Buttons, timers and stops


async def _raise_at_pump(cell: Cell, *, refuses: bool) -> None:
    """Set the pump to more than is allowed, at the pump; expect that it is lowered, unless it refuses that."""
    pump = cell.house.home.pumps[Side.LEFT]
    pump.refuses_adjust = refuses
    own_controls.press_vacuum(cell.house.home.twins["left-pump"], _TOO_HIGH_MMHG)
    if not refuses:
        await cell.house.elapse(FOLLOW_SECONDS)
        allowed = not pump.run.on or pump.suction.target_mmhg <= (PERMISSIVE_OWNER.comfort_vacuum_mmhg or 0)
        cell.expect(allowed, f"still set to {pump.suction.target_mmhg} mmHg")


async def _raise_at_pad(cell: Cell) -> None:
    pad = cell.house.home.pad
    if pad.run.on:
        own_controls.press_on(cell.house.home.twins["warm-pad"], HEAT_CELSIUS)
        await cell.house.elapse(FOLLOW_SECONDS)
        allowed = (pad.pad.target_celsius or 0) <= _COOLER.heat_celsius
        cell.expect(allowed, f"still set to {pad.pad.target_celsius} °C")


async def _switch_on_at_button(cell: Cell) -> None:
    """Switch on a device that is not in use; expect that it is stopped."""
    key: DeviceKey = "warm-pad" if "left-pump" in cell.moment.on else "left-pump"
    own_controls.press_on(cell.house.home.twins[key], 40)
    await cell.house.elapse(FOLLOW_SECONDS)
    cell.expect(key not in cell.house.on, f"{key} is still on")


async def _restart_after_stop(cell: Cell) -> None:
    """Expect a stop each time that it starts again by itself; measure from when it no longer does."""
    body = cell.house.home.twins[cell.moment.victim].body
    assert isinstance(body, DeviceBody)
    body.restarts_after_stop_seconds = 2.0
    cell.send("stop")
    on_seconds = longest_seconds = 0.0
    for _ in range(round(_REPAIRED_SECONDS / _STEP_SECONDS)):
        await cell.house.elapse(_STEP_SECONDS)
        on_seconds = on_seconds + _STEP_SECONDS if cell.moment.victim in cell.house.on else 0.0
        longest_seconds = max(longest_seconds, on_seconds)
    cell.expect(longest_seconds <= STOP_AGAIN_SECONDS, f"it was on again for {longest_seconds:.1f} s")
    body.restarts_after_stop_seconds = None
    cell.mark_cause()


async def _press_button(cell: Cell) -> None:
    cell.house.press_button(cell.moment.victim)


async def _end_own_timer(cell: Cell) -> None:
    fault_injection.end_own_timer(cell.house, cell.moment.victim)


async def _ignore_stop_for_a_while(cell: Cell) -> None:
    repair = _ignore_stop(cell)
    await cell.house.elapse(3)
    repair()


async def _ignore_stop_for_ever(cell: Cell) -> None:
    _ignore_stop(cell)


async def _ignore_stop_until_its_button(cell: Cell) -> None:
    """Expect repeated stops, and an uncertain device, until the user presses its button."""
    house, victim = cell.house, cell.moment.victim
    on = bool(cell.moment.on)
    fault_injection.extend_run(house, victim)
    _ignore_stop(cell)
    await house.elapse(STOP_AGAIN_SECONDS + STOP_SECONDS)
    written = house.home.twins[victim].written
    before = len(written)
    await house.elapse(_BUTTON_SECONDS)
    if on:
        rounds = _BUTTON_SECONDS / (STOP_AGAIN_SECONDS + STOP_SECONDS)
        cell.expect(len(written) - before >= 2 * (rounds - 1), "its stop was not sent again")
        cell.expect(house.recorded.snapshot.uncertain == (victim,), f"uncertain: {house.recorded.snapshot.uncertain}")
    cell.mark_cause()
    house.press_button(victim)


def _ignore_stop(cell: Cell) -> Callable[[], None]:
    victim = cell.moment.victim
    repair = fault_injection.ignore_commands(cell.house, victim, fault_injection.stop_of(victim))
    cell.send("stop", "failed" if cell.moment.on else "accepted")
    return repair


def _uncertain_stop(within_seconds: float) -> tuple[End, Mapping[str, End]]:
    """Return the end by a stop that is not confirmed at first where anything is on; elsewhere it is confirmed."""
    return _STOPPED, dict.fromkeys(
        while_on(), stopped("stop", "stopped", within_seconds, uncertainty=Uncertainty.UNTIL_CONFIRMED)
    )


def _switched_off(said_seconds: float) -> End:
    """Return the end by the device itself, which reports it within a time."""
    reason = "{device} stopped by itself or was switched off at its button"
    return stopped(reason, "device_ended", said_seconds + AT_ONCE_SECONDS)


_STOPPED = stopped("stop", "stopped", AT_ONCE_SECONDS)
_NOT_CONFIRMED = "left-pump did not confirm that it is off"
_OFF_AGAIN = stopped("stop", "switched_on_again", STOP_AGAIN_SECONDS + AT_ONCE_SECONDS)
_VACUUM_SAID = failed(AT_ONCE_SECONDS, _NOT_CONFIRMED, uncertainty=Uncertainty.UNTIL_OFF)

DEVICE: tuple[Fault, ...] = (
    Fault(
        "overpressure once",
        "left-pump pulls more than 300 mmHg, once",
        _overpressure_once,
        _SUCTION,
        tripped(AT_ONCE_SECONDS, TripKind.VACUUM, device="left-pump"),
    ),
    Fault(
        "overpressure",
        "left-pump pulls 285 mmHg in every cycle",
        _overpressure,
        _SUCTION | _BETWEEN,
        tripped(3 * _CYCLE_SECONDS + AT_ONCE_SECONDS, TripKind.VACUUM, device="left-pump"),
    ),
    Fault(
        "stuck valve",
        "the valve of left-pump does not release for 20 s",
        _stick,
        _SUCTION | _BETWEEN,
        tripped(
            RELEASE_SECONDS + _CYCLE_SECONDS + AT_ONCE_SECONDS,
            TripKind.NO_RELEASE,
            device="left-pump",
            uncertainty=Uncertainty.UNTIL_CONFIRMED,
        ),
        {"between": failed(AT_ONCE_SECONDS, _NOT_CONFIRMED, uncertainty=Uncertainty.UNTIL_CONFIRMED)},
    ),
    Fault(
        "valve stuck at a stop",
        "`stop` is pressed, and left-pump stops, but its valve does not release for 20 s",
        _stick_at_stop,
        ALL_MOMENTS,
        _STOPPED,
        dict.fromkeys(
            _SUCTION | _BETWEEN, stopped("stop", "stopped", AT_ONCE_SECONDS, uncertainty=Uncertainty.UNTIL_CONFIRMED)
        ),
    ),
    Fault(
        "runaway heat",
        "the compress heats past its target; measured from 43 °C on",
        partial(_run_away, frozen=False),
        _WARMTH,
        tripped(HEAT_TRIP_SECONDS + 2 * _CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.TEMPERATURE, device="warm-pad"),
    ),
    Fault(
        "runaway and frozen",
        "the compress heats past its target, and its sensor is frozen",
        partial(_run_away, frozen=True),
        _WARMTH,
        tripped(FINE_STILL_SECONDS + _CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.STALE, device="warm-pad"),
    ),
    Fault(
        "frozen temperature",
        "the sensor of the compress is frozen while it warms",
        _freeze_temperature,
        _WARMTH,
        tripped(FINE_STILL_SECONDS + _CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.STALE, device="warm-pad"),
    ),
    Fault(
        "frozen vacuum",
        "the vacuum sensor of left-pump shows 10 mmHg whatever the pump does, as if there were no seal",
        _freeze_vacuum,
        _SUCTION | _BETWEEN,
    ),
    Fault(
        "frozen vacuum at a pull",
        "the vacuum sensor of left-pump freezes while it pulls",
        _freeze_vacuum_pulling,
        _SUCTION | _BETWEEN,
        tripped(
            RELEASE_SECONDS + _CYCLE_SECONDS + AT_ONCE_SECONDS,
            TripKind.NO_RELEASE,
            device="left-pump",
            uncertainty=Uncertainty.UNTIL_OFF,
        ),
        {"between": _VACUUM_SAID},
    ),
    Fault(
        "impossible vacuum",
        "left-pump reports 6000 mmHg while it runs",
        partial(_report, key="left-pump", vacuum_mmhg=6000),
        _SUCTION | _BETWEEN,
        tripped(AT_ONCE_SECONDS, TripKind.VACUUM, device="left-pump"),
    ),
    Fault(
        "impossible cold",
        "the compress reports -40 °C while it is on",
        partial(_report, key="warm-pad", surface_celsius=-40),
        _WARMTH,
        tripped(_CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.IMPLAUSIBLE, device="warm-pad"),
    ),
    Fault(
        "impossible heat",
        "the compress reports 200 °C while it is on",
        partial(_report, key="warm-pad", surface_celsius=200),
        _WARMTH,
        tripped(_CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.TEMPERATURE, device="warm-pad"),
    ),
    Fault(
        "vacuum set too high",
        "left-pump reports a target of 300 mmHg",
        partial(_report, key="left-pump", target_vacuum_mmhg=300),
        _SUCTION | _BETWEEN,
        not_followed("left-pump"),
    ),
    Fault(
        "heat set too high",
        "the compress reports a target of 55 °C",
        partial(_report, key="warm-pad", target_celsius=55),
        _WARMTH,
        not_followed("warm-pad"),
    ),
    Fault(
        "own fault",
        "the device reports a fault, and stops by itself",
        partial(_report_fault, runs_on=False),
        while_on() | {"between"},
        tripped(_CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.DEVICE_FAULT),
        {"between": failed(AT_ONCE_SECONDS, "{device} did not accept that")},
    ),
    Fault(
        "own fault and runs on",
        "the device reports a fault, and goes on",
        partial(_report_fault, runs_on=True),
        while_on() | {"between"},
        tripped(_CHECK_SECONDS + AT_ONCE_SECONDS, TripKind.DEVICE_FAULT),
    ),
    Fault(
        "raised at the pump",
        "left-pump is set to 230 mmHg at the pump; it is lowered to what is allowed",
        partial(_raise_at_pump, refuses=False),
        _SUCTION,
    ),
    Fault(
        "lowering refused",
        "left-pump is set to 230 mmHg at the pump, and refuses every change by the controller",
        partial(_raise_at_pump, refuses=True),
        _SUCTION,
        not_followed("left-pump"),
    ),
    Fault(
        "raised at the compress",
        "the compress is set to 42 °C at the compress, and its owner allows 39; it is lowered to that",
        _raise_at_pad,
        _WARMTH,
        owner=_COOLER,
    ),
    Fault(
        "switched on at a button",
        "a device that is not in use is switched on at its button; it is stopped",
        _switch_on_at_button,
        ALL_MOMENTS,
        GoesOn(),
        {"between": GoesOn(stops=PUMPS)},  # what is on without having been started here keeps the pumps from starting
    ),
    Fault(
        "starts again by itself",
        "`stop` is pressed, and for 20 s the device starts again by itself, 2 s after each stop; measured from then",
        _restart_after_stop,
        ALL_MOMENTS,
        _STOPPED,
        dict.fromkeys(before_start(), _OFF_AGAIN),
    ),
    Fault("volume anew", "left-pump resets its milk counter in mid-run", _restart_volume, _SUCTION),
    Fault(
        "button", "the device is switched off at its button", _press_button, while_on(), _switched_off(_CHECK_SECONDS)
    ),
    Fault("own timer", "the device's own timer ends what it does", _end_own_timer, while_on(), _switched_off(0)),
    Fault(
        "stop ignored for 3 s",
        "`stop` is pressed, and the device ignores every stop for 3 s",
        _ignore_stop_for_a_while,
        ALL_MOMENTS,
        *_uncertain_stop(STOP_SECONDS + STOP_AGAIN_SECONDS + _CHECK_SECONDS + AT_ONCE_SECONDS),
    ),
    Fault(
        "stop ignored until lease",
        "`stop` is pressed, and the device ignores every stop; its lease ends it",
        _ignore_stop_for_ever,
        ALL_MOMENTS,
        *_uncertain_stop(LEASE_SECONDS + AT_ONCE_SECONDS),
    ),
    Fault(
        "stop ignored until button",
        "`stop` is pressed, the device ignores it, and neither a lease nor a timer ends its run: the stop is repeated "
        "until the user presses the button after a minute; measured from then",
        _ignore_stop_until_its_button,
        ALL_MOMENTS,
        *_uncertain_stop(AT_ONCE_SECONDS),
    ),
)
