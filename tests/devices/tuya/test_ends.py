"""What runs ends: by its countdown, by a stop in whatever state, at a lost link, and when the device says nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devices.driver.vocabulary import START_VERB, STOP_VERB
from devices.errors import DeviceError, LinkLostError, UncertainError
from tests.helpers.sampling import sampled
from tests.helpers.tuya_links import Bench, bench

# What each is started with, and after how long its own timer ends that.
STARTS: dict[str, tuple[dict[str, Any], float]] = {
    "sporramom-w3": ({"phase": "stimulation", "level": 3, "duration_seconds": 900}, 900),
    "tuya-warmer": ({"celsius": 40.0, "duration_seconds": 600}, 600),
    "tuya-massage-chair": ({"intensity": 0.7, "duration_seconds": 90}, 120),  # whole minutes
}
every_timer = pytest.mark.parametrize("name", STARTS)
every_protocol = pytest.mark.parametrize(("protocol", "service"), [(3, "a201"), (4, "fd50")], ids=["v3", "v4"])
ALL = {**STARTS, "tuya-blanket": ({"celsius": 40.0, "duration_seconds": 600}, 0.0)}
every_product = pytest.mark.parametrize("name", ALL)


def verbs(b: Bench) -> tuple[str, str]:
    role = b.device.model.roles[0]
    return START_VERB[role], STOP_VERB[role]


async def started(b: Bench, name: str) -> float:
    """Start it, and return when that was."""
    await b.connected()
    start, stop = verbs(b)
    began_seconds = b.clock.now()
    await b.device.command(start, ALL[name][0], undone_by=stop)
    assert b.twin.body.run.running
    return began_seconds


@pytest.mark.system
@every_timer
@pytest.mark.parametrize("timer_counts", sampled(["always", "on", "off"], keep=lambda each: each != "off"))
async def test_a_start_sets_a_countdown_that_ends_it_without_a_stop(name: str, timer_counts: Any) -> None:
    async with bench(name) as b:
        b.twin.body.timer_counts = timer_counts
        began_seconds = await started(b, name)
        b.twin.faults.mute = True  # from here on, nobody hears of it
        ends_after_seconds = STARTS[name][1]
        await b.clock.sleep(began_seconds + ends_after_seconds - 2 - b.clock.now())
        assert b.twin.body.run.running
        await b.until(lambda: not b.twin.body.run.on, at_most_seconds=5)
        assert b.twin.body.run.record_end == "duration_ended"


@pytest.mark.system
async def test_the_countdown_that_is_left_is_reported_and_ends_with_the_run() -> None:
    async with bench("tuya-warmer") as b:
        await started(b, "tuya-warmer")
        await b.clock.sleep(100)
        assert 490 <= b.device.values["countdown"] <= 502
        await b.until(lambda: b.device.values["run_state"] == "stopped", at_most_seconds=600)
        b.twin.body.press_on()  # by hand, later: the old countdown is not its
        await b.clock.sleep(1200)
        assert b.twin.body.run.running


@pytest.mark.system
async def test_a_product_without_a_known_timer_runs_on_until_it_is_stopped() -> None:
    async with bench("tuya-blanket") as b:
        await started(b, "tuya-blanket")
        await b.clock.sleep(3600)
        assert b.twin.body.run.running
        await b.device.stop("off")
        assert not b.twin.body.run.on


@every_product
@every_protocol
async def test_a_stop_takes_effect_on_a_device_that_does_not_answer(name: str, protocol: int, service: str) -> None:
    async with bench(name, protocol=protocol, service=service) as b:
        await started(b, name)
        b.twin.faults.mute = True
        began_seconds = b.clock.now()
        with pytest.raises(UncertainError):
            await b.device.stop(verbs(b)[1])
        assert b.clock.now() - began_seconds <= 2.1
        assert not b.twin.body.run.on


@every_product
@every_protocol
async def test_what_a_lost_link_left_on_is_stopped_before_anything_else(name: str, protocol: int, service: str) -> None:
    async with bench(name, protocol=protocol, service=service) as b:
        await started(b, name)
        told = len(b.twin.writes)
        b.lose_link()
        await b.until(lambda: not b.device.link.connected)
        assert b.twin.body.run.running
        await b.connected()
        assert not b.twin.body.run.on
        stop = [next(iter(step.write)) for step in b.device.model.tuya.verbs[verbs(b)[1]]]
        assert {name for name, _ in b.twin.writes[told:]} == set(stop)


@every_product
async def test_a_stop_before_there_is_a_session_fails_at_once(name: str) -> None:
    async with bench(name) as b:
        b.twin.faults.mute = True
        await b.until(lambda: b.twin.server is not None and b.twin.server.connected)  # in the handshake
        began_seconds = b.clock.now()
        with pytest.raises(LinkLostError, match="was not running as far as is known"):
            await b.device.stop(verbs(b)[1])
        with pytest.raises(LinkLostError):
            await b.device.command(verbs(b)[0], ALL[name][0])
        assert b.clock.now() - began_seconds <= 0.5
        b.twin.faults.mute = False
        await b.connected()
        assert not b.twin.body.run.on
        assert not b.twin.writes


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.05, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("keeps_answers", [False, True], ids=["answers", "keeps its answers"])
async def test_a_stop_takes_effect_while_a_request_waits_for_its_answer(wait: float, keeps_answers: bool) -> None:
    async with bench() as b:
        await started(b, "sporramom-w3")
        b.twin.faults.keeps_answers = keeps_answers
        asking = asyncio.create_task(b.device._session.query())
        adjusting = asyncio.create_task(b.device.command("adjust", {"phase": "stimulation", "level": 4}))
        await b.clock.sleep(wait)
        stopping = asyncio.create_task(b.device.stop("stop"))
        await b.until(lambda: not b.twin.body.run.on, at_most_seconds=1)
        found = await asyncio.gather(asking, adjusting, stopping, return_exceptions=True)
        assert not [each for each in found if isinstance(each, Exception) and not isinstance(each, DeviceError)]
        await b.clock.sleep(5)
        assert not b.twin.body.run.on
        assert b.device.link.connected


async def test_a_device_that_never_answers_the_first_message_is_never_started() -> None:
    async with bench() as b:
        b.twin.faults.mute = True
        await b.until(lambda: bool(b.trouble))
        assert "did not answer the first message" in b.trouble
        with pytest.raises(LinkLostError):
            await b.device.command("start", ALL["sporramom-w3"][0])
        assert not b.twin.writes
