"""A page with the frames of a Bluetooth capture, made of a file that somebody uploads. What makes it is elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

UploadProblem = Literal["busy", "large", "session", "slow", "unreadable"]
"""Why there is no page; there is a text `upload_<problem>` for each among those of the frames."""


class CaptureRefusedError(Exception):
    """There is no page. `detail`: what is wrong with the file, in English."""

    def __init__(self, problem: UploadProblem, detail: str = "") -> None:
        self.problem = problem
        self.detail = detail
        super().__init__(problem)


class CapturePages(Protocol):
    """Makes pages of captures."""

    async def page(self, content: AsyncIterator[bytes], language: str) -> str:
        """Return an HTML document of its own, for the content of a file. Raise `CaptureRefusedError`."""
