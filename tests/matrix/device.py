"""Faults of the devices themselves: of their valves, heaters, sensors, buttons and timers, and of their obedience."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from controller import safety
from controller.safety import TripKind
from devices.roles import Side
from devices.stopper import STOP_SECONDS
from devices.virtual.firmware import Firmware
from devices.virtual.home import DeviceKey
from tests.controller import own_controls
from tests.controller.household import PUMPS
from tests.matrix import switches
from tests.matrix.cell import AT_ONCE_SECONDS, Cell
from tests.matrix.fault import WILLING, Doubt, End, Fault, GoesOn, failed, not_followed, stopped, tripped
from tests.matrix.places import EVERYWHERE, PAD, where_on, where_starts

_LOOK_SECONDS = 1.0  # readings are looked at whenever they come, and every second; a status comes every second
_CYCLE_SECONDS = 1.3  # the slower of the two rates that pumps run at here, and its tolerance
_SUCTION = where_on("left-pump", "right-pump")
_BETWEEN = frozenset({"between"})
_WARMTH = where_on(*PAD)
_FAULTS: dict[DeviceKey, str] = {"warm-pad": "overheat", "massager": "motor"}  # the pumps': leak
_MENDED_SECONDS = 20.0  # after so long, what was stuck is not any more
_STEP_SECONDS = 0.1
_TOO_HIGH_MMHG = 230.0
_COOLER = WILLING.model_copy(update={"heat_celsius": 39})
_BUTTON_SECONDS = 60.0  # after so long, the person presses the button of what does not stop


# Bodies


async def _overpressure_once(cell: Cell) -> None:
    suction = cell.house.home.pumps[Side.LEFT].suction
    suction.overpressure = 400
    if "left-pump" in cell.place.on:
        await cell.house.until(lambda: suction.vacuum_mmhg > safety.VACUUM_TRIP_AT_ONCE_MMHG, within_seconds=3)
        cell.cause()
    suction.overpressure = 0


async def _overpressure(cell: Cell) -> None:
    suction = cell.house.home.pumps[Side.LEFT].suction
    target_mmhg = suction.target_mmhg if cell.place.on else safety.FIRST_EXPRESSION_VACUUM_MMHG  # that comes next
    suction.overpressure = 285 - target_mmhg - suction.unit_error.vacuum_mmhg


async def _stick(cell: Cell) -> None:
    await cell.pull()
    await _mend_valve_later(cell)


async def _stick_at_stop(cell: Cell) -> None:
    await cell.pull()
    cell.say("stop", "failed" if cell.place.name in _SUCTION | _BETWEEN else "accepted")
    await _mend_valve_later(cell)


async def _mend_valve_later(cell: Cell) -> None:
    suction = cell.house.home.pumps[Side.LEFT].suction
    suction.stuck = True
    await cell.house.elapse(_MENDED_SECONDS)
    suction.stuck = False


async def _run_away(cell: Cell, *, frozen: bool) -> None:
    pad = cell.house.home.pad.pad
    pad.runaway = True
    pad.frozen_sensor = frozen
    if not frozen and cell.place.name in _WARMTH:
        await cell.house.until(lambda: pad.surface_celsius >= safety.HEAT_TRIP_CELSIUS, within_seconds=100)
        cell.cause()


# Sensors


async def _freeze_vacuum(cell: Cell) -> None:
    switches.report(cell.house, "left-pump", vacuum_mmhg=10, peak_vacuum_mmhg=10, residual_vacuum_mmhg=10)


async def _freeze_vacuum_pulling(cell: Cell) -> None:
    await cell.pull()
    switches.freeze_vacuum(cell.house, "left-pump")


async def _freeze_temperature(cell: Cell) -> None:
    cell.house.home.pad.pad.frozen_sensor = True


async def _report(cell: Cell, key: DeviceKey, **values: float) -> None:
    switches.report(cell.house, key, **values)


async def _report_fault(cell: Cell, *, runs_on: bool) -> None:
    victim = cell.place.victim
    fault = _FAULTS.get(victim, "leak")
    if runs_on:
        switches.report(cell.house, victim, fault=fault)
    else:
        cell.house.home.twins[victim].body.duty.fault = fault


async def _restart_volume(cell: Cell) -> None:
    switches.set_volume(cell.house, "left-pump", 50)
    await cell.house.elapse(2)
    switches.set_volume(cell.house, "left-pump", 0)


# Buttons, timers and stops


async def _raise_at_pump(cell: Cell, *, refuses: bool) -> None:
    """Set the pump to more than is allowed, at the pump; see it lowered, unless it refuses that."""
    pump = cell.house.home.pumps[Side.LEFT]
    pump.refuses_adjust = refuses
    own_controls.press_vacuum(cell.house.home.twins["left-pump"], _TOO_HIGH_MMHG)
    if not refuses:
        await cell.house.elapse(safety.FOLLOW_SECONDS)
        allowed = not pump.duty.on or pump.suction.target_mmhg <= (WILLING.comfort_vacuum_mmhg or 0)
        cell.note_unless(allowed, f"still set to {pump.suction.target_mmhg} mmHg")


async def _raise_at_pad(cell: Cell) -> None:
    pad = cell.house.home.pad
    if pad.duty.on:
        own_controls.press_on(cell.house.home.twins["warm-pad"], safety.HEAT_CELSIUS)
        await cell.house.elapse(safety.FOLLOW_SECONDS)
        allowed = (pad.pad.target_celsius or 0) <= _COOLER.heat_celsius
        cell.note_unless(allowed, f"still set to {pad.pad.target_celsius} °C")


async def _switch_on_at_button(cell: Cell) -> None:
    """Switch on what is not in use; see it stopped."""
    key: DeviceKey = "warm-pad" if "left-pump" in cell.place.on else "left-pump"
    own_controls.press_on(cell.house.home.twins[key], 40)
    await cell.house.elapse(safety.FOLLOW_SECONDS)
    cell.note_unless(key not in cell.house.on, f"{key} is still on")


async def _restart_after_stop(cell: Cell) -> None:
    """See it stopped each time that it starts again by itself; count from when it does so no more."""
    body = cell.house.home.twins[cell.place.victim].body
    assert isinstance(body, Firmware)
    body.restarts_after_stop_seconds = 2.0
    cell.say("stop")
    on_seconds = longest_seconds = 0.0
    for _ in range(round(_MENDED_SECONDS / _STEP_SECONDS)):
        await cell.house.elapse(_STEP_SECONDS)
        on_seconds = on_seconds + _STEP_SECONDS if cell.place.victim in cell.house.on else 0.0
        longest_seconds = max(longest_seconds, on_seconds)
    cell.note_unless(longest_seconds <= safety.STOP_AGAIN_SECONDS, f"it was on again for {longest_seconds:.1f} s")
    body.restarts_after_stop_seconds = None
    cell.cause()


async def _press_button(cell: Cell) -> None:
    cell.house.press_button(cell.place.victim)


async def _end_own_timer(cell: Cell) -> None:
    switches.end_own_timer(cell.house, cell.place.victim)


async def _ignore_stop_for_a_while(cell: Cell) -> None:
    mend = _ignore_stop(cell)
    await cell.house.elapse(3)
    mend()


async def _ignore_stop_for_ever(cell: Cell) -> None:
    _ignore_stop(cell)


async def _ignore_stop_until_its_button(cell: Cell) -> None:
    """See it told to stop again and again, and said to be in doubt, until the person presses its button."""
    house, victim = cell.house, cell.place.victim
    on = bool(cell.place.on)
    switches.let_run_long(house, victim)
    _ignore_stop(cell)
    await house.elapse(safety.STOP_AGAIN_SECONDS + STOP_SECONDS)
    written = house.home.twins[victim].written
    before = len(written)
    await house.elapse(_BUTTON_SECONDS)
    if on:
        rounds = _BUTTON_SECONDS / (safety.STOP_AGAIN_SECONDS + STOP_SECONDS)
        cell.note_unless(len(written) - before >= 2 * (rounds - 1), "it was not told to stop again")
        cell.note_unless(house.told.snapshot.uncertain == (victim,), f"in doubt: {house.told.snapshot.uncertain}")
    cell.cause()
    house.press_button(victim)


def _ignore_stop(cell: Cell) -> Callable[[], None]:
    victim = cell.place.victim
    mend = switches.make_deaf(cell.house, victim, switches.stop_of(victim))
    cell.say("stop", "failed" if cell.place.on else "accepted")
    return mend


def _stop_in_doubt(within_seconds: float) -> tuple[End, Mapping[str, End]]:
    """Return the end by a stop that is not confirmed at first where anything is on; elsewhere it is confirmed."""
    return _STOPPED, dict.fromkeys(where_on(), stopped("stop", "stopped", within_seconds, doubt=Doubt.SETTLED))


def _switched_off(said_seconds: float) -> End:
    """Return the end by the device itself, which says so within a time."""
    reason = "{device} was switched off at the device"
    return stopped(reason, "device_ended", said_seconds + AT_ONCE_SECONDS)


_STOPPED = stopped("stop", "stopped", AT_ONCE_SECONDS)
_NOT_CONFIRMED = "left-pump did not confirm that it stopped"
_OFF_AGAIN = stopped("stop", "switched_on_again", safety.STOP_AGAIN_SECONDS + AT_ONCE_SECONDS)
_VACUUM_SAID = failed(AT_ONCE_SECONDS, _NOT_CONFIRMED, doubt=Doubt.SAID)

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
        "the valve of left-pump does not let go any more, for 20 s",
        _stick,
        _SUCTION | _BETWEEN,
        tripped(
            safety.RELEASE_SECONDS + _CYCLE_SECONDS + AT_ONCE_SECONDS,
            TripKind.NO_RELEASE,
            device="left-pump",
            doubt=Doubt.SETTLED,
        ),
        {"between": failed(AT_ONCE_SECONDS, _NOT_CONFIRMED, doubt=Doubt.SETTLED)},
    ),
    Fault(
        "valve stuck at a stop",
        "`stop` is pressed, and left-pump stops, but its valve does not let go, for 20 s",
        _stick_at_stop,
        EVERYWHERE,
        _STOPPED,
        dict.fromkeys(_SUCTION | _BETWEEN, stopped("stop", "stopped", AT_ONCE_SECONDS, doubt=Doubt.SETTLED)),
    ),
    Fault(
        "runaway heat",
        "the compress heats on past its target; counted from when it is at 43 °C",
        partial(_run_away, frozen=False),
        _WARMTH,
        tripped(
            safety.HEAT_TRIP_SECONDS + 2 * _LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.TEMPERATURE, device="warm-pad"
        ),
    ),
    Fault(
        "runaway and frozen",
        "the compress heats on, and its sensor stands still",
        partial(_run_away, frozen=True),
        _WARMTH,
        tripped(safety.FINE_STILL_SECONDS + _LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.STALE, device="warm-pad"),
    ),
    Fault(
        "frozen temperature",
        "the sensor of the compress stands still while it warms",
        _freeze_temperature,
        _WARMTH,
        tripped(safety.FINE_STILL_SECONDS + _LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.STALE, device="warm-pad"),
    ),
    Fault(
        "frozen vacuum",
        "the vacuum sensor of left-pump shows 10 mmHg whatever the pump does, as if there were no seal",
        _freeze_vacuum,
        _SUCTION | _BETWEEN,
    ),
    Fault(
        "frozen vacuum at a pull",
        "the vacuum sensor of left-pump stands still while it pulls",
        _freeze_vacuum_pulling,
        _SUCTION | _BETWEEN,
        tripped(
            safety.RELEASE_SECONDS + _CYCLE_SECONDS + AT_ONCE_SECONDS,
            TripKind.NO_RELEASE,
            device="left-pump",
            doubt=Doubt.SAID,
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
        tripped(_LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.IMPLAUSIBLE, device="warm-pad"),
    ),
    Fault(
        "impossible heat",
        "the compress reports 200 °C while it is on",
        partial(_report, key="warm-pad", surface_celsius=200),
        _WARMTH,
        tripped(_LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.TEMPERATURE, device="warm-pad"),
    ),
    Fault(
        "vacuum set too high",
        "left-pump says that it is set to 300 mmHg",
        partial(_report, key="left-pump", target_vacuum_mmhg=300),
        _SUCTION | _BETWEEN,
        not_followed("left-pump"),
    ),
    Fault(
        "heat set too high",
        "the compress says that it is set to 55 °C",
        partial(_report, key="warm-pad", target_celsius=55),
        _WARMTH,
        not_followed("warm-pad"),
    ),
    Fault(
        "own fault",
        "the device reports a fault, and stops by itself",
        partial(_report_fault, runs_on=False),
        where_on() | {"between"},
        tripped(_LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.DEVICE_FAULT),
        {"between": failed(AT_ONCE_SECONDS, "{device} answered {start} with not applicable")},
    ),
    Fault(
        "own fault and runs on",
        "the device reports a fault, and goes on",
        partial(_report_fault, runs_on=True),
        where_on() | {"between"},
        tripped(_LOOK_SECONDS + AT_ONCE_SECONDS, TripKind.DEVICE_FAULT),
    ),
    Fault(
        "raised at the pump",
        "left-pump is set to 230 mmHg at the pump; it is lowered to what is allowed",
        partial(_raise_at_pump, refuses=False),
        _SUCTION,
    ),
    Fault(
        "lowering refused",
        "left-pump is set to 230 mmHg at the pump, and turns down every change from here",
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
        EVERYWHERE,
        GoesOn(),
        {"between": GoesOn(stops=PUMPS)},  # what is on without having been started here keeps the pumps from starting
    ),
    Fault(
        "starts again by itself",
        "`stop` is pressed, and for 20 s the device starts again by itself, 2 s after each stop; counted from then",
        _restart_after_stop,
        EVERYWHERE,
        _STOPPED,
        dict.fromkeys(where_starts(), _OFF_AGAIN),
    ),
    Fault("volume anew", "left-pump counts its milk anew in mid-run", _restart_volume, _SUCTION),
    Fault(
        "button", "the device is switched off at its button", _press_button, where_on(), _switched_off(_LOOK_SECONDS)
    ),
    Fault("own timer", "the device's own timer ends what it does", _end_own_timer, where_on(), _switched_off(0)),
    Fault(
        "stop ignored for 3 s",
        "`stop` is pressed, and the device takes no notice of any stop for 3 s",
        _ignore_stop_for_a_while,
        EVERYWHERE,
        *_stop_in_doubt(STOP_SECONDS + safety.STOP_AGAIN_SECONDS + _LOOK_SECONDS + AT_ONCE_SECONDS),
    ),
    Fault(
        "stop ignored until lease",
        "`stop` is pressed, and the device never takes notice of any stop; its lease ends it",
        _ignore_stop_for_ever,
        EVERYWHERE,
        *_stop_in_doubt(safety.LEASE_SECONDS + AT_ONCE_SECONDS),
    ),
    Fault(
        "stop ignored until button",
        "`stop` is pressed, the device never takes notice, and neither a lease nor a timer ends it: it is told again "
        "and again, until the person presses its button after a minute; counted from then",
        _ignore_stop_until_its_button,
        EVERYWHERE,
        *_stop_in_doubt(AT_ONCE_SECONDS),
    ),
)
