"""Ways to break a house that only the matrix needs. Each that can be mended returns how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from devices.errors import ProtocolError
from devices.profiles.codec import Message
from devices.profiles.vocabulary import Value
from devices.virtual.bodies import PumpBody
from devices.virtual.controller import AirHost
from devices.virtual.duty import Result
from devices.virtual.home import DeviceKey
from tests.controller.household import House

START: dict[DeviceKey, str] = {"warm-pad": "set_target", "massager": "run"}  # the pumps': start
STOP: dict[DeviceKey, str] = {"warm-pad": "off"}  # all others': stop
_LONG_SECONDS = 250  # about the longest lease that fits into what a device tells of it


def start_of(key: DeviceKey) -> str:
    """Return the command that begins a device's work."""
    return START.get(key, "start")


def stop_of(key: DeviceKey) -> str:
    """Return the command that ends it."""
    return STOP.get(key, "stop")


def make_deaf(house: House, key: DeviceKey, *names: str) -> Callable[[], None]:
    """Let a device take no notice of some commands, as if they never came, until it is mended."""
    codec = house.home.twins[key]._codec
    hears = codec.decode_command
    house.break_ears(key, *names)

    def mend() -> None:
        codec.decode_command = hears  # type: ignore[method-assign]

    return mend


def make_mute(house: House, key: DeviceKey, *names: str) -> Callable[[], None]:
    """Let a device carry out some commands, but let its answers to them be lost, until it is mended."""
    twin = house.home.twins[key]
    answers = twin._answer

    def answer(message: Message, result: Result) -> None:
        if message.name not in names:
            answers(message, result)

    def mend() -> None:
        twin._answer = answers  # type: ignore[method-assign]

    twin._answer = answer  # type: ignore[method-assign]
    return mend


def lose_link_on_the_way(house: House, key: DeviceKey, name: str, tell: Callable[[], object] = lambda: None) -> None:
    """Lose a device's link while a command is on its way to it: the command does not arrive. `tell` when it is lost."""
    codec = house.home.twins[key]._codec
    hears = codec.decode_command

    def decode_command(channel: str, data: bytes) -> Any:
        message = hears(channel, data)
        if message.name == name:
            codec.decode_command = hears  # type: ignore[method-assign]
            tell()
            house.lose_link(key)
            raise ProtocolError("it never came")
        return message

    codec.decode_command = decode_command  # type: ignore[method-assign]


def before_first(house: House, key: DeviceKey, wanted: str, do: Callable[[], object]) -> None:
    """Do something when a device is about to carry out the next command of this name; not at later ones."""
    body = house.home.twins[key].body
    command = body.command

    def carry_out(name: str, values: Mapping[str, Value]) -> Result:
        if name == wanted:
            body.command = command  # type: ignore[method-assign]
            do()
        return command(name, values)

    body.command = carry_out  # type: ignore[method-assign]


def garble(house: House, key: DeviceKey, *, every: int) -> None:
    """Flip a bit in every so-many-th packet that a device sends by itself. Answers come whole."""
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


def report(house: House, key: DeviceKey, **values: Value) -> None:
    """Let a device report some values of ours for as long as it runs, whatever is true."""
    body = house.home.twins[key].body
    truth = body.values
    body.values = lambda *since: truth(*since) | (values if body.duty.on else {})  # type: ignore[method-assign]


def freeze_vacuum(house: House, key: DeviceKey) -> None:
    """Let a pump's vacuum sensor stand still at what it shows now."""
    body = house.home.twins[key].body
    truth = body.values
    values = truth()
    frozen = {name: values[name] for name in ("vacuum_mmhg", "peak_vacuum_mmhg", "residual_vacuum_mmhg")}
    body.values = lambda *since: truth(*since) | frozen  # type: ignore[method-assign]


def let_run_without_link(house: House, key: DeviceKey) -> None:
    """Let a device take no notice of a lost link."""
    server = house.home.twins[key].server
    assert server is not None
    server.on_disconnection = None


def let_run_long(house: House, key: DeviceKey) -> None:
    """Let a device's lease and its own timer end nothing for some minutes: only a stop or its button ends it."""
    duty = house.home.twins[key].body.duty
    duty._lease_until_seconds = duty._until_seconds = duty.now_seconds + _LONG_SECONDS


def end_own_timer(house: House, key: DeviceKey) -> None:
    """Let a device's own timer end what it does now."""
    duty = house.home.twins[key].body.duty
    duty._until_seconds = duty.now_seconds


def lose_adapter(house: House) -> Callable[[], None]:
    """Take the controller's own radio off the air: every link is lost at once, and nothing is heard."""
    central = house.air.central
    house.air.remove(central)

    def mend() -> None:
        assert isinstance(central.host, AirHost)
        house.air.add_controller(central.host.air_controller)
        house.air.solicit()

    return mend


def set_volume(house: House, key: DeviceKey, ml: float) -> None:
    """Let a pump count its milk from here."""
    body = house.home.twins[key].body
    assert isinstance(body, PumpBody)
    body._volume_ml = ml
