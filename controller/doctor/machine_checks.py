"""Checks of this machine: versions of Python and bleak, and the wall clock."""

from __future__ import annotations

import asyncio
import platform
import shutil
from datetime import UTC, datetime
from importlib.metadata import version

from controller.doctor.check_result import CheckResult, note, ok, problem

# Letdown is not older: a clock that shows an earlier year was never set, as on a Raspberry Pi without network.
_FIRST_YEAR = 2026
_ANSWER_SECONDS = 5.0


def versions() -> CheckResult:
    """Return the versions that run here."""
    parts = (f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in ("letdown", "bleak")))
    return ok("versions", f"{', '.join(parts)}, on {platform.system()} {platform.release()}")


async def clock(now: datetime | None = None) -> CheckResult:
    """Check whether the wall clock can be right: daily symptom answers, and rests across a restart, depend on it."""
    now = now or datetime.now(UTC)
    shown = f"{now.astimezone():%Y-%m-%d %H:%M %Z}"
    if now.year < _FIRST_YEAR:
        return problem("clock", f"it is not {shown}", "let this machine set its clock: sudo timedatectl set-ntp true")
    if await _synchronized() is False:
        return note("clock", f"{shown}, and not synchronised", "sudo timedatectl set-ntp true")
    return ok("clock", shown)


async def _synchronized() -> bool | None:
    """Return whether systemd synchronises the clock by network; `None` if unknown."""
    shown = await output("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get(shown.strip()) if shown else None


async def output(program: str, *arguments: str) -> str | None:
    """Return the output of a program; `None` if it is missing, fails, or takes longer than 5 s."""
    found = shutil.which(program)
    if found is None:
        return None
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        found, *arguments, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet
    )
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            text, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return text.decode(errors="replace") if process.returncode == 0 else None
