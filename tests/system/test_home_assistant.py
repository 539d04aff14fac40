"""A real Home Assistant beside the service: everything appears, is true, does what it says, and comes back.

One long test, since each start of Home Assistant takes a while.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.controller.mqtt.ear import ear
from tests.system.home_assistant import SHIPPED, HomeAssistant, home_assistant
from tests.system.mosquitto import Mosquitto, mosquitto
from tests.system.test_service import Program, program

pytestmark = pytest.mark.system

BACK_SECONDS = 30.0

# Nothing was read or done yet: these may be unknown while no session runs.
UNTOLD = re.compile(
    r"^(event|button)\.|"
    r"_(phase|step|ends_at|target_vacuum|suction_starts_in|cycle_rate|milk|milk_left|milk_right|let_down_after|peak_vacuum|reason|guide)$|"
    r"^number\.letdown_home_vacuum$"
)


async def until(what: Callable[[], Awaitable[bool]], seconds: float = BACK_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.3)


async def announced(broker: Mosquitto) -> set[str]:
    """Return the unique ids of all entities in the payloads that are kept at the broker."""
    found: set[str] = set()
    async with ear(broker.url) as other:
        await asyncio.sleep(0.5)
        for message in other.heard:
            if message.topic.value.startswith("homeassistant/device/") and message.payload:
                components = json.loads(bytes(message.payload))["components"].values()
                found |= {each["unique_id"] for each in components if "unique_id" in each}
    return found


async def entities(it: HomeAssistant) -> dict[str, str]:
    """Return Home Assistant's entities by our unique ids."""
    registry = await it.ask("config/entity_registry/list")
    return {each["unique_id"]: each["entity_id"] for each in registry if each["platform"] == "mqtt"}


async def all_there(it: HomeAssistant) -> bool:
    """Say whether everything is available, and has the state that it should have while nothing runs."""
    states, ours = await it.states(), set((await entities(it)).values())
    for entity in ours:
        state = states.get(entity, {"state": "unavailable"})["state"]
        if state == "unavailable" or (state == "unknown" and not UNTOLD.search(entity)):
            return False
    return bool(ours)


async def state(it: HomeAssistant, entity: str) -> str:
    return str((await it.states())[entity]["state"])


async def press(it: HomeAssistant, button: str) -> None:
    await it.call("button.press", entity_id=f"button.letdown_home_{button}")


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
    async with (
        mosquitto() as broker,
        program(tmp_path, "run", "--virtual", "--speed", "20", "--broker", str(broker.url)) as service,
        home_assistant(tmp_path / "home-assistant", broker) as it,
    ):
        await everything_appears(it, broker)
        await its_buttons_work(it)
        await it.stop()
        await it.start()
        await until(lambda: all_there(it))
        await broker.restart()
        await until(lambda: all_there(it))
        await a_session_is_followed(it)
        assert complaints(it.log) == []
        await service_ends(service)
        await until(lambda: all_gone(it))
        assert complaints(it.log) == []


async def everything_appears(it: HomeAssistant, broker: Mosquitto) -> None:
    await until(lambda: all_there(it))
    wanted = await announced(broker)
    assert len(wanted) > 50
    assert (await entities(it)).keys() == wanted
    names = {each["name"] for each in await it.ask("config/device_registry/list")}
    assert names >= {"Letdown home", "home left-pump", "home right-pump", "home warm-pad", "home massager"}
    used = set(re.findall(r"\b(?:sensor|binary_sensor|button|select|number|event|climate)\.\w+", shipped())) - {
        "button.press"
    }
    assert used <= (await it.states()).keys()
    assert await it.ask("lovelace/config", url_path="letdown-home")
    assert {each for each in await it.states() if each.startswith("automation.")} == {
        "automation.letdown_dim_the_lights_at_let_down",
        "automation.letdown_tell_me_when_it_is_finished",
    }
    device = next(d for d in await it.ask("config/device_registry/list") if d["name"] == "Letdown home")
    triggers = await it.ask("device_automation/trigger/list", device_id=device["id"])
    assert {each["type"] for each in triggers if each["domain"] == "mqtt"} >= {"let_down", "session_finished", "trip"}


def shipped() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in SHIPPED.glob("*.yaml"))


async def its_buttons_work(it: HomeAssistant) -> None:
    await it.call("select.select_option", entity_id="select.letdown_home_routine", option="gentle")
    await until(lambda: is_(it, "select.letdown_home_routine", "gentle"))
    await it.call("number.set_value", entity_id="number.letdown_home_comfort_cap", value=90)
    await until(lambda: is_(it, "number.letdown_home_comfort_cap", "90.0"))
    await press(it, "start")
    await until(lambda: is_(it, "binary_sensor.letdown_home_session", "on"))
    await press(it, "no_symptoms")
    await until(lambda: is_(it, "sensor.letdown_home_state", "running"))
    await until(lambda: is_(it, "climate.home_warm_pad_warmth", "heat"))
    await press(it, "pain")
    await until(lambda: is_(it, "sensor.letdown_home_state", "stopped"))
    await until(lambda: is_(it, "climate.home_warm_pad_warmth", "off"))
    alarm = (await it.states())["event.letdown_home_alarm"]
    assert alarm["attributes"]["event_type"] == "pain"


async def is_(it: HomeAssistant, entity: str, wanted: str) -> bool:
    return await state(it, entity) == wanted


async def a_session_is_followed(it: HomeAssistant) -> None:
    await it.call("light.turn_on", entity_id="light.bedroom", brightness_pct=100)
    await it.call("select.select_option", entity_id="select.letdown_home_routine", option="soften-for-latch")
    await until(lambda: is_(it, "select.letdown_home_routine", "soften-for-latch"))
    await press(it, "start")
    await press(it, "no_symptoms")
    await until(lambda: is_(it, "sensor.letdown_home_state", "completed"), 90)
    states = await it.states()
    assert float(states["sensor.letdown_home_milk"]["state"]) > 0
    assert states["sensor.letdown_home_progress"]["state"] == "100"
    assert states["light.bedroom"]["attributes"]["brightness"] < 40  # dimmed at the let-down
    said = await it.ask("persistent_notification/get")
    assert any(each["title"] == "Letdown" and "completed" in each["message"] for each in said)


async def service_ends(service: Program) -> None:
    code, _ = await service.end_by(15)
    assert code == 0


async def all_gone(it: HomeAssistant) -> bool:
    """Say whether everything is unavailable, but for what says so."""
    states = await it.states()
    left = {entity for entity in (await entities(it)).values() if states[entity]["state"] != "unavailable"}
    return all(entity.startswith("binary_sensor.letdown_") and entity.endswith("_connected") for entity in left)


async def test_a_station_that_is_no_more_is_no_more_there_either(tmp_path: Path) -> None:
    async with mosquitto() as broker, home_assistant(tmp_path / "home-assistant", broker) as it:
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
