"""The controllers of a fleet, as a page and in the API. To ask something of them needs the role `administer`."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from controller.contract.fleet_control import FleetControl, FleetControlError, FleetView
from controller.web.page_commands import read_form
from controller.web.page_templates import PageTemplates, relative_url
from controller.web.preferences import preferences_of
from controller.web.problems import ProblemError
from controller.web.role import Role
from controller.web.web_parts import API, BoardParts

CONTROLLERS_PATH = f"{API}/controllers"


def add_fleet_api(router: APIRouter, fleet: FleetControl) -> None:
    """Add the endpoint of the API."""

    @router.get(CONTROLLERS_PATH, tags=["controller"])
    async def list_controllers() -> FleetView:
        """List the controllers of the fleet, and which stations are assigned to one."""
        return fleet.view


def add_fleet_pages(router: APIRouter, parts: BoardParts, fleet: FleetControl, templates: PageTemplates) -> None:
    """Add the page of the controllers, its forms, and the settings of the browser. None needs a script."""

    @router.get("/controllers", include_in_schema=False)
    async def controllers(request: Request) -> Response:
        done = request.query_params.get("done") == "yes"
        notice = preferences_of(request, parts).words.entities.replies["accepted"] if done else ""
        return shown(request, "controllers.html", fleet=fleet.view, notice=notice)

    @router.get("/settings", include_in_schema=False)
    async def settings(request: Request) -> Response:
        languages = {code: each.language for code, each in parts.translations.items()}
        return shown(request, "board_settings.html", languages=languages)

    @router.post("/controllers/{name}/drain", include_in_schema=False)
    async def drain(name: str, request: Request) -> Response:
        return await answered(request, fleet.drain(name, draining=True))

    @router.post("/controllers/{name}/undrain", include_in_schema=False)
    async def undrain(name: str, request: Request) -> Response:
        return await answered(request, fleet.drain(name, draining=False))

    @router.post("/controllers/assign", include_in_schema=False)
    async def assign(request: Request) -> Response:
        form = await read_form(request)
        return await answered(request, fleet.assign(form.get("station", ""), form.get("controller") or None))

    def shown(request: Request, template: str, **values: Any) -> Response:
        role: Role = request.state.role
        return templates.render(
            request,
            template,
            is_fleet=True,
            no_broker=not parts.board.in_contact,
            role=role.value,
            may_administer=role.covers(Role.ADMINISTER),
            **values,
        )

    async def answered(request: Request, work: Awaitable[None]) -> Response:
        try:
            await work
        except FleetControlError as error:
            raise ProblemError(409, str(error)) from None
        location = relative_url(request.url.path, "controllers?done=yes")
        return Response(status_code=303, headers={"location": location})
