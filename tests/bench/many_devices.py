"""How long until many virtual devices on one radio are connected and set up, each by its own driver, in real time."""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from rich.console import Console

from devices.bluetooth.advertisement import ByName
from devices.driver.base import DeviceOptions
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air

_PROFILES = ("open-pump", "open-pump", "open-warm-pad", "open-massager")  # a station's
_LONGEST_SECONDS = 120.0


async def main(count: int, as_json: bool) -> None:
    """Connect so many devices, and print how long it took, and how much of it was processor time."""
    wall_seconds, cpu_seconds, connected = await measure(count)
    if as_json:
        figures = {"devices": count, "connected": connected, "seconds": wall_seconds, "cpu_seconds": cpu_seconds}
        print(json.dumps(figures))  # noqa: T201 - what was asked for
        return
    Console().print(
        f"{connected} of {count} devices connected in {wall_seconds:.1f} s ({cpu_seconds:.1f} s of processor)"
    )


async def measure(count: int) -> tuple[float, float, int]:
    """Return wall time and processor time until all are connected, in seconds, and how many were in the end."""
    clock, air, catalog = RealClock(), Air(), Catalog.load()
    described = [DescribedDevice(f"d{n}", _PROFILES[n % 4], f"Device {n}", Side.LEFT) for n in range(count)]
    home = Home(clock, catalog, described, seed=1)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        devices = [
            ProfileDevice(
                radio,
                clock,
                home.twins[each.key].profile,
                DeviceOptions(each.key, each.side, ByName(each.advertised_name)),
            )
            for each in described
        ]
        began, cpu_began = time.perf_counter(), time.process_time()
        tasks = [asyncio.create_task(device.run()) for device in devices]
        while not all(device.link.connected for device in devices):
            await asyncio.sleep(0.02)
            if time.perf_counter() - began > _LONGEST_SECONDS:
                break
        result = time.perf_counter() - began, time.process_time() - cpu_began
        connected = sum(device.link.connected for device in devices)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return *result, connected


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=160)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    asyncio.run(main(options.devices, options.json))
