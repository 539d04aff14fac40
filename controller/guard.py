"""The guard: the only way to put energy into a body. Inside its `async with` blocks a device runs; outside, none does.

The numbers are in `safety`, the rules that watch readings in `watch`. One guard serves one station.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from controller import safety
from controller.keeper import Keeper
from controller.latch import Latch
from controller.memory import Memory, NotKeptError
from controller.run import Run, finished
from controller.safety import Energy, Limit, OwnerLimits, Trip
from controller.stopping import Stopped, Stopping
from controller.times import Times
from devices.clock import Clock
from devices.errors import DeviceError, UncertainError
from devices.roles import Capability, Massager, Pump, PumpSetting, Role, Side, Warmer

_LOGGER = logging.getLogger(__name__)

_TIMER_MARGIN_SECONDS = 3.0  # a device's own timer is the second net: it ends just after ours

DeviceT = TypeVar("DeviceT", Pump, Warmer, Massager)


class NotAllowedError(Exception):
    """The guard does not let this start. `str()` is for the person."""


class HaltedError(Exception):
    """Everything was stopped while this was on its way."""


class Guard:
    """Holds the limits, watches what runs, and stops everything.

    `on_trip(trip)`, `on_ended(device)`: something ended what runs (called once; devices are being stopped already).
    `on_limit(limits)`: a wish met a limit. `on_uncertain(device)`: a device did not confirm its stop, and is stopped
    again until it does; `on_settled(device)`: now it did.
    """

    def __init__(self, clock: Clock, owner: OwnerLimits, devices: Sequence[Role], memory: Memory) -> None:
        self.owner = owner
        self.symptoms: frozenset[str] = frozenset()
        self.on_trip: Callable[[Trip], None] = lambda _: None
        self.on_ended: Callable[[str], None] = lambda _: None
        self.on_limit: Callable[[Sequence[Limit]], None] = lambda _: None
        self.on_uncertain: Callable[[str], None] = lambda _: None
        self.on_settled: Callable[[str], None] = lambda _: None
        self._clock = clock
        self._devices = {device.name: device for device in devices}
        self._times = Times(clock, memory)
        self._latch = Latch(memory)
        self._keepers: list[Keeper] = []
        self._runs: list[Run] = []
        self._stopping = Stopping(clock, self._on_result)
        for name in self._latch.uncertain & self._devices.keys():
            self._devices[name].assume_running()

    # What there is

    @property
    def trip(self) -> Trip | None:
        """The latched trip."""
        return self._latch.trip

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Devices that were on, and of which it is not known that they have stopped."""
        return tuple(sorted(self._latch.uncertain))

    @property
    def why_not(self) -> str | None:
        """Why nothing may start until the person acknowledges it; `None` when nothing is in the way."""
        return self._latch.why

    def pumps(self, side: Side) -> list[Pump]:
        """Return the pumps of a side that can be started from here."""
        return [d for d in self._of(side) if d.role == "pump"]

    def warmers(self, side: Side) -> list[Warmer]:
        """Return the warm compresses of a side that can be started from here."""
        return [d for d in self._of(side) if d.role == "warmer" and self._may_heat(d)]

    def all_of(self, role: str, side: Side) -> list[Role]:
        """Return all devices of a role and side that are connected, also those that only tell something."""
        return [d for d in self._devices.values() if d.role == role and d.side.covers(side) and d.connected]

    def _may_heat(self, warmer: Warmer) -> bool:
        """Say whether a compress that is only on or off, at whatever temperature, is allowed."""
        return Capability.TARGET_CELSIUS in warmer.capabilities or self.owner.heat_without_temperature

    def massagers(self, side: Side) -> list[Massager]:
        """Return the massagers of a side that can be started from here."""
        return [d for d in self._of(side) if d.role == "massager"]

    def _of(self, side: Side) -> list[Role]:
        startable = (d for d in self._devices.values() if Capability.START in d.capabilities)
        return [d for d in startable if d.side.covers(side) and d.connected]

    # Energy, in blocks

    @contextlib.asynccontextmanager
    async def suction(
        self, pumps: Sequence[Pump], setting: PumpSetting, *, at_most_seconds: float, at_most_mmhg: float | None = None
    ) -> AsyncIterator[Run]:
        """Run pumps inside the block. Raise `NotAllowedError`, or a `DeviceError` when one does not start.

        `at_most_mmhg`: not above this, whoever asks.
        """
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
                step_mmhg=at_most_mmhg,
                max_level=pump.max_level,
            )
            limits += met
        run = Run(
            self._clock,
            pumps,
            seconds.allowed,
            settings,
            at_most_mmhg,
            owner=lambda: self.owner,
            symptoms=lambda: bool(self.symptoms),
            tell=self._tell,
        )

        async def start(pump: Pump) -> None:
            allowed = settings[pump.name]
            await pump.start(allowed, self._timer(seconds, pump), safety.LEASE_SECONDS)

        def may_lose(device: str) -> bool:
            """Go on with the other pump, where the owner chose that."""
            may = self.owner.go_on_with_one_pump and len(run.pumps) > 1
            if may:
                run.lose(device)
                self._stopping.begin([self._devices[device]])
            return may

        owner = self.owner
        async with self._on(Energy.SUCTION, pumps, start, seconds.allowed, may_lose=may_lose):
            run.begin()
            self._runs.append(run)
            self._tell(limits)
            while self.owner is not owner:  # another cap was chosen while the pumps were starting
                owner = self.owner
                await run.hold_to_limits()
            try:
                yield run
            finally:
                run.over = True
                self._runs.remove(run)

    @contextlib.asynccontextmanager
    async def heat(self, warmers: Sequence[Warmer], celsius: float, *, at_most_seconds: float) -> AsyncIterator[float]:
        """Warm inside the block. Yield for how many seconds that may be."""
        if self.symptoms:
            raise NotAllowedError("no heat on a day with symptoms")
        if any(Capability.TARGET_CELSIUS not in warmer.capabilities for warmer in warmers):
            at_most_seconds = min(at_most_seconds, safety.BLIND_HEAT_SECONDS)
        seconds = self._seconds(Energy.HEAT, at_most_seconds, warmers)
        hot_seconds = self._times.hot_seconds
        limits = {
            warmer.name: safety.limit_heat(celsius, seconds.allowed, self.owner, warmer.limits, hot_seconds=hot_seconds)
            for warmer in warmers
        }
        hot = any(limit.allowed > safety.WARM_CELSIUS for limit in limits.values())

        async def start(warmer: Warmer) -> None:
            duration_seconds = self._timer(seconds, warmer)
            await warmer.set_target(limits[warmer.name].allowed, duration_seconds, safety.LEASE_SECONDS)

        async with self._on(Energy.HEAT, warmers, start, seconds.allowed, hot=hot):
            self._tell([seconds, *limits.values()])
            yield seconds.allowed

    @contextlib.asynccontextmanager
    async def vibration(
        self, massagers: Sequence[Massager], intensity: float, side: Side, *, at_most_seconds: float
    ) -> AsyncIterator[float]:
        """Vibrate inside the block. Yield for how many seconds that may be."""
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
            yield seconds.allowed

    # Stopping

    async def stop_all(self) -> dict[str, Stopped]:
        """Stop every device of the station at once: pumps, then heat, then vibration, none waiting for another.

        Nothing that is on its way can start any more. Return what each device confirmed.
        """
        self._halt()
        return await self._stopping.results(list(self._devices.values()), anew=True)

    def stop_what_may_run(self) -> None:
        """Stop what was running when the controller ended, as soon as each device is connected, until it confirms."""
        for name in self._latch.uncertain:
            if device := self._devices.get(name):
                self._stopping.insist(device)

    async def settled(self) -> None:
        """Wait until every stop that is under way has its result."""
        await self._stopping.settled()

    def close(self) -> None:
        """Insist no more on stops: the links are being closed."""
        self._stopping.close()

    def begin_session(self, symptoms: frozenset[str]) -> None:
        """Note the symptoms of the day as far as they are known, and count suction anew."""
        self.symptoms = symptoms
        self._latch.halted = False
        self._times.begin_session()

    def acknowledge(self) -> bool:
        """Let go of the latched trip, and of what may still run, on the person's word. Return whether there was any."""
        self._stopping.give_up(self._latch.uncertain)
        return self._latch.acknowledge()

    # Inside

    @contextlib.asynccontextmanager
    async def _on(
        self,
        energy: Energy,
        devices: Sequence[DeviceT],
        start: Callable[[DeviceT], Awaitable[None]],
        seconds: float,
        *,
        hot: bool = False,
        may_lose: Callable[[str], bool] = lambda _: False,
    ) -> AsyncIterator[None]:
        await self._begin(energy, devices, seconds, hot=hot)
        began_seconds = self._clock.now()
        keeper = Keeper(self._clock, energy, devices, seconds, self._trip, self.on_ended, may_lose)
        keeping: asyncio.Task[None] | None = None

        async def leave() -> dict[str, Stopped]:
            return await self._leave(energy, devices, keeper, keeping, began_seconds, hot)

        try:
            await finished(start(device) for device in devices)
            if self._latch.halted:
                raise HaltedError("everything was stopped while it was starting")  # noqa: TRY301 - it must leave below
            self._keepers.append(keeper)
            keeping = asyncio.create_task(keeper.run(), name=f"keep {energy.value}")
            keeping.add_done_callback(keeper.died)
            yield
            keeper.look()  # what happened while this process was frozen counts, also when the block's time is over
        except Exception as error:
            results = await leave()
            if not isinstance(error, DeviceError | HaltedError):  # a skip or a pause
                self._expect_stopped(results)
            raise
        except BaseException:
            await leave()
            raise
        else:
            self._expect_stopped(await leave())

    async def _begin(self, energy: Energy, devices: Sequence[Role], seconds: float, *, hot: bool) -> None:
        """Let nothing start that must not, and have it kept that it will, so that a crash cannot forget it."""
        await self._stopping.settled()  # a stop that is still under way would end what begins now
        self._expect_nothing_in_the_way()
        self._times.plan(energy, seconds, hot=hot)
        try:
            with self._clock.held():
                await self._latch.starting([device.name for device in devices])
            self._expect_nothing_in_the_way()  # it took a moment
        except BaseException as error:  # then nothing began, and nothing was used
            self._times.use(energy, self._clock.now(), hot=hot)
            for device in devices:
                self._latch.settle(device.name)
            if isinstance(error, NotKeptError):
                raise NotAllowedError(str(error)) from None
            raise

    def _expect_nothing_in_the_way(self) -> None:
        if (why := self._latch.why) is not None:
            raise NotAllowedError(why) if self._latch.trip else UncertainError(why)
        if self._latch.halted:
            raise HaltedError("everything was stopped")

    def _expect_stopped(self, results: dict[str, Stopped]) -> None:
        """Let nobody go on while something may still run. Raise `UncertainError`."""
        bad = [name for name, result in results.items() if result in ("uncertain", "unreachable")]
        if bad and not self._latch.halted:
            raise UncertainError(f"{', '.join(bad)} did not confirm that it stopped")

    async def _leave(
        self,
        energy: Energy,
        devices: Sequence[Role],
        keeper: Keeper,
        keeping: asyncio.Task[None] | None,
        began_seconds: float,
        hot: bool,
    ) -> dict[str, Stopped]:
        """Stop what ran inside a block, and account for its time."""
        keeper.dismiss()
        if keeper in self._keepers:
            self._keepers.remove(keeper)
        if keeping is not None:
            keeping.cancel()
        self._times.use(energy, began_seconds, hot=hot)
        return await self._stopping.results(devices)

    def _trip(self, trip: Trip) -> None:
        if not self._latch.set_trip(trip):
            return
        _LOGGER.warning("trip: %s: %s", trip.device, trip.words)
        self._halt()
        self._stopping.begin(list(self._devices.values()))
        self.on_trip(trip)

    def _seconds(self, energy: Energy, asked_seconds: float, devices: Sequence[Role]) -> Limit:
        limit = self._times.limit(energy, asked_seconds, devices)
        if limit.allowed < 1:
            raise NotAllowedError(f"{energy.value} has been on as long as it may in one go; rest first")
        return limit

    def _timer(self, seconds: Limit, device: Role) -> float:
        most_seconds = device.limits.run_seconds or seconds.allowed + _TIMER_MARGIN_SECONDS
        return min(seconds.allowed + _TIMER_MARGIN_SECONDS, most_seconds)

    def _halt(self) -> None:
        """Let nothing start or change anything any more, and take no stop for a device's own."""
        self._latch.halted = True
        for run in self._runs:
            run.over = True
        for keeper in self._keepers:
            keeper.dismiss()

    def _on_result(self, device: str, result: Stopped) -> None:
        """Take in what came of a stop. What is uncertain is stopped again, and nothing starts until it is settled."""
        if result == "uncertain":
            self._stopping.insist(self._devices[device])
            if self._latch.doubt(device):
                self.on_uncertain(device)
        elif self._latch.settle(device):
            self.on_settled(device)

    def _tell(self, limits: Sequence[Limit]) -> None:
        met = [limit for limit in limits if limit.limited]
        if met:
            self.on_limit(met)
