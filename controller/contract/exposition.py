"""The metrics of a controller as a text, which the page or a server of their own serves."""

from __future__ import annotations

from typing import Protocol


class Exposition(Protocol):
    """Makes the text that Prometheus reads."""

    content_type: str

    async def text(self) -> bytes:
        """Return all metrics as they are now. Bounded in time, and cheap however often it is asked for."""
