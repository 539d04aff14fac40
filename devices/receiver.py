"""One way to hear devices and to connect to them: an adapter, or something that stands for one.

It scans for as long as it is open. When it goes away, it is looked for until it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import bleak
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.backend import BLEAK_ERRORS, Backend, OpenBackend
from devices.errors import NotFoundError

_LOGGER = logging.getLogger(__name__)

_REOPEN_SECONDS = 1.0
_START_SECONDS = 10.0
_STOP_SECONDS = 1.0  # a service that ends waits for it
_MOST_SEEN = 5000  # devices that bleak remembers of one scan; it forgets none by itself where it is not on BlueZ


class Receiver:
    """Hears advertisements. `on_gone` is called when it went away, before it is looked for."""

    def __init__(
        self,
        open_backend: OpenBackend,
        on_heard: Callable[[Receiver, BLEDevice, AdvertisementData], None],
        on_gone: Callable[[Receiver], None],
    ) -> None:
        self.backend = Backend()
        self.heard_at_seconds = float("-inf")  # when anything advertised last, by the radio's clock
        self.is_open = False
        self.trouble: str | None = None  # why it is not open
        self._open_backend = open_backend
        self._on_heard = on_heard
        self._on_gone = on_gone
        self._stack = contextlib.AsyncExitStack()
        self._scanner: bleak.BleakScanner
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        """What an owner calls it."""
        return self.backend.name

    async def open(self) -> None:
        """Open the backend and start to scan. Raise `NotFoundError`."""
        try:
            await self._open()
        except NotFoundError as error:
            self.trouble = str(error)
            raise
        self.is_open, self.trouble = True, None

    async def _open(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            self.backend = await stack.enter_async_context(self._open_backend())
            options: dict[str, Any] = dict(self.backend.scanning)
            if self.backend.scanner:
                options["backend"] = self.backend.scanner
            self._scanner = bleak.BleakScanner(self._hear, **options)
            await self._start()
            stack.push_async_callback(self._stop)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        """Stop, and let go of the backend."""
        self.is_open = False
        with contextlib.suppress(*BLEAK_ERRORS):
            await self._stack.aclose()

    async def run(self) -> None:
        """When it goes away, open it anew as soon as it is back; until cancelled."""
        while True:
            if self.is_open:
                gone = self.backend.gone or asyncio.get_running_loop().create_future()
                with contextlib.suppress(Exception):  # however it ended
                    await asyncio.shield(gone)
                _LOGGER.warning("%s is gone; waiting for it to come back", self.called)
                self._on_gone(self)
                async with self._turn:
                    await self.close()
            while not self.is_open:
                try:
                    async with self._turn:
                        await self.open()
                except NotFoundError:
                    await asyncio.sleep(_REOPEN_SECONDS)  # real time: an adapter does not live on the simulated clock
                else:
                    _LOGGER.warning("%s is back", self.called)

    async def listen_anew(self) -> None:
        """Stop scanning and start again, for a scanner that hears nothing."""
        async with self._turn:
            if self.is_open:
                await self._stop()
                with contextlib.suppress(NotFoundError):  # then it is still deaf, and that is known
                    await self._start()

    async def power_cycle(self) -> bool:
        """Switch the adapter off and on, where that can be done; return whether it was. It ends all its connections."""
        if not self.is_open or self.backend.power_cycle is None:
            return False
        async with self._turn:  # so that nobody closes the backend meanwhile
            with contextlib.suppress(NotFoundError):
                await self.backend.power_cycle()
        return True

    @property
    def called(self) -> str:
        """What to call it in a sentence."""
        return f"the Bluetooth adapter {self.name}".strip()

    def _hear(self, device: BLEDevice, data: AdvertisementData) -> None:
        seen = self._scanner._backend.seen_devices
        if len(seen) > _MOST_SEEN:
            seen.clear()
        self._on_heard(self, device, data)

    async def _start(self) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._scanner.start()
        except BLEAK_ERRORS as error:
            # bluetoothd 5.66 may leave a scan unanswered when several programs begin one at the same moment.
            words = str(error) or "no answer"
            remedy = "see that an adapter is there and on, and that bluetoothd runs"
            raise NotFoundError(f"Bluetooth cannot scan ({words}): {remedy}") from error

    async def _stop(self) -> None:
        with contextlib.suppress(*BLEAK_ERRORS):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._scanner.stop()
