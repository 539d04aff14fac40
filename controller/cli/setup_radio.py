"""The radio of `letdown setup`: it scans, and tests a device."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Self

from controller.assembly.device_opening import check_device_named, device_named
from controller.cli.command_settings import command_radio
from controller.cli.device_test import run_device_test
from controller.cli.scan_progress import english, scan_for
from controller.doctor.file_checks import store
from controller.safety.stopping import Stopped
from controller.setup.setup_draft import SetupDraft
from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from devices.support.clock import RealClock

_VIRTUAL_SECONDS = 1.0  # virtual devices advertise at once


class SetupRadio:
    """The radio of the settings, opened when it is first needed, and kept until the end."""

    def __init__(self, draft: Callable[[], SetupDraft], seconds: float, *, virtual: bool) -> None:
        self._draft = draft
        self._seconds = min(seconds, _VIRTUAL_SECONDS) if virtual else seconds
        self._virtual = virtual
        self._clock = RealClock()
        self._stack = contextlib.AsyncExitStack()
        self._radio: Radio | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def radio(self) -> Radio:
        """Return the radio. Raise `DeviceError` where there is no Bluetooth."""
        if self._radio is None:
            opening = command_radio(self._draft().settings, self._clock, virtual=self._virtual)
            self._radio = await self._stack.enter_async_context(opening)
        return self._radio

    async def scan(self, words: Callable[[int, int], str] = english, *, quiet: bool = False) -> list[Advertisement]:
        """Scan for a while; return what was received."""
        radio = await self.radio()
        await scan_for(radio, self._clock, self._seconds, quiet=quiet, words=words)
        return list(radio.advertisements.values())

    async def test(self, name: str, show: Callable[[str], None], on_stopped: Callable[[str, Stopped], None]) -> bool:
        """Test a device of the draft, whose owner has agreed. Return whether all went well."""

        async def agreed(_question: str) -> bool:
            return True

        settings = self._draft().settings
        needs_radio = check_device_named(name, settings).reached_by is None
        device = device_named(name, settings, self._clock, await self.radio() if needs_radio else Radio(self._clock))
        return await run_device_test(device, self._clock, show, agreed, on_stopped)

    async def service_runs(self) -> bool:
        """Return whether a service of these settings runs on this machine."""
        return not self._virtual and (await store(self._draft().settings.store.file))[1]


def failed(words: str) -> int:
    """Print why set-up failed; return the exit code."""
    sys.stderr.write(f"letdown: {words}\n")
    return 1
