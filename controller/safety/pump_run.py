"""Pumps while they run in a block: the requested setting, the one that is sent, and the one that they report."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence

from controller.safety.apply_limits import PumpLayers, limit_pump
from controller.safety.blocks import BodyLimits, EnergyBlock, MustStopError, name_devices
from controller.safety.envelope import Allowance, AppliedEnergy
from controller.safety.limits import (
    FIRST_EXPRESSION_VACUUM_MMHG,
    FOLLOW_SECONDS,
    LEASE_SECONDS,
    RAISE_EVERY_SECONDS,
    RAISE_STEP_MMHG,
    Energy,
    Limit,
)
from controller.safety.listener import report_limits
from controller.safety.message import KeyedMessage, NotPossibleError, message
from devices.errors import RefusedError
from devices.roles import Capability, Phase, Pump, PumpSetting, Role
from devices.support.clock import Clock

_SET = ("vacuum_mmhg", "level")
_ROUNDING = 1.0  # mmHg or levels: what a pump reports is rounded


class PumpRun(EnergyBlock):
    """Pumps, all at one setting. `requested`: by a routine or a person; `setting`: what all pumps confirmed.

    `confirmed`: what each pump confirmed; they may start with limits of their own, and one may refuse what the other
    accepts. `lowering_to`: the lower value that each was last sent, until it reports that value.
    """

    energy = Energy.SUCTION

    def __init__(
        self,
        clock: Clock,
        body: BodyLimits,
        pumps: Sequence[Pump],
        requested: PumpSetting,
        seconds: float,
        *,
        most_mmhg: float | None,
    ) -> None:
        super().__init__(clock, body, pumps, seconds)
        self.phase = requested.phase
        self.most = most_mmhg
        self.lowering_to: dict[str, float] = {}
        self._pumps = {pump.name: pump for pump in pumps}
        self._raised_at_seconds = clock.now()
        self._lowered_at_seconds = -FOLLOW_SECONDS
        self._pending: float | None = None  # a setting that not every pump has confirmed
        self._last_reported: dict[str, float] = {}  # the setting that each pump reported last
        first = FIRST_EXPRESSION_VACUUM_MMHG if requested.phase is Phase.EXPRESSION else None
        self.limits = tuple(limit for pump in pumps for limit in self._limits_of(pump, requested)[1])
        self.requested = self._lowest([self._limits_of(pump, requested)[0] for pump in pumps])
        self.confirmed: dict[str, PumpSetting] = {
            pump.name: self._limits_of(pump, self.requested, pace_mmhg=first, alone=True)[0] for pump in pumps
        }
        self.setting = self._lowest(self.confirmed.values())
        # The lowest setting that each may have: raising begins there. An unconfirmed setting may have arrived.
        self._lowest_possible = {name: self._value_of(setting) for name, setting in self.confirmed.items()}

    @property
    def pumps(self) -> tuple[Pump, ...]:
        """The pumps that have not been dropped."""
        return tuple(pump for name, pump in self._pumps.items() if name in self.devices)

    @property
    def by_level(self) -> bool:
        """Whether its pumps have levels only."""
        return self.setting.vacuum_mmhg is None

    @property
    def had_time_to_follow(self) -> bool:
        """Whether the pumps had time to come down to the last lower setting."""
        return self._clock.now() - self._lowered_at_seconds >= FOLLOW_SECONDS

    @property
    def refusal(self) -> KeyedMessage | None:
        """Why it cannot be set now; `None` where it can."""
        if self.over:
            return message("pumps_stopping")
        if any({Capability.VACUUM_MMHG, Capability.LEVELS} & pump.capabilities for pump in self.pumps):
            return None
        return message("set_at_pump")

    def drop(self, device: str) -> None:
        """Continue without a pump that is out of reach."""
        super().drop(device)
        self.confirmed.pop(device, None)
        self._lowest_possible.pop(device, None)

    def delay_raising(self) -> None:
        """Raise nothing for 10 s: the pumps have just begun, or have no seal yet."""
        self._raised_at_seconds = self._clock.now()

    async def adjust(self, *, vacuum_mmhg: float | None = None, level: int | None = None, by_person: bool) -> Limit:
        """Change the request (mmHg or level). Lower at once; raise by one step in 10 s at most. Return the limit met.

        Raises:
            NotPossibleError: The pumps are stopping already, or cannot be set from here.
            DeviceError: A pump did not confirm the setting.
        """
        wanted = self.requested.model_copy(update={"vacuum_mmhg": vacuum_mmhg, "level": level})
        self.by_person = self.by_person or by_person
        limits = [limit for pump in self.pumps for limit in self._limits_now(pump, wanted) if limit.quantity in _SET]
        if (refusal := self.refusal) is not None:
            raise NotPossibleError(refusal)
        limit = min(limits, key=lambda each: each.allowed)
        # Set before the pumps confirm: the next request is compared with this one. A request for more while a raise is
        # on its way does not take that back.
        held_by_pace = bool(limit.reasons) and limit.reasons[0].who == "pace"
        asked_before = min(limit.asked, self._value_of(self.requested)) if held_by_pace else 0.0
        self.requested = self._with_value(wanted, max(limit.allowed, asked_before))
        if by_person:
            report_limits(self._body.listeners, [limit])
        await self.refresh(again=self._pending is not None)
        return limit

    def on_report(self, pump: str, applied: AppliedEnergy, most: float) -> bool:
        """Adopt the setting that a pump reports, unless that is more than is allowed: then it is lowered instead."""
        value = applied.level if self.by_level else applied.commanded
        return value is not None and value <= most and self._adopt(pump, float(value))

    def limit_allowance(self, pump: str, allowance: Allowance, most_level: int | None) -> tuple[Allowance, int | None]:
        """Return what a pump may be set to, in mmHg and as a level: no more than the setting it is being lowered to."""
        lowering_to = self.lowering_to.get(pump, math.inf)
        if most_level is not None:
            most_level = int(min(most_level, lowering_to))
        if lowering_to < allowance.most:
            allowance = allowance.model_copy(update={"most": lowering_to})
        return allowance, most_level

    def _adopt(self, pump: str, value: float) -> bool:
        """Adopt a reported setting (mmHg or level). Return whether that changes the setting.

        It is the setting that was sent last, or the one before; anything else was set at the pump itself.
        """
        if value > self.lowering_to.get(pump, math.inf):
            return False  # it has not followed yet
        self.lowering_to.pop(pump, None)
        if value == self._last_reported.get(pump) or self.changing or not self.had_time_to_follow:
            return False  # what it reports once the change is over, or has had its time, counts
        self._last_reported[pump] = self._lowest_possible[pump] = value
        if self._pending is not None and abs(value - self._pending) <= _ROUNDING:
            self._pending = None
        elif abs(value - self._value_of(self.confirmed[pump])) <= _ROUNDING:
            return False
        else:
            self.requested = self._with_value(self.requested, value)
            self.by_person = True
            self._raised_at_seconds = self._clock.now()
        self.setting = self._with_value(self.setting, value)
        self.confirmed = dict.fromkeys(self.confirmed, self.setting)
        return True

    def _with_value(self, setting: PumpSetting, value: float) -> PumpSetting:
        return setting.model_copy(update={"level": int(value)} if self.by_level else {"vacuum_mmhg": value})

    def refresh_due(self, *, unsealed: bool) -> bool:
        """Return whether `refresh` is due: to raise by one step, or to lower pumps without a seal."""
        if self.over or not self.started or self.changing:
            return False
        if unsealed:
            self.delay_raising()
        return unsealed or (self._value_of(self.requested) > self._value_of(self.setting) and not self._raised_recently)

    async def refresh(self, *, again: bool = False) -> None:
        """Set the pumps to what is allowed now: lower them at once, or raise them by one step where it is time."""
        async with self._changing:
            if self.over:
                return
            # What stricter layers took away is not requested again when they are lifted.
            self.requested = self._lowest([self._limits_of(pump, self.requested)[0] for pump in self.pumps])
            current = self._value_of(self.setting)
            limits = [limit for pump in self.pumps for limit in self._limits_now(pump, self.requested)]
            changed = [limit for limit in limits if limit.quantity in _SET]
            if not changed:
                return
            limit = min(changed, key=lambda each: each.allowed)
            if limit.must_be_off:
                raise MustStopError(limit.reasons[0].message)
            if not again and limit.allowed == current and not self._exceeds(limit):
                return
            await self._set(limit, current, limits)

    async def _set(self, limit: Limit, current: float, limits: Sequence[Limit]) -> None:
        now_seconds = self._clock.now()
        if limit.allowed > self._lowest_now:
            self._raised_at_seconds = now_seconds
        if limit.allowed < current or self._exceeds(limit):
            if limit.allowed != self._pending:  # sending the same again gives no more time to follow
                self._lowered_at_seconds = now_seconds
            self.lowering_to = dict.fromkeys(self.devices, limit.allowed)
        elif limit.allowed > current:
            self.lowering_to.clear()
        setting = self._with_value(self.setting, limit.allowed)
        if rates := [each.allowed for each in limits if each.quantity == "rate_cpm"]:
            setting = setting.model_copy(update={"rate_cpm": min(rates)})
        pumps, before, self._pending = self.pumps, dict(self._lowest_possible), limit.allowed
        self._lowest_possible = {name: min(at, limit.allowed) for name, at in self._lowest_possible.items()}
        results = await asyncio.gather(
            *(pump.adjust(setting, self.timer_seconds(pump)) for pump in pumps), return_exceptions=True
        )
        name_devices(pumps, results)
        for pump, result in zip(pumps, results, strict=True):
            if result is None and pump.name in self.confirmed:
                self.confirmed[pump.name], self._lowest_possible[pump.name] = setting, limit.allowed
            elif isinstance(result, RefusedError) and pump.name in self.confirmed:
                self._lowest_possible[pump.name] = before[pump.name]  # a refused setting restricts no later one
        errors = [result for result in results if isinstance(result, BaseException)]
        if all(isinstance(error, RefusedError) for error in errors):
            self._pending = None
        if not errors:
            self.setting = setting  # only now: an unconfirmed setting does not count as set
            return
        if self._pending is None and limit.allowed > current:
            self.requested = self._with_value(self.requested, current)
        raise errors[0]

    async def _start(self, device: Role) -> None:
        pump = self._pumps[device.name]
        await pump.start(self.confirmed[pump.name], self.timer_seconds(pump), LEASE_SECONDS)

    @property
    def _raised_recently(self) -> bool:
        return self._pace_seconds > 0

    @property
    def _pace_seconds(self) -> float:
        """In how many seconds the next raise is possible; 0 or less: now."""
        return self._raised_at_seconds + RAISE_EVERY_SECONDS - self._clock.now()

    @property
    def _lowest_now(self) -> float:
        return min(self._lowest_possible.values(), default=0.0)

    def _exceeds(self, limit: Limit) -> bool:
        """Return whether any pump is set to more than this: they may have started with limits of their own."""
        return any((getattr(each, limit.quantity) or 0) > limit.allowed for each in self.confirmed.values())

    def _limits_now(self, pump: Pump, wanted: PumpSetting) -> tuple[Limit, ...]:
        """Return what limits a wanted setting of a running pump now: everything, and the pace of raising."""
        at = self._lowest_now
        pace = (at, int(at)) if self._raised_recently else (at + RAISE_STEP_MMHG, int(at) + 1)
        return self._limits_of(pump, wanted, *pace, alone=True)[1]

    def _limits_of(
        self,
        pump: Pump,
        wanted: PumpSetting,
        pace_mmhg: float | None = None,
        pace_level: int | None = None,
        *,
        alone: bool = False,
    ) -> tuple[PumpSetting, tuple[Limit, ...]]:
        """Return what a pump may be set to. `alone`: with the layers that belong to this pump alone."""
        now = PumpLayers(
            symptoms=self._body.has_symptoms,
            by_person=self.by_person,
            pace_mmhg=pace_mmhg,
            pace_level=pace_level,
            pace_seconds=self._pace_seconds if self._raised_recently else RAISE_EVERY_SECONDS,
            step_mmhg=self.most,
            max_level=pump.max_level,
            more=tuple(self._body.pump_layers(pump.name)) if alone else (),
        )
        return limit_pump(wanted, self._body.owner, pump.limits, pump.capabilities, now)

    def _value_of(self, setting: PumpSetting) -> float:
        return float((setting.level if self.by_level else setting.vacuum_mmhg) or 0)

    @staticmethod
    def _lowest(settings: Iterable[PumpSetting]) -> PumpSetting:
        return min(settings, key=lambda each: each.vacuum_mmhg or each.level or 0.0)
