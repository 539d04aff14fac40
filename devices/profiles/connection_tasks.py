"""What a connection does by itself: checking the device, the handshake, the clock, keepalives, polling.

The checks: that it is this model, and that it does not begin above its setting.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from devices.driver.vocabulary import SETTING_OF, Value, begins_like
from devices.errors import DeviceError, HandshakeTimeoutError, ProtocolError, RefusedError, UncertainError
from devices.profiles.profile_connection import ProfileConnection
from devices.profiles.profile_parts import Periodic
from devices.roles import RunState

_LOGGER = logging.getLogger(__name__)

_TINY = 0.01  # °F are reported to two digits of a °C


def check_characteristics(device: ProfileConnection) -> None:
    """Raise `ProtocolError` where one is missing that the model has, or cannot do what it should."""
    model = f"{device.name} is no {device.profile.name}"
    for name, channel in device.profile.channels.items():
        has = device.link.properties(device.characteristics[name])
        if not has and channel.optional:
            continue
        if not has:
            raise ProtocolError(f"{model}: it has no characteristic for {name}")
        if missing := channel.needs - has:
            raise ProtocolError(f"{model}: {name} cannot {', '.join(sorted(missing))}")


async def check_model(device: ProfileConnection) -> None:
    """Raise `ProtocolError` where the device reports that it is another model."""
    for name in device.profile.channels:
        beginnings = device.profile.beginnings(name)
        if not beginnings or not device.link.properties(device.characteristics[name]):
            continue
        value = await device.link.read(device.characteristics[name])
        if not any(begins_like(pattern, value) for pattern in beginnings):
            words = value.hex(" ") or "empty"
            raise ProtocolError(f"{device.name} is no {device.profile.name}: its {name} is {words}")


async def check_start(device: ProfileConnection, name: str, values: Mapping[str, Value]) -> None:
    """Raise `RefusedError` where a start would begin with more than is requested, or with an unknown setting."""
    command = device.profile.commands.get(name)
    if command is None or command.begins_at is None:
        return
    begins_at = command.begins_at
    mark = device.state.messages
    try:
        for value in ("run_state", begins_at):
            await device.read_all(only=value)
    except ProtocolError as error:
        raise RefusedError(f"{device.name} is not started, as what it begins at was not read: {error}") from error
    if device.values.get("run_state") == RunState.RUNNING:
        return  # it has begun, and follows every command at once
    requested, own = values.get(SETTING_OF[begins_at]), device.values.get(begins_at)
    if not device.state.updated_after(begins_at, mark) or not isinstance(own, int | float):
        raise RefusedError(f"{device.name} is not started, as what it begins at is not known")
    if not isinstance(requested, int | float) or own > requested + _TINY:
        only = f"{requested:.3g}" if isinstance(requested, int | float) else "nothing"
        raise RefusedError(
            f"{device.name} would begin at {own:.3g}, where it was set last, and only {only} is asked: "
            "set it lower at the device first"
        )


async def shake_hands(device: ProfileConnection) -> None:
    """Send the handshake, in order and in time, and set the clock. Raise `HandshakeTimeoutError` without answer."""
    spec = device.profile.connection
    for step in spec.handshake:
        try:
            async with device.clock.timeout(step.within_seconds):
                await device.send(
                    step.command, step.values, within_seconds=step.within_seconds, answered_by=step.answered_by
                )
        except RefusedError:
            if not step.optional:
                raise
            _LOGGER.info("%s refused the optional handshake %s", device.name, step.command)
        except (TimeoutError, UncertainError):
            if step.optional and device.link.has_link:
                continue
            words = f"{device.name} did not answer the handshake {step.command} in {step.within_seconds:g} s"
            raise HandshakeTimeoutError(words) from None
    if spec.clock is not None:
        await device.send(spec.clock, clock_values(datetime.now().astimezone()))


def periodic(device: ProfileConnection) -> Iterator[Coroutine[Any, Any, None]]:
    """Return the keepalive and the polls, each of which runs until it is cancelled."""
    spec = device.profile.connection
    for each in (spec.keepalive, *spec.poll):
        if each is not None:
            yield _repeat(device, each)


async def _repeat(device: ProfileConnection, each: Periodic) -> None:
    while True:
        await device.clock.sleep(each.every_seconds)
        try:
            if each.channel is not None:
                await device.read(each.channel)
            elif each.command is not None:
                await device.link.lane.run(partial(device.send, each.command, {}))
        except DeviceError as error:  # its silence shows as age; here it is only logged
            _LOGGER.debug("%s: %s", device.name, error)


def clock_values(now: datetime) -> dict[str, Value]:
    """Return a time that is aware of its zone as the values that a clock command may carry."""
    return {
        "year": now.year,
        "year_of_century": now.year % 100,
        "month": now.month,
        "day": now.day,
        "hour": now.hour,
        "minute": now.minute,
        "second": now.second,
        "weekday": now.isoweekday(),
        "epoch_seconds": int(now.astimezone(UTC).timestamp()),
        "zone_minutes": int((now.utcoffset() or timedelta()).total_seconds() // 60),
    }
