"""JSON schemas of the messages, from their models. What is published has every field; commands may leave some out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from controller.contract.commands import ARGS, Action, Command, NoArgs
from controller.contract.event_data import EVENT_DATA, EventType
from controller.contract.events import Event

REF = "#/components/schemas/{model}"

Schema = dict[str, Any]


class MessageSchema(GenerateJsonSchema):
    """Requires every field of what is published: a reader needs no defaults. `null` stands for what is unknown."""

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """Return whether a field is always there."""
        return self.mode == "serialization" or super().field_is_required(field, total)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the name is enough
        """Return whether a field gets a title of its own."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Write `number or null` as one type: generators make a class of each alternative that has a range."""
        inner = self.generate_inner(schema["schema"])
        if (
            inner.get("type") in ("string", "number", "integer", "boolean")
            and "enum" not in inner
            and "const" not in inner
        ):
            return {**inner, "type": [inner["type"], "null"]}
        return super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out the defaults of what is published."""
        return self.generate_inner(schema["schema"]) if self.mode == "serialization" else super().default_schema(schema)


def schemas(published: Iterable[type[BaseModel]], summaries: dict[Action, str]) -> dict[str, Schema]:
    """Return the schemas of all messages, by name: one for each type of event, and for each action.

    `summaries`: what each action does.
    """
    models: list[tuple[type[BaseModel], Literal["serialization", "validation"]]] = []
    models += [(model, "serialization") for model in published if model is not Event]
    models += [(_event_model(kind), "serialization") for kind in EventType]
    models += [(model, "validation") for model in (Command, NoArgs, *ARGS.values())]
    found: dict[str, Schema] = models_json_schema(models, ref_template=REF, schema_generator=MessageSchema)[1]["$defs"]
    command = found.pop("Command")
    for unused in ("Action", "JsonValue"):  # of `Command`, whose variants have an action of their own
        found.pop(unused, None)
    found |= {command_title(action): _command(command, action, summaries[action]) for action in Action}
    found["Event"] = _one_of("Event", "Something that happened.", "type", map(event_title, EventType))
    found["Command"] = _one_of("Command", "What to do.", "action", map(command_title, Action))
    return dict(sorted(found.items()))


def event_title(kind: EventType) -> str:
    """Return the name of the schema of one type of event."""
    return f"{_camel(kind.value)}Event"


def command_title(action: Action) -> str:
    """Return the name of the schema of one action's command."""
    return f"{_camel(action.value)}Command"


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def _event_model(kind: EventType) -> type[BaseModel]:
    """Return a model of one type of event, for its schema alone."""
    data = EVENT_DATA[kind]
    fields: dict[str, Any] = {
        "type": (Literal[kind.value], Field(description="What happened.")),
        "data": (data, Field(description="More about it.")),
    }
    return create_model(
        event_title(kind),
        __base__=Event,
        __doc__=data.__doc__,
        **fields,
    )


def _one_of(title: str, description: str, discriminator: str, names: Iterable[str]) -> Schema:
    return {
        "title": title,
        "description": description,
        "discriminator": discriminator,
        "oneOf": [{"$ref": REF.format(model=name)} for name in names],
    }


def _command(command: Schema, action: Action, summary: str) -> Schema:
    """Return the schema of a command with its own arguments."""
    args = ARGS.get(action, NoArgs)
    required = any(field.is_required() for field in args.model_fields.values())
    return {
        **command,
        "title": command_title(action),
        "description": summary,
        "properties": {
            **command["properties"],
            "action": {"const": action.value, "type": "string", "description": "What to do."},
            "args": {"$ref": REF.format(model=args.__name__)},
        },
        "required": ["action", "args"] if required else ["action"],
    }
