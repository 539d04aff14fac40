"""This machine: Python, bleak, and the clock on its wall."""

from __future__ import annotations

import asyncio
import platform
import shutil
from datetime import UTC, datetime
from importlib.metadata import version

from controller.doctor.finding import Finding, fine, note, trouble

# Before that there was no Letdown: a clock that says so was never set, as on a Raspberry Pi without network.
_FIRST_YEAR = 2026
_ANSWER_SECONDS = 5.0


def versions() -> Finding:
    """Say what runs here."""
    parts = (f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in ("letdown", "bleak")))
    return fine("versions", f"{', '.join(parts)}, on {platform.system()} {platform.release()}")


async def clock(now: datetime | None = None) -> Finding:
    """Say whether the wall clock can be right. The questions of the day and the rests across a restart need it."""
    now = now or datetime.now(UTC)
    shown = f"{now.astimezone():%Y-%m-%d %H:%M %Z}"
    if now.year < _FIRST_YEAR:
        return trouble("clock", f"it is not {shown}", "let this machine set its clock: sudo timedatectl set-ntp true")
    if await _synchronized() is False:
        return note("clock", f"{shown}, and nothing keeps it right", "sudo timedatectl set-ntp true")
    return fine("clock", shown)


async def _synchronized() -> bool | None:
    """Ask systemd whether the network sets the clock; `None` where nobody knows."""
    said = await output("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get(said.strip()) if said else None


async def output(program: str, *arguments: str) -> str | None:
    """Return what a program prints; `None` where it is not there, fails, or takes too long."""
    found = shutil.which(program)
    if found is None:
        return None
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        found, *arguments, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet
    )
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return said.decode(errors="replace") if process.returncode == 0 else None
