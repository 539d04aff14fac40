"""Opens a device of the settings as the service does, starts and stops it, and prints what it was sent."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from pathlib import Path

from controller.assembly.device_opening import device_named
from controller.assembly.extras import SetupError
from controller.settings import load_settings
from devices.driver.device_roles import DevicePump, roles_of
from devices.roles import Phase, PumpSetting
from devices.support.clock import ScaledClock
from tests.helpers.peer import Peer
from tests.helpers.profile_snippets import profile


async def run(settings: Path) -> dict[str, object]:
    clock = ScaledClock(math.inf)
    peer = Peer(profile("reports: {status: {payload: [{run_state: u8, is: {0: stopped, 1: running}}]}}"), clock)
    peer.on_write = lambda _channel, data: peer.notify("rx", bytes([data[0] == 0xA1]))
    try:
        device = device_named("mine", load_settings(settings), clock, peer)
    except SetupError as error:
        return {"refused": str(error)}
    task = asyncio.create_task(device.run())
    while not device.link.connected:  # noqa: ASYNC110 - the peer is in this loop
        await asyncio.sleep(0)
    (pump,) = roles_of(device)
    assert isinstance(pump, DevicePump)
    await pump.start(PumpSetting(phase=Phase.STIMULATION, level=3), 60, 10)
    running = pump.reading.run_state
    await pump.stop()
    stopped = pump.reading.run_state
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    sent = [data.hex(" ") for data in peer.received]
    return {"sent": sent, "states": [running, stopped], "limits": pump.limits.model_dump(exclude_none=True)}


print(json.dumps(asyncio.run(run(Path(sys.argv[1])))))  # noqa: T201 - for the test that runs it
