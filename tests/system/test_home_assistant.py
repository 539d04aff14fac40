"""A real Home Assistant beside the service: everything appears, is true, does what it says, and comes back.

One long test, since each start of Home Assistant takes a while.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.contract.pictures import picture_svg
from devices.roles import Side
from tests.helpers.home_assistant import (
    AUTOMATIONS,
    SHIPPED,
    HomeAssistant,
    all_there,
    entities,
    home_assistant,
    is_,
    press,
    raw,
    state,
    until,
)
from tests.helpers.mosquitto import Mosquitto, mosquitto
from tests.helpers.mqtt_listener import STATION, TOPICS, Ear, ear
from tests.helpers.service_process import Program, program

pytestmark = pytest.mark.system

SPEED = 10
REMINDERS = {"next_session_after_hours": 3, "clean_parts": True, "battery_below_percent": 5}
# What the blueprints say, in part.
MESSAGES = (
    "Letdown: Session stopped. Milk: ",
    "Letdown: Milk noted: 100 mL (left 60 mL, right 40 mL).",
    "Please check your pump: left-pump has not confirmed that it stopped.",
    "Letdown: not done: resume: ",
    "Battery: 12 %. Please charge it.",
    "Letdown: The pump parts are waiting to be cleaned.",
)


async def announced(broker: Mosquitto) -> dict[str, dict[str, Any]]:
    """Return the components in the payloads that are kept at the broker, by unique id."""
    found: dict[str, dict[str, Any]] = {}
    async with ear(broker.url) as other:
        await asyncio.sleep(0.5)
        for message in other.heard:
            if message.topic.value.startswith("homeassistant/device/") and message.payload:
                components = json.loads(bytes(message.payload))["components"].values()
                found |= {each["unique_id"]: each for each in components if "unique_id" in each}
    return found


def complaints(log: str) -> list[str]:
    """Return what Home Assistant says against MQTT, our payloads, our automations or our dashboard."""
    words = ("mqtt", "letdown", "automation", "lovelace", "template")
    lost = ("Disconnected from MQTT", "Failed to connect to MQTT", "Connection lost", "Error returned from MQTT server")
    lines = [line for line in log.splitlines() if re.search(r" (WARNING|ERROR) ", line)]
    return [line for line in lines if any(word in line.lower() for word in words) and not any(x in line for x in lost)]


async def run_service(folder: Path, broker: Mosquitto, stations: str) -> Any:
    config = folder / "letdown.yaml"
    config.write_text(f'mqtt: {{brokers: ["{broker.url}"]}}\nstations: {stations}\n', encoding="utf-8")
    return config


async def test_home_assistant_is_told_everything_and_is_listened_to(tmp_path: Path) -> None:
    kept = {"LETDOWN_STORE__PATH": str(tmp_path / "letdown.db")}  # with a history
    async with (
        mosquitto() as broker,
        program(
            tmp_path,
            *("run", "--virtual", "--ask", "--speed", str(SPEED), "--broker", str(broker.url)),
            LETDOWN_REMINDERS=json.dumps(REMINDERS),
            **kept,
        ) as service,
        home_assistant(tmp_path / "home-assistant", broker) as it,
        ear(broker.url) as other,
    ):
        other.puts_flange_on = False
        await everything_appears(it, broker)
        await it.stop()
        await it.start()
        await until(lambda: all_there(it))
        await nothing_that_is_there_is_refused(Bench(it, other, await announced(broker)))
        await blueprints_send_messages(it, other)
        assert complaints(it.log) == []
        await broker.restart()
        await until(lambda: all_there(it))
        await service_ends(service)
        await until(lambda: all_gone(it))
        assert complaints(it.log) == []


async def everything_appears(it: HomeAssistant, broker: Mosquitto) -> None:
    await until(lambda: all_there(it))
    wanted = await announced(broker)
    assert len(wanted) > 50
    assert (await entities(it)).keys() == wanted.keys()
    named = {each["default_entity_id"] for each in wanted.values() if "default_entity_id" in each}
    assert named <= set((await entities(it)).values())
    devices = await it.ask("config/device_registry/list")
    names = {each["name"] for each in devices}
    assert names >= {"Letdown", "Left pump", "Right pump", "Warm compress", "Massager"}
    used = set(re.findall(r"\b(?:sensor|binary_sensor|button|select|number|event|climate|image)\.\w+", shipped())) - {
        "button.press"
    }
    assert used <= (await it.states()).keys()
    assert await it.ask("lovelace/config", url_path="letdown-home")
    automations = {entity: each["state"] for entity, each in (await it.states()).items() if "automation." in entity}
    assert automations == {f"automation.{name}": "on" for name in AUTOMATIONS}
    device = next(each for each in devices if each["name"] == "Letdown")
    triggers = await it.ask("device_automation/trigger/list", device_id=device["id"])
    assert {each["type"] for each in triggers if each["domain"] == "mqtt"} >= {"let_down", "session_finished", "trip"}


def shipped() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in SHIPPED.glob("*.yaml"))


@dataclass
class Bench:
    """A Home Assistant, what goes over the broker, and the announced components by unique id."""

    it: HomeAssistant
    other: Ear
    components: dict[str, dict[str, Any]]

    async def agrees(self) -> bool:
        """Say whether each entity that can be set is there exactly while the controller would carry it out."""
        *_, last = self.other.values(TOPICS.state(STATION))
        allowed, states, ours = last["allowed_actions"], await self.it.states(), await entities(self.it)
        for unique, component in self.components.items():
            if not {"command_topic", "mode_command_topic"} & component.keys():
                continue
            there = states[ours[unique]]["state"] != "unavailable"
            names = re.findall(r"'(\w+)' in value_json", json.dumps(component.get("availability", [])))
            if there is not all(name in allowed for name in names):
                return False
        return True

    async def press(self, *buttons: str) -> None:
        """Press buttons, one after the other, as soon as each is there."""
        for button in buttons:
            await until(lambda button=button: self.can(f"button.letdown_home_{button}"))
            await press(self.it, button)
            await asyncio.sleep(0.3)

    async def can(self, entity: str) -> bool:
        return await state(self.it, entity) != "unavailable"

    async def reaches(self, step: str) -> None:
        """Skip until a step of the session, and until Home Assistant and the controller agree about it."""
        while await raw(self.it, "sensor.letdown_home_step") != step:
            await press(self.it, "skip")
            await asyncio.sleep(0.5)
        await until(self.agrees)

    async def set_everything(self) -> None:
        """Set every number, list and temperature that is there, to what it is or a little less; wait for each reply."""
        for entity, now in (await self.it.states()).items():
            kind, _, name = entity.partition(".")
            if now["state"] == "unavailable" or "letdown" not in name:
                continue
            if kind == "select":
                await self.call("select.select_option", entity_id=entity, option=now["state"])
            elif kind == "number" and now["state"] != "unknown":
                await self.call("number.set_value", entity_id=entity, value=float(now["state"]) - 5)
            elif kind == "climate":
                await self.call("climate.set_temperature", entity_id=entity, temperature=38)
                await self.call("climate.set_hvac_mode", entity_id=entity, hvac_mode="heat")
                await until(lambda entity=entity: self.warms_to(entity, 38))

    async def call(self, service: str, **data: Any) -> None:
        """Call a service, and wait for the controller's reply."""
        before = len(self.other.replies())
        await self.it.call(service, **data)
        async with asyncio.timeout(10):
            while len(self.other.replies()) == before:  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.05)

    async def warms_to(self, entity: str, celsius: float) -> bool:
        return bool((await self.it.states())[entity]["attributes"].get("temperature") == celsius)


