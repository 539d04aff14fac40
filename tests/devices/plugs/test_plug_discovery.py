"""Plugs are found by what each kind announces on the broker, and nothing is switched to find them."""

from __future__ import annotations

import json
import math

import pytest

from devices.plugs.broker_connection import ReceivedMessage
from devices.plugs.plug_discovery import FoundPlug, announced, find_plugs
from devices.support.clock import ScaledClock
from tests.helpers.message_bus import MessageBus
from tests.helpers.plug_simulators import KINDS

TASMOTA = {"t": "tasmota_4F2A1C", "dn": "Pad", "ft": "%prefix%/%topic%/", "tp": ["cmnd", "stat", "tele"], "rl": [1, 0]}


def from_tasmota(**changes: object) -> list[FoundPlug]:
    payload = json.dumps(TASMOTA | changes).encode()
    return list(announced(ReceivedMessage("tasmota/discovery/A1B2C3/config", payload, retained=True), "me"))


@pytest.mark.parametrize("profile", KINDS)
async def test_a_plug_of_each_kind_is_found_and_not_switched(profile: str) -> None:
    clock, bus = ScaledClock(math.inf), MessageBus()
    plug = KINDS[profile](clock, bus.send)
    bus.plug = plug
    plug.introduce()
    (found,) = await find_plugs(bus.open, clock, 3, "me")
    assert (found.kind, found.settings, found.refusal) == (profile.removesuffix("-plug"), {"topic": plug.topic}, None)
    assert not plug.changes
    assert all("Get" in payload for _, payload, _ in bus.published)


async def test_nobody_but_a_shelly_is_asked_anything() -> None:
    clock, bus = ScaledClock(math.inf), MessageBus()
    for topic in ("heater/online", "letdown/online", "shelly/deep/online"):
        bus.send(topic, "true", True)
    assert await find_plugs(bus.open, clock, 3, "me") == []
    assert bus.published == []


def test_of_tasmota_with_several_relays_each_is_a_plug() -> None:
    found = from_tasmota(rl=[1, 1, 0])
    assert [each.settings for each in found] == [
        {"topic": "tasmota_4F2A1C", "channel": 1},
        {"topic": "tasmota_4F2A1C", "channel": 2},
    ]


def test_of_tasmota_what_was_changed_is_in_the_settings_or_refused() -> None:
    assert from_tasmota(ft="home/%prefix%/%topic%/")[0].settings["full_topic"] == "home/%prefix%/%topic%/"
    assert "Prefix1" in (from_tasmota(tp=["c", "s", "t"])[0].refusal or "")
    assert from_tasmota(rl=[2, 0]) == []  # a light


def test_another_base_topic_of_zigbee2mqtt_is_in_the_settings() -> None:
    state = {"property": "state", "access": 7}
    device = {"friendly_name": "bed/pad", "definition": {"exposes": [{"type": "switch", "features": [state]}]}}
    lamp = {"friendly_name": "lamp", "definition": {"exposes": [{"type": "light", "features": [state]}]}}
    message = ReceivedMessage("z2m/bridge/devices", json.dumps([device, lamp, {"definition": None}, 3]).encode())
    assert list(announced(message, "me")) == [
        FoundPlug("zigbee2mqtt", "bed/pad", {"topic": "z2m/bed/pad", "base": "z2m"})
    ]


@pytest.mark.parametrize(
    "payload", [b"", b"[", b"[" * 5000, b"null", b"[[]]", b'{"t": 1, "rl": [1]}', b'{"result": 1}', b"\xff"]
)
@pytest.mark.parametrize("topic", ["zigbee2mqtt/bridge/devices", "tasmota/discovery/A1/config", "me/rpc"])
def test_what_cannot_be_read_announces_nothing(topic: str, payload: bytes) -> None:
    assert list(announced(ReceivedMessage(topic, payload), "me")) == []
