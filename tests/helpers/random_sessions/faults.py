"""Faults of a virtual device, each by a name, that can be injected and repaired while a session runs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from bleak.exc import BleakGATTProtocolErrorCode as ErrorCode
from bumble.device import Device

from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.roles import Phase
from devices.support.clock import Clock
from devices.virtual.device_run import DeviceRun
from devices.virtual.gatt_server import GattError
from devices.virtual.open_devices import PadBody, PumpBody
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from tests.helpers.own_controls import press_off, press_on, press_vacuum

STARTS = frozenset({"start", "set_target", "run", "resume"})
STOPS = frozenset({"stop", "off"})
_SENSORS = {"measurement", "temperature"}
_REPORTED_FAULTS = {"left-pump": "sensor", "right-pump": "no_release", "warm-pad": "overheat", "massager": "motor"}


class DeviceFaults:
    """The faults of one virtual device. `active`: the names of those it has now."""

    def __init__(self, key: str, twin: Twin, clock: Clock, air: Air, device: Device) -> None:
        self.key = key
        self.twin = twin
        self.missed_commands: set[str] = set()
        self.silenced: set[str] = set()  # characteristics
        self.forced_values: dict[str, Value] = {}
        self.slow_seconds = 0.0
        self.unreadable = False
        self.runs_without_link = False  # a lost link does not stop it
        self.no_lease = False
        self.active: set[str] = set()
        self.any_injected = False
        self.changed_at_seconds = -math.inf
        self.repaired_at_seconds = -math.inf
        self.receives_again_at_seconds = -math.inf
        self.connected_at_seconds = -math.inf
        self.last_report_at_seconds = -math.inf  # when it last sent anything, asked or not
        self._clock = clock
        self._air = air
        self._device = device
        self._command = twin.body.command
        self._last_sent_at_seconds = -math.inf
        self._connection = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._patch_commands()
        self._patch_reports()
        self._patch_link()
        self._patch_lease(twin.body.run)

    @property
    def reachable(self) -> bool:
        """Whether it is truly connected."""
        return self.twin.server is not None and self.twin.server.connected

    @property
    def follows_stop(self) -> bool:
        """Whether it carries out a stop that is written to it."""
        return not self.missed_commands & {*STOPS, "everything"} and not self.twin.body.ignores & STOPS

    @property
    def reports_truthfully(self) -> bool:
        """Whether it reports what is true, without delay."""
        return not (self.silenced or self.forced_values or self.slow_seconds)

    def inject(self, name: str) -> None:
        """Inject a fault."""
        self._mark_changed()
        self.active.add(name)
        FAULTS[name][0](self)

    def repair(self, name: str) -> None:
        """Repair a fault."""
        self._mark_changed()
        self.repaired_at_seconds = self.changed_at_seconds
        self.active.discard(name)
        FAULTS[name][1](self)
        for other in sorted(self.active):  # two may have had the same effect
            FAULTS[other][0](self)

    def press_button(self, *, pause: bool = False) -> None:
        """Switch it off, or let it pause, at the device itself. This works whatever commands it misses."""
        self._mark_changed()
        if pause and "pump" in self.key:
            self._command("pause", {})
        else:
            press_off(self.twin)

    def press_on(self, value: float, phase: Phase = Phase.EXPRESSION) -> None:
        """Switch it on at the device itself, or set what runs there."""
        self._mark_changed()
        press_on(self.twin, value, phase)

    def press_vacuum(self, vacuum_mmhg: float) -> None:
        """Set its vacuum at the device itself."""
        self._mark_changed()
        press_vacuum(self.twin, vacuum_mmhg)

    def read(self, name: str, truth: Callable[[str], bytes]) -> bytes:
        """Answer a GATT read; `World` routes every read here."""
        if self.unreadable:
            raise GattError(ErrorCode.UNLIKELY_ERROR)
        self.last_report_at_seconds = self._clock.now()
        return truth(name)

    def _mark_changed(self) -> None:
        self.any_injected = True
        self.changed_at_seconds = self._clock.now()

    def receive_commands_again(self) -> None:
        """Receive every command again."""
        self.missed_commands.clear()
        self.receives_again_at_seconds = self._clock.now()

    def drop_link(self) -> None:
        """Lose its connection; it can be found again."""
        self._mark_changed()
        self._air.lose_link(self._device)

    def leave_range(self) -> None:
        """Lose its connection, and advertise no more."""
        self._air.remove(self._device)

    def enter_range(self) -> None:
        """Advertise again."""
        controller = self._device.host.air_controller
        if controller not in self._air._members:
            self._air.add_controller(controller)
            if self.twin.server is not None:
                task = asyncio.create_task(self.twin.server.start())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    # Patches of the twin

    def _patch_commands(self) -> None:
        decode = self.twin._codec.decode_command

        def decode_command(channel: str, data: bytes) -> Any:
            message = decode(channel, data)
            if message.name in self.missed_commands or "everything" in self.missed_commands:
                raise ProtocolError("a bit was flipped")
            return message

        self.twin._codec.decode_command = decode_command  # type: ignore[method-assign]

    def _patch_reports(self) -> None:
        server, body = self.twin.server, self.twin.body
        assert server is not None
        send, truth = server.notify, body.values

        def notify(characteristic: str, data: bytes) -> None:
            self.last_report_at_seconds = self._clock.now()
            send(characteristic, data)

        def notify_unless_silenced(characteristic: str, data: bytes) -> None:
            if characteristic in self.silenced:
                return
            at_seconds = max(self._clock.now() + self.slow_seconds, self._last_sent_at_seconds)
            self._last_sent_at_seconds = at_seconds
            if at_seconds <= self._clock.now():
                notify(characteristic, data)
            else:
                task = asyncio.create_task(send_later(characteristic, data, at_seconds, self._connection))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        async def send_later(characteristic: str, data: bytes, at_seconds: float, connection: int) -> None:
            await self._clock.sleep(at_seconds - self._clock.now())
            if connection == self._connection:
                notify(characteristic, data)

        server.notify = notify_unless_silenced  # type: ignore[method-assign]
        body.values = lambda *since: truth(*since) | self.forced_values  # type: ignore[method-assign]

    def _patch_link(self) -> None:
        server = self.twin.server
        assert server is not None
        found, lost = server.on_connection, server.on_disconnection
        assert found is not None
        assert lost is not None

        def on_connection() -> None:
            self._connection += 1
            self.connected_at_seconds = self._clock.now()
            found()

        def on_disconnection() -> None:
            self._connection += 1
            if not self.runs_without_link:
                lost()

        server.on_connection, server.on_disconnection = on_connection, on_disconnection

    def _patch_lease(self, run: DeviceRun) -> None:
        advance = run.advance

        def advance_without_lease(to_seconds: float) -> str | None:
            if self.no_lease:
                run._lease_until_seconds = max(run._lease_until_seconds, to_seconds + 60)
            return advance(to_seconds)

        run.advance = advance_without_lease  # type: ignore[method-assign]


Effect = Callable[[DeviceFaults], None]


def _misses(*names: str) -> tuple[Effect, Effect]:
    return (lambda it: it.missed_commands.update(names)), DeviceFaults.receive_commands_again


def _silences(*channels: str) -> tuple[Effect, Effect]:
    """Silence some channels, or all."""

    def silence(it: DeviceFaults) -> None:
        profile = it.twin.profile.channels
        it.silenced |= {each.characteristic or "" for name, each in profile.items() if not channels or name in channels}

    return silence, lambda it: it.silenced.clear()


def _delays(seconds: float) -> tuple[Effect, Effect]:
    def slower(it: DeviceFaults) -> None:
        it.slow_seconds = seconds

    def at_once(it: DeviceFaults) -> None:
        it.slow_seconds = 0.0

    return slower, at_once


def _body(field: str, bad: object, good: object) -> tuple[Effect, Effect]:
    """Set a field of the physics of a pump or a pad."""

    def physics(it: DeviceFaults) -> object:
        body = it.twin.body
        return body.suction if isinstance(body, PumpBody) else body.pad if isinstance(body, PadBody) else it

    return (lambda it: setattr(physics(it), field, bad)), (lambda it: setattr(physics(it), field, good))


def _freeze(it: DeviceFaults) -> None:
    frozen = _SENSORS & set(it.twin.profile.reports) or {"temperature"}
    values = it.twin.body.values()
    report = it.twin.profile.reports.get("measurement")
    names = report.names if report is not None and "measurement" in frozen else ("surface_celsius",)
    it.forced_values |= {name: values[name] for name in names if name in values}


def _reports(**values: Value) -> tuple[Effect, Effect]:
    return (lambda it: it.forced_values.update(values)), (lambda it: it.forced_values.clear())


def _flag(field: str) -> tuple[Effect, Effect]:
    return (lambda it: setattr(it, field, True)), (lambda it: setattr(it, field, False))


def _fault(it: DeviceFaults) -> None:
    it.twin.body.run.fault = _REPORTED_FAULTS[it.key]


def _no_fault(it: DeviceFaults) -> None:
    it.twin.body.run.fault = None


def _run_without_link(it: DeviceFaults) -> None:
    it.runs_without_link = it.no_lease = True


def _end_without_link(it: DeviceFaults) -> None:
    it.runs_without_link = it.no_lease = False


def _miss_stops_for_ever(it: DeviceFaults) -> None:
    it.no_lease = True
    it.missed_commands |= STOPS


def _firmware(field: str, bad: object, good: object) -> tuple[Effect, Effect]:
    def repair(it: DeviceFaults) -> None:
        setattr(it.twin.body, field, good)
        it.receives_again_at_seconds = it.changed_at_seconds

    return (lambda it: setattr(it.twin.body, field, bad)), repair


def _receive_and_end(it: DeviceFaults) -> None:
    it.no_lease = False
    it.receive_commands_again()


# Each fault: how it is injected, and how it is repaired.
FAULTS: dict[str, tuple[Effect, Effect]] = {
    "misses stop": _misses(*STOPS),
    "misses start": _misses(*STARTS),
    "misses adjust": _misses("adjust"),
    "misses renew": _misses("renew"),
    "misses everything": _misses("everything"),
    "silent": _silences(),
    "no measurement": _silences("measurement", "temperature"),
    "no status": _silences("status"),
    "no answers": _silences("control"),
    "a little slow": _delays(0.15),
    "slow": _delays(0.7),
    "very slow": _delays(1.6),
    "overpressure": _body("overpressure", 180.0, 0.0),
    "stuck valve": _body("stuck", True, False),
    "runaway": _body("runaway", True, False),
    "frozen sensor": (_freeze, lambda it: it.forced_values.clear()),
    "reports high vacuum": _reports(vacuum_mmhg=640.0),
    "reports high heat": _reports(surface_celsius=88.0),
    "fault": (_fault, _no_fault),
    "unreadable": _flag("unreadable"),
    "runs on without a link": _flag("runs_without_link"),
    "runs on and misses stop": (_miss_stops_for_ever, _receive_and_end),
    "runs on for ever": (_run_without_link, _end_without_link),
    "out of reach": (DeviceFaults.leave_range, DeviceFaults.enter_range),
    "refuses adjust": _firmware("refuses_adjust", True, False),
    "ignores changes": _firmware("ignores", frozenset({"adjust", "set_target", "run"}), frozenset()),
    "ignores stop": _firmware("ignores", STOPS, frozenset()),
    "least vacuum": _firmware("least_mmhg", 90.0, 0.0),
    "restarts": _firmware("restarts_after_stop_seconds", 2.0, None),
    "leak": _body("leak", 1.0, 0.0),
}
_PUMPS_ONLY = {
    "misses adjust",
    "reports high vacuum",
    "leak",
    "least vacuum",
    "no measurement",
    "overpressure",
    "refuses adjust",
    "stuck valve",
}
_PAD_ONLY = {"runaway", "reports high heat"}


def possible_faults(key: str) -> list[str]:
    """Return the faults that a device may have."""
    never = _PAD_ONLY if "pump" in key else _PUMPS_ONLY - {"no measurement"} if key == "warm-pad" else set()
    if key == "massager":
        never = _PUMPS_ONLY | _PAD_ONLY | {"frozen sensor"}
    return [name for name in FAULTS if name not in never]
