"""A scale is shown like any device: in its view, its telemetry, `about` and Home Assistant; and it stays private."""

from __future__ import annotations

import asyncio

import pytest

from controller.assembly.bridge_building import features_of
from controller.contract.events import DeviceView, Snapshot, Telemetry, Volume
from controller.contract.features.scale_features import WEIGHED_FEATURES, scale_features
from controller.mqtt.minimal import minimal, minimal_features
from controller.service.describe_node import describe_node
from controller.service.device_publisher import DevicePublisher
from controller.settings import Settings
from devices.roles import Capability, ScaleReading
from tests.helpers.home import COMFORTABLE, STATION
from tests.helpers.weighed_home import PUMP, TARED, WeighedHome, weighed_home


def published(house: WeighedHome) -> tuple[DeviceView, list[Telemetry]]:
    """Return the last view of the scale, and its telemetry."""
    items = [item for _, item in house.recorded.items]
    views = [item for item in items if isinstance(item, DeviceView) and item.device == "scale"]
    return views[-1], [item for item in items if isinstance(item, Telemetry) and item.device == "scale"]


async def test_its_weight_and_battery_are_published() -> None:
    async with weighed_home(devices=(PUMP, TARED)) as house:
        publisher = DevicePublisher(STATION, house.station.all_roles, house.clock, house.stream)
        task = asyncio.create_task(publisher.run())
        await house.clock.sleep(3)
        task.cancel()
        view, telemetry = published(house)
    assert isinstance(view.reading, ScaleReading)
    assert view.available
    assert view.cautions == ()
    assert view.reading.weight_g == pytest.approx(80, abs=0.5)
    assert view.reading.battery_percent == 100
    assert telemetry[-1].values["weight_g"] == pytest.approx(80, abs=0.5)
    hidden = minimal(view)
    assert isinstance(hidden, DeviceView)
    assert (hidden.reading.battery_percent, getattr(hidden.reading, "weight_g", 0)) == (100, None)
    assert minimal(telemetry[-1]) == telemetry[-1].model_copy(update={"values": {}})


async def test_it_is_in_about_and_its_features_are_offered() -> None:
    async with weighed_home() as house:
        about = describe_node("node", [house.station], {}, COMFORTABLE, "en", recent_sessions=False)
        assert [(each.name, each.role) for each in about.stations[0].devices] == [("pump", "pump"), ("scale", "scale")]
        features = features_of(house.station, Settings(), (), keeps_history=False)
    assert all(each in features.features for each in WEIGHED_FEATURES)
    (scale,) = [device for device in features.devices if device.role == "scale"]
    assert [each.id for each in scale.features] == ["weight", "connected"]
    assert all(each.action is None for each in scale.features)
    offered = minimal_features(features)
    assert "weighed_total" not in [each.id for each in offered.features]
    assert "weight" not in [each.id for device in offered.devices for each in device.features]


def test_a_battery_is_a_feature_where_it_is_reported() -> None:
    assert [each.id for each in scale_features(frozenset({Capability.REPORTS_BATTERY}))] == [
        "weight",
        "battery",
        "connected",
    ]


def test_the_weighed_milk_of_both_breasts_is_summed() -> None:
    assert Snapshot(station="home").weighed_total_ml is None
    assert Snapshot(station="home", weighed_ml=Volume(left=20, right=22.5)).weighed_total_ml == 42.5