async def nothing_that_is_there_is_refused(bench: Bench) -> None:
    """Go through a session with what Home Assistant offers, and set everything in every stage."""
    it = bench.it
    await it.call("light.turn_on", entity_id="light.bedroom", brightness_pct=100)
    await until(bench.agrees)
    await it.call("select.select_option", entity_id="select.letdown_home_routine", option="Classic")
    await it.call("number.set_value", entity_id="number.letdown_home_comfort_vacuum", value=95)
    await until(lambda: is_(it, "number.letdown_home_comfort_vacuum", "95"))
    await until(lambda: most_is(it, "number.letdown_home_vacuum", 95))
    await bench.set_everything()
    assert await shows(it, "prompt")
    await bench.press("start")
    await until(lambda: is_(it, "sensor.letdown_home_state", "Questions"))
    await until(bench.agrees)
    await bench.set_everything()
    await bench.press("answer_asked_no", "answer_no")
    await until(lambda: is_(it, "sensor.letdown_home_step", "Warmth"))
    await until(lambda: shows(it, "warm"))
    await until(lambda: is_(it, "climate.letdown_home_warm_pad_warmth", "heat"))
    await bench.set_everything()
    await bench.press("pause", "resume")
    await bench.reaches("massage")
    await until(lambda: shows(it, bench.other.values(TOPICS.guide(STATION))[-1]["picture"]))
    await bench.set_everything()
    await bench.reaches("stimulate")
    await bench.press("not_yet", "start_suction")
    await until(lambda: bench.can("number.letdown_home_vacuum"))
    await until(bench.agrees)
    await bench.set_everything()
    await bench.press("vacuum_down", "vacuum_up", "let_down")
    await until(lambda: is_(it, "sensor.letdown_home_step", "Expressing"))
    await until(bench.agrees)
    await bench.set_everything()
    await bench.press("pause")
    await until(bench.agrees)
    await bench.press("resume")
    await until(lambda: is_(it, "sensor.letdown_home_state", "Running"))
    await asyncio.sleep(120 / SPEED)
    await bench.press("pain")
    await until(lambda: is_(it, "sensor.letdown_home_state", "Stopped"))
    await until(bench.agrees)
    await everything_is_shown_after_pain(bench)


