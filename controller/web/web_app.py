"""The ASGI application: pages, API, sign-in and files behind access control."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from controller.figures.charts.chart import chart_style
from controller.web.access_control import SIGN_IN_PATH, AccessControl
from controller.web.access_token import AccessToken
from controller.web.api_routes import add_api_routes
from controller.web.installation import add_installation
from controller.web.metrics_route import add_metrics_route
from controller.web.openapi import complete
from controller.web.page_shell import PageShell
from controller.web.page_templates import PageTemplates
from controller.web.pages import add_pages
from controller.web.problems import ProblemError
from controller.web.sign_in import SignIn
from controller.web.static_assets import PREFIX, StaticAssets, drawings
from controller.web.web_parts import WebParts
from controller.web.web_settings import WebSettings

_PUBLIC_ASSETS = ("page.css", "icon.svg")  # what the page that signs in looks like; they contain nothing personal
_STATIC = Path(__file__).parent / "static"


def web_app(parts: WebParts, settings: WebSettings, token: AccessToken) -> AccessControl:
    """Return the whole application."""
    app = bare_app(parts)
    assets = StaticAssets({"": _STATIC}, {**drawings(), "charts.css": chart_style().encode()})
    templates = PageTemplates(assets, parts)
    sign_in = SignIn(settings, token, templates)
    app.add_route(SIGN_IN_PATH, sign_in.show, ["GET"], include_in_schema=False)
    app.add_route(SIGN_IN_PATH, sign_in.submit, ["POST"], include_in_schema=False)
    app.add_route(PREFIX + "/{path:path}", assets.serve, ["GET"], include_in_schema=False)
    shell = add_pages(app.router, parts, templates, secure=settings.tls)
    _show_what_is_missing(app, parts, shell)
    add_installation(app.router, templates)
    if parts.metrics is not None:
        add_metrics_route(app.router, parts.metrics)
    public = frozenset(f"/{assets.path(name)}" for name in _PUBLIC_ASSETS if name in assets.names)
    return AccessControl(app, settings, token, public)


def bare_app(parts: WebParts) -> FastAPI:
    """Return the API, with its document, and nothing in front of it."""
    app = FastAPI(
        title="Letdown",
        version=parts.about.letdown_version,
        summary="A local controller for breast pumps, warm compresses and massagers.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        license_info={"name": "Apache-2.0"},
        exception_handlers={
            ProblemError: _on_problem,
            HTTPException: _on_http_exception,
            RequestValidationError: _on_invalid,
            Exception: _on_error,
        },
    )
    add_api_routes(app.router, parts)
    complete(app)
    return app


def _show_what_is_missing(app: FastAPI, parts: WebParts, shell: PageShell) -> None:
    """Let a browser that asks for a page which does not exist be answered with one that has Stop and Pain."""

    def is_for_a_person(request: Request) -> bool:
        asks_for_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        return asks_for_page and not request.url.path.startswith("/api/") and bool(parts.hub.views)

    async def on_problem(request: Request, error: Exception) -> Response:
        if isinstance(error, ProblemError) and error.status == 404 and is_for_a_person(request):  # noqa: PLR2004
            return shell.missing(request)
        return await _on_problem(request, error)

    async def on_http_exception(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 404 and is_for_a_person(request):  # noqa: PLR2004
            return shell.missing(request)
        return await _on_http_exception(request, error)

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(HTTPException, on_http_exception)


async def _on_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    return error.response()


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    detail = {404: "there is nothing at this path", 405: "this path has no such method"}
    words = detail.get(error.status_code, str(error.detail))
    headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers  # noqa: PLR2004
    return ProblemError(error.status_code, words, headers=headers).response()


def _allowed(request: Request) -> str:
    """Return the methods of all routes at this path: each route knows only its own."""
    routes = (each for each in request.app.routes if isinstance(each, Route))
    here = (each.methods or () for each in routes if each.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for methods in here for method in methods}))


async def _on_invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    words = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return ProblemError(422, words).response()


async def _on_error(_: Request, __: Exception) -> Response:  # it is raised again, and logged by AccessControl
    return ProblemError(500, "an error inside the controller; see its log").response()
