"""What a connection owes a device: a hello in time, the clock, a keepalive, being asked for its state."""

from __future__ import annotations

import logging
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from devices.errors import DeviceError, NotFoundError, RefusedError, UncertainError
from devices.profiles.duty_spec import Duties, Periodic
from devices.profiles.vocabulary import Value

if TYPE_CHECKING:
    from devices.profiles.driver import ProfileDevice

_LOGGER = logging.getLogger(__name__)


async def greet(device: ProfileDevice, duties: Duties) -> None:
    """Say hello, in order and in time, and set the clock. Raise `NotFoundError` when the device does not answer."""
    for hello in duties.hello:
        try:
            async with device.clock.timeout(hello.within_seconds):
                await device.send(
                    hello.command, hello.values, within_seconds=hello.within_seconds, answered_by=hello.answered_by
                )
        except RefusedError:
            if not hello.optional:
                raise
            _LOGGER.info("%s turned down its greeting %s", device.name, hello.command)
        except (TimeoutError, UncertainError):
            if hello.optional and device.link.has_link:
                continue
            words = f"{device.name} did not answer its greeting {hello.command} in {hello.within_seconds:g} s"
            raise NotFoundError(words) from None
    if duties.clock is not None:
        await device.send(duties.clock, clock_values(datetime.now().astimezone()))


def periodic(device: ProfileDevice, duties: Duties) -> Iterator[Coroutine[Any, Any, None]]:
    """Return what is to be done again and again while the link lasts."""
    for each in (duties.keepalive, *duties.poll):
        if each is not None:
            yield _again(device, each)


async def _again(device: ProfileDevice, each: Periodic) -> None:
    while True:
        await device.clock.sleep(each.every_seconds)
        try:
            if each.channel is not None:
                await device.read(each.channel)
            elif each.command is not None:
                await device.link.lane.run(partial(device.send, each.command, {}))
        except DeviceError as error:  # its silence shows as age; here it is only noted
            _LOGGER.debug("%s: %s", device.name, error)


async def quietly(duty: Coroutine[Any, Any, None], name: str) -> None:
    """Run a duty; what goes wrong with it is noted, and is nobody else's trouble."""
    try:
        await duty
    except DeviceError as error:
        _LOGGER.debug("%s: %s", name, error)


def clock_values(now: datetime) -> dict[str, Value]:
    """Return a local time with its zone as the values that a clock command may carry."""
    offset = now.utcoffset()
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
        "zone_minutes": int(offset.total_seconds() // 60) if offset is not None else -time.timezone // 60,
    }
