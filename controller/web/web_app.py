"""The ASGI application of a controller: pages, API, sign-in and files behind access control."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from controller.web.access_control import AccessControl
from controller.web.api_routes import add_api_routes
from controller.web.app_frame import add_frame, new_app, on_http_exception, on_problem
from controller.web.metrics_route import add_metrics_route
from controller.web.openapi import complete
from controller.web.page_shell import PageShell
from controller.web.pages import add_pages
from controller.web.problems import ProblemError
from controller.web.role_tokens import RoleTokens
from controller.web.web_parts import WebParts
from controller.web.web_settings import WebSettings


def web_app(parts: WebParts, settings: WebSettings, tokens: RoleTokens) -> AccessControl:
    """Return the whole application of a controller."""
    app = bare_app(parts)
    templates, public = add_frame(app, parts, settings, tokens)
    shell = add_pages(app.router, parts, templates, secure=settings.tls)
    _show_what_is_missing(app, parts, shell)
    if parts.metrics is not None:
        add_metrics_route(app.router, parts.metrics)
    return AccessControl(app, settings, tokens, public)


def bare_app(parts: WebParts) -> FastAPI:
    """Return the API, with its document, and nothing in front of it."""
    app = new_app(parts.about.letdown_version)
    add_api_routes(app.router, parts)
    complete(app)
    return app


def _show_what_is_missing(app: FastAPI, parts: WebParts, shell: PageShell) -> None:
    """Let a browser that asks for a page which does not exist be answered with one that has Stop and Pain."""

    def is_for_a_person(request: Request) -> bool:
        asks_for_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        return asks_for_page and not request.url.path.startswith("/api/") and bool(parts.hub.views)

    async def show_problem(request: Request, error: Exception) -> Response:
        if isinstance(error, ProblemError) and error.status == 404 and is_for_a_person(request):  # noqa: PLR2004
            return shell.missing(request)
        return await on_problem(request, error)

    async def show_http_exception(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 404 and is_for_a_person(request):  # noqa: PLR2004
            return shell.missing(request)
        return await on_http_exception(request, error)

    app.add_exception_handler(ProblemError, show_problem)
    app.add_exception_handler(HTTPException, show_http_exception)
