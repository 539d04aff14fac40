"""How much of a core a flood of advertisements from random addresses costs, while links wait for their devices."""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from types import SimpleNamespace
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from rich.console import Console

from devices.bluetooth.advertisement import ByAddress, ByName
from devices.bluetooth.radio import Radio
from devices.support.clock import RealClock

_ROUNDS = 3
_EACH_SECOND = 5000  # advertisements that an attacker sends


async def main(addresses: int, links: int) -> None:
    """Feed `_ROUNDS` advertisements of each address to a radio, and print the processor time of each."""
    radio, adapter, flood = Radio(RealClock()), SimpleNamespace(name="hci0"), _flood(addresses)
    wanted = [ByName(f"Pump {each}") if each % 2 else ByAddress(f"c0:{each:02x}") for each in range(links)]
    waiting = [asyncio.create_task(radio.find(each, 0)) for each in wanted]
    await asyncio.sleep(0)
    began = time.process_time()
    for _ in range(_ROUNDS):
        for number, (device, data) in enumerate(flood):
            radio._on_advertisement(adapter, device, data)  # type: ignore[arg-type]
            if number % 10 == 0:
                await asyncio.sleep(0)
    each_seconds = (time.process_time() - began) / (_ROUNDS * addresses)
    for task in waiting:
        task.cancel()
    share = each_seconds * _EACH_SECOND
    Console().print(
        f"{each_seconds * 1e6:.1f} µs each; at {_EACH_SECOND} a second {share:.1%} of a core; {links} links wait"
    )


def _flood(addresses: int) -> list[tuple[BLEDevice, AdvertisementData]]:
    chance = random.Random(1)
    made: list[tuple[BLEDevice, Any]] = []
    for _ in range(addresses):
        address = ":".join(f"{chance.randrange(256):02X}" for _ in range(6))
        made.append((BLEDevice(address, None, {}), AdvertisementData(None, {76: b"abcd"}, {}, [], None, -70, ())))
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=30_000)
    parser.add_argument("--links", type=int, default=160)
    options = parser.parse_args()
    asyncio.run(main(options.addresses, options.links))
