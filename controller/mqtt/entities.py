"""One feature as a component of Home Assistant's discovery. Pure functions.

States are what a person reads, in their language; payloads are the same in every language, and templates translate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from controller.contract.features.feature import PRESS, Feature, FeatureKind
from controller.mqtt.entity_style import OF_UNIT, style_of

DiscoveryPayload = dict[str, Any]

_CATEGORIES = {"setting": "config", "diagnostic": "diagnostic"}

# A start must not be queued for a client or controller that is offline: with QoS 0, nothing is queued.
_ALWAYS_QOS = {"pain": 1, "stop": 1}

_LONGEST_STATE = 250  # Home Assistant allows 255 characters; the whole text is in the attributes


def component(feature: Feature, key: str, source: str, target: str) -> DiscoveryPayload:
    """Return the component of one feature. `source`: topic of its value; `target`: topic to set it."""
    platform, fields_of_kind = _OF_KIND[feature.kind]
    # The id of the entity is not made of its name, which depends on the language. Home Assistant calls it
    # `default_entity_id` since 2025.10, and `object_id` before.
    name = re.sub(r"[^a-z0-9]+", "_", f"{key}_{feature.id}".lower())
    found: DiscoveryPayload = {
        "platform": platform,
        "unique_id": f"{key}_{feature.id}",
        "object_id": name,
        "default_entity_id": f"{platform}.{name}",
        "name": feature.name,
        **fields_of_kind(feature, source, target),
        **style_of(feature.id),
    }
    if feature.category in _CATEGORIES:
        # Home Assistant rejects sensors with the category `config`; there are none.
        found["entity_category"] = _CATEGORIES[feature.category]
    if not feature.enabled:
        found["enabled_by_default"] = False
    return found


def allowed_while(state_topic: str, name: str) -> DiscoveryPayload:
    """Return the availability of what is accepted by the station's state."""
    words = f"{{{{ 'online' if '{name}' in value_json.allowed_actions else 'offline' }}}}"
    return {"topic": state_topic, "value_template": words}


def _value(path: str) -> str:
    return f"{{{{ value_json.{path} }}}}"


def _text_of(known: Mapping[str, str], value: str) -> str:
    """Return an expression that translates the value of another."""
    return f"{json.dumps(known, ensure_ascii=False)}.get({value}, {value})" if known else value


def _state(feature: Feature, source: str) -> DiscoveryPayload:
    template = f"{{{{ {_text_of(feature.labels, f'value_json.{feature.path}')} }}}}"
    return {"state_topic": source, "value_template": template}


def _options(feature: Feature) -> list[str]:
    return [feature.labels.get(option, option) for option in feature.options]


def _sensor(feature: Feature, source: str, _: str) -> DiscoveryPayload:
    found = _state(feature, source)
    if feature.options:
        raw = f"{{{{ {{'value': value_json.{feature.path}}} | to_json }}}}"
        found |= {"json_attributes_topic": source, "json_attributes_template": raw}  # the same in every language
        return {**found, "device_class": "enum", "options": _options(feature)}
    if feature.unit is None:
        return found
    found |= {"unit_of_measurement": feature.unit, "state_class": "measurement", **OF_UNIT[feature.unit]}
    if feature.id == "progress":
        known = "value_json.progress is not none"
        found["value_template"] = f"{{{{ (value_json.progress * 100) | round if {known} else none }}}}"
    return found


def _text(feature: Feature, source: str, _: str) -> DiscoveryPayload:
    if feature.source == "reply":
        outcome = _text_of(feature.labels, "value_json.outcome")
        reasons = "(': ' ~ value_json.reasons | join('; ') if value_json.reasons else '')"
        template = f"{{{{ ({outcome} ~ {reasons})[:{_LONGEST_STATE}] }}}}"
        more: DiscoveryPayload = {"force_update": True}
    else:
        template, more = _value(f"{feature.path}[:{_LONGEST_STATE}]"), {}
    return {"state_topic": source, "value_template": template, "json_attributes_topic": source, **more}


def _flag(feature: Feature, source: str, _: str) -> DiscoveryPayload:
    return {**_state(feature, source), "payload_on": "True", "payload_off": "False"}


def _button(feature: Feature, _: str, target: str) -> DiscoveryPayload:
    return {"command_topic": target, "payload_press": PRESS, "qos": _ALWAYS_QOS.get(feature.id, 0)}


def _select(feature: Feature, source: str, target: str) -> DiscoveryPayload:
    found = {**_state(feature, source), "command_topic": target, "options": _options(feature)}
    if feature.labels:
        options = {label: option for option, label in feature.labels.items()}
        found["command_template"] = f"{{{{ {_text_of(options, 'value')} }}}}"
    return found


def _number(feature: Feature, source: str, target: str) -> DiscoveryPayload:
    # Home Assistant logs an error for a state above the highest value; what is to be lowered is unknown until it is.
    value = f"value_json.{feature.path}"
    known = f"{value} is not none and {value} <= {feature.most:g}"
    return {
        "state_topic": source,
        "value_template": f"{{{{ '%g' | format({value}) if {known} else none }}}}",
        "command_topic": target,
        "min": feature.least,
        "max": feature.most,
        "step": feature.step,
        "mode": "box",
        "unit_of_measurement": feature.unit,
    }


def _event(feature: Feature, source: str, _: str) -> DiscoveryPayload:
    # What has another type becomes an empty string, which Home Assistant ignores.
    if feature.source == "reply":
        types = list(feature.options)
        template = "{{ dict(value_json, event_type=value_json.outcome) | to_json }}"
    elif feature.of_device is not None:
        types = list(feature.options)
        about = f"value_json.data.device == {json.dumps(feature.of_device, ensure_ascii=False)}"
        template = (
            f"{{% if value_json.type in {[kind.value for kind in feature.types]} and {about} %}}"
            "{{ dict(value_json.data, event_type=value_json.data.press, event_id=value_json.id) | to_json }}{% endif %}"
        )
    else:
        types = [kind.value for kind in feature.types]
        template = (
            f"{{% if value_json.type in {types} %}}"
            "{{ dict(value_json.data, event_type=value_json.type, event_id=value_json.id) | to_json }}{% endif %}"
        )
    return {"state_topic": source, "value_template": template, "event_types": types}


def _climate(feature: Feature, source: str, target: str) -> DiscoveryPayload:
    settable = {
        "temperature_command_topic": target,
        "temp_step": feature.step,
        "min_temp": feature.least,
        "max_temp": feature.most,
    }
    return {
        "modes": list(feature.payloads)[::-1],
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
        **(settable if feature.action is not None else {}),
    }


def _image(_: Feature, source: str, __: str) -> DiscoveryPayload:
    return {"image_topic": source, "content_type": "image/svg+xml"}


# By kind, the platform and what gives the fields that it has.
_OF_KIND = {
    FeatureKind.SENSOR: ("sensor", _sensor),
    FeatureKind.TEXT: ("sensor", _text),
    FeatureKind.FLAG: ("binary_sensor", _flag),
    FeatureKind.BUTTON: ("button", _button),
    FeatureKind.SELECT: ("select", _select),
    FeatureKind.NUMBER: ("number", _number),
    FeatureKind.EVENT: ("event", _event),
    FeatureKind.CLIMATE: ("climate", _climate),
    FeatureKind.IMAGE: ("image", _image),
}
