"""Faults that only the matrix injects into a test home. Those that can be repaired return the function for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.profiles.codec import DecodedMessage
from devices.virtual.air_controller import AirHost
from devices.virtual.device_run import CommandResult
from devices.virtual.open_devices import PumpBody
from devices.virtual.virtual_home import DeviceKey
from tests.helpers.home import RunningHome

START: dict[DeviceKey, str] = {"warm-pad": "set_target", "massager": "run"}  # the pumps': start
STOP: dict[DeviceKey, str] = {"warm-pad": "off"}  # all others': stop
_LONG_SECONDS = 250  # about the longest lease that a device's status can carry


def start_of(key: DeviceKey) -> str:
    """Return the command that starts a device."""
    return START.get(key, "start")


def stop_of(key: DeviceKey) -> str:
    """Return the command that stops it."""
    return STOP.get(key, "stop")


def ignore_commands(house: RunningHome, key: DeviceKey, *names: str) -> Callable[[], None]:
    """Let a device ignore some commands, as if they never arrived, until it is repaired."""
    codec = house.home.twins[key]._codec
    decode = codec.decode_command
    house.break_ears(key, *names)

    def repair() -> None:
        codec.decode_command = decode  # type: ignore[method-assign]

    return repair


def drop_answers(house: RunningHome, key: DeviceKey, *names: str) -> Callable[[], None]:
    """Let a device carry out some commands and lose its answers to them, until it is repaired."""
    twin = house.home.twins[key]
    answers = twin._answer

    def answer(message: DecodedMessage, result: CommandResult) -> None:
        if message.name not in names:
            answers(message, result)

    def repair() -> None:
        twin._answer = answers  # type: ignore[method-assign]

    twin._answer = answer  # type: ignore[method-assign]
    return repair


def lose_link_before_command(
    house: RunningHome, key: DeviceKey, name: str, on_lost: Callable[[], object] = lambda: None
) -> None:
    """Lose a device's link while a command is on its way to it: the command does not arrive."""
    codec = house.home.twins[key]._codec
    decode = codec.decode_command

    def decode_command(channel: str, data: bytes) -> Any:
        message = decode(channel, data)
        if message.name == name:
            codec.decode_command = decode  # type: ignore[method-assign]
            on_lost()
            house.lose_link(key)
            raise ProtocolError("it never arrived")
        return message

    codec.decode_command = decode_command  # type: ignore[method-assign]


def before_next(house: RunningHome, key: DeviceKey, wanted: str, do: Callable[[], object]) -> None:
    """Call `do` when a device is about to carry out the next command of this name; not at later ones."""
    body = house.home.twins[key].body
    command = body.command

    def carry_out(name: str, values: Mapping[str, Value]) -> CommandResult:
        if name == wanted:
            body.command = command  # type: ignore[method-assign]
            do()
        return command(name, values)

    body.command = carry_out  # type: ignore[method-assign]


def corrupt_packets(house: RunningHome, key: DeviceKey, *, every: int) -> None:
    """Flip a bit in every n-th packet that a device sends unasked. Its answers stay intact."""
    twin = house.home.twins[key]
    server, sent = twin.server, 0
    assert server is not None
    notify = server.notify
    answers = twin.profile.channels["control"].characteristic

    def noisily(characteristic_uuid: str, data: bytes) -> None:
        nonlocal sent
        if characteristic_uuid != answers:
            sent += 1
            if sent % every == 0:
                data = bytes([data[0] ^ 0x10, *data[1:]])
        notify(characteristic_uuid, data)

    server.notify = noisily  # type: ignore[method-assign]


def override_values(house: RunningHome, key: DeviceKey, **values: Value) -> None:
    """Let a device report these values while it runs, instead of its own."""
    body = house.home.twins[key].body
    truth = body.values
    body.values = lambda *since: truth(*since) | (values if body.run.on else {})  # type: ignore[method-assign]


def freeze_vacuum(house: RunningHome, key: DeviceKey) -> None:
    """Let a pump's vacuum sensor freeze at its current reading."""
    body = house.home.twins[key].body
    truth = body.values
    values = truth()
    frozen = {name: values[name] for name in ("vacuum_mmhg", "peak_vacuum_mmhg", "residual_vacuum_mmhg")}
    body.values = lambda *since: truth(*since) | frozen  # type: ignore[method-assign]


def ignore_link_loss(house: RunningHome, key: DeviceKey) -> None:
    """Let a device ignore a lost link."""
    server = house.home.twins[key].server
    assert server is not None
    server.on_disconnection = None


def extend_run(house: RunningHome, key: DeviceKey) -> None:
    """Extend a device's lease and its own timer by minutes, so that only a stop or its button ends its run."""
    run = house.home.twins[key].body.run
    run._lease_until_seconds = run._until_seconds = run.now_seconds + _LONG_SECONDS


def end_own_timer(house: RunningHome, key: DeviceKey) -> None:
    """Let a device's own timer end its run now."""
    run = house.home.twins[key].body.run
    run._until_seconds = run.now_seconds


def lose_adapter(house: RunningHome) -> Callable[[], None]:
    """Take the controller's own radio off the air: every link is lost at once, and nothing is received."""
    central = house.air.central
    house.air.remove(central)

    def repair() -> None:
        assert isinstance(central.host, AirHost)
        house.air.add_controller(central.host.air_controller)
        house.air.solicit()

    return repair


def set_volume(house: RunningHome, key: DeviceKey, ml: float) -> None:
    """Set a pump's milk counter."""
    body = house.home.twins[key].body
    assert isinstance(body, PumpBody)
    body._volume_ml = ml
