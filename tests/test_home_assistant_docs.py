"""The dashboards and blueprints in docs/home-assistant: generated, and naming only entities that there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from controller.contract.features.feature import DeviceFeatures, StationFeatures
from controller.contract.features.history_features import HISTORY_FEATURES
from controller.contract.features.station_features import device_features, station_features
from controller.contract.words import languages
from controller.mqtt.home_assistant import payloads
from controller.mqtt.topics import Topics
from controller.safety.limits import OwnerLimits
from devices.roles import Capability, DeviceLimits
from docs.dashboard_page import dashboard, file_of

BLUEPRINTS = sorted((file_of("en").parent / "blueprints").glob("*.yaml"))
ROLES = {"left-pump": "pump", "right-pump": "pump", "warm-pad": "warmer", "massager": "massager"}


class Blueprint(yaml.SafeLoader):
    """Reads `!input NAME` as a text."""


Blueprint.add_constructor("!input", lambda loader, node: f"!{loader.construct_scalar(node)}")


def entities() -> set[str]:
    devices = tuple(
        DeviceFeatures(name=name, model="", features=device_features(role, frozenset(Capability), DeviceLimits()))
        for name, role in ROLES.items()
    )
    features = (*station_features(OwnerLimits(), ()), *HISTORY_FEATURES)
    home = StationFeatures(name="home", features=features, devices=devices)
    found = payloads(Topics(), [home], "1", "homeassistant").values()
    components = [each for payload in found for each in payload["components"].values()]
    return {each["default_entity_id"] for each in components if "default_entity_id" in each}


@pytest.mark.parametrize("language", languages())
def test_a_dashboard_is_what_make_docs_writes_and_names_entities_that_there_are(language: str) -> None:
    text = file_of(language).read_text(encoding="utf-8")
    assert text == dashboard(language)
    used = set(re.findall(r"\b(?:sensor|binary_sensor|button|select|number|event|climate|image)\.letdown_\w+", text))
    assert used <= entities()
    assert {"button.letdown_home_stop", "button.letdown_home_pain", "button.letdown_home_answer_asked_no"} <= used


def test_stop_and_pain_are_shown_always_and_every_other_button_only_while_it_is_there() -> None:
    views = yaml.safe_load(dashboard("en"))["views"]
    cards: list[dict[str, Any]] = [card for section in views[0]["sections"] for card in section["cards"]]
    for card in cards:
        entity = card.get("entity", "")
        if not entity.startswith("button."):
            continue
        shown = card.get("visibility", [])
        if entity.endswith(("_stop", "_pain")):
            assert shown == []
        else:
            assert {"condition": "state", "entity": entity, "state_not": "unavailable"} in shown


@pytest.mark.parametrize("file", BLUEPRINTS, ids=lambda file: file.stem)
def test_a_blueprint_uses_each_of_its_inputs_and_starts_nothing(file: Any) -> None:
    found = yaml.load(file.read_text(encoding="utf-8"), Blueprint)
    about = found["blueprint"]
    assert about["homeassistant"]["min_version"] == "2024.10.0"
    assert "source_url" not in about
    text = file.read_text(encoding="utf-8")
    assert set(re.findall(r"!input (\w+)", text)) == about["input"].keys()
    assert all("selector" in each and "name" in each for each in about["input"].values())
    assert re.search(r"button\.press|number\.set|climate\.|mqtt\.publish", text) is None
