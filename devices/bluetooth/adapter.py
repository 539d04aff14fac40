"""One adapter (local, an ESPHome proxy, or virtual): scans while it is open, and is reopened when it returns."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import bleak
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.bluetooth.backend import BLEAK_ERRORS, Backend, OpenBackend, PlatformBackend
from devices.errors import AdapterUnavailableError

_LOGGER = logging.getLogger(__name__)

_REOPEN_SECONDS = 1.0
_START_SECONDS = 10.0
_STOP_SECONDS = 1.0  # the end of the service waits for it
_MAX_SEEN = 5000  # devices that bleak remembers of one scan; except on BlueZ, it forgets none by itself


class Adapter:
    """Receives advertisements. `on_gone` is called when the adapter has gone away, before it is reopened."""

    def __init__(
        self,
        open_backend: OpenBackend,
        on_advertisement: Callable[[Adapter, BLEDevice, AdvertisementData], None],
        on_gone: Callable[[Adapter], None],
    ) -> None:
        self.backend: Backend = PlatformBackend()
        self.received_at_seconds = float("-inf")  # when the last advertisement arrived, by the radio's clock
        self.is_open = False
        self.error: AdapterUnavailableError | None = None  # why it is not open
        self._open_backend = open_backend
        self._on_advertisement = on_advertisement
        self._on_gone = on_gone
        self._stack = contextlib.AsyncExitStack()
        self._scanner: bleak.BleakScanner
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        """Its name in the settings, such as `hci0`; empty where there is only one."""
        return self.backend.name

    @property
    def description(self) -> str:
        """Its name for log messages."""
        return f"the Bluetooth adapter {self.name}".strip()

    async def open(self) -> None:
        """Open the backend and start to scan. Raise `AdapterUnavailableError`."""
        try:
            async with contextlib.AsyncExitStack() as stack:
                self.backend = await stack.enter_async_context(self._open_backend())
                options: dict[str, Any] = dict(self.backend.scanner_options)
                if self.backend.scanner:
                    options["backend"] = self.backend.scanner
                self._scanner = bleak.BleakScanner(self._on_detection, **options)
                await self._start_scan()
                stack.push_async_callback(self._stop_scan)
                self._stack = stack.pop_all()
        except AdapterUnavailableError as error:
            self.error = error
            raise
        self.is_open, self.error = True, None

    async def close(self) -> None:
        """Stop scanning, and close the backend."""
        self.is_open = False
        with contextlib.suppress(*BLEAK_ERRORS):
            await self._stack.aclose()

    async def run(self) -> None:
        """Reopen the adapter whenever it has gone away and returned, until cancelled."""
        while True:
            if self.is_open:
                gone = self.backend.gone or asyncio.get_running_loop().create_future()
                with contextlib.suppress(Exception):  # however it ended
                    await asyncio.shield(gone)
                _LOGGER.warning("%s is gone; waiting for it to come back", self.description)
                self._on_gone(self)
                async with self._lock:
                    await self.close()
            while not self.is_open:
                try:
                    async with self._lock:
                        await self.open()
                except AdapterUnavailableError:
                    await asyncio.sleep(_REOPEN_SECONDS)  # real time: an adapter does not follow the simulated clock
                else:
                    _LOGGER.warning("%s is back", self.description)

    async def restart_scan(self) -> None:
        """Stop scanning and start again, for a scanner that receives nothing."""
        async with self._lock:
            if self.is_open:
                await self._stop_scan()
                with contextlib.suppress(AdapterUnavailableError):  # then it still receives nothing, and that is known
                    await self._start_scan()

    async def power_cycle(self) -> bool:
        """Switch the adapter off and on, which ends all its connections; return whether that was possible."""
        if not self.is_open:
            return False
        async with self._lock:  # so that the backend is not closed meanwhile
            try:
                return await self.backend.power_cycle()
            except AdapterUnavailableError:
                return True  # it was tried

    def _on_detection(self, device: BLEDevice, data: AdvertisementData) -> None:
        seen = self._scanner._backend.seen_devices
        if len(seen) > _MAX_SEEN:
            seen.clear()
        self._on_advertisement(self, device, data)

    async def _start_scan(self) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._scanner.start()
        except BLEAK_ERRORS as error:
            # bluetoothd 5.66 may leave a scan unanswered when several programs start one at the same moment.
            raise AdapterUnavailableError(
                f"Bluetooth cannot scan ({str(error) or 'no answer'})",
                "check that an adapter is present and switched on, and that bluetoothd is running",
            ) from error

    async def _stop_scan(self) -> None:
        with contextlib.suppress(*BLEAK_ERRORS):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._scanner.stop()
