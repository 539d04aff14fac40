"""All that the doctor looks at, in the order in which one thing needs another."""

from __future__ import annotations

from pathlib import Path

from controller.doctor.bluetooth import bluetooth
from controller.doctor.broker import brokers
from controller.doctor.finding import Finding
from controller.doctor.machine import clock, versions
from controller.doctor.settings_file import settings_file
from controller.doctor.store import store
from controller.settings import Settings

LISTEN_SECONDS = 8.0


async def examine(settings: Settings, seconds: float = LISTEN_SECONDS, file: Path | None = None) -> list[Finding]:
    """Look at everything, listening for so long. Changes nothing, and starts no device. `file`: with the settings."""
    kept, service_runs = await store(settings.store.file)
    return [
        versions(),
        *([] if file is None else [await settings_file(file)]),
        *await bluetooth(settings, service_runs=service_runs, seconds=seconds),
        *await brokers(settings.mqtt),
        kept,
        await clock(),
    ]
