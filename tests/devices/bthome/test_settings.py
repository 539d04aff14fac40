"""The settings of a BTHome device: what fits, what does not, and that no error shows the key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.settings import Settings
from devices.bthome.bthome_settings import BthomeSettings
from devices.roles import PressEvent, PressMeaning
from devices.support.file_error import problems_of

KEY = "231d39c1d7cc1ab1aee224cd096db932"


def problems(**section: Any) -> str:
    """Return what is wrong with a section, as a person reads it."""
    device = {"name": "chair", "profile": "bthome-button", "address": "F0:1E:7D:00:00:01", "bthome": section}
    with pytest.raises(ValidationError) as found:
        Settings.model_validate({"stations": {"home": {"devices": [device]}}})
    return "; ".join(f"{each.key}: {each.message} {each.remedy}" for each in problems_of(found.value, Settings, {}))


def test_without_anything_every_press_stops() -> None:
    settings = BthomeSettings()
    assert (settings.key, dict(settings.presses)) == (None, {})


def test_a_key_and_what_presses_mean() -> None:
    settings = BthomeSettings.model_validate({"bindkey": KEY, "presses": {"double_press": "let_down", "hold": "pain"}})
    assert settings.key == bytes.fromhex(KEY)
    assert settings.presses == {PressEvent.DOUBLE_PRESS: PressMeaning.LET_DOWN, PressEvent.HOLD: PressMeaning.PAIN}
    assert KEY not in repr(settings) + str(settings)


def test_a_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAIR_KEY", KEY)
    assert BthomeSettings.model_validate({"bindkey_env": "CHAIR_KEY"}).key == bytes.fromhex(KEY)


def test_a_let_down_needs_a_key() -> None:
    text = problems(presses={"press": "let_down"})
    assert "bthome.presses.press" in text
    assert "needs a bindkey" in text


@pytest.mark.parametrize("meaning", ["start", "resume", "skip", "vacuum_up", "start_suction", "acknowledge", "STOP", 1])
def test_a_press_can_mean_nothing_else(meaning: object) -> None:
    assert "stations.home.devices.0.bthome.presses" in problems(bindkey=KEY, presses={"press": meaning})


def test_an_unknown_press_always_stops() -> None:
    assert "always stops" in problems(bindkey=KEY, presses={"unknown": "let_down"})


@pytest.mark.parametrize(
    "section",
    [
        {"bindkey": KEY[:-1]},
        {"bindkey": f"{KEY}00"},
        {"bindkey": f"g{KEY[1:]}"},
        {"bindkey": [KEY]},
        {"bindkey": KEY, "bindkey_env": "CHAIR_KEY"},
        {"bindkey_env": KEY},
        {"bindkey": KEY, KEY: "x"},
        {"bindkey": KEY, "presses": KEY},
        {"bindkey": KEY, "presses": {KEY: "stop"}},
        {"bindkey": KEY, "presses": {"press": KEY}},
    ],
)
def test_no_error_shows_a_key(section: dict[str, Any]) -> None:
    assert KEY[:-1] not in problems(**section)
    assert KEY[1:] not in problems(**section)
