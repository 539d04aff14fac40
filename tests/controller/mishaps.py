"""What can go wrong with a virtual device, each by a name, and mended again; all of it while things run."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from bleak.exc import BleakGATTProtocolErrorCode as ErrorCode
from bumble.device import Device

from devices.clock import Clock
from devices.errors import ProtocolError
from devices.profiles.vocabulary import Value
from devices.roles import Phase
from devices.virtual.air import Air
from devices.virtual.bodies import PadBody, PumpBody
from devices.virtual.duty import Duty
from devices.virtual.gatt import GattError
from devices.virtual.twin import Twin
from tests.controller.own_controls import press_off, press_on, press_vacuum

STARTS = frozenset({"start", "set_target", "run", "resume"})
STOPS = frozenset({"stop", "off"})
_SENSORS = {"measurement", "temperature"}
_FAULTS = {"left-pump": "sensor", "right-pump": "no_release", "warm-pad": "overheat", "massager": "motor"}


class Mishaps:
    """One virtual device, and what is wrong with it now. Its own rules are bent only by what is set here."""

    def __init__(self, key: str, twin: Twin, clock: Clock, air: Air, device: Device) -> None:
        self.key = key
        self.twin = twin
        self.deaf_to: set[str] = set()
        self.quiet: set[str] = set()  # characteristics
        self.says: dict[str, Value] = {}
        self.slow_seconds = 0.0
        self.unreadable = False
        self.goes_on = False  # a lost link does not stop it
        self.no_lease = False
        self.now: set[str] = set()  # the names of what is wrong
        self.ever = False
        self.changed_at_seconds = -math.inf
        self.mended_at_seconds = -math.inf
        self.heard_again_at_seconds = -math.inf
        self.connected_at_seconds = -math.inf
        self.heard_at_seconds = -math.inf  # when it last said anything, asked or not
        self._clock = clock
        self._air = air
        self._device = device
        self._command = twin.body.command
        self._last_said_at_seconds = -math.inf
        self._connection = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._bend_ears()
        self._bend_voice()
        self._bend_link()
        self._bend_duty(twin.body.duty)

    @property
    def reachable(self) -> bool:
        """Whether somebody is connected to it, in truth."""
        return self.twin.server is not None and self.twin.server.connected

    @property
    def obeys_stop(self) -> bool:
        """Whether it carries out a stop that is written to it."""
        return not self.deaf_to & {*STOPS, "everything"} and not self.twin.body.ignores & STOPS

    @property
    def truthful(self) -> bool:
        """Whether it says what is true, and as soon as it is."""
        return not (self.quiet or self.says or self.slow_seconds)

    def befall(self, name: str) -> None:
        """Let something go wrong."""
        self._note()
        self.now.add(name)
        MISHAPS[name][0](self)

    def mend(self, name: str) -> None:
        """Put it right."""
        self._note()
        self.mended_at_seconds = self.changed_at_seconds
        self.now.discard(name)
        MISHAPS[name][1](self)
        for other in sorted(self.now):  # two may have had the same effect
            MISHAPS[other][0](self)

    def press_button(self, *, pause: bool = False) -> None:
        """Switch it off, or let it pause, at the device itself. This works whatever it hears."""
        self._note()
        if pause and "pump" in self.key:
            self._command("pause", {})
        else:
            press_off(self.twin)

    def press_on(self, value: float, phase: Phase = Phase.EXPRESSION) -> None:
        """Switch it on at the device itself, or set what runs there."""
        self._note()
        press_on(self.twin, value, phase)

    def press_vacuum(self, vacuum_mmhg: float) -> None:
        """Set its vacuum at the device itself."""
        self._note()
        press_vacuum(self.twin, vacuum_mmhg)

    def read(self, name: str, truth: Callable[[str], bytes]) -> bytes:
        """Be read. The world hands every read to this, before the device is on the air."""
        if self.unreadable:
            raise GattError(ErrorCode.UNLIKELY_ERROR)
        self.heard_at_seconds = self._clock.now()
        return truth(name)

    def _note(self) -> None:
        self.ever = True
        self.changed_at_seconds = self._clock.now()

    def hears_again(self) -> None:
        """Note that what it did not hear before, it hears from now on."""
        self.deaf_to.clear()
        self.heard_again_at_seconds = self._clock.now()

    def blink(self) -> None:
        """Lose its connection; it can be found again."""
        self._note()
        self._air.lose_link(self._device)

    def vanish(self) -> None:
        """Lose its connection, and be found by nobody."""
        self._air.remove(self._device)

    def return_(self) -> None:
        """Be found again."""
        controller = self._device.host.air_controller
        if controller not in self._air._members:
            self._air.add_controller(controller)
            if self.twin.server is not None:
                task = asyncio.create_task(self.twin.server.start())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    # Bent once, when it is made

    def _bend_ears(self) -> None:
        decode = self.twin._codec.decode_command

        def decode_command(channel: str, data: bytes) -> Any:
            message = decode(channel, data)
            if message.name in self.deaf_to or "everything" in self.deaf_to:
                raise ProtocolError("a bit was flipped")
            return message

        self.twin._codec.decode_command = decode_command  # type: ignore[method-assign]

    def _bend_voice(self) -> None:
        server, body = self.twin.server, self.twin.body
        assert server is not None
        tell, truth = server.notify, body.values

        def notify(characteristic: str, data: bytes) -> None:
            self.heard_at_seconds = self._clock.now()
            tell(characteristic, data)

        def say(characteristic: str, data: bytes) -> None:
            if characteristic in self.quiet:
                return
            at_seconds = max(self._clock.now() + self.slow_seconds, self._last_said_at_seconds)
            self._last_said_at_seconds = at_seconds
            if at_seconds <= self._clock.now():
                notify(characteristic, data)
            else:
                task = asyncio.create_task(say_later(characteristic, data, at_seconds, self._connection))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        async def say_later(characteristic: str, data: bytes, at_seconds: float, connection: int) -> None:
            await self._clock.sleep(at_seconds - self._clock.now())
            if connection == self._connection:
                notify(characteristic, data)

        server.notify = say  # type: ignore[method-assign]
        body.values = lambda *since: truth(*since) | self.says  # type: ignore[method-assign]

    def _bend_link(self) -> None:
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
            if not self.goes_on:
                lost()

        server.on_connection, server.on_disconnection = on_connection, on_disconnection

    def _bend_duty(self, duty: Duty) -> None:
        due = duty.due

        def due_but_for_the_lease(to_seconds: float) -> str | None:
            if self.no_lease:
                duty._lease_until_seconds = max(duty._lease_until_seconds, to_seconds + 60)
            return due(to_seconds)

        duty.due = due_but_for_the_lease  # type: ignore[method-assign]


Do = Callable[[Mishaps], None]


def _deaf(*names: str) -> tuple[Do, Do]:
    return (lambda it: it.deaf_to.update(names)), Mishaps.hears_again


def _quiet(*channels: str) -> tuple[Do, Do]:
    """Silence some channels, or all."""

    def hush(it: Mishaps) -> None:
        profile = it.twin.profile.channels
        it.quiet |= {each.characteristic or "" for name, each in profile.items() if not channels or name in channels}

    return hush, lambda it: it.quiet.clear()


def _slow(seconds: float) -> tuple[Do, Do]:
    def slower(it: Mishaps) -> None:
        it.slow_seconds = seconds

    def at_once(it: Mishaps) -> None:
        it.slow_seconds = 0.0

    return slower, at_once


def _body(field: str, bad: object, good: object) -> tuple[Do, Do]:
    """Bend the physics of a pump or a pad."""

    def physics(it: Mishaps) -> object:
        body = it.twin.body
        return body.suction if isinstance(body, PumpBody) else body.pad if isinstance(body, PadBody) else it

    return (lambda it: setattr(physics(it), field, bad)), (lambda it: setattr(physics(it), field, good))


def _freeze(it: Mishaps) -> None:
    frozen = _SENSORS & set(it.twin.profile.reports) or {"temperature"}
    values = it.twin.body.values()
    report = it.twin.profile.reports.get("measurement")
    names = report.names if report is not None and "measurement" in frozen else ("surface_celsius",)
    it.says |= {name: values[name] for name in names if name in values}


def _says(**values: Value) -> tuple[Do, Do]:
    return (lambda it: it.says.update(values)), (lambda it: it.says.clear())


def _flag(field: str) -> tuple[Do, Do]:
    return (lambda it: setattr(it, field, True)), (lambda it: setattr(it, field, False))


def _fault(it: Mishaps) -> None:
    it.twin.body.duty.fault = _FAULTS[it.key]


def _no_fault(it: Mishaps) -> None:
    it.twin.body.duty.fault = None


def _go_on(it: Mishaps) -> None:
    it.goes_on = it.no_lease = True


def _end_by_itself(it: Mishaps) -> None:
    it.goes_on = it.no_lease = False


def _deaf_for_ever(it: Mishaps) -> None:
    it.no_lease = True
    it.deaf_to |= STOPS


def _firmware(field: str, bad: object, good: object) -> tuple[Do, Do]:
    def mend(it: Mishaps) -> None:
        setattr(it.twin.body, field, good)
        it.heard_again_at_seconds = it.changed_at_seconds

    return (lambda it: setattr(it.twin.body, field, bad)), mend


def _hears_and_ends(it: Mishaps) -> None:
    it.no_lease = False
    it.hears_again()


# What can go wrong, and how it is put right.
MISHAPS: dict[str, tuple[Do, Do]] = {
    "deaf to stop": _deaf(*STOPS),
    "deaf to start": _deaf(*STARTS),
    "deaf to adjust": _deaf("adjust"),
    "deaf to renew": _deaf("renew"),
    "deaf": _deaf("everything"),
    "silent": _quiet(),
    "no measurement": _quiet("measurement", "temperature"),
    "no status": _quiet("status"),
    "no answers": _quiet("control"),
    "a little slow": _slow(0.15),
    "slow": _slow(0.7),
    "very slow": _slow(1.6),
    "overpressure": _body("overpressure", 180.0, 0.0),
    "stuck valve": _body("stuck", True, False),
    "runaway": _body("runaway", True, False),
    "frozen sensor": (_freeze, lambda it: it.says.clear()),
    "high vacuum said": _says(vacuum_mmhg=640.0),
    "high heat said": _says(surface_celsius=88.0),
    "fault": (_fault, _no_fault),
    "not to be read": _flag("unreadable"),
    "goes on without a link": _flag("goes_on"),
    "goes on deaf to stop": (_deaf_for_ever, _hears_and_ends),
    "goes on for ever": (_go_on, _end_by_itself),
    "out of reach": (Mishaps.vanish, Mishaps.return_),
    "refuses adjust": _firmware("refuses_adjust", True, False),
    "ignores changes": _firmware("ignores", frozenset({"adjust", "set_target", "run"}), frozenset()),
    "ignores stop": _firmware("ignores", STOPS, frozenset()),
    "least vacuum": _firmware("least_mmhg", 90.0, 0.0),
    "restarts": _firmware("restarts_after_stop_seconds", 2.0, None),
    "leak": _body("leak", 1.0, 0.0),
}
_PUMPS_ONLY = {
    "deaf to adjust",
    "high vacuum said",
    "leak",
    "least vacuum",
    "no measurement",
    "overpressure",
    "refuses adjust",
    "stuck valve",
}
_PAD_ONLY = {"runaway", "high heat said"}


def may_befall(key: str) -> list[str]:
    """Return what can go wrong with a device."""
    never = _PAD_ONLY if "pump" in key else _PUMPS_ONLY - {"no measurement"} if key == "warm-pad" else set()
    if key == "massager":
        never = _PUMPS_ONLY | _PAD_ONLY | {"frozen sensor"}
    return [name for name in MISHAPS if name not in never]
