"""A Lovense answers OK to most commands, ERR to unknown ones, and its battery percentage; some never answer OK."""

from __future__ import annotations

import logging

import pytest

from devices.errors import RefusedError, UncertainError
from devices.profiles.profile_device import ProfileDevice
from devices.virtual.device_body import Battery
from devices.virtual.device_run import REFUSED
from devices.virtual.lovense import LovenseBody
from devices.virtual.twin import Twin
from tests.helpers.shipped_profiles import catalog
from tests.helpers.twins import driven

every_generation = pytest.mark.parametrize("generation", ["lovense-gen1", "lovense", "lovense-gen3"])


class Half(Battery):
    """A battery that stays at 50 %."""

    percent = 50.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(1)

    def advance(self, to_seconds: float, *, running: bool) -> None:
        """Do not discharge."""


def body_of(twin: Twin) -> LovenseBody:
    assert isinstance(twin.body, LovenseBody)
    return twin.body


def answers(twin: Twin) -> list[bytes]:
    """Return a list that collects every notification from now on."""
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
    await driver.link.write(driver.connection.characteristics["tx"], text.encode(), response=False)
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
        assert not twin.body.run.on


async def test_the_third_generation_is_on_a_service_of_its_own() -> None:
    async with driven("lovense-gen3") as (driver, twin, _):
        assert driver.connection.characteristics["tx"].service == "4c300001-0023-4bd4-bbd5-a6920e4c5653"
        assert driver.connection.characteristics["tx"].characteristic == "4c300002-0023-4bd4-bbd5-a6920e4c5653"
        assert driver.connection.characteristics["rx"].characteristic == "4c300003-0023-4bd4-bbd5-a6920e4c5653"
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        assert body_of(twin).intensity == pytest.approx(0.5)


async def test_after_power_off_it_no_longer_advertises() -> None:
    async with driven("lovense") as (driver, twin, clock):
        await say(driver, "Vibrate:10;")
        await say(driver, "PowerOff;")
        await clock.sleep(5)
        assert not twin.body.run.on
        assert not driver.link.connected


async def test_an_incomplete_command_waits_for_the_rest() -> None:
    async with driven("lovense") as (driver, twin, _):
        await say(driver, "Vibra")
        await say(driver, "te:10;Vib")
        assert body_of(twin).intensity == pytest.approx(0.5)


@every_generation
async def test_a_negative_answer_is_a_refusal_at_once(generation: str) -> None:
    async with driven(generation) as (driver, twin, clock):
        body_of(twin).run.fault = "too hot"
        began_seconds = clock.now()
        with pytest.raises(RefusedError, match="device refused run"):
            await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        assert clock.now() - began_seconds < 0.3
        assert not twin.body.run.on


async def test_a_refused_stop_is_uncertain() -> None:
    async with driven("lovense") as (driver, twin, _):
        body = body_of(twin)
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        command = body.command
        body.command = lambda name, values: REFUSED if name == "stop" else command(name, values)  # type: ignore[method-assign]
        with pytest.raises(UncertainError, match="device refused stop"):
            await driver.stop("stop")
        assert body.run.on


async def test_one_that_never_answers_ok_is_used_all_the_same_after_a_short_timeout() -> None:
    async with driven("lovense") as (driver, twin, clock):
        body_of(twin).acknowledges = False
        began_seconds = clock.now()
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        assert clock.now() - began_seconds == pytest.approx(0.5, abs=0.2)
        assert body_of(twin).intensity == pytest.approx(0.5)
        await driver.stop("stop")
        assert not twin.body.run.on


async def test_one_that_cannot_stop_on_link_loss_is_connected_all_the_same() -> None:
    async with driven("lovense") as (driver, twin, clock):
        assert body_of(twin).stops_on_link_loss
        body_of(twin).knows_auto_switch = body_of(twin).stops_on_link_loss = False
        assert twin.server is not None
        await twin.server.drop_link()
        await clock.sleep(10)
        assert driver.link.connected
        await driver.command("run", {"intensity": 0.5}, undone_by="stop")
        twin.body.lose_link()
        assert twin.body.run.on


async def test_its_address_is_neither_stored_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="devices.profiles"):
        async with driven("lovense") as (driver, _, clock):
            await clock.sleep(10)
            assert (driver.values["model"], driver.values["firmware"]) == ("L", "11")
            assert "CAFE" not in str(driver.values)
            assert driver.dropped_packets == 0
    assert "CAFE" not in caplog.text


def test_all_generations_share_their_commands() -> None:
    profiles = [catalog().get(each) for each in ("lovense-gen1", "lovense", "lovense-gen3")]
    alike = [
        (each.text, each.commands, each.reports, each.answer, each.connection, each.examples)
        for each in profiles
        if each
    ]
    assert len(alike) == 3
    assert alike[0] == alike[1] == alike[2]
