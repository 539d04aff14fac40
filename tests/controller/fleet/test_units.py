"""Units: the stations of one body are owned together, and are served as a home with these stations alone."""

from __future__ import annotations

from controller.cluster.cluster_settings import ClusterSettings
from controller.fleet.fleet_units import settings_of, units_of
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.settings import DeviceSettings, Settings, StationSettings


def station(name: str, body: str | None = None) -> StationSettings:
    return StationSettings(
        body=body, devices=(DeviceSettings(name="pump", profile="open-pump", advertised_name=f"Pump of {name}"),)
    )


STATIONS = {
    "bedroom": station("bedroom", "ann"),
    "office": station("office"),
    "kitchen": station("kitchen", "ann"),
    "ward": station("ward", "office"),
}
SETTINGS = Settings(
    stations=STATIONS,
    mqtt=MqttSettings(brokers=(BrokerUrl.parse("mqtt://node-1.lan"),), node="node-1"),
    fleet=ClusterSettings(servers=("nats://node-1.lan",)),
    language="de",
)


def test_stations_of_one_body_are_one_unit_and_every_other_is_one_by_itself() -> None:
    units = units_of(SETTINGS)
    assert {name: list(unit.stations) for name, unit in units.items()} == {
        "ann": ["bedroom", "kitchen"],
        "office": ["office", "ward"],
    }
    assert {unit.name for unit in units.values()} == set(units)
    assert [device.advertised_name for device in units["ann"].devices] == ["Pump of bedroom", "Pump of kitchen"]


def test_every_station_is_in_one_unit() -> None:
    found = [name for unit in units_of(SETTINGS).values() for name in unit.stations]
    assert sorted(found) == sorted(STATIONS)


def test_a_unit_is_served_as_a_home_with_its_stations_alone() -> None:
    settings = settings_of(units_of(SETTINGS)["ann"], SETTINGS)
    assert list(settings.stations) == ["bedroom", "kitchen"]
    assert settings.mqtt.node == "ann"  # whichever controller serves it, the broker knows one client of that name
    assert settings.mqtt.brokers == SETTINGS.mqtt.brokers
    assert settings.web.enabled is False
    assert settings.fleet is None
    assert settings.language == "de"
    assert settings.limits == SETTINGS.limits
    assert SETTINGS.mqtt.node == "node-1"
