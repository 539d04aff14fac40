"""Roles of the page of a fleet: by token, cookie and link, and what each may send; on the server, for every route."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from controller.contract.events import Snapshot
from controller.contract.fleet_control import ControllerView, FleetControlError, FleetView
from controller.contract.words import languages
from controller.web.access_token import AccessToken
from controller.web.board_streams import BoardStreams
from controller.web.fleet_app import fleet_app
from controller.web.local_board import LocalBoard
from controller.web.role import Role, least_role
from controller.web.role_tokens import RoleTokens, token_file_of
from controller.web.station_commands import StationCommands
from controller.web.web_parts import BoardParts
from tests.helpers.home import words
from tests.helpers.web_client import LAN, LOCAL, Asked, problem

TOKENS = {role: f"{role:.>40}" for role in Role}
STOP = "/api/v1/stations/bed-1/stop"
FORM = {"accept": "text/html", "content-type": "application/x-www-form-urlencoded"}


class Fleet:
    """Stands for the cluster: notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        nodes = (ControllerView(name="node-1", online=True, serves=("bed-1",)), ControllerView(name="n2", online=False))
        self.view = FleetView(controllers=nodes, stations=("bed-1", "bed-2"), assigned={"bed-2": "node-1"})

    async def drain(self, controller: str, *, draining: bool) -> None:
        if controller not in ("node-1", "n2"):
            raise FleetControlError("there is no such controller")
        self.asked.append((controller, draining))

    async def assign(self, station: str, controller: str | None) -> None:
        self.asked.append((station, controller))


def fleet_parts(asked: Asked, fleet: Fleet) -> BoardParts:
    return BoardParts(
        board=BoardStreams(LocalBoard((Snapshot(station="bed-1"), Snapshot(station="bed-2")))),
        commands=StationCommands(asked.handle, words()),
        words=words(),
        translations={code: words(code) for code in languages()},
        fleet=fleet,
    )


class Page:
    """The page of a fleet, as one who has a role sees it. `most`: the highest role that there is."""

    def __init__(self, most: Role = Role.ADMINISTER) -> None:
        self.asked, self.fleet = Asked(), Fleet()
        self.tokens = RoleTokens({role: AccessToken(TOKENS[role]) for role in most.and_lower})
        self.parts = fleet_parts(self.asked, self.fleet)

    def by(self, role: Role | None, *, local: bool = False) -> httpx.AsyncClient:
        served = fleet_app(self.parts, LOCAL if local else LAN, self.tokens)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await served({**scope, "server": ("192.168.1.5", 8080)}, receive, send)

        peer, base = ("127.0.0.1", "http://localhost:8080") if local else ("192.168.1.9", "http://192.168.1.5:8080")
        headers = {} if role is None else {"authorization": f"Bearer {TOKENS[role]}"}
        transport = httpx.ASGITransport(app, client=(peer, 50_000), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=base, headers=headers)


def sending_routes(page: Page) -> Collection[tuple[str, str]]:
    app: Any = fleet_app(page.parts, LAN, page.tokens)
    found = [each for each in app._app.routes if isinstance(each, APIRoute | Route)]
    return {(method, each.path) for each in found for method in (each.methods or ()) if method not in ("GET", "HEAD")}


def test_every_route_that_sends_something_has_the_role_that_it_should() -> None:
    assert {(path, least_role(method, path)) for method, path in sending_routes(Page())} == {
        ("/api/v1/stations/{station}/commands", Role.OPERATE),
        ("/api/v1/stations/{station}/stop", Role.OPERATE),
        ("/api/v1/stations/{station}/pain", Role.OPERATE),
        ("/controllers/{name}/drain", Role.ADMINISTER),
        ("/controllers/{name}/undrain", Role.ADMINISTER),
        ("/controllers/assign", Role.ADMINISTER),
        ("/preferences", Role.VIEW),
        ("/sign-in", Role.VIEW),
    }


def test_what_is_not_listed_needs_the_highest_role() -> None:
    assert least_role("DELETE", "/anything") is Role.ADMINISTER
    assert least_role("POST", "/api/v1/controllers/x") is Role.ADMINISTER


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_may_do_what_it_should_and_no_more(role: Role) -> None:
    page = Page()
    async with page.by(role) as here:
        for path in ("/", "/stations", "/controllers", "/settings", "/api/v1/board", "/api/v1/controllers"):
            assert (await here.get(path)).status_code == 200
        stop = await here.post(STOP)
        drain = await here.post("/controllers/node-1/drain")
        assign = await here.post("/controllers/assign", content="station=bed-1&controller=node-1", headers=FORM)
    assert page.asked.actions == ([] if role is Role.VIEW else ["stop"])
    assert stop.status_code == (403 if role is Role.VIEW else 200)
    allowed = role is Role.ADMINISTER
    assert (drain.status_code, assign.status_code) == ((303, 303) if allowed else (403, 403))
    assert page.fleet.asked == ([("node-1", True), ("bed-1", "node-1")] if allowed else [])


