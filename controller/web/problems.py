"""Errors as problem details (RFC 9457), for every status of the API."""

from __future__ import annotations

import http
from collections.abc import Mapping

from pydantic import Field
from starlette.responses import Response

from controller.contract.commands import Reply
from controller.contract.session_record import SessionRecord
from devices.roles import Frozen

PROBLEM_JSON = "application/problem+json"


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


def problem_json(status: int, detail: str, reply: Reply | None = None, session: SessionRecord | None = None) -> str:
    """Return the JSON of a problem."""
    try:
        title = http.HTTPStatus(status).phrase
    except ValueError:
        title = str(status)
    more = {"reply": reply, "session": session}
    problem = ProblemDetails(title=title, status=status, detail=detail, reply=reply, session=session)
    return problem.model_dump_json(exclude={name for name, value in more.items() if value is None})
