"""What `mqtt.publish: minimal` leaves out: all that the models mark as part of a health record. Pure functions.

That includes steps, phase and rate, which change with the let-down. How strong and how warm the devices are is still
published: a person who looks on must see what is on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from controller.contract.comfort import ComfortAdvice
from controller.contract.commands import Reply
from controller.contract.event_data import EVENT_DATA, EventType, LimitedData
from controller.contract.events import DeviceView, Event, Guide, Item, Snapshot, Telemetry
from controller.contract.features.feature import Feature, FeatureKind, StationFeatures
from controller.contract.history_summary import HistorySummary
from controller.contract.recent_sessions import RecentSessions
from controller.safety.limits import Limit
from devices.roles import HEALTH_RECORD, PumpReading, ScaleReading

ModelT = TypeVar("ModelT", bound=BaseModel)

(_MARK,) = HEALTH_RECORD
# What a limit or a refusal gives as its reason where a person reported a symptom.
SYMPTOM_KEYS = frozenset(
    {
        "symptoms",
        "no_heat_with_symptoms",
        "no_vibration_with_symptoms",
        "answered_yes_today",
        "answer_one_by_one",
        "nothing_started",  # it says why
    }
)
_ANSWERS = ("answer", "answer_all")  # the questions are not published, so they may not be answered unseen
_SOURCES: dict[str, type[BaseModel]] = {
    "state": Snapshot,
    "guide": Guide,
    "device": DeviceView,
    "history": HistorySummary,
    "comfort": ComfortAdvice,
}


def is_health_record(model: type[BaseModel]) -> bool:
    """Return whether all of a message is part of a health record."""
    extra = model.model_config.get("json_schema_extra")
    return isinstance(extra, dict) and bool(extra.get(_MARK))


def health_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields of a model that are part of a health record."""
    fields = {**model.model_fields, **model.model_computed_fields}
    marked = {name for name, field in fields.items() if _MARK in (_extra(field) or ())}
    return frozenset(marked)


def _extra(field: Any) -> dict[str, Any] | None:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else None


_READINGS = (PumpReading, ScaleReading)
_HIDDEN_READINGS = frozenset(name for reading in _READINGS for name in health_fields(reading))


def minimal(item: Item) -> Item | None:
    """Return an item of the stream without what is part of a health record; `None`: it is not published at all."""
    if is_health_record(type(item)):
        return None
    match item:
        case Event():
            return None if is_health_record(type(item.data)) or _of_symptoms(item.data) else _without(item)
        case Snapshot():
            allowed = tuple(each for each in item.allowed_actions if each not in _ANSWERS[1:])
            limits = tuple(each for each in item.limits if not _of_symptoms(each))
            return _without(item).model_copy(update={"allowed_actions": allowed, "limits": limits})
        case Telemetry():
            return item.model_copy(
                update={"values": {k: v for k, v in item.values.items() if k not in _HIDDEN_READINGS}}
            )
        case _:
            return _without(item)


def minimal_reply(reply: Reply) -> Reply:
    """Return a reply that does not say which symptom somebody reported."""
    if SYMPTOM_KEYS.isdisjoint(reply.keys):
        return reply
    return reply.model_copy(update={"reasons": (), "keys": (), "detail": None})


def minimal_features(station: StationFeatures) -> StationFeatures:
    """Return what Home Assistant is offered: nothing whose value is not published."""
    return station.model_copy(
        update={
            "features": tuple(_shown(station.features)),
            "devices": tuple(
                device.model_copy(update={"features": tuple(_shown(device.features))}) for device in station.devices
            ),
        }
    )


def omitted() -> Iterator[tuple[str, str]]:
    """Yield what is left out: the message or type of event, and its fields, or `all of it`."""
    for whole in (HistorySummary, ComfortAdvice, RecentSessions):
        yield whole.__name__, "all of it"
    for kind in EventType:
        if is_health_record(EVENT_DATA[kind]):
            yield kind.value, "all of it"
        elif hidden := health_fields(EVENT_DATA[kind]):
            yield kind.value, ", ".join(sorted(hidden))
    partly: tuple[type[BaseModel], ...] = (Snapshot, Guide, *_READINGS)
    for model in partly:
        yield model.__name__, ", ".join(sorted(health_fields(model)))


def _of_symptoms(limit: BaseModel) -> bool:
    return isinstance(limit, Limit | LimitedData) and any(
        each.who == "symptoms" or each.key in SYMPTOM_KEYS for each in limit.reasons
    )


def _without(model: ModelT) -> ModelT:
    """Return a model without its marked fields, and those of the models in it."""
    changed: dict[str, Any] = {}
    hidden = health_fields(type(model))
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name in hidden:
            changed[name] = None if field.is_required() else field.get_default(call_default_factory=True)
        elif isinstance(value, BaseModel):
            changed[name] = _without(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            changed[name] = tuple(map(_without, value))
    return model.model_copy(update=changed)


def _shown(features: tuple[Feature, ...]) -> Iterator[Feature]:
    for feature in features:
        if feature.kind is FeatureKind.EVENT and feature.source == "event":
            types = tuple(each for each in feature.types if not is_health_record(EVENT_DATA[each]))
            if types:
                yield feature.model_copy(update={"types": types})
        elif not (_is_hidden(feature) or feature.allowed_as in _ANSWERS):
            yield feature


def _is_hidden(feature: Feature) -> bool:
    """Return whether the value of a feature is left out: its message, or a field on its path."""
    model: Any = _SOURCES.get(feature.source or "")
    if model is None:
        return False
    if is_health_record(model):
        return True
    first, *rest = feature.path.split(".")
    if first == "reading" and rest:
        return rest[0] in _HIDDEN_READINGS
    return first in health_fields(model)
