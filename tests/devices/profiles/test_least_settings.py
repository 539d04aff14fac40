"""The least that each shipped device can be set to, and how it follows from a profile."""

from __future__ import annotations

import pytest

from devices.driver.device_model import DeviceModel
from devices.driver.vocabulary import RoleName
from devices.tuya.tuya_model import TuyaModel
from tests.helpers.home import catalog as shipped
from tests.helpers.profile_snippets import profile
from tests.helpers.yaml_texts import parse_yaml

# Read by hand in each file of config/profiles.
SHIPPED: dict[tuple[str, RoleName], dict[str, float]] = {
    ("foreo-fofo", "massager"): {"least_intensity": 1 / 10},
    ("foreo-luna", "massager"): {"least_intensity": 1 / 10},
    ("foreo-play-smart-2", "massager"): {"least_intensity": 1 / 10},
    ("heating-mat", "warmer"): {"least_level": 1, "least_celsius": 36},
    ("htk-breast-massager", "massager"): {"least_intensity": 1},  # it is on or off
    ("joyhub", "massager"): {"least_intensity": 3 / 255},  # 0.01 is between its second step and its third
    ("joyhub-melody", "massager"): {"least_intensity": 3 / 255},
    ("joyhub-melody", "warmer"): {},
    ("joyhub", "warmer"): {},  # it is on or off, and nobody says how warm
    ("kiiroo-prowand", "massager"): {"least_intensity": 3 / 255},
    ("kindly-cuddle", "pump"): {},  # its vacuum is set at the pump
    ("kiturami-kdm-851", "warmer"): {"least_celsius": 25},
    ("lovense", "massager"): {"least_intensity": 1 / 20},
    ("lovense-gen1", "massager"): {"least_intensity": 1 / 20},
    ("lovense-gen3", "massager"): {"least_intensity": 1 / 20},
    ("magic-motion-v1", "massager"): {"least_intensity": 1 / 100},
    ("ooler", "warmer"): {"least_celsius": (55 - 32) / 1.8},
    ("open-massager", "massager"): {"least_intensity": 1 / 100},  # 0 is accepted, and does not vibrate
    ("open-pump", "pump"): {},  # from 0 mmHg
    ("open-warm-pad", "warmer"): {"least_celsius": 30},
    ("satisfyer", "massager"): {"least_intensity": 1 / 100},
    ("shelly-plug", "warmer"): {},  # it is on or off, at whatever temperature
    ("sporramom-w3", "pump"): {"least_level": 1},
    ("tasmota-plug", "warmer"): {},
    ("text-massager", "massager"): {"least_intensity": 1 / 100},
    ("text-pump", "pump"): {},  # from 0 mmHg
    ("text-warm-pad", "warmer"): {"least_celsius": 30},
    ("tuya-blanket", "warmer"): {"least_celsius": 10},
    ("tuya-massage-chair", "massager"): {"least_intensity": 0.33},  # the first of three speeds
    ("tuya-warmer", "warmer"): {},  # from 0 °C
    ("we-vibe-8bit", "massager"): {"least_intensity": 1 / 12},
    ("we-vibe-wand", "massager"): {"least_intensity": 1 / 22},
    ("zigbee2mqtt-plug", "warmer"): {},
}
ROLES = [(each, role) for each in shipped() for role in each.energy_roles]

PUMP = """
    commands:
      start: {{payload: ["33", {start}]}}
      adjust: {{payload: ["34", {adjust}]}}
      stop: {{payload: "0f"}}
"""
LEVELS = "    levels: {vacuum_mmhg: {0: 0, 1: 60, 2: 60, 3: 90}, source: measured for this test}"
MASSAGER = """
    commands:
      run: {{payload: ["33", {{intensity: u8, {intensity}}}]}}
      stop: {{payload: "0f"}}
"""
TUYA = """
id: made-up
name: Made up
roles: [massager]
confidence: verified
provenance: made up for a test
match: {{manufacturer: 0x07D0, ambiguous: true}}
tuya:
  datapoints:
    speed: {{id: 1, {speed}}}
    switch: {{id: 2, type: bool}}
  verbs:
    run: [{{speed: $intensity}}, {{switch: true}}]
    stop: {{switch: false}}
"""


@pytest.mark.parametrize(("described", "role"), ROLES, ids=[f"{each.id}-{role}" for each, role in ROLES])
def test_of_each_shipped_device(described: DeviceModel, role: RoleName) -> None:
    assert described.least_settings(role) == pytest.approx(SHIPPED[described.id, role], abs=0.005)


@pytest.mark.parametrize(
    ("start", "adjust", "least"),
    [
        ("{vacuum_mmhg: u8, range: [40, 250]}", "{vacuum_mmhg: u8, range: [60, 250]}", {"least_vacuum_mmhg": 60}),
        ("{vacuum_mmhg: u8, scale: 5, range: [42, 250]}", "{skip: 1}", {"least_vacuum_mmhg": 45}),
        ("{vacuum_mmhg: u8, offset: 30}", "{skip: 1}", {"least_vacuum_mmhg": 30}),
        ("{vacuum_mmhg: u8, scale: -1, offset: 275}", "{skip: 1}", {"least_vacuum_mmhg": 20}),
        ("{vacuum_mmhg: u8, range: [0, 250]}", "{vacuum_mmhg: u8}", {}),
        ("{level: u8, range: [2, 9]}", "{level: u8}", {"least_level": 2}),
    ],
)
def test_of_a_pump(start: str, adjust: str, least: dict[str, float]) -> None:
    assert profile(PUMP.format(start=start, adjust=adjust)).least_settings("pump") == least


@pytest.mark.parametrize(("lowest", "least_mmhg"), [(1, 60), (3, 90)])
def test_of_measured_levels_only_those_that_can_be_sent_count(lowest: int, least_mmhg: float) -> None:
    field = f"{{level: u8, range: [{lowest}, 9]}}"
    least = profile(PUMP.format(start=field, adjust=field) + LEVELS).least_settings("pump")
    assert least == {"least_level": lowest, "least_vacuum_mmhg": least_mmhg}


@pytest.mark.parametrize(
    ("intensity", "least"),
    [
        ("full_scale: 4", 0.25),
        ("full_scale: 4, range: [0, 1]", 0.25),
        ("full_scale: 4, range: [0.3, 1]", 0.5),
        ("scale: 0.01, range: [0.2, 1]", 0.2),
        ("full_scale: 10, bias: 3", 0.1),
    ],
)
def test_a_massager_at_nothing_does_not_run(intensity: str, least: float) -> None:
    described = profile(MASSAGER.format(intensity=intensity), "massager")
    assert described.least_settings("massager") == pytest.approx({"least_intensity": least})


@pytest.mark.parametrize(
    ("speed", "least"),
    [
        ("type: value, scale: 0.25", 0.25),
        ("type: value, scale: 0.25, range: [0.3, 1]", 0.5),
        ("type: enum, scale: 0.5, range: [0, 1], round: up", 0.5),
    ],
)
def test_of_a_tuya_datapoint(speed: str, least: float) -> None:
    described = parse_yaml(TUYA.format(speed=speed), TuyaModel)
    assert described.least_settings("massager") == pytest.approx({"least_intensity": least})


def test_what_cannot_be_started_has_no_least() -> None:
    assert profile("reports: {a: {payload: [{battery_percent: u8}]}}").least_settings("pump") == {}
