"""Pumps while they run in a block: what was wished for, what they were told, and what they say that they do."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence

from controller import safety
from controller.blocks import Block, Held, MustStopError
from controller.envelope import Allowance, Felt
from controller.limits import limit_pump
from controller.safety import Energy, Limit
from devices.clock import Clock
from devices.errors import RefusedError
from devices.roles import Phase, Pump, PumpSetting, Role

_SET = ("vacuum_mmhg", "level")
_HAIR = 1.0  # mmHg: what a pump says is rounded


class Suction(Block):
    """Pumps, all at one setting. `wish`: what a routine or a person asked for; `setting`: what the pumps confirmed.

    `told`: what each confirmed; they may start with limits of their own, and one may refuse what the other does.
    `come_down_to`: what each was told last where that was less, until it says that it follows. `tell(limits)`: what a
    person's wish met.
    """

    energy = Energy.SUCTION

    def __init__(
        self,
        clock: Clock,
        held: Held,
        pumps: Sequence[Pump],
        wish: PumpSetting,
        seconds: float,
        *,
        most_mmhg: float | None,
        tell: Callable[[Sequence[Limit]], None],
    ) -> None:
        super().__init__(clock, held, pumps, seconds)
        self.phase = wish.phase
        self.most = most_mmhg
        self.come_down_to: dict[str, float] = {}
        self._tell = tell
        self._pumps = {pump.name: pump for pump in pumps}
        self._raised_at_seconds = clock.now()
        self._lowered_at_seconds = -safety.FOLLOW_SECONDS
        self._sent: float | None = None  # a change that not all have answered
        self._reported: dict[str, float] = {}  # what each pump said last that it is set to
        first = safety.FIRST_EXPRESSION_VACUUM_MMHG if wish.phase is Phase.EXPRESSION else None
        self.limits = tuple(limit for pump in pumps for limit in self._limits_of(pump, wish)[1])
        self.wish = self._lowest([self._limits_of(pump, wish)[0] for pump in pumps])
        self.told: dict[str, PumpSetting] = {
            pump.name: self._limits_of(pump, self.wish, pace_mmhg=first, alone=True)[0] for pump in pumps
        }
        self.setting = self._lowest(self.told.values())
        # The lowest that each may be at: raising begins there. A change that was not answered may have arrived.
        self._at = {name: self._value(setting) for name, setting in self.told.items()}

    @property
    def pumps(self) -> tuple[Pump, ...]:
        """The pumps that it still goes on with."""
        return tuple(pump for name, pump in self._pumps.items() if name in self.devices)

    @property
    def by_level(self) -> bool:
        """Whether its pumps know levels only."""
        return self.setting.vacuum_mmhg is None

    @property
    def settled(self) -> bool:
        """Whether the pumps had time to come down to what they were told last."""
        return self._clock.now() - self._lowered_at_seconds >= safety.FOLLOW_SECONDS

    def lose(self, device: str) -> None:
        """Go on without a pump that is out of reach."""
        super().lose(device)
        self.told.pop(device, None)
        self._at.pop(device, None)

    def wait_to_rise(self) -> None:
        """Raise nothing for 10 s: the pumps have just begun, or have no seal yet."""
        self._raised_at_seconds = self._clock.now()

    async def adjust(self, *, vacuum_mmhg: float | None = None, level: int | None = None, by_person: bool) -> Limit:
        """Change the wish. Lowering is at once; raising is one step in 10 s at most. Return what it came to.

        Raise `RefusedError` when the pumps are to stop already, or cannot be set from here.
        """
        wanted = self.wish.model_copy(update={"vacuum_mmhg": vacuum_mmhg, "level": level})
        self.by_person = self.by_person or by_person
        limits = [limit for pump in self.pumps for limit in self._limits_now(pump, wanted) if limit.quantity in _SET]
        if self.over or not limits:
            raise RefusedError("the pumps are stopping" if self.over else "this pump is set at the pump itself")
        limit = min(limits, key=lambda each: each.allowed)
        # At once, before the pumps have answered: what is asked next is held against what was asked last. Who asks for
        # more while a raise is on its way does not take it back.
        held_by_pace = bool(limit.reasons) and limit.reasons[0].who == "pace"
        asked_before = min(limit.asked, self._value(self.wish)) if held_by_pace else 0.0
        self.wish = self._with(wanted, max(limit.allowed, asked_before))
        if by_person:
            self._tell([limit])
        await self.refresh(again=self._sent is not None)
        return limit

    def take_in(self, pump: str, seen: Felt, most: float) -> bool:
        """Take in what a pump says of its setting, unless that is more than is allowed: then it is lowered instead."""
        said = seen.level if self.by_level else seen.commanded
        return said is not None and said <= most and self.reported(pump, float(said))

    def bound(self, pump: str, allowance: Allowance, most_level: int | None) -> tuple[Allowance, int | None]:
        """Return what a pump may be set to, in mmHg and as a level: no more than what it is to come down to."""
        come_down_to = self.come_down_to.get(pump, math.inf)
        if most_level is not None:
            most_level = int(min(most_level, come_down_to))
        return allowance.model_copy(update={"most": min(allowance.most, come_down_to)}), most_level

    def reported(self, pump: str, value: float) -> bool:
        """Take in what a pump says that it is set to (mmHg, or its level). Return whether that changes the setting.

        What was on its way has arrived, or has not; anything else was set at the pump itself, and is taken over.
        """
        if value > self.come_down_to.get(pump, math.inf):
            return False  # it has not followed yet
        self.come_down_to.pop(pump, None)
        if value == self._reported.get(pump) or self.changing or not self.settled:
            return False  # what it says once the change is over, or has had its time, counts
        self._reported[pump] = self._at[pump] = value
        if self._sent is not None and abs(value - self._sent) <= _HAIR:
            self._sent = None
        elif abs(value - self._value(self.told[pump])) <= _HAIR:
            return False
        else:
            self.wish = self._with(self.wish, value)
            self.by_person = True
            self._raised_at_seconds = self._clock.now()
        self.setting = self._with(self.setting, value)
        self.told = dict.fromkeys(self.told, self.setting)
        return True

    def _with(self, setting: PumpSetting, value: float) -> PumpSetting:
        return setting.model_copy(update={"level": int(value)} if self.by_level else {"vacuum_mmhg": value})

    def is_due(self, *, unsealed: bool) -> bool:
        """Say whether to set the pumps anew: to raise them by one step, or to lower them that have no seal."""
        if self.over or not self.started or self.changing:
            return False
        if unsealed:
            self.wait_to_rise()
        return unsealed or (self._value(self.wish) > self._value(self.setting) and not self._early)

    async def refresh(self, *, again: bool = False) -> None:
        """Hold the pumps to what is allowed now: lower them at once, or raise them by one step where it is time."""
        async with self._changing:
            if self.over:
                return
            # What the body's layers came to since is not asked for again when they are lifted.
            self.wish = self._lowest([self._limits_of(pump, self.wish, alone=False)[0] for pump in self.pumps])
            current = self._value(self.setting)
            limits = [limit for pump in self.pumps for limit in self._limits_now(pump, self.wish)]
            changed = [limit for limit in limits if limit.quantity in _SET]
            if not changed:
                return
            limit = min(changed, key=lambda each: each.allowed)
            if limit.must_be_off:
                raise MustStopError(limit.reasons[0].words)
            if not again and limit.allowed == current and not self._above(limit):
                return
            await self._set(limit, current, limits)

    async def _set(self, limit: Limit, current: float, limits: Sequence[Limit]) -> None:
        now_seconds = self._clock.now()
        if limit.allowed > self._lowest_now:
            self._raised_at_seconds = now_seconds
        if limit.allowed < current or self._above(limit):
            if limit.allowed != self._sent:  # the same once more gives no more time to follow
                self._lowered_at_seconds = now_seconds
            self.come_down_to = dict.fromkeys(self.devices, limit.allowed)
        elif limit.allowed > current:
            self.come_down_to.clear()
        setting = self._with(self.setting, limit.allowed)
        if rates := [each.allowed for each in limits if each.quantity == "rate_cpm"]:
            setting = setting.model_copy(update={"rate_cpm": min(rates)})
        pumps, before, self._sent = self.pumps, dict(self._at), limit.allowed
        self._at = {name: min(at, limit.allowed) for name, at in self._at.items()}
        results = await asyncio.gather(*(pump.adjust(setting) for pump in pumps), return_exceptions=True)
        for pump, result in zip(pumps, results, strict=True):
            if result is None and pump.name in self.told:
                self.told[pump.name], self._at[pump.name] = setting, limit.allowed
            elif isinstance(result, RefusedError) and pump.name in self.told:
                self._at[pump.name] = before[pump.name]  # nothing of it restricts what is asked next
        errors = [result for result in results if isinstance(result, BaseException)]
        if all(isinstance(error, RefusedError) for error in errors):
            self._sent = None
        if not errors:
            self.setting = setting  # only now: what was not confirmed is not remembered as done
            return
        if self._sent is None and limit.allowed > current:
            self.wish = self._with(self.wish, current)
        raise errors[0]

    async def _start(self, device: Role) -> None:
        pump = self._pumps[device.name]
        await pump.start(self.told[pump.name], self.timer_seconds(pump), safety.LEASE_SECONDS)

    @property
    def _early(self) -> bool:
        return self._clock.now() - self._raised_at_seconds < safety.RAISE_EVERY_SECONDS

    @property
    def _lowest_now(self) -> float:
        return min(self._at.values(), default=0.0)

    def _above(self, limit: Limit) -> bool:
        """Say whether any of several pumps was told more than this: they may have started with limits of their own."""
        return any((getattr(told, limit.quantity) or 0) > limit.allowed for told in self.told.values())

    def _limits_now(self, pump: Pump, wanted: PumpSetting) -> tuple[Limit, ...]:
        """Return what limits a wanted setting of a running pump now: everything, and the pace of raising."""
        lowest_now, early = self._lowest_now, self._early
        return self._limits_of(
            pump,
            wanted,
            pace_mmhg=lowest_now if early else lowest_now + safety.RAISE_STEP_MMHG,
            pace_level=int(lowest_now) if early else int(lowest_now) + 1,
            alone=True,
        )[1]

    def _limits_of(
        self,
        pump: Pump,
        wanted: PumpSetting,
        *,
        pace_mmhg: float | None = None,
        pace_level: int | None = None,
        alone: bool = False,
    ) -> tuple[PumpSetting, tuple[Limit, ...]]:
        """Return what a pump may be set to. `alone`: with the layers that belong to this pump alone."""
        return limit_pump(
            wanted,
            self._held.owner,
            pump.limits,
            pump.capabilities,
            symptoms=self._held.has_symptoms,
            by_person=self.by_person,
            pace_mmhg=pace_mmhg,
            pace_level=pace_level,
            step_mmhg=self.most,
            max_level=pump.max_level,
            more=self._held.layers_of(pump.name) if alone else (),
        )

    def _value(self, setting: PumpSetting) -> float:
        return float((setting.level if self.by_level else setting.vacuum_mmhg) or 0)

    @staticmethod
    def _lowest(settings: Iterable[PumpSetting]) -> PumpSetting:
        return min(settings, key=lambda each: each.vacuum_mmhg or each.level or 0.0)
