"""The content of the one file in a form, part by part, without holding it in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

from starlette.requests import Request

from controller.web.problems import ProblemError

_BOUNDARY = re.compile(r'multipart/form-data;\s*boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?\s*', re.IGNORECASE)
_HEAD_BYTES = 4096


async def uploaded_file(request: Request) -> AsyncGenerator[bytes]:
    """Yield the content of the first part of a form. Raise `ProblemError` where it is none, or cut off."""
    found = _BOUNDARY.fullmatch(request.headers.get("content-type", ""))
    if found is None:
        raise ProblemError(415, "this takes a form with a file (multipart/form-data)")
    end = b"\r\n--" + found[1].strip().encode()
    buffer, begun = b"", False
    async for chunk in request.stream():
        buffer += chunk
        if not begun:
            head, blank_line, rest = buffer.partition(b"\r\n\r\n")
            if len(head) > _HEAD_BYTES:
                break
            if not blank_line:
                continue
            buffer, begun = rest, True
        content, ended, _ = buffer.partition(end)
        if ended:
            yield content
            return
        whole = max(0, len(buffer) - len(end))  # the rest may be the beginning of the end
        yield buffer[:whole]
        buffer = buffer[whole:]
    raise ProblemError(400, "the file is not there, or was cut off")
