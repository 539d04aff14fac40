"""A Lovense answers OK to most, ERR to what it does not know, and its charge; some of them say nothing."""

from __future__ import annotations

import logging

import pytest

from devices.errors import RefusedError, UncertainError
from devices.profiles.driver import ProfileDevice
from devices.virtual.battery import Battery
from devices.virtual.lovense import LovenseBody
from devices.virtual.twin import Twin
from tests.devices.virtual.shipped import catalog
from tests.devices.virtual.test_twin import driven

every_generation = pytest.mark.parametrize("generation", ["lovense-gen1", "lovense", "lovense-gen3"])


class Half(Battery):
    """A battery that is half full, whatever is asked of it."""

    percent = 50.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(1)

    def advance(self, to_seconds: float, *, running: bool) -> None:
        """Change nothing."""


def body_of(twin: Twin) -> LovenseBody:
    assert isinstance(twin.body, LovenseBody)
    return twin.body


def answers(twin: Twin) -> list[bytes]:
    """Return a list that everything the twin says from now on goes into."""
    assert twin.server is not None
    heard: list[bytes] = []
    notify = twin.server.notify

    def notify_and_note(uuid: str, data: bytes) -> None:
        heard.append(data)
        notify(uuid, data)

    twin.server.notify = notify_and_note  # type: ignore[method-assign]
    return heard


async def say(driver: ProfileDevice, text: str) -> None:
    """Write what our driver never would."""
    await driver.link.write(driver.places["tx"], text.encode(), response=False)
    await driver.clock.sleep(0.1)


@every_generation
async def test_it_answers_as_published(generation: str) -> None:
    async with driven(generation) as (driver, twin, _):
        heard = answers(twin)
        body_of(twin).battery = Half()
        for said, answer in [
            ("Vibrate:10;", b"OK;"),
            ("Battery;", b"s50;"),
            ("Vibrate:0;", b"OK;"),
            ("Battery;", b"50;"),
            ("DeviceType;", b"L:11:0000CAFE0000;"),
            ("RotateChange;", b"ERR;"),
            ("vibrate:10;", b"ERR;"),
            ("Vibrate:21;", b"ERR;"),
            ("GetBatch;", b"190124;"),
            ("Status:1;", b"2;"),
            ("GetAS;", b"AutoSwith:1:0;"),
        ]:
            heard.clear()
            await say(driver, said)
            assert heard == [answer], said
        assert not twin.body.duty.on


async def test_the_third_generation_is_on_a_service_of_its_own() -> None:
    async with driven("lovense-gen3") as (driver, twin, _):
        assert driver.places["tx"].service == "4c300001-0023-4bd4-bbd5-a6920e4c5653"
        assert driver.places["tx"].characteristic == "4c300002-0023-4bd4-bbd5-a6920e4c5653"
        assert driver.places["rx"].characteristic == "4c300003-0023-4bd4-bbd5-a6920e4c5653"
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        assert body_of(twin).intensity == pytest.approx(0.5)


async def test_it_switches_itself_off_and_is_gone() -> None:
    async with driven("lovense") as (driver, twin, clock):
        await say(driver, "Vibrate:10;")
        await say(driver, "PowerOff;")
        await clock.sleep(5)
        assert not twin.body.duty.on
        assert not driver.link.connected


async def test_half_a_command_waits_for_the_rest() -> None:
    async with driven("lovense") as (driver, twin, _):
        await say(driver, "Vibra")
        await say(driver, "te:10;Vib")
        assert body_of(twin).intensity == pytest.approx(0.5)


@every_generation
async def test_a_negative_answer_is_a_refusal_at_once(generation: str) -> None:
    async with driven(generation) as (driver, twin, clock):
        body_of(twin).duty.fault = "too hot"
        began_seconds = clock.now()
        with pytest.raises(RefusedError, match="device turned run down"):
            await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        assert clock.now() - began_seconds < 0.3
        assert not twin.body.duty.on


async def test_a_stop_that_it_turns_down_is_uncertain() -> None:
    async with driven("lovense") as (driver, twin, _):
        body = body_of(twin)
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        command = body.command
        body.command = lambda name, values: body.refusal if name == "stop" else command(name, values)  # type: ignore[method-assign]
        with pytest.raises(UncertainError, match="device turned stop down"):
            await driver.stop("stop")
        assert body.duty.on


async def test_one_that_never_says_ok_is_used_all_the_same_and_not_waited_for_long() -> None:
    async with driven("lovense") as (driver, twin, clock):
        body_of(twin).wire.says_ok = False
        began_seconds = clock.now()
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        assert clock.now() - began_seconds == pytest.approx(0.5, abs=0.2)
        assert body_of(twin).intensity == pytest.approx(0.5)
        await driver.stop("stop")
        assert not twin.body.duty.on


async def test_one_that_does_not_know_how_to_stop_alone_is_connected_all_the_same() -> None:
    async with driven("lovense") as (driver, twin, clock):
        assert body_of(twin).stops_alone
        body_of(twin).knows_auto_switch = body_of(twin).stops_alone = False
        assert twin.server is not None
        await twin.server.drop_link()
        await clock.sleep(10)
        assert driver.link.connected
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        twin.body.lose_link()
        assert twin.body.duty.on


async def test_its_address_is_neither_kept_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="devices.profiles"):
        async with driven("lovense") as (driver, _, clock):
            await clock.sleep(10)
            assert (driver.values["model"], driver.values["firmware"]) == ("L", "11")
            assert "CAFE" not in str(driver.values)
            assert driver.dropped_packets == 0
    assert "CAFE" not in caplog.text


def test_all_generations_say_the_same() -> None:
    profiles = [catalog().get(each) for each in ("lovense-gen1", "lovense", "lovense-gen3")]
    alike = [
        (each.text, each.commands, each.reports, each.answer, each.session, each.examples) for each in profiles if each
    ]
    assert len(alike) == 3
    assert alike[0] == alike[1] == alike[2]
