"""In the guest: a virtual pump on the real BlueZ, which writes into a file whether it runs in truth."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devices.profiles.catalog import Catalog
from devices.support.clock import RealClock
from devices.virtual.profile_devices import devices_of, serve_home
from devices.virtual.virtual_home import Home

_TRUTH = Path("/run/pump")
_LOOK_SECONDS = 0.05


def _write(*, running: bool) -> None:
    _TRUTH.write_text("on" if running else "off")


async def main() -> None:
    """Serve it until the process ends."""
    catalog = Catalog.load()
    home = Home(RealClock(), catalog, devices_of(catalog, ["open-pump"]), 2)
    async with serve_home(home, "vhci:/dev/vhci"):
        while True:
            _write(running=any(twin.body.run.on for twin in home.twins.values()))
            await asyncio.sleep(_LOOK_SECONDS)


asyncio.run(main())
