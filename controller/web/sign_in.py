"""Signing in a browser: the code of a one-time link becomes a cookie.

Opening the link only shows a button: a messenger that looks at the link for a preview must not use it up.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from controller.web.access_control import cookie_name
from controller.web.access_token import COOKIE_SECONDS
from controller.web.attempt_limiter import AttemptLimiter
from controller.web.page_templates import PageTemplates, relative_url
from controller.web.request_body import read_body
from controller.web.role_tokens import RoleTokens
from controller.web.web_settings import WebSettings


class SignIn:
    """The page behind a one-time link."""

    def __init__(self, settings: WebSettings, tokens: RoleTokens, templates: PageTemplates) -> None:
        self._settings = settings
        self._tokens = tokens
        self._templates = templates
        self._limiter = AttemptLimiter()

    async def show(self, request: Request) -> Response:
        """Show the button, with the code of the link."""
        return self._page(request, 200, code=request.query_params.get("code", ""))

    async def submit(self, request: Request) -> Response:
        """Take the code of the link, and set the cookie."""
        body = await read_body(request)
        code = parse_qs(body.content.decode(errors="replace")).get("code", [""])[0]
        role = self._tokens.redeem(code)
        if role is None:
            in_bounds = self._limiter.record(request.state.caller.key)
            return self._page(request, 403 if in_bounds else 429, code="")
        response = Response(status_code=303, headers={"location": relative_url(request.url.path, "")})
        response.set_cookie(
            cookie_name(self._settings, (request.scope.get("server") or ("", 0))[1] or 0),
            self._tokens.cookie(role),
            max_age=int(COOKIE_SECONDS),
            path="/",
            secure=self._settings.tls,
            httponly=True,
            samesite="strict",
        )
        return response

    def _page(self, request: Request, status: int, *, code: str) -> Response:
        return self._templates.render(request, "sign_in.html", status, code=code)
