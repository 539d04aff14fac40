"""The ASGI application of the page of a fleet: all stations, and the controllers that serve them."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from controller.contract.fleet_control import FleetControl
from controller.web.access_control import AccessControl
from controller.web.api_routes import add_health_route
from controller.web.app_frame import add_frame, new_app, on_http_exception, on_problem
from controller.web.board_routes import add_board_routes, board_page
from controller.web.command_routes import add_command_routes
from controller.web.fleet_routes import add_fleet_api, add_fleet_pages
from controller.web.openapi import complete
from controller.web.page_commands import add_preferences
from controller.web.page_templates import PageTemplates
from controller.web.problems import ProblemError
from controller.web.role_tokens import RoleTokens
from controller.web.web_parts import BoardParts
from controller.web.web_settings import WebSettings


def fleet_app(parts: BoardParts, settings: WebSettings, tokens: RoleTokens) -> AccessControl:
    """Return the whole application. It has no page of a single station: those are at their own tablets."""
    assert parts.fleet is not None  # noqa: S101 - for the type checker
    app = bare_fleet_app(parts, parts.fleet)
    templates, public = add_frame(app, parts, settings, tokens)
    _add_board_pages(app, parts, templates)
    add_fleet_pages(app.router, parts, parts.fleet, templates)
    add_preferences(app.router, parts, secure=settings.tls)
    _show_problems_to_people(app)
    return AccessControl(app, settings, tokens, public)


def bare_fleet_app(parts: BoardParts, fleet: FleetControl) -> FastAPI:
    """Return the API, with its document, and nothing in front of it."""
    app = new_app(version("letdown"))
    add_board_routes(app.router, parts)
    add_command_routes(app.router, parts)
    add_fleet_api(app.router, fleet)
    add_health_route(app.router)
    complete(app)
    return app


def _add_board_pages(app: FastAPI, parts: BoardParts, templates: PageTemplates) -> None:
    @app.get("/", include_in_schema=False)
    @app.get("/stations", include_in_schema=False)
    async def stations(request: Request) -> Response:
        return await board_page(request, parts, templates)


def _show_problems_to_people(app: FastAPI) -> None:
    """Answer a browser that shows its pages to a person with a page."""

    def is_for_a_person(request: Request) -> bool:
        wants_page = "text/html" in request.headers.get("accept", "")
        return wants_page and not request.url.path.startswith("/api/")

    async def show_problem(request: Request, error: Exception) -> Response:
        if isinstance(error, ProblemError) and is_for_a_person(request):
            return error.page()
        return await on_problem(request, error)

    async def show_http_exception(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 404 and is_for_a_person(request):  # noqa: PLR2004
            return ProblemError(404, "there is no such page").page()
        return await on_http_exception(request, error)

    app.add_exception_handler(ProblemError, show_problem)
    app.add_exception_handler(HTTPException, show_http_exception)
