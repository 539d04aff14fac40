"""Opens the devices of the settings, each with its driver."""

from __future__ import annotations

import ssl

from controller.assembly.extras import SetupError
from controller.mqtt.broker_login import CredentialsError, login, tls
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import DeviceSettings, Settings
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.broker_access import BrokerAccess
from devices.driver.registry import ConfigurationError, driver_of
from devices.errors import LinkLostError
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.sensor_roles import Placed
from devices.support.clock import Clock
from devices.support.closest import unknown


def open_device(
    settings: DeviceSettings, clock: Clock, radio: Radio, catalog: Catalog, broker: BrokerAccess | None = None
) -> BaseDevice:
    """Return a device of the settings, with its driver. Raise `SetupError`.

    `broker`: where a device is that is reached through one.
    """
    profile = catalog.get(settings.profile)
    if profile is None:
        words = unknown("profile", settings.profile, catalog.ids, "`letdown profiles` lists them")
        raise SetupError(f"{settings.name}: {words}")
    if profile.bluetooth and settings.address is None and settings.advertised_name is None:
        words = f"a {profile.name} is found by Bluetooth; name its address or advertised_name"
        raise SetupError(f"{settings.name}: {words}")
    if profile.match.ambiguous and settings.address is None:
        raise SetupError(f"{settings.name}: other kinds of device look like a {profile.name}; name its address")
    if profile.sides == "one" and settings.side is Side.BOTH:
        raise SetupError(f"{settings.name}: a {profile.name} serves one breast; say side: left or side: right")
    if settings.placed is not None and "thermometer" not in profile.roles:
        raise SetupError(f"{settings.name}: only a thermometer is placed on a pad or a breast; remove `placed`")
    driver = driver_of(profile)
    options = DeviceOptions(
        name=settings.name,
        side=settings.side,
        wanted=settings.wanted,
        may_control=profile.confidence == "verified" or settings.allow_unverified,
        max_level=settings.max_level,
        uuids=settings.uuids,
        placed=settings.placed or Placed.PAD,
        own=settings.of_driver(driver.name),
        broker=broker,
    )
    try:
        return driver.open_device(radio, clock, profile, options)
    except ConfigurationError as error:
        raise SetupError(f"{settings.name}: {error}") from None


def broker_access(mqtt: MqttSettings) -> BrokerAccess | None:
    """Return how devices reach the first broker of the settings; `None` where only the embedded one could be.

    Devices cannot reach that one: it listens on this machine alone.
    """
    if mqtt.embedded:
        return None
    broker = mqtt.brokers[0]

    def read_credentials() -> tuple[str | None, str | None, ssl.SSLContext | None]:
        try:
            return *login(broker, mqtt), tls(mqtt) if broker.tls else None
        except CredentialsError as error:
            raise LinkLostError(f"the broker {broker} {error}") from None

    return BrokerAccess(broker.host, broker.port, read_credentials)


def uses_bluetooth(settings: Settings) -> bool:
    """Return whether any device of the settings is found by Bluetooth."""
    return any(device.reached_by is None for station in settings.stations.values() for device in station.devices)


def device_named(name: str, settings: Settings, clock: Clock, radio: Radio) -> BaseDevice:
    """Open one device of the settings. Raise `SetupError` when there is none of that name."""
    catalog = Catalog.load(*settings.profiles)
    return open_device(check_device_named(name, settings), clock, radio, catalog, broker_access(settings.mqtt))


def check_device_named(name: str, settings: Settings) -> DeviceSettings:
    """Return one device of the settings. Raise `SetupError` when there is none of that name."""
    devices = [device for station in settings.stations.values() for device in station.devices]
    for device in devices:
        if device.name == name:
            return device
    lists = "your settings name no devices; `letdown scan` shows those nearby"
    raise SetupError(unknown("device", name, [device.name for device in devices], lists))
