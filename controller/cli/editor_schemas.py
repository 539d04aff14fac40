"""JSON Schema of the files that people write, from the models that read them: completion and checks in an editor.

A schema knows keys, types and ranges; what must fit together, only Letdown can check (`letdown profiles check`).
How a short form is written, which a model turns into its long one before it reads it, is in `_SHORT_FORMS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from controller.session.routine import Routine
from controller.settings import Settings
from devices.driver.device_model import DeviceModel
from devices.driver.field_spec import FIELD_TYPES
from devices.driver.registry import DEFAULT, drivers

Schema = dict[str, Any]

_DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest that the YAML language server knows in full
_DIGITS = "[0-9a-fA-F]"
_UUID = rf"[oO][wW][nN][eE][rR]|{_DIGITS}{{4}}|{_DIGITS}{{8}}(-{_DIGITS}{{4}}){{3}}-{_DIGITS}{{12}}"
_FAMILY = r"[0-9a-fA-F?]{8}(-[0-9a-fA-F?]{4}){3}-[0-9a-fA-F?]{12}"
_OF_COMMAND = rf"command( ?\+ ?({_DIGITS}{{2}}){{1,4}})?"
_HEX = rf"\s*({_DIGITS}{{2}}\s*)*"
_TIME = r"\s*([01]?\d|2[0-3]):[0-5]\d\s*"


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^({pattern})$"}


def _or(*more: Schema) -> Callable[[Schema], Schema]:
    return lambda long: {"anyOf": [*more, long]}


def _or_only_item(long: Schema) -> Schema:
    return {"anyOf": [long["items"], long]} if "items" in long else long


def _field(long: Schema) -> Schema:
    """Return how a field is written: fixed bytes, or its name with its type, and the other keys."""
    keys = {key: value for key, value in long["properties"].items() if key not in ("name", "type")}
    named = {**long, "properties": {**keys, "rest": {"enum": ["skip", True]}}}
    return {"anyOf": [_text(_HEX), {**named, "additionalProperties": {"enum": list(FIELD_TYPES)}}]}


def _derived_row(long: Schema) -> Schema:
    return {
        "type": "object",
        "description": long["description"],
        "required": ["is"],
        "minProperties": 2,
        "properties": {"is": long["properties"]["means"]},
        "additionalProperties": {"type": ["boolean", "number", "string", "null"]},
    }


def _write_step(long: Schema) -> Schema:
    return {"anyOf": [long, {"type": "object", "not": {"required": ["write"]}, "minProperties": 1}]}


def _routine_step(long: Schema) -> Schema:
    """Return how a step is written: its kind, alone or with its settings under it."""
    kinds = long["discriminator"]["mapping"]
    settings = {kind: {"anyOf": [{"$ref": ref}, {"type": "null"}]} for kind, ref in kinds.items()}
    under_kind = {"type": "object", "properties": settings, "additionalProperties": False}
    return {"anyOf": [{"const": "check"}, {**under_kind, "minProperties": 1, "maxProperties": 1}]}


def _from_environment(long: Schema) -> Schema:
    """Let each secret come from a variable that is named instead."""
    named = {
        f"{key}_env": {"type": "string", "description": f"the environment variable with {key}"} for key in _SECRETS
    }
    known = {key: value for key, value in named.items() if key.removesuffix("_env") in long["properties"]}
    return {**long, "properties": {**long["properties"], **known}, "required": []}


_SECRETS = ("bindkey", "local_key", "uuid", "device_id", "secret_key")


# By the name of the function with which a value is turned from what is written into what is read.
_SHORT_FORMS: dict[str, Callable[[Schema], Schema]] = {
    "one_or_more": _or_only_item,
    "hex_bytes": lambda _: _text(_HEX),
    "full_uuid": lambda _: _text(_UUID),
    "uuid_or_family": lambda _: _text(f"{_UUID}|{_FAMILY}"),
    "_manufacturer": _or({"type": "integer"}),
    "_service_data": _or(_text(_UUID)),
    "_step": _or({"type": "string"}),
    "_text_fields": lambda _: {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    "_report_opcode": lambda _: {
        "anyOf": [_text(rf"command( ?\+ ?({_DIGITS}{{2}}){{1,4}})?|{_HEX}"), {"type": "null"}]
    },
    "_kind_is_the_key": _routine_step,
    "_time": lambda _: _text(_TIME),
    "_quiet_hours": lambda _: {"anyOf": [_text(rf"{_TIME}[-\u2013]{_TIME}"), {"type": "null"}]},
    "_parse_addresses": lambda _: {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "_check_servers": _or_only_item,
    # The same of whole models.
    "_name_is_the_key": _field,
    "_is_is_the_meaning": _derived_row,
    "_short": _write_step,
    "_from_environment": _from_environment,
}


class _AsWritten(GenerateJsonSchema):
    """Generates the schema of what is written, before any model has turned a short form into a long one."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic declares it

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """Return the short form of a value as well. Of a driver that others wrote, only the long one is known."""
        long = super().function_before_schema(schema)
        # The function of a model is handled below, where its schema is whole.
        return long if schema["schema"]["type"] in _OF_MODELS else _SHORT_FORMS.get(_name(schema), dict)(long)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the short form of a model as well."""
        found, inner = super().model_schema(schema), schema["schema"]
        while inner["type"] == "function-before":
            found, inner = _SHORT_FORMS.get(_name(inner), dict)(found), inner["schema"]
        return found


_OF_MODELS = ("model-fields", "function-before")


def _name(schema: Mapping[str, Any]) -> str:
    return getattr(schema["function"]["function"], "__name__", "")


def profile_schema() -> Schema:
    """Return the schema of a model file, of whichever driver: a section names the driver."""
    found = drivers()
    schemas = _definitions(*(driver.model for driver in found.values()))
    then: Schema = {"$ref": f"#/$defs/{found[DEFAULT].model.__name__}"}
    for name, driver in found.items():
        if name != DEFAULT:
            then = {"if": {"required": [name]}, "then": {"$ref": f"#/$defs/{driver.model.__name__}"}, "else": then}
    for name in {driver.model.__name__ for driver in found.values()}:
        schemas[name]["description"] = DeviceModel.__doc__
    return _document("A device profile of Letdown", then, schemas)


def routine_schema() -> Schema:
    """Return the schema of a routine."""
    return _document("A routine of Letdown", {"$ref": "#/$defs/Routine"}, _definitions(Routine))


def settings_schema() -> Schema:
    """Return the schema of the settings file."""
    schemas = _definitions(Settings)
    return _document("The settings of Letdown", {"$ref": "#/$defs/Settings"}, schemas)


SCHEMAS: dict[str, Callable[[], Schema]] = {
    "profile": profile_schema,
    "routine": routine_schema,
    "settings": settings_schema,
}


def _definitions(*models: type[BaseModel]) -> Schema:
    wanted = [(each, _MODE, each.__pydantic_core_schema__) for each in models]
    _, defined = _AsWritten().generate_definitions(wanted)
    return {str(name): schema for name, schema in defined.items()}


_MODE: JsonSchemaMode = "validation"


def _document(title: str, root: Schema, schemas: Schema) -> Schema:
    found = {"$schema": _DIALECT, "title": title, **_plain({**root, "$defs": schemas})}
    for each in found["$defs"].values():
        for described in (each, *each.get("anyOf", ())):
            _describe(described)
    return found


def _plain(schema: Any) -> Any:
    """Leave out titles, which only repeat the keys; write tuples as this dialect does; let no other names fit."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {}
    for key, part in schema.items():
        if key in ("properties", "patternProperties", "$defs"):
            found[key] = {name: _plain(each) for name, each in part.items()}
        elif key not in ("title", "discriminator"):
            found["items" if key == "prefixItems" else key] = _plain(part)
    if "patternProperties" in found:
        found.setdefault("additionalProperties", False)
    return found


def _describe(schema: Schema) -> None:
    """Give each key its description from the docstring of its model."""
    sentences = list(_sentences(schema.get("description", "")))
    for key, described in schema.get("properties", {}).items():
        about = [each for each in sentences if f"`{key}`" in each or f"`{key}:" in each]
        if about and "description" not in described and "$ref" not in described:
            described["description"] = " ".join(about)


def _sentences(text: str) -> Iterator[str]:
    yield from re.split(r"(?<=[.;])\s+(?=[A-Z`])", " ".join(text.split()))
