"""How a device is stopped when its link is lost between the two writes of a stop."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace
from typing import Any

import pytest

from devices.driver.state_cache import StateCache
from devices.driver.stopper import Stoppable, Stopper
from devices.errors import LinkLostError, UncertainError
from devices.support.clock import ScaledClock


class Device(Stoppable):
    """Receives the first write, and loses its link at once."""

    name = "pump"
    verbs = frozenset({"stop"})

    def __init__(self, *, reports_run_state: bool) -> None:
        self.clock = ScaledClock(math.inf)
        self.state = StateCache(self.clock)
        self.link: Any = SimpleNamespace(connected=True, lane=SimpleNamespace(clear=lambda: None))
        self.reports_run_state = reports_run_state
        self.written = 0

    async def write_urgently(self, verb: str) -> None:
        self.written += 1
        self.link.connected = False

    async def send_again(self, verb: str, within_seconds: float) -> None:
        raise LinkLostError("not connected")

    async def look_before_ending(self) -> None: ...


async def test_what_it_reports_after_the_reconnect_confirms_the_stop() -> None:
    device = Device(reports_run_state=True)
    stopper = Stopper(device)
    stopper.started("stop")
    stopping = asyncio.ensure_future(stopper.stop("stop"))
    await device.clock.sleep(1)
    assert device.written == 1
    assert not stopping.done()
    device.state.update({"run_state": "stopped"})
    await stopping


@pytest.mark.parametrize("reports_run_state", [True, False])
async def test_without_a_report_it_is_uncertain(reports_run_state: bool) -> None:
    device = Device(reports_run_state=reports_run_state)
    stopper = Stopper(device)
    stopper.started("stop")
    with pytest.raises(UncertainError, match="pump did not confirm that it stopped"):
        await stopper.stop("stop")
