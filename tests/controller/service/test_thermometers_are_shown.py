"""A thermometer is shown like any device: in its view, its telemetry, `about` and Home Assistant."""

from __future__ import annotations

import asyncio

import pytest

from controller.assembly.bridge_building import features_of
from controller.contract.events import DeviceView, Telemetry
from controller.contract.features.thermometer_features import thermometer_features
from controller.mqtt.minimal import minimal, minimal_features
from controller.service.describe_node import describe_node
from controller.service.device_publisher import DevicePublisher
from controller.settings import Settings
from devices.roles import Capability
from devices.sensor_roles import ThermometerReading
from tests.helpers.heated_home import BTHOME, PAD, THERMOMETER, HeatedHome, heated_home
from tests.helpers.home import COMFORTABLE, STATION

either = pytest.mark.parametrize("thermometer", [THERMOMETER, BTHOME], ids=["connected", "advertises"])


async def published(house: HeatedHome, seconds: float) -> list[DeviceView | Telemetry]:
    """Publish the devices for a while. Return what was published of the thermometer."""
    publisher = DevicePublisher(STATION, house.station.all_roles, house.clock, house.stream)
    task = asyncio.create_task(publisher.run())
    await house.clock.sleep(seconds)
    task.cancel()
    items = [item for _, item in house.recorded.items if isinstance(item, DeviceView | Telemetry)]
    return [item for item in items if item.device == "thermometer"]


@either
async def test_its_temperature_and_battery_are_published(thermometer: object) -> None:
    async with heated_home(PAD, thermometer) as house:  # type: ignore[arg-type]
        items = await published(house, 3)
    view = [item for item in items if isinstance(item, DeviceView)][-1]
    telemetry = [item for item in items if isinstance(item, Telemetry)]
    assert isinstance(view.reading, ThermometerReading)
    assert (view.available, view.cautions) == (True, ())
    assert view.reading.celsius == pytest.approx(24, abs=0.6)
    assert view.reading.battery_percent == 100
    assert telemetry[-1].values["celsius"] == pytest.approx(24, abs=0.6)
    assert minimal(view) == view  # how warm devices are is no health record


@pytest.mark.parametrize(("thermometer", "seconds"), [(THERMOMETER, 15), (BTHOME, 125)])
async def test_what_it_measured_long_ago_is_not_shown(thermometer: object, seconds: float) -> None:
    async with heated_home(PAD, thermometer) as house:  # type: ignore[arg-type]
        house.thermometer.silent = True
        items = await published(house, seconds)
    view = [item for item in items if isinstance(item, DeviceView)][-1]
    assert (view.available, view.reading) == (False, ThermometerReading())


async def test_it_is_in_about_and_its_features_are_offered() -> None:
    async with heated_home() as house:
        about = describe_node("node", [house.station], {}, COMFORTABLE, "en", recent_sessions=False)
        features = features_of(house.station, Settings(), (), keeps_history=False)
    devices = [(each.name, each.role) for each in about.stations[0].devices]
    assert devices == [("pad", "warmer"), ("thermometer", "thermometer")]
    (thermometer,) = [device for device in minimal_features(features).devices if device.role == "thermometer"]
    assert [each.id for each in thermometer.features] == ["temperature", "battery", "connected"]
    assert all(each.action is None for each in thermometer.features)


def test_a_battery_is_a_feature_where_it_is_reported() -> None:
    assert [each.id for each in thermometer_features(frozenset({Capability.REPORTS_TEMPERATURE}))] == [
        "temperature",
        "connected",
    ]
