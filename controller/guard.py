"""The guard: the only way to put energy into a body. Inside its `async with` blocks a device runs; outside, none does.

The numbers are in `safety`, the rules that watch readings in `watch`. One guard serves one station.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from controller import safety
from controller.keeper import Keeper
from controller.safety import Budget, Energy, Limit, OwnerLimits, Trip
from controller.stopping import Stopped, Stopping
from devices.clock import Clock
from devices.errors import DeviceError, RefusedError, UncertainError
from devices.roles import Capability, Massager, Pump, PumpSetting, Role, Side, Warmer

_LOGGER = logging.getLogger(__name__)

_TIMER_MARGIN_SECONDS = 3.0  # a device's own timer is the second net: it ends just after ours

DeviceT = TypeVar("DeviceT", Pump, Warmer, Massager)


class NotAllowedError(Exception):
    """The guard does not let this start. `str()` is for the person."""


class HaltedError(Exception):
    """Everything was stopped while this was on its way."""


class Run:
    """What runs inside a `suction` block: the pumps and their setting. `over` from the moment they are to stop."""

    def __init__(self, guard: Guard, pumps: Sequence[Pump], setting: PumpSetting) -> None:
        self._guard = guard
        self.pumps = pumps
        self.setting = setting
        self.told: dict[str, PumpSetting] = {}  # by pump
        self.unsure = False  # a change was sent, and not all pumps have answered it
        self._changing = asyncio.Lock()  # one change after another; a stop never looks at it
        self.over = False

    async def adjust(self, *, vacuum_mmhg: float | None = None, level: int | None = None, by_person: bool) -> Limit:
        """Change the vacuum or level of the running pumps; raising goes step by step. Return what it came to."""
        wanted = self.setting.model_copy(update={"vacuum_mmhg": vacuum_mmhg, "level": level})
        async with self._changing:
            return await self._guard.adjust(self, wanted, by_person=by_person)


class Guard:
    """Holds the limits, watches what runs, and stops everything.

    `on_trip(trip)`, `on_ended(device)`: something ended what runs (called once; devices are being stopped already).
    `on_limit(limits)`: a wish met a limit. `on_uncertain(device)`: a device did not confirm its stop.
    """

    def __init__(self, clock: Clock, owner: OwnerLimits, devices: Sequence[Role]) -> None:
        self.owner = owner
        self.symptoms: frozenset[str] = frozenset()
        self.trip: Trip | None = None
        self.on_trip: Callable[[Trip], None] = lambda _: None
        self.on_ended: Callable[[str], None] = lambda _: None
        self.on_limit: Callable[[Sequence[Limit]], None] = lambda _: None
        self.on_uncertain: Callable[[str], None] = lambda _: None
        self._clock = clock
        self._devices = tuple(devices)
        self._budgets: dict[Energy, Budget] = safety.budgets()
        self._session_suction = Budget(safety.SUCTION_SESSION_SECONDS, math.inf)
        self._halted = False  # everything was stopped: nothing starts until a new session begins
        self._keepers: list[Keeper] = []
        self._hot = Budget(safety.ABOVE_WARM_SECONDS, safety.HEAT_REST_SECONDS)
        self._runs: list[Run] = []
        self._raised_at_seconds = 0.0
        self._stopping = Stopping(clock, self._say_uncertain)

    # What there is

    def pumps(self, side: Side) -> list[Pump]:
        """Return the pumps of a side that can be started from here."""
        return [d for d in self._of(side) if d.role == "pump"]

    def warmers(self, side: Side) -> list[Warmer]:
        """Return the warm compresses of a side that can be started from here."""
        return [d for d in self._of(side) if d.role == "warmer" and self._may_heat(d)]

    def all_of(self, role: str, side: Side) -> list[Role]:
        """Return all devices of a role and side that are connected, also those that only tell something."""
        return [d for d in self._devices if d.role == role and d.side.covers(side) and d.connected]

    def _may_heat(self, warmer: Warmer) -> bool:
        """Say whether a compress that is only on or off, at whatever temperature, is allowed."""
        return Capability.TARGET_CELSIUS in warmer.capabilities or self.owner.heat_without_temperature

    def massagers(self, side: Side) -> list[Massager]:
        """Return the massagers of a side that can be started from here."""
        return [d for d in self._of(side) if d.role == "massager"]

    def _of(self, side: Side) -> list[Role]:
        return [d for d in self._devices if d.side.covers(side) and Capability.START in d.capabilities and d.connected]

    # Energy, in blocks

    @contextlib.asynccontextmanager
    async def suction(
        self, pumps: Sequence[Pump], setting: PumpSetting, *, at_most_seconds: float
    ) -> AsyncIterator[Run]:
        """Run pumps inside the block. Raise `NotAllowedError`, or a `DeviceError` when one does not start."""
        run = Run(self, pumps, setting)
        seconds = self._seconds(Energy.SUCTION, at_most_seconds, pumps)
        limits: list[Limit] = [seconds]
        settings: dict[str, PumpSetting] = {}
        for pump in pumps:
            settings[pump.name], met = safety.limit_pump(
                setting,
                self.owner,
                pump.limits,
                pump.capabilities,
                symptoms=bool(self.symptoms),
                max_level=pump.max_level,
            )
            limits += met
        run.setting = min(settings.values(), key=lambda each: each.vacuum_mmhg or 0.0)
        run.told = settings
        self._raised_at_seconds = self._clock.now()

        async def start(pump: Pump) -> None:
            allowed = settings[pump.name]
            await pump.start(allowed, self._timer(seconds, pump), safety.LEASE_SECONDS)

        async with self._on(Energy.SUCTION, pumps, start, seconds.allowed):
            self._runs.append(run)
            self._tell(limits)
            try:
                yield run
            finally:
                run.over = True
                self._runs.remove(run)

    @contextlib.asynccontextmanager
    async def heat(self, warmers: Sequence[Warmer], celsius: float, *, at_most_seconds: float) -> AsyncIterator[None]:
        """Warm inside the block."""
        if self.symptoms:
            raise NotAllowedError("no heat on a day with symptoms")
        if any(Capability.TARGET_CELSIUS not in warmer.capabilities for warmer in warmers):
            at_most_seconds = min(at_most_seconds, safety.BLIND_HEAT_SECONDS)
        seconds = self._seconds(Energy.HEAT, at_most_seconds, warmers)
        hot_seconds = self._hot.left(self._clock.now())
        limits = {
            warmer.name: safety.limit_heat(celsius, seconds.allowed, self.owner, warmer.limits, hot_seconds=hot_seconds)
            for warmer in warmers
        }
        hot = any(limit.allowed > safety.WARM_CELSIUS for limit in limits.values())

        async def start(warmer: Warmer) -> None:
            duration_seconds = self._timer(seconds, warmer)
            await warmer.set_target(limits[warmer.name].allowed, duration_seconds, safety.LEASE_SECONDS)

        async with self._on(Energy.HEAT, warmers, start, seconds.allowed):
            self._tell([seconds, *limits.values()])
            began_seconds = self._clock.now()
            try:
                yield
            finally:
                if hot:
                    self._hot.use(began_seconds, self._clock.now())

    @contextlib.asynccontextmanager
    async def vibration(
        self, massagers: Sequence[Massager], intensity: float, side: Side, *, at_most_seconds: float
    ) -> AsyncIterator[None]:
        """Vibrate inside the block."""
        if not self.owner.vibration:
            raise NotAllowedError("vibration is off until you turn it on in the settings")
        if self.symptoms:
            raise NotAllowedError("no vibration on a day with symptoms")
        seconds = self._seconds(Energy.VIBRATION, at_most_seconds, massagers)
        limit = safety.limit_vibration(intensity)

        async def start(massager: Massager) -> None:
            await massager.run(limit.allowed, self._timer(seconds, massager), safety.LEASE_SECONDS, side)

        async with self._on(Energy.VIBRATION, massagers, start, seconds.allowed):
            self._tell([seconds, limit])
            yield

    async def adjust(self, run: Run, wanted: PumpSetting, *, by_person: bool) -> Limit:
        """Change running pumps to a wanted vacuum or level. Lowering is at once; raising is one step in 10 s at most.

        Raise `RefusedError` when the pumps are to stop already, or cannot be set from here.
        """
        now_seconds, by_level = self._clock.now(), run.setting.vacuum_mmhg is None
        early = now_seconds - self._raised_at_seconds < safety.RAISE_EVERY_SECONDS
        current = float((run.setting.level if by_level else run.setting.vacuum_mmhg) or 0)
        limits = [limit for pump in run.pumps for limit in self._limits_of(pump, wanted, run, early, by_person)]
        if run.over or not limits:
            raise RefusedError("the pumps are stopping" if run.over else "this pump is set at the pump itself")
        lowest = min(limits, key=lambda limit: limit.allowed)
        # What the pump was told last may have reached it without an answer; then even no change is sent.
        if run.unsure or lowest.allowed != current or self._above(run, lowest):
            if lowest.allowed > current:
                self._raised_at_seconds = now_seconds
            value = int(lowest.allowed) if by_level else lowest.allowed
            setting = run.setting.model_copy(update={lowest.quantity: value})
            run.unsure = True
            await _all(pump.adjust(setting) for pump in run.pumps)
            run.unsure = False
            run.told = dict.fromkeys(run.told, setting)
            run.setting = setting  # only now: what was not confirmed is not remembered as done
        if by_person:
            self._tell([lowest])
        return lowest

    def _above(self, run: Run, limit: Limit) -> bool:
        """Say whether any of several pumps was told more than this: they may have started with limits of their own."""
        return any((getattr(told, limit.quantity) or 0) > limit.allowed for told in run.told.values())

    def _limits_of(self, pump: Pump, wanted: PumpSetting, run: Run, early: bool, by_person: bool) -> Iterator[Limit]:
        """Yield what limits a wanted vacuum or level of one running pump."""
        vacuum_mmhg, level = run.setting.vacuum_mmhg or 0.0, run.setting.level or 0
        _, met = safety.limit_pump(
            wanted,
            self.owner,
            pump.limits,
            pump.capabilities,
            symptoms=bool(self.symptoms),
            by_person=by_person,
            pace_mmhg=vacuum_mmhg if early else vacuum_mmhg + safety.RAISE_STEP_MMHG,
            pace_level=level if early else level + 1,
            max_level=pump.max_level,
        )
        yield from (limit for limit in met if limit.quantity in ("vacuum_mmhg", "level"))

    # Stopping

    async def stop_all(self) -> dict[str, Stopped]:
        """Stop every device of the station at once: pumps, then heat, then vibration, none waiting for another.

        Nothing that is on its way can start any more. Return what each device confirmed.
        """
        self._halt()
        return await self._stopping.results(self._devices)

    async def settled(self) -> None:
        """Wait until every stop that is under way has its result."""
        await self._stopping.settled()

    def begin_session(self, symptoms: frozenset[str]) -> None:
        """Note the symptoms of the day as far as they are known, and count suction anew."""
        self.symptoms = symptoms
        self._halted = False
        self._session_suction = Budget(safety.SUCTION_SESSION_SECONDS, math.inf)

    def acknowledge(self) -> None:
        """Let go of the latched trip, on the person's word."""
        self.trip = None

    # Inside

    @contextlib.asynccontextmanager
    async def _on(
        self, energy: Energy, devices: Sequence[DeviceT], start: Callable[[DeviceT], Awaitable[None]], seconds: float
    ) -> AsyncIterator[None]:
        if self.trip is not None:
            raise NotAllowedError(f"stopped because {self.trip.words}; acknowledge it first")
        if self._halted:
            raise HaltedError("everything was stopped")
        began_seconds = self._clock.now()
        keeper = Keeper(self._clock, energy, devices, seconds, self._trip, self.on_ended)
        keeping: asyncio.Task[None] | None = None
        try:
            await _all(start(device) for device in devices)
            if self._halted:
                raise HaltedError("everything was stopped while it was starting")  # noqa: TRY301 - it must leave below
            self._keepers.append(keeper)
            keeping = asyncio.create_task(keeper.run(), name=f"keep {energy.value}")
            keeping.add_done_callback(keeper.died)
            yield
        except Exception as error:
            results = await self._leave(energy, devices, keeper, keeping, began_seconds)
            if not isinstance(error, DeviceError | HaltedError):  # a skip or a pause
                self._expect_stopped(results)
            raise
        except BaseException:
            await self._leave(energy, devices, keeper, keeping, began_seconds)
            raise
        else:
            self._expect_stopped(await self._leave(energy, devices, keeper, keeping, began_seconds))

    def _expect_stopped(self, results: dict[str, Stopped]) -> None:
        """Let nobody go on while something may still run. Raise `UncertainError`."""
        bad = [name for name, result in results.items() if result in ("uncertain", "unreachable")]
        if bad and not self._halted:
            raise UncertainError(f"{', '.join(bad)} did not confirm that it stopped")

    async def _leave(
        self,
        energy: Energy,
        devices: Sequence[Role],
        keeper: Keeper,
        keeping: asyncio.Task[None] | None,
        began_seconds: float,
    ) -> dict[str, Stopped]:
        """Stop what ran inside a block, and account for its time."""
        keeper.dismiss()
        if keeper in self._keepers:
            self._keepers.remove(keeper)
        if keeping is not None:
            keeping.cancel()
        self._budgets[energy].use(began_seconds, self._clock.now())
        if energy is Energy.SUCTION:
            self._session_suction.use(began_seconds, self._clock.now())
        return await self._stopping.results(devices)

    def _trip(self, trip: Trip) -> None:
        if self.trip is not None:
            return
        self.trip = trip
        _LOGGER.warning("trip: %s: %s", trip.device, trip.words)
        self._halt()
        self._stopping.begin(self._devices)
        self.on_trip(trip)

    def _seconds(self, energy: Energy, asked_seconds: float, devices: Sequence[Role]) -> Limit:
        left_seconds = self._budgets[energy].left(self._clock.now())
        if energy is Energy.SUCTION:
            left_seconds = min(left_seconds, self._session_suction.left(self._clock.now()))
        limit = min(
            (safety.limit_seconds(asked_seconds, left_seconds, device.limits) for device in devices),
            key=lambda each: each.allowed,
        )
        if limit.allowed < 1:
            raise NotAllowedError(f"{energy.value} has been on as long as it may in one go; rest first")
        return limit

    def _timer(self, seconds: Limit, device: Role) -> float:
        most_seconds = device.limits.run_seconds or seconds.allowed + _TIMER_MARGIN_SECONDS
        return min(seconds.allowed + _TIMER_MARGIN_SECONDS, most_seconds)

    def _halt(self) -> None:
        """Let nothing start or change anything any more, and take no stop for a device's own."""
        self._halted = True
        for run in self._runs:
            run.over = True
        for keeper in self._keepers:
            keeper.dismiss()

    def _say_uncertain(self, device: str) -> None:
        self.on_uncertain(device)

    def _tell(self, limits: Sequence[Limit]) -> None:
        met = [limit for limit in limits if limit.limited]
        if met:
            self.on_limit(met)


async def _all(actions: Iterable[Awaitable[None]]) -> None:
    """Do all at once; when one fails, the others are still finished before its error is raised."""
    results = await asyncio.gather(*actions, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
