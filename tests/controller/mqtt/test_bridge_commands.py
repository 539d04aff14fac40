"""How the bridge takes commands, on a real broker."""

from __future__ import annotations

import asyncio

import pytest

from controller.contract.commands import Action, StartArgs, parse_command
from controller.mqtt.mqtt_settings import BrokerUrl
from tests.helpers.mqtt_listener import STATION, TOPICS, Desk, Ear, bridge_to, noted_subscriptions, running
from tests.helpers.patience import until


async def test_commands_are_subscribed_to_with_qos_1_and_all_else_with_qos_0(
    broker: BrokerUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = noted_subscriptions(monkeypatch)
    bridge = bridge_to(broker)
    bridge.listen("others/status", lambda *_: None)
    async with running(bridge):
        pass
    assert {topic for topic, qos in asked.items() if qos == 1} == set(bridge.commands.filters)
    assert {topic for topic, qos in asked.items() if qos == 0} == {TOPICS.status(), "others/status"}


async def test_a_command_is_handed_in_and_its_reply_goes_out(broker: BrokerUrl, other: Ear) -> None:
    desk = Desk()
    async with running(bridge_to(broker, desk=desk)):
        await other.command({"id": "7", "action": "start", "args": {"routine": "gentle"}})
        await until(lambda: bool(other.replies()))
    station, command, args, retained = desk.asked[0]
    assert (station, command.action, args, retained) == (STATION, Action.START, StartArgs(routine="gentle"), False)
    assert other.replies() == [
        {
            "id": "7",
            "action": "start",
            "outcome": "accepted",
            "reasons": [],
            "keys": [],
            "detail": None,
            "session_id": None,
            "devices": None,
            "epoch": None,
        }
    ]


@pytest.mark.parametrize("payload", ["", "start!", "[]", '{"action": "fly"}', "x" * 20_000, '{"id": "9"}'])
async def test_what_is_no_command_is_refused(broker: BrokerUrl, other: Ear, payload: str) -> None:
    desk = Desk()
    async with running(bridge_to(broker, desk=desk)):
        await other.command(payload)
        await until(lambda: bool(other.replies()))
    assert other.replies()[0]["outcome"] == "refused"
    assert other.replies()[0]["reasons"]
    assert other.replies()[0]["keys"] == ["bad_command"]
    assert desk.asked == []


@pytest.mark.parametrize(
    "payload", ["stop", '{"id": "1", "action": "stop', '{"action": "stop", "x": "' + "x" * 100_000 + '"}']
)
async def test_a_stop_in_a_broken_payload_is_carried_out(broker: BrokerUrl, other: Ear, payload: str) -> None:
    desk = Desk()
    async with running(bridge_to(broker, desk=desk)):
        await other.command(payload)
        await until(lambda: bool(other.replies()))
    assert desk.actions() == ["stop"]
    assert other.replies()[0]["outcome"] == "accepted"


async def test_a_command_that_breaks_the_reader_costs_no_connection(broker: BrokerUrl, other: Ear) -> None:
    desk = Desk()
    bridge = bridge_to(broker, desk=desk)
    async with running(bridge):
        bridge.commands.register(TOPICS.command(STATION), STATION, lambda _: 1 / 0)
        await other.command({"action": "skip"})
        await until(lambda: bool(other.replies()))
        bridge.commands.register(TOPICS.command(STATION), STATION, parse_command)
        await other.command({"action": "stop"})
        await until(lambda: desk.actions() == ["stop"])
    assert other.replies()[0]["outcome"] == "refused"


async def test_a_retained_command_is_handed_in_as_one(broker: BrokerUrl, other: Ear) -> None:
    await other.command({"action": "start"}, retain=True)
    desk = Desk()
    async with running(bridge_to(broker, desk=desk)):
        await until(lambda: bool(desk.asked))
    assert desk.asked[0][3] is True


async def test_an_error_in_handling_is_a_failed_reply(
    broker: BrokerUrl, other: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    desk.error = KeyError("oops")
    async with running(bridge_to(broker, desk=desk)):
        await other.command({"id": "1", "action": "skip"})
        await until(lambda: bool(other.replies()))
        desk.error = None
        await other.command({"id": "2", "action": "skip"})
        await until(lambda: len(other.replies()) == 2)
    assert [reply["outcome"] for reply in other.replies()] == ["failed", "accepted"]
    assert "oops" in caplog.text
    assert "oops" not in str(other.replies())


async def test_pain_never_waits_and_too_many_others_are_refused(broker: BrokerUrl, other: Ear) -> None:
    desk = Desk()
    desk.slow = True
    async with running(bridge_to(broker, desk=desk)):
        for number in range(34):
            await other.command({"id": str(number), "action": "skip"})
        await until(lambda: len(other.replies()) == 2)
        assert {reply["outcome"] for reply in other.replies()} == {"refused"}
        assert other.replies()[0]["keys"] == ["too_many_commands"]
        await other.command({"id": "p", "action": "pain"})
        await until(lambda: len(other.replies()) == 3)
        assert other.replies()[2]["id"] == "p"
        desk.let_go.set()
        await until(lambda: len(other.replies()) == 35)


@pytest.mark.system
async def test_a_stop_gets_through_a_flood(broker: BrokerUrl, other: Ear) -> None:
    desk = Desk()
    async with running(bridge_to(broker, desk=desk)):
        flood = [other.client.publish(TOPICS.command(STATION), "junk") for _ in range(500)]
        await asyncio.gather(*flood)
        await other.command({"id": "s", "action": "stop"})
        await until(lambda: "stop" in desk.actions())
