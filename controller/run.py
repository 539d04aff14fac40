"""Running pumps, and how their vacuum is changed: lowering at once, raising step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from controller import safety
from controller.safety import Limit, OwnerLimits
from devices.clock import Clock
from devices.errors import RefusedError
from devices.roles import Pump, PumpSetting


class Run:
    """What runs inside a `suction` block: the pumps and their setting. `over` from the moment they are to stop.

    `seconds`: how long they may run. `told`: what each pump was told, by its name. `at_most_mmhg`: what the step
    allows. `owner()`: what the owner allows by now. `symptoms()`: whether the day has any. `tell(limits)`: what was met
    on the way.
    """

    def __init__(
        self,
        clock: Clock,
        pumps: Sequence[Pump],
        seconds: float,
        told: dict[str, PumpSetting],
        at_most_mmhg: float | None,
        owner: Callable[[], OwnerLimits],
        symptoms: Callable[[], bool],
        tell: Callable[[Sequence[Limit]], None],
    ) -> None:
        self.pumps = tuple(pumps)
        self.seconds = seconds
        self.told = told
        self.setting = min(told.values(), key=lambda each: each.vacuum_mmhg or 0.0)
        self.over = False
        self._clock = clock
        self._at_most_mmhg = at_most_mmhg
        self._owner = owner
        self._symptoms = symptoms
        self._tell = tell
        self._raised_at_seconds = clock.now()
        self._perhaps: float | None = None  # the lowest that a pump may be at: a change was sent that not all answered
        self._changing = asyncio.Lock()  # one change after another; a stop never looks at it

    async def adjust(self, *, vacuum_mmhg: float | None = None, level: int | None = None, by_person: bool) -> Limit:
        """Change the vacuum or level. Lowering is at once; raising is one step in 10 s at most. Return what it came to.

        Raise `RefusedError` when the pumps are to stop already, or cannot be set from here.
        """
        async with self._changing:
            wanted = self.setting.model_copy(update={"vacuum_mmhg": vacuum_mmhg, "level": level})
            return await self._adjust(wanted, by_person)

    async def hold_to_limits(self) -> None:
        """Lower what runs to what is allowed by now."""
        if self.setting.vacuum_mmhg is not None:  # else it is told levels, or nothing
            await self.adjust(vacuum_mmhg=self.setting.vacuum_mmhg, by_person=False)

    def begin(self) -> None:
        """Note that the pumps have begun: suction that has just begun is not raised at once."""
        self._raised_at_seconds = self._clock.now()

    def lose(self, device: str) -> None:
        """Go on without a pump that is out of reach."""
        self.pumps = tuple(pump for pump in self.pumps if pump.name != device)
        self.told.pop(device, None)

    async def _adjust(self, wanted: PumpSetting, by_person: bool) -> Limit:
        now_seconds, by_level = self._clock.now(), self.setting.vacuum_mmhg is None
        early = now_seconds - self._raised_at_seconds < safety.RAISE_EVERY_SECONDS
        current = float((self.setting.level if by_level else self.setting.vacuum_mmhg) or 0)
        lowest_now = current if self._perhaps is None else min(current, self._perhaps)
        limits = [limit for pump in self.pumps for limit in self._limits_of(pump, wanted, lowest_now, early, by_person)]
        if self.over or not limits:
            raise RefusedError("the pumps are stopping" if self.over else "this pump is set at the pump itself")
        lowest = min(limits, key=lambda limit: limit.allowed)
        # What the pump was told last may have reached it without an answer; then even no change is sent.
        if self._perhaps is not None or lowest.allowed != current or self._above(lowest):
            if lowest.allowed > lowest_now:
                self._raised_at_seconds = now_seconds
            value = int(lowest.allowed) if by_level else lowest.allowed
            setting = self.setting.model_copy(update={lowest.quantity: value})
            self._perhaps = min(lowest_now, lowest.allowed)
            await finished(pump.adjust(setting) for pump in self.pumps)
            self._perhaps = None
            self.told = dict.fromkeys(self.told, setting)
            self.setting = setting  # only now: what was not confirmed is not remembered as done
        if by_person:
            self._tell([lowest])
        return lowest

    def _above(self, limit: Limit) -> bool:
        """Say whether any of several pumps was told more than this: they may have started with limits of their own."""
        return any((getattr(told, limit.quantity) or 0) > limit.allowed for told in self.told.values())

    def _limits_of(
        self, pump: Pump, wanted: PumpSetting, lowest_now: float, early: bool, by_person: bool
    ) -> Iterator[Limit]:
        """Yield what limits a wanted vacuum or level of one running pump, which may be at `lowest_now`."""
        _, met = safety.limit_pump(
            wanted,
            self._owner(),
            pump.limits,
            pump.capabilities,
            symptoms=self._symptoms(),
            by_person=by_person,
            pace_mmhg=lowest_now if early else lowest_now + safety.RAISE_STEP_MMHG,
            pace_level=int(lowest_now) if early else int(lowest_now) + 1,
            step_mmhg=self._at_most_mmhg,
            max_level=pump.max_level,
        )
        yield from (limit for limit in met if limit.quantity in ("vacuum_mmhg", "level"))


async def finished(actions: Iterable[Awaitable[None]]) -> None:
    """Do all at once; when one fails, the others are still finished before its error is raised."""
    results = await asyncio.gather(*actions, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
