"""Devices that only advertise: each advertisement is handled at once, no connection is made, and silence is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable

import pytest

from devices.bluetooth.advertisement import Advertisement, ByAddress, ByName, Wanted
from devices.bluetooth.advertisement_link import AdvertisementLink
from devices.bluetooth.link import CharacteristicRef
from devices.bluetooth.radio import Radio
from devices.errors import LinkLostError
from devices.roles import LinkState
from devices.support.clock import ScaledClock
from tests.helpers.scripted_radio import NEIGHBOURS, OURS, Scanner, ScriptedBackend, turns

SILENT_SECONDS = 300.0


@contextlib.asynccontextmanager
async def listening(
    wanted: Wanted, on_heard: Callable[[Advertisement], None]
) -> AsyncIterator[tuple[AdvertisementLink, ScaledClock, list[LinkState]]]:
    clock, states = ScaledClock(math.inf), []

    @contextlib.asynccontextmanager
    async def backend() -> AsyncIterator[ScriptedBackend]:
        yield ScriptedBackend()

    async with Radio(clock, backend) as radio:
        link = AdvertisementLink(
            radio, clock, "chair", wanted, on_heard, lambda: states.append(link.state), SILENT_SECONDS
        )
        task = asyncio.create_task(link.run())
        await turns()
        try:
            yield link, clock, states
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("wanted", [ByAddress(OURS), ByName("Chair"), lambda seen: seen.address == OURS])
async def test_every_advertisement_of_the_wanted_device_is_heard_at_once(wanted: Wanted) -> None:
    heard: list[Advertisement] = []
    async with listening(wanted, heard.append) as (link, _, states):
        assert not link.connected
        for _ in range(3):
            Scanner.latest.advertise_once(OURS, "Chair")
            Scanner.latest.advertise_once(NEIGHBOURS, "Table")
        assert [each.address for each in heard] == [OURS] * 3
        assert link.connected
        assert link.advertisement is heard[-1]
    Scanner.latest.advertise_once(OURS, "Chair")
    assert len(heard) == 3
    assert states == [LinkState.HEARD, LinkState.CLOSED]


async def test_what_was_silent_for_long_is_gone_until_it_is_heard_again() -> None:
    async with listening(ByAddress(OURS), lambda _: None) as (link, clock, states):
        Scanner.latest.advertise_once(OURS, None)
        await clock.sleep(SILENT_SECONDS - 70)
        assert link.connected
        await clock.sleep(140)
        assert not link.connected
        assert link.problem == "no advertisement was received for 5 min"
        Scanner.latest.advertise_once(OURS, None)
        assert link.problem is None
        assert states == [LinkState.HEARD, LinkState.SEARCHING, LinkState.HEARD]


async def test_an_error_does_not_end_the_scan(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Advertisement) -> None:
        raise ValueError("a bug")

    async with listening(ByAddress(OURS), fail) as (link, _, _):
        Scanner.latest.advertise_once(OURS, None)
        assert link.connected
    assert "chair: an advertisement could not be handled" in caplog.text


async def test_nothing_can_be_written_to_it() -> None:
    async with listening(ByAddress(OURS), lambda _: None) as (link, _, _):
        Scanner.latest.advertise_once(OURS, None)
        with pytest.raises(LinkLostError):
            await link.write(CharacteristicRef(handle=3), b"x", response=False)
