"""Pain is never accepted while a device was not reached, and the guide says what to do by hand with each."""

from __future__ import annotations

import pytest

from tests.helpers.home import ALL, running_home


async def test_pain_is_accepted_when_every_device_confirms_that_it_stopped() -> None:
    async with running_home() as house:
        await house.reach("express")
        reply = await house.send("pain")
        assert reply.outcome == "accepted"
        assert set((reply.devices or {}).values()) == {"stopped"}


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("running", [True, False])
async def test_pain_fails_for_a_device_out_of_reach_and_names_it(key: str, running: bool) -> None:
    async with running_home() as house:
        if running:
            await house.reach("express", run_seconds=5)
        house.lose_link(key, for_good=True)
        await house.elapse(2)
        reply = await house.send("pain")
        assert reply.outcome == "failed"
        assert (reply.devices or {})[key] in ("unreachable", "uncertain")
        assert any(key in reason for reason in reply.reasons)
        assert key in house.recorded.guide.words
        words = {"left-pump": "flange", "right-pump": "flange", "warm-pad": "skin", "massager": "button"}[key]
        assert words in house.recorded.guide.words


async def test_pain_fails_for_a_device_that_ignores_its_stop() -> None:
    async with running_home() as house:
        await house.reach("express")
        house.break_ears("right-pump")
        reply = await house.send("pain")
        assert reply.outcome == "failed"
        assert (reply.devices or {})["right-pump"] == "uncertain"
        assert "right-pump" in house.recorded.guide.words


async def test_a_stop_with_a_device_out_of_reach_is_accepted_and_the_reply_names_it() -> None:
    async with running_home() as house:
        house.lose_link("warm-pad", for_good=True)
        await house.reach("express", "milk")
        reply = await house.send("stop")
        assert reply.outcome == "accepted"
        assert any("warm-pad was not reached" in reason for reason in reply.reasons)
