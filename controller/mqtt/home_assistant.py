"""Home Assistant discovery payloads of a controller, its stations and devices, generated from the features.

Pure functions. Each payload is one device with all its entities (device-based discovery); `by_component` splits it for
clients that only support one payload per entity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from controller.contract.features.feature import DeviceFeatures, Feature, StationFeatures
from controller.mqtt.entities import DiscoveryPayload, allowed_while, component
from controller.mqtt.entity_style import ICONS
from controller.mqtt.topics import Topics

_NAME = "Letdown"
_DEVICE = "device"  # part of an id, so that a device's entity never collides with one of the station's

# The controller's own names, in English: what `names` of `payloads` may translate.
_NAMES = {"controller": "Letdown controller", "status": "Connected", "radio": "Bluetooth"}

# Types of event that are device triggers; Home Assistant shows them as they are here.
_TRIGGERS = ("let_down", "session_started", "session_finished", "volume_logged", "pain", "trip", "uncertain")


def ident(*parts: str) -> str:
    """Return parts as one id of letters, digits and -, joined by _; with a digest if characters were replaced."""
    slugs = [_slug(part) for part in parts]
    digest = "" if slugs == [*parts] else f"-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:6]}"
    return "_".join(slugs) + digest


def is_ours(topic: str, topics: Topics, prefix: str) -> bool:
    """Return whether a controller with this base topic may have published this discovery topic."""
    return bool(re.fullmatch(rf"{re.escape(prefix)}/[a-z_]+/{_slug(topics.base)}_[^/]+/config", topic))


def _slug(part: str) -> str:
    return re.sub(r"[^a-zA-Z0-9-]+", "-", part)


def payloads(
    topics: Topics,
    stations: Iterable[StationFeatures],
    version: str,
    prefix: str,
    names: Mapping[str, str] | None = None,
) -> dict[str, DiscoveryPayload]:
    """Return the discovery payloads by topic: one for the controller, each station and each device.

    `names`: of the controller and its own entities, in the owner's language.
    """
    hub = ident(topics.base, "controller", topics.node)
    found = {hub: _controller(topics, hub, version, {**_NAMES, **(names or {})})}
    for station in stations:
        key = ident(topics.base, station.name)
        found[key] = _station(topics, station, key, hub)
        for device in station.devices:
            own = ident(topics.base, station.name, _DEVICE, device.name)
            found[own] = _device(topics, station, device, own, key)
    for key, payload in found.items():
        payload["device"] = {"identifiers": [key], **payload["device"]}
        payload["origin"] = {"name": _NAME, "sw_version": version}
    return {f"{prefix}/device/{key}/config": payload for key, payload in found.items()}


def by_component(found: dict[str, DiscoveryPayload]) -> dict[str, DiscoveryPayload]:
    """Return the same entities, each with its own payload and topic."""
    split: dict[str, DiscoveryPayload] = {}
    for topic, payload in found.items():
        prefix, _, key, _ = topic.rsplit("/", 3)
        common = {name: value for name, value in payload.items() if name != "components"}
        for name, each in payload["components"].items():
            own = {field: value for field, value in each.items() if field != "platform"}
            # A component's own values override inherited ones.
            split[f"{prefix}/{each['platform']}/{key}_{name}/config"] = {**common, **own}
    return split


def _controller(topics: Topics, key: str, version: str, names: Mapping[str, str]) -> DiscoveryPayload:
    flags = {
        "status": (topics.status(), {}),
        # Without the controller, the state of its Bluetooth is unknown.
        "radio": (topics.radio(), {"availability": _availability(topics.status()), "icon": ICONS["radio"]}),
    }
    return {
        "device": {
            "name": f"{names['controller']} {topics.node}",
            "manufacturer": _NAME,
            "model": "Controller",
            "sw_version": version,
        },
        "components": {
            name: {
                "platform": "binary_sensor",
                "unique_id": f"{key}_{name}",
                "name": names[name],
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": topic,
                "payload_on": "online",
                "payload_off": "offline",
                **more,
            }
            for name, (topic, more) in flags.items()
        },
    }


def _station(topics: Topics, station: StationFeatures, key: str, hub: str) -> DiscoveryPayload:
    sources = {
        "guide": topics.guide,
        "picture": topics.picture,
        "start_defaults": topics.start_defaults,
        "event": topics.event,
        "reply": topics.reply,
        "history": topics.history,
        "comfort": topics.learned_comfort,
        "reminders": topics.reminders,
        "uploads": topics.uploads,
    }
    common = _availability(topics.status())
    components = {
        feature.id: {
            **component(
                feature,
                key,
                sources.get(feature.source or "state", topics.state)(station.name),
                topics.set(station.name, feature.id),
            ),
            **_own_availability(topics, station.name, feature, common),
        }
        for feature in station.features
    }
    published = {kind for feature in station.features for kind in feature.types}
    title = station.title or f"{_NAME} {station.name}"
    return {
        "device": {"name": title, "manufacturer": _NAME, "model": "Station", "via_device": hub},
        "availability": common,
        "availability_mode": "all",
        "components": components
        | {f"on_{name}": _trigger(topics, station.name, name) for name in _TRIGGERS if name in published},
    }


def _device(topics: Topics, station: StationFeatures, device: DeviceFeatures, key: str, hub: str) -> DiscoveryPayload:
    common = _availability(topics.status(), topics.radio(), topics.device_availability(station.name, device.name))
    named = ident(topics.base, station.name, device.name)
    about = {"name": device.title or device.name, "model": device.model, "via_device": hub}
    if device.model_id:
        about["model_id"] = device.model_id
    components = {}
    for feature in device.features:
        target = topics.device_set(station.name, device.name, feature.id)
        is_event = feature.source == "event"
        source = topics.event(station.name) if is_event else topics.device_state(station.name, device.name)
        found = component(feature, named, source, target)
        # Unavailability must not hide that the device is not connected, and no event is lost to it.
        own = {"availability": _availability(topics.status())} if feature.id == "connected" or is_event else {}
        components[feature.id] = {
            **found,
            "unique_id": f"{key}_{feature.id}",
            **own,
            **_own_availability(topics, station.name, feature, common),
        }
    return {"device": about, "availability": common, "availability_mode": "all", "components": components}


def _availability(*found: str) -> list[DiscoveryPayload]:
    return [{"topic": topic} for topic in found]


def _own_availability(
    topics: Topics, station: str, feature: Feature, common: list[DiscoveryPayload]
) -> DiscoveryPayload:
    """Return when a feature can be set: while all that is common says so, and it would not be refused."""
    if feature.allowed_as is None:
        return {}
    return {"availability": [*common, allowed_while(topics.state(station), feature.allowed_as)]}


def _trigger(topics: Topics, station: str, name: str) -> DiscoveryPayload:
    return {
        "platform": "device_automation",
        "automation_type": "trigger",
        "type": name,
        "subtype": "session",
        "topic": topics.event(station),
        "value_template": "{{ value_json.type }}",
        "payload": name,
    }
