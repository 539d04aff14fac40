"""A button is shown like any device: in its view, `about`, Home Assistant and the listings; and its key nowhere."""

from __future__ import annotations

import asyncio
import json

import pytest

from controller.assembly.bridge_building import features_of
from controller.assembly.device_opening import open_device
from controller.assembly.extras import SetupError
from controller.cli.listings import advertisement_rows, device_rows
from controller.contract.event_data import ButtonPressedData
from controller.contract.events import DeviceView, Event
from controller.contract.features.button_features import button_features
from controller.contract.features.feature import FeatureKind
from controller.mqtt.home_assistant import payloads
from controller.mqtt.minimal import minimal
from controller.mqtt.topics import Topics
from controller.service.describe_node import describe_node
from controller.service.device_publisher import DevicePublisher
from controller.settings import Settings
from devices.bthome.bthome_device import BthomeDevice
from devices.roles import ButtonReading, LinkState, PressEvent, PressMeaning, Side
from devices.support.clock import ScaledClock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import COMFORTABLE, STATION, catalog
from tests.helpers.pressed_home import ADDRESS, KEY, NAME, pressed_home


def settings(**more: object) -> Settings:
    device = {"name": NAME, "profile": "bthome-button", "address": ADDRESS, **more}
    return Settings.model_validate({"stations": {STATION: {"devices": [device]}}})


async def test_its_last_press_and_battery_are_published() -> None:
    async with pressed_home(key=KEY) as pressed:
        house = pressed.house
        publisher = DevicePublisher(STATION, house.station.all_roles, house.clock, house.stream)
        task = asyncio.create_task(publisher.run())
        await pressed.twin.press(PressEvent.LONG_PRESS)
        await house.elapse(3)
        task.cancel()
        view = house.recorded.device(NAME)
        assert isinstance(view, DeviceView)
        assert view.reading == ButtonReading(last_press=PressEvent.LONG_PRESS, battery_percent=100)
        assert (view.link, view.available, view.connected, view.cautions) == (LinkState.HEARD, True, True, ())
        assert not publisher.all_connected  # its advertisements are waited for, so the scan is kept alive
        about = describe_node("node", [house.station], {}, COMFORTABLE, "en", recent_sessions=False)
        (button,) = [each for each in about.stations[0].devices if each.role == "button"]
        assert (button.name, button.profile) == (NAME, "bthome-button")
        features = features_of(house.station, Settings(), (), keeps_history=False)
        (shown,) = [device for device in features.devices if device.role == "button"]
        assert [each.id for each in shown.features] == ["press_event", "battery", "connected"]
        assert all(each.action is None and not each.payloads for each in shown.features)
        everything = about.model_dump_json() + "".join(map(str, house.recorded.items))
        assert KEY not in everything
        assert ADDRESS not in everything


def test_home_assistant_gets_the_presses_of_this_button_alone() -> None:
    (press, *_) = button_features('a "chair"', frozenset())
    assert press.kind is FeatureKind.EVENT
    assert set(press.options) == {each.value for each in PressEvent}


async def test_its_events_come_from_the_topic_of_events() -> None:
    async with pressed_home() as pressed:
        features = features_of(pressed.house.station, Settings(), (), keeps_history=False)
    found = payloads(Topics("letdown", "node"), [features], "1", "homeassistant")
    (entity,) = [
        each for payload in found.values() for name, each in payload["components"].items() if name == "press_event"
    ]
    assert (entity["platform"], entity["state_topic"]) == ("event", "letdown/home/event")
    assert json.dumps(NAME) in entity["value_template"]
    assert entity["availability"] == [{"topic": Topics("letdown", "node").status()}]


def test_minimal_says_that_it_was_pressed_and_not_for_what() -> None:
    data = ButtonPressedData(
        device=NAME, press=PressEvent.PRESS, trust="verified", did=PressMeaning.LET_DOWN, words="let-down"
    )
    shown = minimal(Event.of(STATION, None, data))
    assert isinstance(shown, Event)
    assert isinstance(shown.data, ButtonPressedData)
    assert (shown.data.device, shown.data.did, shown.data.words) == (NAME, None, None)


async def test_one_nearby_is_found_by_its_service_data_and_named_by_its_address() -> None:
    clock, air = ScaledClock(1000), Air()
    home = Home(clock, catalog(), [DescribedDevice(NAME, "bthome-button", "Chair", Side.BOTH)], seed=1)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        await radio.find(lambda seen: seen.name == "Chair", -1)
        (row,) = advertisement_rows(radio, Settings(), catalog(), whole_addresses=True)
    assert row["profile"] == "bthome-button"
    assert any(line.startswith("  address:") for line in row["settings"])
    assert not any("allow_unverified" in line for line in row["settings"])


def test_one_in_the_settings_needs_nothing_and_has_no_cautions() -> None:
    (row,) = device_rows(settings(), catalog())
    assert (row["roles"], row["needs"], row["cautions"]) == (["button"], [], [])
    assert set(row["capabilities"]) == {"reports_presses", "reports_battery"}


async def test_it_is_opened_with_its_key_and_needs_an_address() -> None:
    clock, air = ScaledClock(1000), Air()
    async with radio_on_air(clock, air) as radio:
        (device,) = settings(bthome={"bindkey": KEY, "presses": {"press": "let_down"}}).stations[STATION].devices
        opened = open_device(device, clock, radio, catalog())
        assert isinstance(opened, BthomeDevice)
        assert (opened._key, opened.may_control) == (bytes.fromhex(KEY), False)
        by_name = device.model_copy(update={"address": None, "advertised_name": "Chair"})
        with pytest.raises(SetupError, match="name its address"):
            open_device(by_name, clock, radio, catalog())
