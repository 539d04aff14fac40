"""Builds the MQTT bridge, with a topic for each feature, and Home Assistant discovery."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from controller.contract.features.button_features import button_features
from controller.contract.features.feature import DeviceFeatures, Feature, StationFeatures, accepting
from controller.contract.features.history_features import HISTORY_FEATURES
from controller.contract.features.localized import localized
from controller.contract.features.optional_features import UPLOAD_FEATURES, reminder_features
from controller.contract.features.scale_features import WEIGHED_FEATURES, scale_features
from controller.contract.features.station_features import at_cap, device_features, station_features
from controller.contract.features.thermometer_features import thermometer_features
from controller.contract.handle import Handle
from controller.contract.words import load_words
from controller.mqtt.backlog import Backlog
from controller.mqtt.bridge import Bridge
from controller.mqtt.discovery import Discovery
from controller.mqtt.instance import Instance
from controller.mqtt.minimal import minimal_features
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.topics import Topics
from controller.service.describe_node import describe_node
from controller.service.station import Station
from controller.session.routine import Routine
from controller.settings import Settings
from devices.driver.device_roles import DeviceRole, DeviceSensor


def build_bridge(
    mqtt: MqttSettings,
    stations: Sequence[Station],
    settings: Settings,
    routines: Mapping[str, Routine],
    handle: Handle,
    backlog: Backlog,
    me: Instance,
    checked: Collection[BrokerUrl],
    *,
    leased: bool,
    keeps_history: bool,
    may_connect: Callable[[], bool] = lambda: True,
) -> tuple[Bridge, Discovery]:
    """Build the bridge, with a command topic for each feature that can be set, and Home Assistant discovery."""
    topics = Topics(mqtt.base_topic, mqtt.node)
    shown = mqtt.publish_recent_sessions
    minimal = mqtt.publish == "minimal"
    about = describe_node(
        mqtt.node,
        stations,
        routines,
        settings.limits,
        settings.language,
        recent_sessions=shown,
        history=keeps_history and not minimal,
    )
    bridge = Bridge(
        mqtt,
        topics,
        {station.name: handle for station in stations},
        backlog=backlog,
        mqtt_5=not settings.mqtt.embedded,  # the embedded broker knows MQTT 3.1.1 alone
        me=me,
        leased=leased,
        checked=checked,
        about=about,
        words=load_words(settings.language),
    )
    bridge.may_connect = may_connect
    for station in stations:  # what was published while it was on
        if not settings.reminders.on:
            bridge.outbox.retain(topics.reminders(station.name), "")
        if settings.baby_buddy is None:
            bridge.outbox.retain(topics.uploads(station.name), "")
    words = load_words(settings.language)
    names = {id_: each.name.get(settings.language, each.name["en"]) for id_, each in routines.items()}
    features = [features_of(station, settings, routines, keeps_history=keeps_history) for station in stations]
    found = localized(features, words, names)
    for each in found:
        for feature in accepting(each.features):
            bridge.commands.register(topics.set(each.name, feature.id), each.name, feature.command)
        for device in each.devices:
            for feature in accepting(device.features):
                topic = topics.device_set(each.name, device.name, feature.id)
                bridge.commands.register(topic, each.name, feature.command)
    own = {**words.entities.names, "controller": words.entities.controller}
    announced = tuple(map(minimal_features, found)) if minimal else found
    discovery = Discovery(mqtt, topics, announced, bridge.outbox, names=own, at_cap=partial(at_cap, settings.limits))
    for topic, listener in discovery.listeners.items():
        bridge.listen(topic, listener)
    return bridge, discovery


def _optional(settings: Settings) -> tuple[Feature, ...]:
    """Return the features of a station that the settings ask for."""
    wanted = settings.reminders
    reminders = reminder_features(
        next_session=wanted.next_session,
        clean_parts=bool(wanted.clean_parts),
        battery=wanted.battery_below_percent is not None,
    )
    return (*reminders, *(UPLOAD_FEATURES if settings.baby_buddy is not None else ()))


def _features_of_device(role: DeviceRole | DeviceSensor, settings: Settings) -> tuple[Feature, ...]:
    if role.role == "scale":
        return scale_features(role.capabilities)
    if role.role == "button":
        return button_features(role.name, role.capabilities)
    if role.role == "thermometer":
        return thermometer_features(role.capabilities)
    return device_features(role.role, role.capabilities, role.limits, settings.limits)


def features_of(
    station: Station, settings: Settings, routines: Iterable[str], *, keeps_history: bool
) -> StationFeatures:
    """Return the features of a station, of its history if one is kept, and of its devices."""
    return StationFeatures(
        name=station.name,
        features=(
            *station_features(settings.limits, routines),
            *(WEIGHED_FEATURES if station.scales else ()),
            *(HISTORY_FEATURES if keeps_history else ()),
            *_optional(settings),
        ),
        devices=tuple(
            DeviceFeatures(
                name=role.name,
                model=role.model_name,
                model_id=role.model_id,
                role=role.role,
                side=role.side,
                features=_features_of_device(role, settings),
            )
            for role in station.all_roles
        ),
    )