async def everything_is_shown_after_pain(bench: Bench) -> None:
    it = bench.it
    states = await it.states()
    assert states["event.letdown_home_trip_event"]["attributes"]["event_type"] == "pain"
    assert states["sensor.letdown_home_progress"]["state"] == "unknown"
    assert states["light.bedroom"]["attributes"]["brightness"] < 40  # dimmed at the let-down
    assert states["sensor.letdown_home_reply"]["state"] == "Done"
    assert states["sensor.letdown_home_reply"]["attributes"]["action"] == "pain"
    assert states["sensor.letdown_home_next_session_at"]["state"].startswith("20")
    assert states["binary_sensor.letdown_home_parts_to_clean"]["state"] == "on"
    await bench.press("parts_clean")
    await until(lambda: is_(it, "binary_sensor.letdown_home_parts_to_clean", "off"))
    await until(lambda: is_(it, "sensor.letdown_home_rolling_24h_sessions", "1"))
    last = (await it.states())["sensor.letdown_home_last_session_at"]
    assert last["attributes"]["device_class"] == "timestamp"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(last["state"])).total_seconds()) < 120
    replies = bench.other.replies()
    assert {each["action"] for each in replies} >= {
        "start",
        "set_warmth",
        "set_vacuum",
        "start_suction",
        "pause",
        "pain",
    }
    assert [each for each in replies if each["outcome"] not in ("accepted", "limited")] == []


async def shows(it: HomeAssistant, picture: str) -> bool:
    """Say whether the image is this drawing, for whichever side."""
    drawn = [("image/svg+xml", picture_svg(picture, side)) for side in (Side.LEFT, Side.RIGHT)]
    return await it.image("image.letdown_home_picture") in drawn


async def most_is(it: HomeAssistant, number: str, most: float) -> bool:
    """Say whether a number ends at this; while it is unavailable, its attributes are in the registry alone."""
    entry = await it.ask("config/entity_registry/get", entity_id=number)
    return bool(entry["capabilities"]["max"] == most)


async def blueprints_send_messages(it: HomeAssistant, other: Ear) -> None:
    async def send(**command: Any) -> None:
        await other.client.publish(TOPICS.command(STATION), json.dumps(command), 1)

    await send(action="resume")
    await send(action="log_volume", args={"left_ml": 60, "right_ml": 40})
    event = {"id": "x", "station": STATION, "session_id": None, "type": "uncertain", "data": {"device": "left-pump"}}
    await other.client.publish(TOPICS.event(STATION), json.dumps(event), 1)
    data = {"kind": "clean_parts", "words": "The pump parts are waiting to be cleaned."}
    await other.client.publish(TOPICS.event(STATION), json.dumps({**event, "type": "reminder", "data": data}), 1)
    for percent in ("100", "12"):
        await it.set_state("sensor.letdown_home_left_pump_battery", percent)

    async def all_sent() -> bool:
        said = [f"{each['title']}: {each['message']}" for each in await it.ask("persistent_notification/get")]
        return all(any(words in each for each in said) for words in MESSAGES)

    await until(all_sent)


async def service_ends(service: Program) -> None:
    code, _ = await service.end_by(15)
    assert code == 0


async def all_gone(it: HomeAssistant) -> bool:
    """Say whether everything is unavailable, but for what says so."""
    states = await it.states()
    left = {entity for entity in (await entities(it)).values() if states[entity]["state"] != "unavailable"}
    return all(entity.startswith("binary_sensor.letdown_") and entity.endswith("_connected") for entity in left)


async def test_a_station_that_is_no_more_is_no_more_there_either(tmp_path: Path) -> None:
    async with mosquitto() as broker, home_assistant(tmp_path / "home-assistant", broker, automations={}) as it:
        config = await run_service(tmp_path, broker, "{home: {devices: []}, ward: {devices: []}}")
        async with program(tmp_path, "run", "--config", str(config)):
            await until(lambda: has_station(it, "ward"))
        await run_service(tmp_path, broker, "{home: {devices: []}}")
        async with program(tmp_path, "run", "--config", str(config)):
            await until(lambda: has_not_station(it, "ward"))
            assert await has_station(it, "home")
            assert complaints(it.log) == []


async def has_station(it: HomeAssistant, name: str) -> bool:
    return any(each.startswith(f"letdown_{name}_") for each in await entities(it))


async def has_not_station(it: HomeAssistant, name: str) -> bool:
    return not await has_station(it, name)
