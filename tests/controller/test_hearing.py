"""Whether Bluetooth hears anything, as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import math

import pytest

from controller.events import Hearing, Stream
from controller.hearing import DEAF_SECONDS, Ears
from devices.clock import ScaledClock
from devices.radio import Radio


class Silent:
    """A station, of which only this is asked."""

    hears = False


@pytest.fixture
def clock() -> ScaledClock:
    return ScaledClock(math.inf)


async def test_a_radio_that_hears_nothing_is_offline_until_it_hears_something(clock: ScaledClock) -> None:
    radio, stream, station, told = Radio(clock), Stream(), Silent(), []
    stream.subscribe(lambda item: told.append((clock.now(), item.online)) if isinstance(item, Hearing) else None)
    ears = asyncio.create_task(Ears(clock, radio, [station], stream).run())
    await clock.sleep(DEAF_SECONDS - 10)
    assert [online for _, online in told] == [True]
    await clock.sleep(20)
    assert [online for _, online in told] == [True, False]
    radio.heard_at_seconds = clock.now()
    await clock.sleep(10)
    assert [online for _, online in told] == [True, False, True]
    await clock.sleep(DEAF_SECONDS + 10)
    assert [online for _, online in told] == [True, False, True, False]
    station.hears = True  # who is connected need not advertise
    await clock.sleep(10)
    assert [online for _, online in told][-1]
    ears.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ears
