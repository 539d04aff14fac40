"""What FastAPI cannot know of the API: bodies that are read by hand, problems, the messages of an event stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from controller.contract.about import CONTRACT_VERSION, About
from controller.contract.commands import ARGS, Action, Command, NoArgs, Reply
from controller.web.board_routes import BOARD_EVENTS_PATH
from controller.web.board_streams import BoardHeartbeat
from controller.web.device_routes import BODIES, SCAN_PATH
from controller.web.event_hub import MESSAGES, Heartbeat
from controller.web.history_routes import SessionCorrection
from controller.web.problems import PROBLEM_JSON, ProblemDetails

Document = dict[str, Any]

_REF = "#/components/schemas/{model}"
_EVENTS = ("/api/v1/stations/{station}/events", BOARD_EVENTS_PATH)
_COMMANDS = "/api/v1/stations/{station}/commands"
_HEALTH = "/api/v1/health"
_ALL_PROBLEMS = {
    "400": "The request is not valid HTTP, or cut off.",
    "401": "The token is missing or wrong.",
    "403": "A page of another site sends the request.",
    "421": "The controller is not known by the name in Host.",
    "429": "Too much at once; try again later.",
    "500": "An error in the controller.",
}
_NO_STATION = {"404": "There is no such station."}
_COMMAND_PROBLEMS = {
    "408": "The body is too slow.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "422": "The body is no command; `reply` is what MQTT would answer.",
}
_BODY_PROBLEMS = {**_COMMAND_PROBLEMS, "422": "The body does not fit; `detail` says where."}
_STOP_QUERY = (
    ("id", "Your own id: the reply has it, too. A stop may be sent again with the same one."),
    ("back", "Where a form is sent back to: a path below the first page."),
)


def complete(app: FastAPI) -> None:
    """Let an app serve the whole document."""

    def document() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    setattr(app, "openapi", document)  # noqa: B010 - mypy allows no assignment to a method


def example_about(version: str) -> About:
    """Return what a controller without stations would be, for the document alone."""
    return About(
        contract_version=CONTRACT_VERSION,
        letdown_version=version,
        node="node",
        language="en",
        languages=("en",),
        stations=(),
        routines=(),
        questions=(),
        answer_seconds=0,
        pause_seconds=0,
        vacuum_step_mmhg=0,
        remote_raise=True,
        recent_sessions=False,
        history=False,
    )


def _document(app: FastAPI) -> Document:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        license_info=app.license_info,
        routes=app.routes,
        tags=[
            {"name": "stations", "description": "What happens now."},
            {"name": "commands", "description": "What a station can be commanded to do."},
            {"name": "devices", "description": "Finding, adding and testing devices."},
            {"name": "history", "description": "What was, and its corrections."},
            {"name": "controller", "description": "What there is."},
        ],
        separate_input_output_schemas=False,
    )
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(_schemas())
    _complete_fields(schemas)
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "The token; not needed on the machine itself."}
    }
    document["security"] = [{"token": []}, {}]
    for path, item in document["paths"].items():
        for operation in item.values():
            _complete_operation(path, operation)
    return document


def _complete_operation(path: str, operation: Document) -> None:
    problems = dict(_ALL_PROBLEMS)
    if path == _HEALTH:
        operation["security"] = [{}]
        del problems["401"]
    if "{station}" in path:
        problems |= _NO_STATION
    operation["responses"].pop("422", None)
    if "history" in operation["tags"]:
        _complete_history(path, operation, problems)
    if path == _COMMANDS:
        problems |= _COMMAND_PROBLEMS
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"oneOf": [_ref(_title(action)) for action in Action]}}},
        }
    if path in BODIES:
        problems |= _BODY_PROBLEMS
        content = {"application/json": {"schema": _ref(BODIES[path].__name__)}}
        operation["requestBody"] = {"required": True, "content": content}
    if path in (SCAN_PATH, *BODIES):
        reply = {"application/json": {"schema": _ref("Reply")}}
        operation["responses"]["409"] = {"description": "Refused; the reply says why.", "content": reply}
    if "commands" in operation["tags"]:
        reply = {"application/json": {"schema": _ref("Reply")}}
        operation["responses"]["409"] = {"description": "Refused; the reply says why.", "content": reply}
        operation["responses"]["502"] = {"description": "A device did not do it, or did not confirm.", "content": reply}
        if path != _COMMANDS:
            operation["responses"]["303"] = {"description": "To a form: back to the page."}
            operation["parameters"] += [
                {"name": name, "in": "query", "description": words, "schema": {"type": "string"}}
                for name, words in _STOP_QUERY
            ]
    if path in _EVENTS:
        words = "Messages of the types in `StreamMessages`, each with its name as `event` and JSON as `data`."
        if path == BOARD_EVENTS_PATH:
            words = "Messages `stations`, a list of `StationTile`, and `heartbeat`, a `BoardHeartbeat`."
        content = {"text/event-stream": {"schema": {"type": "string"}}}
        operation["responses"]["200"] = {"description": words, "content": content}
    for status, words in sorted(problems.items()):
        content = {PROBLEM_JSON: {"schema": _ref("ProblemDetails")}}
        operation["responses"][status] = {"description": words, "content": content}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _complete_history(path: str, operation: Document, problems: dict[str, str]) -> None:
    problems["503"] = "The history cannot be read or written now, or none is kept."
    if "{session_id}" in path:
        problems["404"] = "There is no such station, or no such session."
        problems["422"] = "The id is too long for one."
    elif operation.get("parameters", [])[1:]:
        problems["422"] = "A value in the query is not valid."
    if operation["operationId"].startswith("correct"):
        problems |= {
            **_COMMAND_PROBLEMS,
            "422": "The body is no correction, or the id is too long for one.",
            "409": "It was changed since `revision`.",
        }
        content = {"application/json": {"schema": _ref(SessionCorrection.__name__)}}
        operation["requestBody"] = {"required": True, "content": content}


def _schemas() -> dict[str, Document]:
    """Return the schemas that no route mentions, and all that they refer to."""
    sent: tuple[type[BaseModel], ...] = (Reply, ProblemDetails, Heartbeat, BoardHeartbeat, *MESSAGES.values())
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    models += [(model, "serialization") for model in sent]
    models += [(model, "validation") for model in (*_command_models(), *BODIES.values())]
    models.append((SessionCorrection, "validation"))
    schemas: dict[str, Document] = models_json_schema(models, ref_template=_REF)[1]["$defs"]
    schemas["StreamMessages"] = {
        "type": "object",
        "description": "The messages of an event stream, by name. `heartbeat` comes every 2 s.",
        "properties": {
            **{name: _ref(model.__name__) for name, model in MESSAGES.items()},
            "heartbeat": _ref(Heartbeat.__name__),
        },
    }
    return schemas


def _complete_fields(schemas: dict[str, Document]) -> None:
    """Require every field of what is sent: a reader needs no defaults. What is received may leave out some."""
    received = {_title(action) for action in Action} | {
        each.__name__ for each in (NoArgs, SessionCorrection, *ARGS.values(), *BODIES.values())
    }
    for name, schema in schemas.items():
        properties: Document = schema.get("properties", {})
        for each in properties.values():
            each.pop("default", None)  # generators would make a field with a default a required one
        if properties and name not in (*received, "StreamMessages", "ProblemDetails"):
            schema["required"] = list(properties)


def _command_models() -> Iterator[type[BaseModel]]:
    """Yield a model for each action, with its own arguments."""
    for action in Action:
        args = ARGS.get(action, NoArgs)
        needed = any(field.is_required() for field in args.model_fields.values())
        fields: dict[str, Any] = {
            "action": (Literal[action.value], ...),
            "args": (args, ... if needed else Field(default_factory=args)),
        }
        yield create_model(_title(action), __base__=Command, __doc__=f"The command `{action.value}`.", **fields)


def _title(action: Action) -> str:
    return "".join(part.title() for part in action.value.split("_")) + "Command"


def _ref(name: str) -> Document:
    return {"$ref": _REF.format(model=name)}
