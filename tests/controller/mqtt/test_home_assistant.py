"""What Home Assistant is told, as a person can read it: `announced/*.json` beside this file.

After a change that is meant, `python -m tests.controller.mqtt.test_home_assistant` writes them anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from controller.contract.commands import EXAMPLES
from controller.contract.features.feature import DeviceFeatures, FeatureKind, StationFeatures
from controller.contract.features.history_features import HISTORY_FEATURES
from controller.contract.features.localized import localized
from controller.contract.features.station_features import at_cap, device_features, station_features
from controller.contract.words import load_words
from controller.mqtt.home_assistant import by_component, ident, is_ours, payloads
from controller.mqtt.topics import Topics
from controller.safety.limits import OwnerLimits
from controller.session.steps import STEPS
from devices.roles import Capability, DeviceLimits, Side

FOLDER = Path(__file__).parent / "announced"
PREFIX = "homeassistant"
PUMP = frozenset(
    {
        Capability.START,
        Capability.VACUUM_MMHG,
        Capability.REPORTS_VACUUM,
        Capability.REPORTS_VOLUME,
        Capability.REPORTS_FLOW,
        Capability.REPORTS_BATTERY,
    }
)
PAD = frozenset({Capability.START, Capability.TARGET_CELSIUS, Capability.REPORTS_TEMPERATURE})
MASSAGER = frozenset({Capability.START})

# What Home Assistant refuses with the whole payload, or warns of: root keys and units as its source has them.
ROOT = {"device", "origin", "components", "availability", "availability_mode"}


def station(name: str = "home") -> StationFeatures:
    return StationFeatures(
        name=name,
        features=(*station_features(OwnerLimits(comfort_vacuum_mmhg=150), ("classic", "gentle")), *HISTORY_FEATURES),
        devices=(
            DeviceFeatures(
                name="left-pump",
                model="A pump",
                role="pump",
                side=Side.LEFT,
                features=device_features("pump", PUMP, DeviceLimits()),
            ),
            DeviceFeatures(
                name="pad", model="A compress", role="warmer", features=device_features("warmer", PAD, DeviceLimits())
            ),
            DeviceFeatures(
                name="massager",
                model="A massager",
                role="massager",
                features=device_features("massager", MASSAGER, DeviceLimits()),
            ),
        ),
    )


def announced(name: str = "home") -> dict[str, dict[str, Any]]:
    return payloads(Topics("letdown", "pi"), [station(name)], "1.2.3", PREFIX)


def as_text(payload: dict[str, Any]) -> str:
    return json.dumps(payload, indent=2, ensure_ascii=False) + "\n"


def file_of(topic: str) -> Path:
    return FOLDER / f"{topic.split('/')[-2]}.json"


FOUND = announced()
COMPONENTS = [
    pytest.param(component, id=f"{topic.split('/')[-2]}-{key}")
    for topic, payload in FOUND.items()
    for key, component in payload["components"].items()
]


@pytest.mark.parametrize("topic", FOUND)
def test_it_is_what_was_recorded(topic: str) -> None:
    assert as_text(FOUND[topic]) == file_of(topic).read_text(encoding="utf-8")


def test_nothing_recorded_is_left_over() -> None:
    assert {file_of(topic) for topic in FOUND} == set(FOLDER.glob("*.json"))


@pytest.mark.parametrize("topic", FOUND)
def test_a_payload_has_no_root_key_for_which_all_of_it_would_be_refused(topic: str) -> None:
    assert FOUND[topic].keys() <= ROOT
    assert FOUND[topic]["origin"]["name"]
    assert FOUND[topic]["device"]["identifiers"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_entity_is_one_that_home_assistant_takes(component: dict[str, Any]) -> None:
    if component["platform"] == "device_automation":
        assert component.keys() >= {"automation_type", "type", "subtype", "topic", "payload"}
        return
    assert component["unique_id"]
    assert component["name"]
    if component["platform"] == "sensor":
        assert component.get("entity_category") != "config"  # it is refused
        if component.get("device_class") == "enum":
            assert component.keys().isdisjoint({"unit_of_measurement", "state_class"})
        assert component.get("unit_of_measurement") in {None, "mmHg", "cpm", "mL", "mL/s", "°C", "s", "%"}
    if component["platform"] == "event":
        assert component["event_types"]


def test_no_id_is_given_twice() -> None:
    ids = [c["unique_id"] for p in FOUND.values() for c in p["components"].values() if "unique_id" in c]
    assert len(ids) == len(set(ids))


def test_what_starts_or_raises_is_not_kept_for_later_and_a_stop_arrives() -> None:
    components = FOUND[f"{PREFIX}/device/letdown_home/config"]["components"]
    buttons = {key: value["qos"] for key, value in components.items() if value["platform"] == "button"}
    assert {key for key, qos in buttons.items() if qos} == {"pain", "stop"}
    assert not any("retain" in component for component in components.values())


@pytest.mark.parametrize("topic", FOUND)
def test_a_device_is_there_only_if_controller_radio_and_device_say_so(topic: str) -> None:
    payload = FOUND[topic]
    model = payload["device"]["model"]
    if model == "Controller":
        assert "availability" not in payload
        return
    assert payload["availability_mode"] == "all"
    status, *more = (each["topic"] for each in payload["availability"])
    assert status == "letdown/controller/pi/status"
    assert bool(more) == (model != "Station")


def test_what_may_be_refused_is_there_only_while_it_is_allowed_and_stop_and_pain_always_are() -> None:
    settable = {
        key: each
        for payload in FOUND.values()
        for key, each in payload["components"].items()
        if "command_topic" in each or "mode_command_topic" in each
    }
    for key, each in settable.items():
        if key in ("stop", "pain"):
            assert "availability" not in each
            continue
        *_, last = each["availability"]
        (name,) = re.findall(r"'(\w+)' in value_json.allowed_actions", last["value_template"])
        assert last["topic"] == "letdown/home/state"
        assert name in EXAMPLES
    assert set(settable) >= {"start", "vacuum", "routine", "warmth", "answer_asked_no"}


def test_an_entity_has_the_same_id_in_every_language_and_a_name_in_each() -> None:
    routines = {"classic": "Klassisch", "gentle": "Sanft"}
    german = payloads(Topics("letdown", "pi"), localized([station()], load_words("de"), routines), "1.2.3", PREFIX)
    english = payloads(
        Topics("letdown", "pi"), localized([station()], load_words("en"), {"classic": "Classic"}), "1.2.3", PREFIX
    )
    assert german.keys() == english.keys() == FOUND.keys()
    names = {payload["device"]["name"] for payload in german.values()}
    assert names == {"Letdown controller pi", "Letdown", "Linke Pumpe", "Wärmekissen", "Massagegerät"}
    home = german[f"{PREFIX}/device/letdown_home/config"]["components"]
    assert home["pain"]["name"] == "Schmerz"
    assert home["pain"]["default_entity_id"] == "button.letdown_home_pain"
    assert "Läuft" in home["state"]["options"]
    assert home["routine"]["options"] == ["Klassisch", "Sanft"]
    for topic, payload in german.items():
        for key, each in payload["components"].items():
            other = english[topic]["components"][key]
            same = (
                "unique_id",
                "object_id",
                "default_entity_id",
                "command_topic",
                "state_topic",
                "event_types",
                "icon",
            )
            assert [each.get(name) for name in same] == [other.get(name) for name in same]


def test_the_owner_names_a_device_and_two_that_are_alike_are_told_apart() -> None:
    pumps = [
        DeviceFeatures(name=name, model="A pump", role="pump", side=Side.LEFT, features=())
        for name in ("left-pump", "pump2", "Mamas Pumpe")
    ]
    one = station().model_copy(update={"devices": tuple(pumps)})
    (alone,) = localized([one], load_words("en"), {})
    assert [each.title for each in alone.devices] == ["Left pump (left-pump)", "Left pump (pump2)", "Mamas Pumpe"]
    first, _ = localized([one, station("ward")], load_words("en"), {})
    assert first.title == "Letdown home"
    assert first.devices[2].title == "Mamas Pumpe · home"


def test_a_device_has_no_version_that_it_did_not_report() -> None:
    versions = {payload["device"]["name"]: payload["device"].get("sw_version") for payload in FOUND.values()}
    assert versions.pop("Letdown controller pi") == "1.2.3"
    assert set(versions.values()) == {None}


@pytest.mark.parametrize(
    ("cap_mmhg", "owner", "most"),
    [
        (150, OwnerLimits(comfort_vacuum_mmhg=180), (150, 180)),
        (100, OwnerLimits(), (250, 100)),  # no cap was ever set
        (90, OwnerLimits(), (90, 100)),
        (120, OwnerLimits(comfort_vacuum_mmhg=180, remote_raise="refuse"), (120, 120)),
    ],
)
def test_the_numbers_end_at_the_comfort_cap(cap_mmhg: float, owner: OwnerLimits, most: tuple[float, float]) -> None:
    one = StationFeatures(name="home", features=station_features(owner, ()))
    found = {each.id: each for each in at_cap(owner, one, cap_mmhg).features}
    assert (found["vacuum"].most, found["comfort_vacuum"].most) == most
    assert found["vacuum"].enabled is found["vacuum_up"].enabled is (owner.remote_raise == "allow")


def test_a_target_of_a_compress_is_never_above_what_heat_may_be() -> None:
    (warmth,) = (f for f in device_features("warmer", PAD, DeviceLimits(celsius=55)) if f.kind is FeatureKind.CLIMATE)
    assert warmth.most == 42


def test_for_older_clients_every_entity_has_a_payload_of_its_own() -> None:
    split = by_component(FOUND)
    assert len(split) == sum(len(payload["components"]) for payload in FOUND.values())
    one = split[f"{PREFIX}/sensor/letdown_home_phase/config"]
    assert one["device"] == FOUND[f"{PREFIX}/device/letdown_home/config"]["device"]
    assert one["availability_mode"] == "all"
    assert "platform" not in one
    # Where an entity has an availability of its own, that counts.
    connected = split[f"{PREFIX}/binary_sensor/letdown_home_device_left-pump_connected/config"]
    assert [each["topic"] for each in connected["availability"]] == ["letdown/controller/pi/status"]


@pytest.mark.parametrize("name", ["ward 3", "Küche", "a.b", "süd/1".replace("/", "-")])
def test_whatever_a_station_is_called_its_ids_are_of_letters_digits_and_dashes(name: str) -> None:
    for topic, payload in announced(name).items():
        key = topic.split("/")[-2]
        assert key.replace("-", "").replace("_", "").isascii()
        assert key.replace("-", "").replace("_", "").isalnum()
        assert payload["device"]["identifiers"] == [key]


def test_names_that_differ_have_ids_that_differ() -> None:
    assert len({ident("letdown", name) for name in ("a b", "a-b", "a.b", "a/b")}) == 4


def test_names_with_underscores_are_not_taken_for_levels() -> None:
    found = [
        ident("letdown", "a", "device", "b_c"),
        ident("letdown", "a_b", "device", "c"),
        ident("letdown", "a"),
        ident("letdown", "a_device_b"),
        ident("letdown", "a", "device", "b"),
        ident("letdown", "controller", "pi"),
        ident("letdown", "controller_pi"),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("base", ["letdown", "house/letdown", "a b", "a_b"])
def test_what_we_announced_is_known_again_and_nothing_else(base: str) -> None:
    topics = Topics(base, "pi 2")
    found = payloads(topics, [station("ward 3")], "1.2.3", "ha/x")
    for topic in (*found, *by_component(found)):
        assert is_ours(topic, topics, "ha/x")
        assert not is_ours(topic, topics, "ha")
    for topic in ("", "ha/x/config", "ha/x/device/lamp/config", "ha/x/device/xletdown_y/config", f"{base}/ward/state"):
        assert not is_ours(topic, topics, "ha/x")


def test_the_steps_are_those_there_are() -> None:
    (step,) = (feature for feature in station().features if feature.id == "step")
    assert set(step.options) == set(STEPS)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.json"):
        file.unlink()
    for topic, payload in FOUND.items():
        file_of(topic).write_text(as_text(payload), encoding="utf-8")
