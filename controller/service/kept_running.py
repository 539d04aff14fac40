"""Restarts a background service that sessions do not depend on: history, comfort, reminders, the limits on the page."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

_LOGGER = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0


class _Runs(Protocol):
    async def run(self) -> None:
        """Run until cancelled."""


class KeptRunning:
    """Runs a background service. If it fails, that is logged, and it is started again after 10 s; sessions go on."""

    def __init__(self, service: _Runs, *, again_seconds: float = AGAIN_SECONDS) -> None:
        self._service = service
        self._again_seconds = again_seconds

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self._service.run()
            except Exception:
                name = type(self._service).__name__
                _LOGGER.exception("%s failed; sessions go on, and it is started again", name)
            await asyncio.sleep(self._again_seconds)
