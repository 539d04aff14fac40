"""What the tests of the guard share: its blocks, one for each kind of energy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from controller.safety import Energy, OwnerLimits
from devices.roles import Phase, PumpSetting, Side
from tests.controller.household import ALL, House

WILLING = OwnerLimits(comfort_vacuum_mmhg=200, vibration=True)
SETTING = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=100, rate_cpm=54)
ON = {
    Energy.SUCTION: {"left-pump", "right-pump"},
    Energy.HEAT: {"warm-pad"},
    Energy.VIBRATION: {"massager"},
}


def block(house: House, energy: Energy, *, seconds: float = 120.0) -> AbstractAsyncContextManager[Any]:
    match energy:
        case Energy.SUCTION:
            pumps = house.guard.pumps(Side.BOTH)
            return house.guard.suction(pumps, SETTING, at_most_seconds=seconds)
        case Energy.HEAT:
            return house.guard.heat([house.pad], 40, at_most_seconds=seconds)
        case Energy.VIBRATION:
            return house.guard.vibration([house.massager], 0.2, Side.BOTH, at_most_seconds=seconds)


@contextlib.asynccontextmanager
async def everything_on(house: House) -> AsyncIterator[Any]:
    async with block(house, Energy.HEAT), block(house, Energy.VIBRATION), block(house, Energy.SUCTION) as run:
        assert house.on == set(ALL)
        yield run


def keepers() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("keep ") and not task.done()]
