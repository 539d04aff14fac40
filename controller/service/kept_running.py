"""Keeps a watcher running that no session may depend on: the history, comfort, reminders, the limits on the page."""

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
    """Runs a watcher; if that fails, it is logged and begins again after 10 s. The service and its sessions go on."""

    def __init__(self, watcher: _Runs, *, again_seconds: float = AGAIN_SECONDS) -> None:
        self._watcher = watcher
        self._again_seconds = again_seconds

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self._watcher.run()
            except Exception:
                name = type(self._watcher).__name__
                _LOGGER.exception("%s failed; sessions go on, and it begins again", name)
            await asyncio.sleep(self._again_seconds)
