"""What is read from a device before it is used or started: that it is this model, and that it begins mildly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from devices.errors import ProtocolError, RefusedError
from devices.profiles.vocabulary import SETTING_OF, Value, begins_like
from devices.roles import RunState

if TYPE_CHECKING:
    from devices.profiles.driver import ProfileDevice

_TINY = 0.01  # °F are told to two digits of a °C


def expect_characteristics(device: ProfileDevice) -> None:
    """Raise `ProtocolError` where one is missing that the model has, or cannot do what it should."""
    model = f"{device.name} is no {device.profile.name}"
    for name, channel in device.profile.channels.items():
        has = device.link.has(device.places[name])
        if not has and channel.optional:
            continue
        if not has:
            raise ProtocolError(f"{model}: it has no characteristic for {name}")
        if missing := channel.needs - has:
            raise ProtocolError(f"{model}: {name} cannot {', '.join(sorted(missing))}")


async def expect_model(device: ProfileDevice) -> None:
    """Raise `ProtocolError` where the device says that it is another model."""
    for name in device.profile.channels:
        beginnings = device.profile.beginnings(name)
        if not beginnings or not device.link.has(device.places[name]):
            continue
        said = await device.link.read(device.places[name])
        if not any(begins_like(pattern, said) for pattern in beginnings):
            words = said.hex(" ") or "empty"
            raise ProtocolError(f"{device.name} is no {device.profile.name}: its {name} is {words}")


async def expect_mild_beginning(device: ProfileDevice, name: str, values: Mapping[str, Value]) -> None:
    """Raise `RefusedError` where a start would begin with more than is asked, or nobody knows with how much."""
    command = device.profile.commands.get(name)
    if command is None or command.begins_at is None:
        return
    begins_at = command.begins_at
    mark = device.told.messages
    try:
        for value in ("run_state", begins_at):
            await device.read_all(only=value)
    except ProtocolError as error:
        raise RefusedError(f"{device.name} is not started, as what it begins at was not read: {error}") from error
    if device.values.get("run_state") == RunState.RUNNING:
        return  # it has begun, and whatever it is told now it does at once
    asked, own = values.get(SETTING_OF[begins_at]), device.values.get(begins_at)
    if not device.told.since(begins_at, mark) or not isinstance(own, int | float):
        raise RefusedError(f"{device.name} is not started, as what it begins at is not known")
    if not isinstance(asked, int | float) or own > asked + _TINY:
        only = f"{asked:.3g}" if isinstance(asked, int | float) else "nothing"
        raise RefusedError(
            f"{device.name} would begin at {own:.3g}, where it was set last, and only {only} is asked: "
            "set it lower at the device first"
        )
