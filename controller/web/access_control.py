"""Access control, before anything else sees a request; and the headers of every answer."""

from __future__ import annotations

import logging
import re
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.web.attempt_limiter import AttemptLimiter
from controller.web.caller import Caller, Headers, caller_of, check_host, check_origin, headers_of, is_local
from controller.web.problems import ProblemError
from controller.web.role import Role, least_role
from controller.web.role_tokens import RoleTokens
from controller.web.web_settings import WebSettings

_LOGGER = logging.getLogger(__name__)

HEAD_BYTES = 16_384  # of the head of a request
_MOST_HEADERS = 100
_ADDRESS_BYTES = 8192
_UNAUTHORIZED, _FORBIDDEN = 401, 403

HEALTH_PATH = "/api/v1/health"
SIGN_IN_PATH = "/sign-in"
# All that can be read without the token: that the service runs, and the page that takes the code of a link; beside them
# the files that give that page its looks.
PUBLIC_PATHS = frozenset({HEALTH_PATH, SIGN_IN_PATH})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",  # Home Assistant's ingress shows the page from its own origin
    )
)
_DISGUISED = re.compile(rb"%(2f|5c|2e|0[0-9a-f]|7f)", re.IGNORECASE)  # an encoded / \ . or control character
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    # Not no-referrer: with that, browsers send `Origin: null` with a form, and Stop as a form would be refused.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def cookie_name(settings: WebSettings, port: int) -> str:
    """Return the name of the cookie. Browsers share cookies among all ports of a host, so the port is part of it."""
    return f"{'__Host-' if settings.tls else ''}letdown-{port}"


class AccessControl:
    """The outermost ASGI layer. What it lets through has its `Caller` in `scope["state"]["caller"]`, and its `role`.

    `public_files`: paths of files that can be read without the token.
    """

    def __init__(
        self, app: ASGIApp, settings: WebSettings, tokens: RoleTokens, public_files: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._public = PUBLIC_PATHS | public_files
        self._limiter = AttemptLimiter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on, a request."""
        if scope["type"] != "http":
            return  # there is nothing else here

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(message.get("headers", ()))
            await send(message)

        try:
            self._admit(scope)
        except ProblemError as problem:
            await _refusal(scope, problem)(scope, receive, send_with_headers)
            return
        if scope["method"] == "HEAD":  # the server leaves out the body
            scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            _LOGGER.exception("%s %s failed", scope["method"], scope["path"])  # it was answered with 500

    def _admit(self, scope: Scope) -> None:
        """Raise `ProblemError` where a request is refused."""
        raw = scope["headers"]
        if len(raw) > _MOST_HEADERS or sum(len(name) + len(value) for name, value in raw) > HEAD_BYTES:
            raise ProblemError(431, "too many or too long headers", headers={"connection": "close"})
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _ADDRESS_BYTES:
            raise ProblemError(414, "too long an address", headers={"connection": "close"})
        headers = headers_of(raw)
        if scope["http_version"] not in ("1.0", "1.1"):
            raise ProblemError(505, "this speaks HTTP/1.1", headers={"connection": "close"})
        caller = caller_of(headers, _host(scope.get("client")), self._settings)
        path: str = scope["path"]
        if _DISGUISED.search(scope.get("raw_path") or b""):  # one program in front of this reads it so, another so
            raise ProblemError(404, "there is nothing at this path")
        check_host(caller, self._settings, _host(scope.get("server")))
        check_origin(caller, headers, scope["method"], path)
        role = self._tokens.most
        if path not in self._public and not caller.ingress and not is_local(caller, self._settings):
            role = self._authenticate(caller, headers, (scope.get("server") or ("", 0))[1] or 0)
        if not role.covers(needed := least_role(scope["method"], path)):
            raise ProblemError(403, f"this needs the role {needed}, and you have the role {role} here")
        scope.setdefault("state", {}).update(caller=caller, role=role)

    def _authenticate(self, caller: Caller, headers: Headers, port: int) -> Role:
        """Return the role of a valid token, which always passes. Raise `ProblemError` without one."""
        given = headers.get("authorization", [])
        if len(given) == 1:
            scheme, _, token = given[0].partition(" ")
            if scheme.lower() == "bearer" and (role := self._tokens.role_of_token(token.strip())) is not None:
                return role
        cookies = list(_cookies(headers, cookie_name(self._settings, port)))
        found = [role for each in cookies if (role := self._tokens.role_of_cookie(each)) is not None]
        if found:
            return max(found, key=lambda each: each.rank)
        if (given or cookies) and not self._limiter.record(caller.key):
            raise ProblemError(429, "too many wrong tokens; try again in a minute", headers={"retry-after": "60"})
        raise ProblemError(
            401,
            "this needs the token: open a link from `letdown web link`, or send `Authorization: Bearer TOKEN`",
            headers={"www-authenticate": 'Bearer realm="letdown"'},
        )


def _refusal(scope: Scope, problem: ProblemError) -> Response:
    """Show a browser why its page is refused, or where a link is taken; answer programs as they expect."""
    path: str = scope["path"]
    accepted = ", ".join(headers_of(scope["headers"]).get("accept", ()))
    sent_a_form = scope["method"] == "POST" and problem.status == _FORBIDDEN
    is_shown = (scope["method"] == "GET" and not path.startswith("/api/")) or sent_a_form
    if not is_shown or "text/html" not in accepted:
        return problem.response()
    if problem.status != _UNAUTHORIZED:
        return problem.page()
    location = "../" * max(0, path.count("/") - 1) + SIGN_IN_PATH.removeprefix("/")
    return Response(status_code=303, headers={"location": location, "cache-control": "no-store"})


def _completed(headers: Any) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer, with those that every answer has. Data is never stored."""
    found = list(headers)
    names = {name.lower() for name, _ in found}
    more = _HEADERS if b"cache-control" in names else {**_HEADERS, "cache-control": "no-store"}
    return found + [(name.encode(), value.encode()) for name, value in more.items() if name.encode() not in names]


def _host(address: Any) -> str:
    return str(address[0]) if address else ""


def _cookies(headers: Headers, name: str) -> list[str]:
    """Return the values of a cookie. What is not valid is ignored."""
    found = []
    for line in headers.get("cookie", ()):
        for part in line.split(";")[:64]:
            key, _, value = part.strip().partition("=")
            if key == name:
                found.append(value)
    return found
