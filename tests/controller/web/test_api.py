"""The endpoints: what they show, how they answer, and that a stop is found in whatever is sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from controller.contract.commands import Action
from controller.contract.events import Guide, SessionState, Snapshot
from controller.safety.message import message
from controller.web.role_tokens import RoleTokens
from controller.web.web_parts import WebParts
from tests.helpers.web_client import LOCAL, Asked, client, parts_of, problem

COMMANDS = "/api/v1/stations/home/commands"
STOP, PAIN = "/api/v1/stations/home/stop", "/api/v1/stations/home/pain"
LISTS = ("stations", "devices", "routines", "questions", "features")


async def test_the_lists_are_lists_and_the_rest_is_what_it_says() -> None:
    async with client(parts_of(Asked().handle)) as here:
        for name in LISTS:
            assert isinstance((await here.get(f"/api/v1/{name}")).json(), list)
        assert (await here.get("/api/v1/languages")).json() == {"language": "en", "languages": ["en"]}
        assert (await here.get("/api/v1/about")).json()["letdown_version"] == "1.2"


async def test_a_station_is_shown_as_it_is_now() -> None:
    parts = parts_of(Asked().handle)
    parts.hub.watch(Snapshot(station="home", state=SessionState.RUNNING, session_id="s1"))
    parts.hub.watch(Guide(station="home", words="Lean back."))
    async with client(parts) as here:
        (summary,) = (await here.get("/api/v1/stations")).json()
        assert summary == {"name": "home", "state": "running", "running": True, "problem": False}
        state = (await here.get("/api/v1/stations/home")).json()
    assert state["snapshot"]["session_id"] == "s1"
    assert state["guide"]["words"] == "Lean back."
    assert (state["start_defaults"], state["devices"]) == (None, [])


@pytest.mark.parametrize("path", ["", "/stop", "/pain", "/commands", "/events"])
async def test_an_unknown_station_is_not_found_and_the_known_ones_are_named(path: str) -> None:
    async with client(parts_of(Asked().handle)) as here:
        method = "GET" if path in ("", "/events") else "POST"
        answer = await here.request(method, f"/api/v1/stations/elsewhere{path}")
        assert "home" in problem(answer, 404)


# Commands


@pytest.mark.parametrize(
    ("outcome", "status"), [("accepted", 200), ("limited", 200), ("refused", 409), ("failed", 502)]
)
async def test_a_command_is_answered_with_the_reply_and_its_status(outcome: str, status: int) -> None:
    asked = Asked()
    asked.outcome = outcome
    async with client(parts_of(asked.handle)) as here:
        answer = await here.post(COMMANDS, json={"id": "1", "action": "set_vacuum", "args": {"mmhg": 90}})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert (answer.json()["id"], answer.json()["outcome"]) == ("1", outcome)
    ((station, command, args),) = asked.commands
    assert (station, command.action, args.model_dump()) == ("home", Action.SET_VACUUM, {"mmhg": 90})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"[]", "JSON object"),
        (b'{"action": "fly"}', "action"),
        (b'{"action": "set_vacuum"}', "mmhg"),
        (b'{"action": "start", "args": {"speed": 9}}', "speed is unknown"),
        (b'{"action": "start", "action": "pause"}', "not valid JSON"),
        (b'{"id": "\\ud800", "action": "fly"}', "action"),
    ],
)
async def test_what_is_no_command_is_answered_with_what_is_wrong_and_the_reply(body: bytes, words: str) -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as here:
        answer = await here.post(COMMANDS, content=body, headers={"content-type": "application/json"})
    assert words in problem(answer, 422)
    assert answer.json()["reply"]["outcome"] == "refused"
    assert asked.commands == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"action": "stop"}',
        b'{"action": "stop", "args": 7, "expires": "yesterday"}',
        b"stop",
        b'"STOP"',
        b"action=stop",
        b'{"action": "start", "action": "stop"}',
        b'{"action": "stop"' + b" " * 20_000,
        b'{"action": "stop", "x": "' + b"y" * 100_000,
    ],
    ids=lambda body: body[:40].decode(),
)
async def test_a_stop_is_found_in_whatever_is_sent(body: bytes) -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as here:
        answer = await here.post(COMMANDS, content=body, headers={"content-type": "text/plain"})
    assert answer.status_code == 200
    assert asked.actions == ["stop"]


async def test_a_stop_is_found_in_what_came_before_the_connection_broke_or_stalled() -> None:
    for rest in ({"type": "http.disconnect"}, None):
        asked = Asked()
        first = {"type": "http.request", "body": b'{"action": "pain", "id":', "more_body": True}
        status, _ = await _with_body(parts_of(asked.handle), first, rest)
        assert (status, asked.actions) == (200, ["pain"])


@pytest.mark.parametrize(("rest", "status"), [({"type": "http.disconnect"}, 400), (None, 408)])
async def test_a_command_that_is_not_all_there_is_not_carried_out(rest: dict[str, Any] | None, status: int) -> None:
    asked = Asked()
    whole = {"type": "http.request", "body": b'{"action": "start"}', "more_body": True}
    found, body = await _with_body(parts_of(asked.handle), whole, rest)
    assert (found, body["status"], asked.actions) == (status, status, [])


async def _with_body(parts: WebParts, first: dict[str, Any], rest: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    """Send a body of which no more comes (`None`), or something else."""
    from unittest import mock

    from controller.web.access_token import AccessToken
    from controller.web.web_app import web_app

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": COMMANDS,
        "raw_path": COMMANDS.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "scheme": "http",
        "root_path": "",
    }
    coming = [first, *([] if rest is None else [rest])]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with mock.patch("controller.web.request_body.BODY_SECONDS", 0.05):
        await web_app(parts, LOCAL, RoleTokens.of(AccessToken("t" * 43)))(scope, receive, send)  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_a_body_that_is_too_long_is_refused() -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as here:
        answer = await here.post(COMMANDS, json={"action": "start", "args": {"routine": "x" * 20_000}})
    assert "16384" in problem(answer, 413)
    assert asked.commands == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
async def test_a_command_is_json_and_says_so(kind: str) -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as here:
        answer = await here.post(COMMANDS, content=b'{"action": "start"}', headers={"content-type": kind})
    problem(answer, 415)
    assert asked.commands == []


async def test_nothing_starts_where_another_controller_serves_the_station() -> None:
    asked = Asked()
    refusal = message("other_controller", station="home", node="kitchen", host="pi")
    async with client(parts_of(asked.handle, refusal=refusal)) as here:
        for action in ("start", "resume", "start_suction"):
            answer = await here.post(COMMANDS, json={"action": action})
            assert (answer.status_code, answer.json()["keys"]) == (409, ["other_controller"])
        for action in ("stop", "pain", "pause", "vacuum_down"):
            assert (await here.post(COMMANDS, json={"action": action})).status_code == 200
    assert asked.actions == ["stop", "pain", "pause", "vacuum_down"]


async def test_too_many_commands_at_once_are_refused_and_a_stop_never() -> None:
    asked = Asked()
    asked.gate.clear()
    async with client(parts_of(asked.handle)) as here:
        waiting = [asyncio.create_task(here.post(COMMANDS, json={"action": "skip"})) for _ in range(32)]
        while len(asked.commands) < 32:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        answer = await here.post(COMMANDS, json={"action": "skip"})
        assert answer.headers["retry-after"] == "1"
        problem(answer, 429)
        stop = asyncio.create_task(here.post(STOP))
        while len(asked.commands) < 33:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        asked.gate.set()
        assert [each.status_code for each in await asyncio.gather(*waiting, stop)] == [200] * 33
    assert asked.actions[-1] == "stop"


async def test_corrections_that_wait_for_a_hung_history_keep_no_lowering_out() -> None:
    asked = Asked()
    asked.gate.clear()
    edit = {"action": "edit_session", "args": {"session_id": "s1", "left_ml": 60}}
    async with client(parts_of(asked.handle)) as here:
        waiting = [asyncio.create_task(here.post(COMMANDS, json=edit)) for _ in range(32)]
        while len(asked.commands) < 32:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        problem(await here.post(COMMANDS, json=edit), 429)
        lower = asyncio.create_task(here.post(COMMANDS, json={"action": "vacuum_down"}))
        while len(asked.commands) < 33:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        asked.gate.set()
        assert [each.status_code for each in await asyncio.gather(*waiting, lower)] == [200] * 33


async def test_a_client_that_goes_away_ends_nothing() -> None:
    asked = Asked()
    asked.gate.clear()
    parts = parts_of(asked.handle)
    async with client(parts) as here:
        gone = asyncio.create_task(here.post(STOP))
        while not asked.commands:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        gone.cancel()
        await asyncio.wait({gone})
        (running,) = parts.commands.under_way.tasks
        asked.gate.set()
        assert (await running).outcome == "accepted"


# Stop and pain


@pytest.mark.parametrize(("path", "action"), [(STOP, "stop"), (PAIN, "pain")])
async def test_stop_and_pain_need_no_body_and_take_any(path: str, action: str) -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as here:
        for body in (b"", b"{}", b"\xff" * 50_000):
            answer = await here.post(f"{path}?id=tap-1", content=body)
            assert (answer.status_code, answer.json()["id"], answer.json()["action"]) == (200, "tap-1", action)
    assert asked.actions == [action] * 3


async def test_an_odd_id_does_not_keep_a_stop_from_working() -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as here:
        for id_ in ("x" * 5000, "%00", "%ff", "a&id=b", "%F0%9F%92%A7"):
            assert (await here.post(f"{STOP}?id={id_}")).status_code == 200
    assert len(asked.actions) == 5


async def test_a_stop_whose_device_did_not_confirm_says_so() -> None:
    asked = Asked()
    asked.outcome = "failed"
    async with client(parts_of(asked.handle)) as here:
        assert (await here.post(STOP)).status_code == 502
        form = await here.post(STOP, data={"x": "y"})
    assert form.headers["location"] == "../../../../?station=home&action=stop&outcome=failed"


@pytest.mark.parametrize(
    ("base", "page"),
    [("http://localhost:8080/", "/"), ("http://localhost:8080/api/hassio_ingress/abc/", "/api/hassio_ingress/abc/")],
)
async def test_a_form_is_sent_back_to_the_page_below_any_path(base: str, page: str) -> None:
    async with client(parts_of(Asked().handle)) as here:
        for headers in ({"content-type": "application/x-www-form-urlencoded"}, {"accept": "text/html,*/*;q=0.8"}):
            answer = await here.post(STOP, headers=headers)
            assert answer.status_code == 303
            shown = httpx.URL(base).join(STOP.removeprefix("/")).join(answer.headers["location"])
            assert shown.path == page


@pytest.mark.parametrize(
    ("back", "path"),
    [
        ("stations/home", "/stations/home"),
        ("settings/", "/settings/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("../../..", "/"),
        ("a%0d%0aset-cookie:x", "/"),
        ("?x", "/"),
    ],
)
async def test_a_form_is_sent_back_to_a_page_of_ours_alone(back: str, path: str) -> None:
    async with client(parts_of(Asked().handle)) as here:
        answer = await here.post(STOP, params={"back": back}, headers={"accept": "text/html"})
        shown = httpx.URL("http://localhost:8080" + STOP).join(answer.headers["location"])
    assert (shown.host, shown.path) == ("localhost", path)
    assert "set-cookie" not in answer.headers


# What there is not


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v2/stations", 404),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
        ("GET", "/api/v1/stations/", 404),
        ("GET", STOP, 405),
        ("GET", PAIN, 405),
        ("GET", COMMANDS, 405),
        ("PUT", STOP, 405),
        ("DELETE", "/api/v1/stations/home", 405),
        ("PATCH", "/api/v1/about", 405),
        ("OPTIONS", COMMANDS, 405),
        ("TRACE", "/", 405),
        ("CONNECT", "/", 405),
        ("X" * 100, "/", 405),
    ],
)
async def test_what_there_is_not_is_a_problem_with_its_status(method: str, path: str, status: int) -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as here:
        answer = await here.request(method, path)
    problem(answer, status)
    assert ("allow" in answer.headers) == (status == 405)
    assert asked.commands == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (STOP, "POST"),
        ("/api/v1/about", "GET"),
        ("/api/v1/stations/home/history/1", "GET, PATCH"),  # two routes, one for each
    ],
)
async def test_a_wrong_method_is_told_all_the_methods_of_its_path(path: str, allowed: str) -> None:
    async with client(parts_of(Asked().handle)) as here:
        answer = await here.request("DELETE", path)
    assert answer.headers["allow"] == allowed
