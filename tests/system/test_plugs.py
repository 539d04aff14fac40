"""Plugs of all three kinds on mosquitto, heating for a real service: at the relay, whatever happens to the rest."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.mqtt.mqtt_settings import MqttSettings
from controller.safety.limits import LEASE_SECONDS
from controller.settings import load_settings
from controller.setup.elsewhere import devices_elsewhere, entry_elsewhere
from controller.setup.setup_draft import SetupDraft
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.support.clock import RealClock
from tests.helpers.mosquitto import mosquitto
from tests.helpers.mqtt_listener import TOPICS, Ear, ear
from tests.helpers.plug_simulators import KINDS
from tests.helpers.plugs_on_air import PlugHome, plug_home
from tests.helpers.service_process import wait

pytestmark = pytest.mark.system

LATE_SECONDS = 1.0  # of a busy machine


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[PlugHome]:
    async with mosquitto() as broker, plug_home(tmp_path, broker) as found:
        yield found


def reasons_of_end(home: PlugHome) -> set[str]:
    return {plug.changes[-1][2] for plug in home.plugs.values()}


async def no_command_is_kept(home: PlugHome, other: Ear) -> None:
    topics = [topic for plug in home.plugs.values() for topic in plug.subscriptions]
    async with ear(home.broker.url) as late:
        await asyncio.sleep(0.5)
        kept = {message.topic.value for message in late.heard if message.retain}
        assert kept
        assert not {topic for topic in kept if any(topic.startswith(each.rstrip("+")) for each in topics)}


async def test_killed_in_mid_heat_each_plug_is_off_within_its_own_time(home: PlugHome) -> None:
    async with home.running() as (process, other):
        await home.heat(other)
        await asyncio.sleep(4)  # a renewal has been sent
        assert home.all_on()
        await no_command_is_kept(home, other)
        await process.kill()
        took = await home.off_within(LEASE_SECONDS + LATE_SECONDS)
        assert took > 1
        assert reasons_of_end(home) == {"timer"}
    async with home.running() as (_, other):  # it starts again, stops what it left, and starts nothing
        await asyncio.sleep(5)
        assert not home.on
        assert all(len(plug.times(True)) == 1 for plug in home.plugs.values())


async def test_renewed_they_stay_on_and_a_stop_or_pain_switches_off_at_once(home: PlugHome) -> None:
    async with home.running() as (_, other):
        await home.heat(other)
        await asyncio.sleep(2 * LEASE_SECONDS)
        assert home.all_on()
        assert all(len(plug.changes) == 1 for plug in home.plugs.values())
        actions = ["stop", "pain", "stop"]
        began = time.monotonic()
        replies = await asyncio.gather(
            *(home.ask(other, station, action) for station, action in zip(home.plugs, actions, strict=True))
        )
        assert {reply["outcome"] for reply in replies} == {"accepted"}
        await home.off_within(2)
        assert time.monotonic() - began < 2
        assert reasons_of_end(home) == {"commanded"}
        await no_command_is_kept(home, other)


async def test_a_frozen_controller_does_not_keep_them_on(home: PlugHome) -> None:
    async with home.running() as (process, other):
        await home.heat(other)
        process.process.send_signal(signal.SIGSTOP)
        await home.off_within(LEASE_SECONDS + LATE_SECONDS)
        assert reasons_of_end(home) == {"timer"}
        process.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(5)
        assert not home.on
        assert all(len(plug.times(True)) == 1 for plug in home.plugs.values())


async def test_a_broker_that_dies_ends_them_and_its_return_starts_nothing(home: PlugHome) -> None:
    async with home.running(complains=True) as (_, other):
        await home.heat(other)
        await home.broker.stop()
        await home.off_within(LEASE_SECONDS + LATE_SECONDS)
        assert reasons_of_end(home) == {"timer"}
        await home.broker.start()
        async with ear(home.broker.url) as again:
            await wait(lambda: all(home.available(again, station) for station in home.plugs))
            await asyncio.sleep(3)
        assert not home.on
        assert all(len(plug.times(True)) == 1 for plug in home.plugs.values())


async def test_a_network_that_is_cut_ends_them_and_its_return_starts_nothing(home: PlugHome) -> None:
    async with home.running(complains=True) as (_, other):
        await home.heat(other)
        home.network.open.clear()  # no connection ends, and nothing passes
        await home.off_within(LEASE_SECONDS + LATE_SECONDS)
        assert reasons_of_end(home) == {"timer"}
        await asyncio.sleep(5)
        home.network.open.set()
        await asyncio.sleep(10)
        ons = {station: len(plug.times(True)) for station, plug in home.plugs.items()}
        assert not home.on
        assert ons["tasmota"] == ons["zigbee2mqtt"] == 1
        # A renewal of a Shelly that was on its way may switch it on: it is off again before a second has passed.
        shelly = home.plugs["shelly"]
        assert all(off - on < 1 for on, off in zip(shelly.times(True)[1:], shelly.times(False)[1:], strict=True))


async def test_a_plug_switched_off_at_its_button_stays_off(home: PlugHome) -> None:
    async with home.running() as (_, other):
        await home.heat(other)
        await asyncio.sleep(2)
        for plug in home.plugs.values():
            plug.press_button()
        await asyncio.sleep(8)
        assert not home.on
        assert reasons_of_end(home) == {"button"}


async def test_without_the_owners_consent_none_is_switched_on(home: PlugHome) -> None:
    text = home.config.read_text(encoding="utf-8")
    home.config.write_text(text.replace("heat_without_temperature: true", "heat_without_temperature: false"))
    async with home.running() as (_, other):
        for station in home.plugs:
            await home.ask(other, station, "start", routine="warmth", no_symptoms=True)
        await asyncio.sleep(5)
        assert not any(plug.changes for plug in home.plugs.values())


async def test_each_shows_as_a_warm_compress_that_reports_whether_it_is_on(home: PlugHome) -> None:
    async with home.running() as (_, other):
        await home.heat(other)
        topics = {station: TOPICS.device_state(station, "warm-plug") for station in home.plugs}
        await wait(
            lambda: all(
                (other.values(topic)[-1]["reading"]["run_state"], other.values(topic)[-1]["reading"]["power_w"])
                == ("running", 41)
                for topic in topics.values()
            )
        )
        discovery = [message for message in other.heard if message.topic.value.startswith("homeassistant/")]
        assert any(b'"power"' in bytes(message.payload) for message in discovery)


async def test_setup_finds_them_on_the_broker_and_writes_settings_that_find_them_again(home: PlugHome) -> None:
    mqtt = MqttSettings(brokers=(home.broker.url,))
    catalog = Catalog.load()
    await asyncio.sleep(1)
    found = [each.found for each in await devices_elsewhere(mqtt, RealClock(), catalog, ())]
    assert {each.model.id for each in found} == set(KINDS)
    file = home.config.with_name("new.yaml")
    draft = SetupDraft(file, "en")
    draft.set_broker(home.broker.url)
    for number, each in enumerate(found):
        draft.add(entry_elsewhere(each, f"pad-{number}", Side.BOTH, allow_unverified=True), draft.stations[0])
    draft.check()
    draft.save()
    settings = load_settings(file)
    again = await devices_elsewhere(mqtt, RealClock(), catalog, settings.stations["home"].devices)
    assert {each.configured_as for each in again} == {"pad-0", "pad-1", "pad-2"}
    assert not any(plug.changes for plug in home.plugs.values())
