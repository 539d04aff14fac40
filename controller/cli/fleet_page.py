"""What `letdown fleet page` does."""

from __future__ import annotations

from pathlib import Path

from controller.assembly.extras import SetupError, require_fleet, serves_page
from controller.cli.command_settings import read_settings
from controller.cli.standard_streams import say
from controller.service.stall_watchdog import heartbeat
from controller.service.systemd import notify, watchdog


async def serve_fleet_page(config: Path | None, brokers: list[str], role: str) -> None:
    """Serve the page until cancelled. Raise `SetupError`."""
    settings = read_settings(config, brokers)
    require_fleet()
    if not serves_page(settings):
        raise SetupError("the page of a fleet needs an extra: pip install 'letdown[web]'; and web.enabled not false")
    from controller.fleet.serve_page import serve_page
    from controller.web.role import Role

    def ready(address: str) -> None:
        notify("READY=1")
        say(f"letdown: the page of all stations is at {address}")

    async with watchdog(), heartbeat():
        await serve_page(settings, Role(role), ready)
