"""What the tests of the guard share: its blocks, one for each kind of energy."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from controller.safety.limits import Energy, OwnerLimits
from devices.roles import Phase, PumpSetting, Side
from tests.helpers.home import ALL, RunningHome

WILLING = OwnerLimits(comfort_vacuum_mmhg=200, vibration=True)
SETTING = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=100, rate_cpm=54)
ON = {
    Energy.SUCTION: {"left-pump", "right-pump"},
    Energy.HEAT: {"warm-pad"},
    Energy.VIBRATION: {"massager"},
}


def block(house: RunningHome, energy: Energy, *, seconds: float = 120.0) -> AbstractAsyncContextManager[Any]:
    match energy:
        case Energy.SUCTION:
            pumps = house.pumps()
            return house.guard.suction(pumps, SETTING, at_most_seconds=seconds)
        case Energy.HEAT:
            return house.guard.heat([house.pad], 40, at_most_seconds=seconds)
        case Energy.VIBRATION:
            return house.guard.vibration([house.massager], 0.2, Side.BOTH, at_most_seconds=seconds)


@contextlib.asynccontextmanager
async def everything_on(house: RunningHome) -> AsyncIterator[Any]:
    heat, vibration, suction = (
        block(house, energy, seconds=300) for energy in (Energy.HEAT, Energy.VIBRATION, Energy.SUCTION)
    )
    async with heat, vibration, suction as run:
        assert house.on == set(ALL)
        yield run