async def test_a_refused_role_is_told_which_one_it_needs_as_json_and_as_a_page() -> None:
    page = Page()
    async with page.by(Role.VIEW) as here:
        assert "needs the role operate, and you have the role view" in problem(await here.post(STOP), 403)
        shown = await here.post(STOP, headers=FORM)
    assert shown.status_code == 403
    assert shown.headers["content-type"].startswith("text/html")
    assert "needs the role operate" in shown.text
    assert "use its own button" in shown.text


@pytest.mark.parametrize("role", list(Role))
async def test_the_page_shows_what_the_role_may_do(role: Role) -> None:
    async with Page().by(role) as here:
        stations, controllers = (await here.get("/stations")).text, (await here.get("/controllers")).text
        assert f"{role}:" in (await here.get("/settings")).text
    assert ('class="stop"' in stations) is (role is not Role.VIEW)
    assert ("/drain" in controllers) is (role is Role.ADMINISTER)
    assert "bed-2 → node-1" in controllers or role is not Role.ADMINISTER


async def test_nobody_sees_anything_without_a_token_but_on_the_machine_itself() -> None:
    page = Page(Role.OPERATE)
    async with page.by(None) as there:
        problem(await there.get("/api/v1/board"), 401)
        problem(await there.post(STOP), 401)
    async with page.by(None, local=True) as here:
        assert (await here.post(STOP)).status_code == 200
        assert "needs the role administer" in problem(await here.post("/controllers/node-1/drain"), 403)


async def test_the_token_of_a_role_that_the_page_does_not_have_opens_nothing() -> None:
    async with Page(Role.VIEW).by(Role.ADMINISTER) as there:
        problem(await there.get("/api/v1/board"), 401)


@pytest.mark.parametrize("role", list(Role))
async def test_a_link_gives_its_role_and_works_once(role: Role) -> None:
    page = Page()
    code = page.tokens.values[role].link_code()
    async with page.by(None) as there:
        answer = await there.post("/sign-in", content=f"code={code}", headers=FORM)
        assert answer.status_code == 303
        assert f"{role}:" in (await there.get("/settings", headers={"accept": "text/html"})).text
    async with page.by(None) as another:
        assert (await another.post("/sign-in", content=f"code={code}", headers=FORM)).status_code == 403


async def test_what_the_cluster_refuses_is_said() -> None:
    async with Page().by(Role.ADMINISTER) as here:
        assert "no such controller" in problem(await here.post("/controllers/nobody/drain"), 409)
        assert "no such controller" in (await here.post("/controllers/nobody/drain", headers=FORM)).text


async def test_a_station_has_no_page_here_and_one_that_is_not_there_cannot_be_stopped() -> None:
    page = Page()
    async with page.by(Role.OPERATE) as here:
        assert 'href="./?station=' not in (await here.get("/stations")).text
        problem(await here.post("/api/v1/stations/bed-9/stop"), 404)
        assert (await here.get("/history", headers={"accept": "text/html"})).status_code == 404
    assert page.asked.actions == []


async def test_the_language_of_the_browser_is_kept_whatever_the_role() -> None:
    page = Page()
    page.parts = replace(page.parts, words=words("en"))
    async with page.by(Role.VIEW) as here:
        assert (await here.post("/preferences", content="language=de", headers=FORM)).status_code == 303
        assert "Steuerungen" in (await here.get("/controllers")).text


async def test_the_document_of_the_api_has_these_paths_alone() -> None:
    async with Page().by(Role.VIEW) as here:
        document = (await here.get("/api/v1/openapi.json")).json()
    assert set(document["paths"]) == {
        "/api/v1/board",
        "/api/v1/board/events",
        "/api/v1/controllers",
        "/api/v1/health",
        "/api/v1/stations/{station}/commands",
        "/api/v1/stations/{station}/stop",
        "/api/v1/stations/{station}/pain",
    }


def test_each_token_has_a_file_beside_the_first_one() -> None:
    names = [token_file_of(Path("/x/web-token"), role).name for role in Role]
    assert names == ["web-token-view", "web-token-operate", "web-token"]
