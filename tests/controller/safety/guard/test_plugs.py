"""A pad on a plug in the guard: at the relay, on only inside a block, and within the budget of heat nobody measures."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

import pytest

from controller.safety.guard import Guard
from controller.safety.limits import OwnerLimits
from controller.safety.message import NotAllowedError
from controller.safety.persistence import InMemoryPersistence
from devices.roles import Capability
from tests.helpers.plug_simulators import KINDS
from tests.helpers.plugged import LEASE_SECONDS, Plugged, plugged

every_kind = pytest.mark.parametrize("profile", KINDS)


@contextlib.asynccontextmanager
async def guarded(
    profile: str, *, manual_use: Literal["watch", "stop"] = "watch"
) -> AsyncIterator[tuple[Plugged, Guard]]:
    async with plugged(profile) as it:
        owner = OwnerLimits(heat_without_temperature=True, manual_use=manual_use)
        guard = Guard(it.clock, owner, [it.role], InMemoryPersistence())
        supervisor = asyncio.create_task(guard.run())
        try:
            await it.connected()
            await it.clock.sleep(2)
            yield it, guard
        finally:
            supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await supervisor


@every_kind
async def test_it_is_on_inside_a_block_and_off_outside(profile: str) -> None:
    async with guarded(profile) as (it, guard):
        async with guard.heat([it.role], 40, at_most_seconds=120):
            await it.clock.sleep(60)
            assert [on for _, on, _ in it.plug.changes] == [True]
        assert [why for _, _, why in it.plug.changes] == ["commanded", "commanded"]
        assert guard.trip is None
        assert not guard.uncertain


@every_kind
async def test_it_counts_as_heat_that_nobody_measures(profile: str) -> None:
    async with guarded(profile) as (it, guard):
        assert Capability.TARGET_CELSIUS not in it.role.capabilities
        async with guard.heat([it.role], 40, at_most_seconds=900) as seconds:
            assert seconds == 300
            await it.clock.sleep(299)
            assert it.plug.on
        with pytest.raises(NotAllowedError):
            async with guard.heat([it.role], 40, at_most_seconds=300):
                pass
        assert len(it.plug.times(True)) == 1


@every_kind
async def test_one_that_a_person_switches_off_ends_the_block_and_stays_off(profile: str) -> None:
    async with guarded(profile) as (it, guard):
        async with guard.heat([it.role], 40, at_most_seconds=120):
            await it.clock.sleep(10)
            it.plug.press_button()
            await it.clock.sleep(30)
            assert not it.plug.on
        assert [why for _, _, why in it.plug.changes] == ["commanded", "button"]


@every_kind
async def test_one_that_loses_its_network_trips_and_is_off_by_its_own_timer(profile: str) -> None:
    async with guarded(profile) as (it, guard):
        with contextlib.suppress(Exception):
            async with guard.heat([it.role], 40, at_most_seconds=120):
                await it.clock.sleep(10)
                it.bus.passes = False
                cut = it.clock.now()
                await it.clock.sleep(30)
        assert guard.trip is not None
        assert it.plug.changes[-1][2] == "timer"
        assert it.plug.times(False)[-1] - cut <= LEASE_SECONDS + 0.2
        assert guard.uncertain == ("warm-plug",)


@every_kind
async def test_switched_on_by_hand_it_is_reported_and_after_a_stop_it_is_stopped(profile: str) -> None:
    async with guarded(profile) as (it, guard):
        it.plug.press_button()
        await it.clock.sleep(2)
        assert guard.running_outside == ("warm-plug",)
        assert it.plug.on
        await guard.stop_all()
        assert not it.plug.on
        it.plug.press_button()
        pressed = it.clock.now()
        await it.until(lambda: not it.plug.on, 2)
        assert it.clock.now() - pressed < 1.2


@every_kind
async def test_where_the_owner_wants_no_manual_use_it_is_stopped(profile: str) -> None:
    async with guarded(profile, manual_use="stop") as (it, _):
        it.plug.press_button()
        await it.until(lambda: not it.plug.on, 2)


@every_kind
async def test_what_it_was_told_before_a_broker_was_lost_is_never_told_again(profile: str) -> None:
    async with guarded(profile) as (it, guard):
        with contextlib.suppress(Exception):
            async with guard.heat([it.role], 40, at_most_seconds=120):
                await it.clock.sleep(10)
                it.bus.up = False
                await it.clock.sleep(20)
        it.bus.up = True
        await it.connected()
        ons = len(it.switch_ons())
        await it.clock.sleep(120)
        assert len(it.switch_ons()) == ons
        assert len(it.plug.times(True)) == 1
        assert not guard.uncertain, "its stop was confirmed once it was back"
