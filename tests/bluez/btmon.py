"""`btmon`, which records what passes between the kernel and its adapters."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from tests.helpers.mosquitto import find
from tests.helpers.patience import patient, until


@contextlib.asynccontextmanager
async def btmon_recording(file: Path) -> AsyncIterator[None]:
    """Let btmon record into a file during the block."""
    process = await asyncio.create_subprocess_exec(
        find("btmon"), "-w", str(file), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: file.exists() and file.stat().st_size > 16, 20)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(patient(10)):
            await process.wait()
