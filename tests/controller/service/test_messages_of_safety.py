"""The guide never goes on about what is over: an acknowledged stop, or a device that was on by hand."""

from __future__ import annotations

from devices.roles import Side
from tests.helpers.home import PUMPS, RunningHome, running_home
from tests.helpers.own_controls import press_off, press_on

BY_HAND_MMHG = 60


async def trip(house: RunningHome) -> None:
    await house.reach("express", "milk")
    house.home.pumps[Side.LEFT].suction.overpressure = 250
    await house.until(lambda: house.recorded.snapshot.trip is not None, within_seconds=20)
    house.home.pumps[Side.LEFT].suction.overpressure = 0
    await house.elapse(5)


async def test_after_an_acknowledgement_nothing_asks_for_one() -> None:
    async with running_home() as house:
        await trip(house)
        assert "until you acknowledge this" in house.recorded.guide.words
        await house.send("acknowledge")
        assert house.recorded.guide.words == house.words.messages["acknowledged"]
        assert house.recorded.guide.title == house.words.titles["acknowledged"]


async def test_what_is_off_again_is_no_longer_said_to_be_on() -> None:
    async with running_home() as house:
        press_on(house.home.twins["left-pump"], BY_HAND_MMHG)
        await house.until(lambda: house.recorded.snapshot.running_outside, within_seconds=5)
        assert house.recorded.guide.words == house.words.message("runs_outside", device="left-pump")
        press_off(house.home.twins["left-pump"])
        await house.until(lambda: not house.recorded.snapshot.running_outside, within_seconds=5)
        assert house.recorded.guide.words == house.words.message("settled", device="left-pump")


async def test_what_was_stopped_from_here_is_no_longer_said_to_be_on() -> None:
    async with running_home() as house:
        press_on(house.home.twins["left-pump"], BY_HAND_MMHG)
        await house.until(lambda: house.recorded.snapshot.running_outside, within_seconds=5)
        await house.send("stop")
        await house.until(lambda: not house.recorded.snapshot.running_outside, within_seconds=5)
        assert house.recorded.guide.words == house.words.message("settled", device="left-pump")


async def test_what_comes_on_again_after_a_stop_stays_a_warning() -> None:
    async with running_home() as house:
        press_on(house.home.twins["left-pump"], BY_HAND_MMHG)
        await house.until(lambda: house.recorded.snapshot.running_outside, within_seconds=5)
        await house.send("stop")
        await house.until(lambda: not house.recorded.snapshot.running_outside, within_seconds=5)
        press_on(house.home.twins["left-pump"], BY_HAND_MMHG)
        await house.until(lambda: house.recorded.snapshot.running_outside, within_seconds=5)
        await house.until(lambda: not house.recorded.snapshot.running_outside, within_seconds=5)
        assert house.recorded.guide.words == house.words.message("switched_on_again", device="left-pump")


async def test_a_device_on_by_hand_that_is_lost_is_not_said_to_be_off() -> None:
    async with running_home() as house:
        press_on(house.home.twins["left-pump"], BY_HAND_MMHG)
        await house.until(lambda: house.recorded.snapshot.running_outside, within_seconds=5)
        house.lose_link("left-pump", for_good=True)
        await house.elapse(5)
        assert house.recorded.guide.words != house.words.message("settled", device="left-pump")


async def test_of_two_devices_that_may_still_run_both_are_named() -> None:
    async with running_home() as house:
        await house.reach("express", "milk")
        for key in PUMPS:
            house.silence(key)
        await house.send("stop")
        await house.until(lambda: len(house.recorded.snapshot.uncertain) == len(PUMPS), within_seconds=30)
        await house.elapse(1)
        guide = house.recorded.guide
        assert guide.words == house.words.uncertain(house.recorded.snapshot.uncertain)
        assert guide.title == house.words.titles["uncertain_several"]
        assert all(key in guide.words for key in PUMPS)
        await house.send("acknowledge")
        assert house.recorded.guide.words == house.words.messages["acknowledged"]
