"""How long each energy may still be on: in one go, in one session, and hot. What was used outlives a crash."""

from __future__ import annotations

import math
from collections.abc import Sequence

from controller import safety
from controller.memory import Memory
from controller.safety import Budget, Energy, Limit
from devices.clock import Clock
from devices.roles import Role

_HOT = "hot"


class Times:
    """The budgets of one station."""

    def __init__(self, clock: Clock, memory: Memory) -> None:
        self._clock = clock
        self._memory = memory
        self._session_suction = Budget(safety.SUCTION_SESSION_SECONDS, math.inf)
        self._budgets: dict[str, Budget] = {
            **{energy.value: budget for energy, budget in safety.budgets().items()},
            _HOT: Budget(safety.ABOVE_WARM_SECONDS, safety.HEAT_REST_SECONDS),
        }
        for name, used in memory.remembered.used.items():
            if name in self._budgets:
                self._budgets[name].restore(used.used_seconds, clock.now() - used.rested_seconds)

    def begin_session(self) -> None:
        """Count suction of a session anew."""
        self._session_suction = Budget(safety.SUCTION_SESSION_SECONDS, math.inf)

    @property
    def hot_seconds(self) -> float:
        """What is left of the time above 41 °C."""
        return self._budgets[_HOT].left(self._clock.now())

    def limit(self, energy: Energy, asked_seconds: float, devices: Sequence[Role]) -> Limit:
        """Limit a wished time to what is left, and to what each device does in one go."""
        left_seconds = self._budgets[energy].left(self._clock.now())
        if energy is Energy.SUCTION:
            left_seconds = min(left_seconds, self._session_suction.left(self._clock.now()))
        return min(
            (safety.limit_seconds(asked_seconds, left_seconds, device.limits) for device in devices),
            key=lambda each: each.allowed,
        )

    def plan(self, energy: Energy, seconds: float, *, hot: bool) -> None:
        """Note that something is about to be on for this long: if the controller dies meanwhile, all of it counts."""
        for name in _names(energy, hot):
            used_seconds = self._budgets[name].used(self._clock.now()) + seconds
            self._memory.used(name, used_seconds, ahead_seconds=seconds)

    def use(self, energy: Energy, began_seconds: float, *, hot: bool) -> None:
        """Note that something was on from `began_seconds` until now."""
        now_seconds = self._clock.now()
        if energy is Energy.SUCTION:
            self._session_suction.use(began_seconds, now_seconds)
        for name in _names(energy, hot):
            self._budgets[name].use(began_seconds, now_seconds)
            self._memory.used(name, self._budgets[name].used(now_seconds))


def _names(energy: Energy, hot: bool) -> tuple[str, ...]:
    return (energy.value, _HOT) if hot else (energy.value,)
