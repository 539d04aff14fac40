"""What every application of the page has: its errors, its files, and the page that signs in."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from controller.figures.charts.chart import chart_style
from controller.web.access_control import SIGN_IN_PATH
from controller.web.installation import add_installation
from controller.web.page_templates import PageTemplates
from controller.web.problems import ProblemError
from controller.web.role_tokens import RoleTokens
from controller.web.sign_in import SignIn
from controller.web.static_assets import PREFIX, StaticAssets, drawings
from controller.web.web_parts import BoardParts
from controller.web.web_settings import WebSettings

_PUBLIC_ASSETS = ("page.css", "icon.svg")  # what the page that signs in looks like; they say nothing about anybody
_STATIC = Path(__file__).parent / "static"


def new_app(version: str) -> FastAPI:
    """Return an application without a path, whose errors are problem details. `version`: of Letdown."""
    return FastAPI(
        title="Letdown",
        version=version,
        summary="A local controller for breast pumps, warm compresses and massagers.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        license_info={"name": "Apache-2.0"},
        exception_handlers={
            ProblemError: on_problem,
            HTTPException: on_http_exception,
            RequestValidationError: _on_invalid,
            Exception: _on_error,
        },
    )


def add_frame(
    app: FastAPI, parts: BoardParts, settings: WebSettings, tokens: RoleTokens
) -> tuple[PageTemplates, frozenset[str]]:
    """Add sign-in, files and installation. Return the templates, and the paths of files that need no token."""
    assets = StaticAssets({"": _STATIC}, {**drawings(), "charts.css": chart_style().encode()})
    templates = PageTemplates(assets, parts)
    sign_in = SignIn(settings, tokens, templates)
    app.add_route(SIGN_IN_PATH, sign_in.show, ["GET"], include_in_schema=False)
    app.add_route(SIGN_IN_PATH, sign_in.submit, ["POST"], include_in_schema=False)
    app.add_route(PREFIX + "/{path:path}", assets.serve, ["GET"], include_in_schema=False)
    add_installation(app.router, templates)
    return templates, frozenset(f"/{assets.path(name)}" for name in _PUBLIC_ASSETS if name in assets.names)


async def on_problem(_: Request, error: Exception) -> Response:
    """Answer with a problem."""
    if not isinstance(error, ProblemError):
        raise error
    return error.response()


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer where there is no such path, or it has no such method."""
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
