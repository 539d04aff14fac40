"""What Home Assistant is told of a controller, its stations and devices: discovery payloads, made from the features.

Pure functions. Each payload is one device with all its entities ("device-based discovery"); `by_component` splits it
for clients that know only the older way. The mapping and the units are those that Home Assistant checks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from controller.features.feature import PRESS, DeviceFeatures, Feature, Kind, StationFeatures
from controller.mqtt.topics import Topics

Payload = dict[str, Any]

_NAME = "Letdown"
_DEVICE = "device"  # in an id, so that a device's entity is never taken for one of the station's

_PLATFORMS = {
    Kind.READING: "sensor",
    Kind.WORDS: "sensor",
    Kind.FLAG: "binary_sensor",
    Kind.BUTTON: "button",
    Kind.CHOICE: "select",
    Kind.AMOUNT: "number",
    Kind.HAPPENING: "event",
    Kind.WARMTH: "climate",
}

# By unit. mmHg has no device class: with `pressure`, an American installation would turn it into inHg.
_UNITS: dict[str, Payload] = {
    "mmHg": {"state_class": "measurement"},
    "cpm": {"state_class": "measurement"},
    "mL": {"device_class": "volume_storage", "state_class": "measurement"},
    "mL/s": {"device_class": "volume_flow_rate", "state_class": "measurement"},
    "°C": {"device_class": "temperature", "state_class": "measurement"},
    "s": {"device_class": "duration", "state_class": "measurement"},
    "%": {"state_class": "measurement"},
}

# By feature, what neither its kind nor its unit says.
_SPECIAL: dict[str, Payload] = {
    "battery": {"device_class": "battery"},
    "ends_at": {"device_class": "timestamp"},
    "running": {"device_class": "running"},
    "problem": {"device_class": "problem"},
    "connected": {"device_class": "connectivity"},
    "pain": {"icon": "mdi:alert-octagon"},
    "stop": {"icon": "mdi:stop-circle"},
    "start": {"icon": "mdi:play-circle"},
    "pause": {"icon": "mdi:pause-circle"},
    "resume": {"icon": "mdi:play-pause"},
    "skip": {"icon": "mdi:skip-next-circle"},
    "start_suction": {"icon": "mdi:play"},
    "not_yet": {"icon": "mdi:timer-pause"},
    "let_down": {"icon": "mdi:water"},
    "vacuum_up": {"icon": "mdi:plus-circle"},
    "vacuum_down": {"icon": "mdi:minus-circle"},
    "answer_no": {"icon": "mdi:check-circle"},
    "answer_yes": {"icon": "mdi:help-circle"},
    "acknowledge": {"icon": "mdi:eye-check"},
    "routine": {"icon": "mdi:format-list-numbered"},
    "side": {"icon": "mdi:arrow-left-right"},
    "guide": {"icon": "mdi:message-text"},
    "vacuum": {"icon": "mdi:gauge"},
    "target_vacuum": {"icon": "mdi:gauge"},
    "peak_vacuum": {"icon": "mdi:gauge-full"},
    "rate": {"icon": "mdi:pulse"},
}

_CATEGORIES = {"setting": "config", "diagnostic": "diagnostic"}

# Whoever is not connected must not have a start wait for them: with QoS 0 a broker and a client keep nothing.
_ALWAYS_QOS = {"pain": 1, "stop": 1}

_LONGEST_STATE = 250  # Home Assistant keeps at most 255 characters; the whole text is in the attribute `words`

# Device triggers: the type as Home Assistant shows it, and the event that it is.
_TRIGGERS = {
    "let_down": "let_down",
    "session_started": "session_started",
    "session_finished": "session_finished",
    "pain": "pain",
    "trip": "trip",
}


def ident(*parts: str) -> str:
    """Return parts as one id: letters, digits and -, joined by _. What had to be changed is told apart by a digest."""
    slugs = [_slug(part) for part in parts]
    digest = "" if slugs == [*parts] else f"-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:6]}"
    return "_".join(slugs) + digest


def is_ours(topic: str, topics: Topics, prefix: str) -> bool:
    """Say whether a controller of this base topic could have announced something there."""
    return bool(re.fullmatch(rf"{re.escape(prefix)}/[a-z_]+/{_slug(topics.base)}_[^/]+/config", topic))


def _slug(part: str) -> str:
    return re.sub(r"[^a-zA-Z0-9-]+", "-", part)


def payloads(topics: Topics, stations: Iterable[StationFeatures], version: str, prefix: str) -> dict[str, Payload]:
    """Return the discovery payloads by their topics: one of the controller, one a station, one a device."""
    hub = ident(topics.base, "controller", topics.node)
    found = {hub: _controller(topics, hub)}
    for station in stations:
        key = ident(topics.base, station.name)
        found[key] = _station(topics, station, key, hub)
        for device in station.devices:
            own = ident(topics.base, station.name, _DEVICE, device.name)
            found[own] = _device(topics, station, device, own, key)
    origin = {"name": _NAME, "sw_version": version}
    for payload in found.values():
        payload["device"]["sw_version"] = version
        payload["origin"] = origin
    return {f"{prefix}/device/{key}/config": payload for key, payload in found.items()}


def by_component(found: dict[str, Payload]) -> dict[str, Payload]:
    """Return the same entities, each with a payload and a topic of its own."""
    split: dict[str, Payload] = {}
    for topic, payload in found.items():
        prefix, _, key, _ = topic.rsplit("/", 3)
        common = {name: value for name, value in payload.items() if name != "components"}
        for name, component in payload["components"].items():
            own = {field: value for field, value in component.items() if field != "platform"}
            # What stands in the component goes before what it would inherit.
            split[f"{prefix}/{component['platform']}/{key}_{name}/config"] = {**common, **own}
    return split


def _controller(topics: Topics, key: str) -> Payload:
    flags = {
        "status": ("Connected", topics.status(), {}),
        # Without the controller, nobody knows what its Bluetooth hears.
        "radio": ("Bluetooth", topics.radio(), {"availability": _availability(topics.status())}),
    }
    return {
        "device": {
            "identifiers": [key],
            "name": f"{_NAME} {topics.node}",
            "manufacturer": _NAME,
            "model": "controller",
        },
        "components": {
            name: {
                "platform": "binary_sensor",
                "unique_id": f"{key}_{name}",
                "name": title,
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": topic,
                "payload_on": "online",
                "payload_off": "offline",
                **more,
            }
            for name, (title, topic, more) in flags.items()
        },
    }


def _station(topics: Topics, station: StationFeatures, key: str, hub: str) -> Payload:
    components = {
        feature.id: _component(
            feature, key, _source(topics, station.name, None, feature), topics.set(station.name, feature.id)
        )
        for feature in station.features
    }
    return {
        "device": {
            "identifiers": [key],
            "name": f"{_NAME} {station.name}",
            "manufacturer": _NAME,
            "model": "station",
            "via_device": hub,
        },
        "availability": _availability(topics.status()),
        "availability_mode": "all",
        "components": components | {f"on_{name}": _trigger(topics, station.name, name) for name in _TRIGGERS},
    }


def _device(topics: Topics, station: StationFeatures, device: DeviceFeatures, key: str, hub: str) -> Payload:
    return {
        "device": {
            "identifiers": [key],
            "name": f"{station.name} {device.name}",
            "model": device.model,
            "via_device": hub,
        },
        "availability": _availability(
            topics.status(), topics.radio(), topics.device_availability(station.name, device.name)
        ),
        "availability_mode": "all",
        "components": {
            feature.id: {
                **_component(
                    feature,
                    key,
                    topics.device_state(station.name, device.name),
                    topics.device_set(station.name, device.name, feature.id),
                ),
                # That it is not connected must not hide that it is not connected.
                **({"availability": _availability(topics.status())} if feature.id == "connected" else {}),
            }
            for feature in device.features
        },
    }


def _availability(*found: str) -> list[Payload]:
    return [{"topic": topic} for topic in found]


def _source(topics: Topics, station: str, device: str | None, feature: Feature) -> str:
    match feature.source:
        case "guide":
            return topics.guide(station)
        case "choices":
            return topics.choices(station)
        case "event":
            return topics.event(station)
        case _:
            return topics.device_state(station, device) if device else topics.state(station)


def _component(feature: Feature, key: str, source: str, target: str) -> Payload:
    """Return what Home Assistant is told of one feature, whose value is at `source`, and which hears at `target`."""
    component: Payload = {
        "platform": _PLATFORMS[feature.kind],
        "unique_id": f"{key}_{feature.id}",
        "name": feature.name,
        **_OF_KIND[feature.kind](feature, source, target),
        **_SPECIAL.get(feature.id, {}),
    }
    if feature.category in _CATEGORIES:
        # A sensor must not be a setting, and nothing here is.
        component["entity_category"] = _CATEGORIES[feature.category]
    return component


def _value(path: str) -> str:
    return f"{{{{ value_json.{path} }}}}"


def _reading(feature: Feature, source: str, _: str) -> Payload:
    shown: Payload = {"state_topic": source, "value_template": _value(feature.path)}
    if feature.options:
        return {**shown, "device_class": "enum", "options": list(feature.options)}
    if feature.unit is None:
        return shown
    shown |= {"unit_of_measurement": feature.unit, **_UNITS[feature.unit]}
    if feature.id == "progress":
        shown["value_template"] = "{{ (value_json.progress * 100) | round }}"
    return shown


def _words(feature: Feature, source: str, _: str) -> Payload:
    return {
        "state_topic": source,
        "value_template": f"{{{{ value_json.{feature.path}[:{_LONGEST_STATE}] }}}}",
        "json_attributes_topic": source,
    }


def _flag(feature: Feature, source: str, _: str) -> Payload:
    return {
        "state_topic": source,
        "value_template": _value(feature.path),
        "payload_on": "True",
        "payload_off": "False",
    }


def _button(feature: Feature, _: str, target: str) -> Payload:
    return {"command_topic": target, "payload_press": PRESS, "qos": _ALWAYS_QOS.get(feature.id, 0)}


def _choice(feature: Feature, source: str, target: str) -> Payload:
    return {
        "state_topic": source,
        "value_template": _value(feature.path),
        "command_topic": target,
        "options": list(feature.options),
    }


def _amount(feature: Feature, source: str, target: str) -> Payload:
    return {
        "state_topic": source,
        "value_template": _value(feature.path),
        "command_topic": target,
        "min": feature.least,
        "max": feature.most,
        "step": feature.step,
        "mode": "slider",
        "unit_of_measurement": feature.unit,
    }


def _happening(feature: Feature, source: str, _: str) -> Payload:
    types = [kind.value for kind in feature.types]
    # What is not of these types becomes nothing, which Home Assistant passes over in silence.
    template = (
        f"{{% if value_json.type in {types} %}}"
        "{{ dict(value_json.data, event_type=value_json.type, event_id=value_json.id) | to_json }}{% endif %}"
    )
    return {"state_topic": source, "value_template": template, "event_types": types}


def _warmth(feature: Feature, source: str, target: str) -> Payload:
    return {
        "modes": list(feature.says)[::-1],
        "mode_state_topic": source,
        "mode_state_template": (
            f"{{{{ {{'running': 'heat', 'stopped': 'off', 'paused': 'off'}}"
            f".get(value_json.{feature.path}.run_state, 'None') }}}}"
        ),
        "mode_command_topic": target,
        "current_temperature_topic": source,
        "current_temperature_template": _value(f"{feature.path}.surface_celsius"),
        "temperature_state_topic": source,
        "temperature_state_template": _value(f"{feature.path}.target_celsius"),
        "temperature_unit": "C",
        "precision": 0.1,
        "min_temp": feature.least,
        "max_temp": feature.most,
    }


_OF_KIND = {
    Kind.READING: _reading,
    Kind.WORDS: _words,
    Kind.FLAG: _flag,
    Kind.BUTTON: _button,
    Kind.CHOICE: _choice,
    Kind.AMOUNT: _amount,
    Kind.HAPPENING: _happening,
    Kind.WARMTH: _warmth,
}


def _trigger(topics: Topics, station: str, name: str) -> Payload:
    return {
        "platform": "device_automation",
        "automation_type": "trigger",
        "type": name,
        "subtype": "session",
        "topic": topics.event(station),
        "value_template": "{{ value_json.type }}",
        "payload": _TRIGGERS[name],
    }
