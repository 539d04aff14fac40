"""Stop and Pain as HTML forms: they work without script, and send the browser back to the page."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from controller.contract.commands import Reply

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_ROOT = "../../../../"  # from /api/v1/stations/NAME/stop; relative, as a proxy may have put all of it below a path
_BACK = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*/?")


def wants_page(request: Request) -> bool:
    """Return whether a browser sent a form, rather than a program a request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in _FORMS or "text/html" in request.headers.get("accept", "")


def stop_redirect(request: Request, station: str, reply: Reply) -> Response:
    """Send the browser back: to the page that the query names as `back`, else to the first one.

    The page learns from its query what became of the stop.
    """
    back = request.query_params.get("back", "")
    why = {"why": reply.keys[0]} if reply.keys else {}
    query = urlencode({"station": station, "action": reply.action, "outcome": reply.outcome, **why})
    location = f"{_ROOT}{back if _BACK.fullmatch(back) else ''}?{query}"
    return Response(status_code=303, headers={"location": location, "cache-control": "no-store"})
