"""Names of topics, and of what the owner may call things."""

from __future__ import annotations

import pytest

from controller.mqtt.topics import Topics


def test_every_topic_is_where_the_documentation_says() -> None:
    topics = Topics("letdown", "pi")
    assert topics.status() == "letdown/controller/pi/status"
    assert topics.state("home") == "letdown/home/state"
    assert topics.guide("home") == "letdown/home/guide"
    assert topics.recent_sessions("home") == "letdown/home/recent_sessions"
    assert topics.about() == "letdown/controller/pi/about"
    assert topics.event("home") == "letdown/home/event"
    assert topics.command("home") == "letdown/home/command"
    assert topics.reply("home") == "letdown/home/reply"
    assert topics.device_state("home", "left pump") == "letdown/home/device/left pump/state"
    assert topics.device_availability("home", "pump") == "letdown/home/device/pump/availability"
    assert topics.start_defaults("home") == "letdown/home/start_defaults"
    assert topics.learned_comfort("home") == "letdown/home/comfort"
    assert topics.set("home", "stop") == "letdown/home/stop/set"
    assert topics.device_set("home", "pad", "warmth") == "letdown/home/device/pad/warmth/set"
    assert topics.radio() == "letdown/controller/pi/radio"
    assert topics.device_telemetry("home", "pump") == "letdown/home/device/pump/telemetry"


def test_a_base_topic_may_have_several_levels() -> None:
    topics = Topics("house/letdown", "pi")
    assert topics.state("home") == "house/letdown/home/state"


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "$SYS", "a\0b"])
def test_a_name_that_would_break_a_topic_is_refused(name: str) -> None:
    topics = Topics("letdown", "pi")
    with pytest.raises(ValueError, match="station's name must not"):
        topics.state(name)
    with pytest.raises(ValueError, match="device's name must not"):
        topics.device_state("home", name)
    with pytest.raises(ValueError, match="node's name must not"):
        Topics("letdown", name)


@pytest.mark.parametrize("base", ["", "/letdown", "letdown/", "a//b", "a/#", "$share/x"])
def test_a_wrong_base_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="base topic"):
        Topics(base, "pi")


def test_no_station_is_called_controller() -> None:
    with pytest.raises(ValueError, match="cannot be called 'controller'"):
        Topics("letdown", "pi").state("controller")
