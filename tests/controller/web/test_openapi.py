"""The OpenAPI document: of the same models, with every status that can come."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.contract.commands import ARGS as ARGS_OF
from controller.contract.commands import Action, Command, NoArgs
from controller.web.event_hub import MESSAGES
from tests.helpers.command_line import letdown, printed
from tests.helpers.web_client import Asked, client, parts_of


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    from controller.cli.openapi_document import openapi_document

    return openapi_document()


def refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*map(refs, node.values()))
    return set().union(*map(refs, node)) if isinstance(node, list) else set()


@pytest.mark.system
async def test_the_service_serves_the_document_that_the_command_prints(document: dict[str, Any]) -> None:
    async with client(parts_of(Asked().handle)) as here:
        served = (await here.get("/api/v1/openapi.json")).json()
    assert served["paths"] == document["paths"]
    assert served["components"] == document["components"]


@pytest.mark.system
def test_the_command_prints_it(document: dict[str, Any], tmp_path: Any) -> None:
    assert printed(letdown("schema", "openapi", cwd=tmp_path)) == document


def test_every_reference_leads_to_a_schema(document: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert refs(document) <= schemas
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_operation_says_what_it_does_and_which_problems_there_are(document: dict[str, Any]) -> None:
    ids = []
    for path, item in document["paths"].items():
        for operation in item.values():
            ids.append(operation["operationId"])
            assert operation["description"].endswith((".", "`")), path
            assert {"400", "403", "421", "429", "500"} <= set(operation["responses"])
            assert ("404" in operation["responses"]) == ("{station}" in path)
            assert ("401" in operation["responses"]) == (not path.endswith("/health"))
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")) and status not in ("409", "502"):
                    assert list(response["content"]) == ["application/problem+json"]
    assert len(set(ids)) == len(ids)


def test_every_action_has_a_schema_with_its_arguments(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/stations/{station}/commands"]["post"]["requestBody"]
    names = [each["$ref"].rpartition("/")[2] for each in body["content"]["application/json"]["schema"]["oneOf"]]
    schemas = document["components"]["schemas"]
    assert len(names) == len(Action)
    for action, name in zip(Action, names, strict=True):
        properties = schemas[name]["properties"]
        assert properties["action"]["const"] == action.value
        assert set(properties) == set(Command.model_fields)
        args = ARGS_OF.get(action, NoArgs).__name__
        assert f"#/components/schemas/{args}" in refs(properties["args"])


def test_the_messages_of_a_stream_are_described(document: dict[str, Any]) -> None:
    found = document["components"]["schemas"]["StreamMessages"]["properties"]
    assert set(found) == {*MESSAGES, "heartbeat"}


def test_what_is_sent_has_every_field_and_what_is_received_may_leave_out_some(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("Snapshot", "Guide", "Reply", "DeviceView", "Event"):
        assert schemas[name]["required"] == list(schemas[name]["properties"]), name
    assert schemas["StartCommand"]["required"] == ["action"]
    assert schemas["SetVacuumCommand"]["required"] == ["action", "args"]
