"""The form that takes a Bluetooth capture, and answers with the page of its frames. The file is not kept."""

from __future__ import annotations

import logging
from contextlib import aclosing
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from controller.contract.capture_pages import CapturePages, CaptureRefusedError
from controller.contract.commands import Reply
from controller.web.file_upload import uploaded_file
from controller.web.page_commands import RecentReplies
from controller.web.page_shell import PageShell
from controller.web.page_templates import relative_url
from controller.web.problems import ProblemError
from controller.web.web_parts import WebParts

_LOGGER = logging.getLogger(__name__)

# The page has its style in it, and nothing else: no script, no address, no form.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"


def add_capture_form(router: APIRouter, parts: WebParts, replies: RecentReplies, shell: PageShell) -> None:
    """Add the address that it is sent to."""

    @router.post("/capture", include_in_schema=False)
    async def capture(request: Request) -> Response:
        if parts.captures is None:
            raise ProblemError(404, "captures cannot be shown here")
        words = shell.preferred(request).words
        try:
            page = await _page(parts, parts.captures, request, words.code)
        except ClientDisconnect:
            raise ProblemError(400, "the file was cut off") from None
        except CaptureRefusedError as error:
            _LOGGER.info("no page of a capture: %s %s", error.problem, error.detail)
            reason = words.frames[f"upload_{error.problem}"]
            query = urlencode({"reply": replies.keep(Reply(outcome="refused", reasons=(reason,)))})
            location = f"{relative_url(request.url.path, 'add-device')}?{query}"
            return Response(status_code=303, headers={"location": location, "connection": "close"})
        return Response(page, media_type="text/html", headers={"content-security-policy": _POLICY})


async def _page(parts: WebParts, captures: CapturePages, request: Request, language: str) -> str:
    if any(view.snapshot.running for view in parts.hub.views.values()):
        raise CaptureRefusedError("session")  # a session has this machine to itself
    async with aclosing(uploaded_file(request)) as content:
        return await captures.page(content, language)
