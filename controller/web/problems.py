"""Errors as problem details (RFC 9457), for every status of the API."""

from __future__ import annotations

import html
import http
from collections.abc import Mapping

from pydantic import Field
from starlette.responses import Response

from controller.contract.commands import Reply
from controller.contract.session_record import SessionRecord
from devices.roles import Frozen

PROBLEM_JSON = "application/problem+json"
# For a browser that is refused before anything is known of it. It may load no file, so the page has no style, only
# colors that do not dazzle.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>Letdown: {title}</title>
</head>
<body>
<h1>Letdown</h1>
<p>{detail}.</p>
<p>To stop a pump now, use its own button.</p>
</body>
</html>
"""


class ProblemDetails(Frozen):
    """What went wrong with a request."""

    type: str = Field("about:blank", description="The kind of problem; `about:blank`: the status says it.")
    title: str = Field(description="The name of the status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, and what would be right.")
    session: SessionRecord | None = Field(None, description="Of a correction that came too late: the session as it is.")
    reply: Reply | None = Field(None, description="Of a command that cannot be read: the reply, as over MQTT.")


class ProblemError(Exception):
    """A request is answered with a problem. `headers`: more headers of the answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        reply: Reply | None = None,
        session: SessionRecord | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})
        self.reply, self.session = reply, session

    def response(self) -> Response:
        """Return the answer."""
        return Response(
            problem_json(self.status, self.detail, self.reply, self.session),
            self.status,
            {**self.headers, "cache-control": "no-store"},
            media_type=PROBLEM_JSON,
        )

    def page(self) -> Response:
        """Return the answer for a person who opens a page that they are refused."""
        detail = html.escape(self.detail[:1].upper() + self.detail[1:])
        return Response(
            _PAGE.format(title=_title(self.status), detail=detail),
            self.status,
            {**self.headers, "cache-control": "no-store"},
            media_type="text/html",
        )


def problem_json(status: int, detail: str, reply: Reply | None = None, session: SessionRecord | None = None) -> str:
    """Return the JSON of a problem."""
    more = {"reply": reply, "session": session}
    problem = ProblemDetails(title=_title(status), status=status, detail=detail, reply=reply, session=session)
    return problem.model_dump_json(exclude={name for name, value in more.items() if value is None})


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return str(status)
