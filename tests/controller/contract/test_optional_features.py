"""Features that the settings ask for: none by default, each for its own reminder, and as Home Assistant wants them."""

from __future__ import annotations

import pytest

from controller.contract.features.feature import StationFeatures, accepting
from controller.contract.features.optional_features import UPLOAD_FEATURES, reminder_features
from controller.contract.reminders import Reminders
from controller.contract.uploads import UploadSummary
from controller.mqtt.home_assistant import payloads
from controller.mqtt.topics import Topics

ALL = reminder_features(next_session=True, clean_parts=True, battery=True)


def test_by_default_there_are_none() -> None:
    assert reminder_features(next_session=False, clean_parts=False, battery=False) == ()


@pytest.mark.parametrize(
    ("on", "ids"),
    [
        ("next_session", {"next_session_at", "next_session_due", "reminder_event"}),
        ("clean_parts", {"parts_to_clean", "parts_clean", "reminder_event"}),
        ("battery", {"battery_low", "reminder_event"}),
    ],
)
def test_each_reminder_has_its_own(on: str, ids: set[str]) -> None:
    wanted = dict.fromkeys(("next_session", "clean_parts", "battery"), False) | {on: True}
    assert {each.id for each in reminder_features(**wanted)} == ids


def test_their_values_are_where_they_say() -> None:
    models = {"reminders": Reminders, "uploads": UploadSummary}
    for feature in (*ALL, *UPLOAD_FEATURES):
        if feature.source in models:
            assert feature.path.split()[0] in models[str(feature.source)].model_fields


def test_only_the_parts_can_be_said_to_be_clean() -> None:
    (button,) = accepting((*ALL, *UPLOAD_FEATURES))
    command, _ = button.command(b"PRESS")
    assert command.action == "parts_clean"


def test_home_assistant_finds_them_on_their_own_topics() -> None:
    station = StationFeatures(name="home", features=(*ALL, *UPLOAD_FEATURES))
    found = payloads(Topics(), [station], "1", "homeassistant")["homeassistant/device/letdown_home/config"]
    components = found["components"]
    assert components["next_session_at"]["device_class"] == "timestamp"
    assert components["next_session_at"]["state_topic"] == "letdown/home/reminders"
    assert components["parts_to_clean"]["platform"] == "binary_sensor"
    assert components["parts_clean"]["command_topic"] == "letdown/home/parts_clean/set"
    assert components["reminder_event"]["event_types"] == ["reminder"]
    assert components["upload_problem"]["value_template"] == "{{ value_json.problem is not none }}"
    assert components["uploads_waiting"]["state_topic"] == "letdown/home/uploads"
