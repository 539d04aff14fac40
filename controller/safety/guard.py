"""The guard: the only way to put energy into a body. Inside its `async with` blocks a device runs; outside, none does.

One guard serves one body. A block widens the body's envelope for a while and starts the devices; the supervisor watches
them. The numbers are in `limits`, what holds now in `envelope`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from controller.safety.apply_limits import limit_seconds
from controller.safety.blocks import EnergyBlock, HeatBlock, VibrationBlock
from controller.safety.body_state import BodyState
from controller.safety.ceilings import BudgetLeft
from controller.safety.energy_budgets import EnergyBudgets, UsePeriod, budgets_of
from controller.safety.enforcer import Enforcer
from controller.safety.envelope import Layers
from controller.safety.latch import Latch
from controller.safety.limits import BUDGETS, Energy, Limit, OwnerLimits, Trip, budget_key
from controller.safety.listener import report_limits
from controller.safety.message import KeyedMessage, NotAllowedError, StillUncertainError, message
from controller.safety.persistence import DeviceIdentity, Persistence, PersistenceError
from controller.safety.pump_run import PumpRun
from controller.safety.stopping import Stopped
from controller.safety.supervisor import Supervisor
from devices.errors import DeviceError
from devices.roles import Massager, Pump, PumpSetting, Role, Side, Warmer
from devices.sensor_roles import Thermometer
from devices.support.clock import Clock


class HaltedError(Exception):
    """Everything was stopped while this was starting."""


class Guard:
    """Holds the limits of one body, and stops everything. Reports to its `listeners`.

    `uncertain`: devices that may still run from before; by default those that were saved as running. `thermometers`:
    what measures the compresses among the devices from outside.
    """

    def __init__(
        self,
        clock: Clock,
        owner: OwnerLimits,
        devices: Sequence[Role],
        persistence: Persistence,
        identity_of: Callable[[str], DeviceIdentity] = lambda device: DeviceIdentity(name=device, profile=""),
        uncertain: Iterable[str] | None = None,
        thermometers: Sequence[Thermometer] = (),
    ) -> None:
        self._clock = clock
        self._devices = {device.name: device for device in devices}
        self._budgets = EnergyBudgets(clock, persistence)
        self._body = BodyState(clock, devices, owner, self._budgets, thermometers)
        self._latch = Latch(persistence, persistence.saved.running if uncertain is None else uncertain, identity_of)
        self._enforcer = Enforcer(clock, self._body, self._latch)
        self._stopping = self._enforcer.stopping
        self._supervisor = Supervisor(clock, self._body, self._latch, self._enforcer)
        self.listeners = self._body.listeners
        for name in self._latch.uncertain & self._devices.keys():
            self._devices[name].assume_running()

    async def run(self) -> None:
        """Hold every device to the envelope, until cancelled."""
        await self._supervisor.run()

    # What holds

    @property
    def owner(self) -> OwnerLimits:
        """What the owner allows, with the comfort cap that was chosen."""
        return self._body.owner

    @owner.setter
    def owner(self, owner: OwnerLimits) -> None:
        self._body.owner = owner
        self._supervisor.enforce_limits()

    @property
    def symptoms(self) -> frozenset[str]:
        """The symptoms of the day."""
        return self._body.symptoms

    @symptoms.setter
    def symptoms(self, symptoms: frozenset[str]) -> None:
        self._body.symptoms = symptoms
        self._supervisor.enforce_limits()

    @property
    def trip(self) -> Trip | None:
        """The latched trip."""
        return self._latch.trip

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Devices that were started and did not confirm that they stopped."""
        return tuple(sorted(self._latch.uncertain))

    @property
    def running_outside(self) -> tuple[str, ...]:
        """Devices that report that they run, and that this controller did not start."""
        return self._body.running_outside

    @property
    def must_stay_off(self) -> bool:
        """Whether a device that is on is stopped, even if it was switched on by hand."""
        return self._latch.must_stay_off(self._clock.now())

    @property
    def blocked_reason(self) -> KeyedMessage | None:
        """Why nothing may start until the person acknowledges it; `None` where nothing must be acknowledged."""
        return self._latch.blocked_reason

    def unsealed_seconds(self, run: PumpRun) -> float | None:
        """Return for how long a pump has measured no vacuum; `None` where all have a seal, or cannot measure it."""
        return self._body.unsealed_seconds(run)

    @property
    def heat_block(self) -> HeatBlock | None:
        """The warm compresses that are on; `None` where none is."""
        found = (block for block in self._body.blocks if isinstance(block, HeatBlock) and block.started)
        return next(found, None)

    def has_thermometer_on(self, compress: str) -> bool:
        """Return whether a thermometer is to measure a compress. Where it does not, its heat does not start."""
        return self._body.watched[compress].thermometers.on_pad

    @property
    def today(self) -> Layers:
        """What limits every block that could be opened now: caps, symptoms, and what is left of the budgets."""
        left = {name: self._budgets.left_seconds([name]) for name in BUDGETS}
        return Layers(owner=self.owner, symptoms=self._body.has_symptoms, left_seconds=left)

    def budgets_left(self) -> tuple[BudgetLeft, ...]:
        """Return what is left of each budget."""
        return tuple(
            BudgetLeft(
                budget=budget_key(name),
                left_minutes=int(self._budgets.left_seconds([name]) // 60),
                window=self._budgets.tightest_window([name]),
            )
            for name in BUDGETS
        )

    # Energy, in blocks

    @contextlib.asynccontextmanager
    async def suction(
        self, pumps: Sequence[Pump], setting: PumpSetting, *, at_most_seconds: float, at_most_mmhg: float | None = None
    ) -> AsyncIterator[PumpRun]:
        """Run pumps inside the block, for `at_most_seconds`.

        They begin as gently as they can until a seal is measured, and are raised step by step to `setting`.
        `at_most_mmhg`: not above this, whatever is requested.

        Raises:
            NotAllowedError: The limits, the budgets, a trip or a device that runs do not allow it.
            DeviceError: A pump did not start, or did not confirm its stop.
            HaltedError: Everything was stopped meanwhile.
        """
        budgets = budgets_of(Energy.SUCTION, pumps)
        seconds = self._limit_seconds(budgets, at_most_seconds, pumps)
        run = PumpRun(self._clock, self._body, pumps, setting, seconds.allowed, most_mmhg=at_most_mmhg)
        async with self._open(run, seconds, budgets):
            run.delay_raising()
            yield run

    @contextlib.asynccontextmanager
    async def heat(self, warmers: Sequence[Warmer], celsius: float, *, at_most_seconds: float) -> AsyncIterator[float]:
        """Warm inside the block. Yield for how many seconds that may be. Raise as `suction` does."""
        measured = self._body.measured()
        seconds = self._limit_seconds(budgets_of(Energy.HEAT, warmers, measured=measured), at_most_seconds, warmers)
        block = HeatBlock(self._clock, self._body, warmers, celsius, seconds.allowed)
        hottest = max(limit.allowed for limit in block.limits)
        async with self._open(block, seconds, budgets_of(Energy.HEAT, warmers, celsius=hottest, measured=measured)):
            yield seconds.allowed

    @contextlib.asynccontextmanager
    async def vibration(
        self, massagers: Sequence[Massager], intensity: float, side: Side, *, at_most_seconds: float
    ) -> AsyncIterator[float]:
        """Vibrate inside the block. Yield for how many seconds that may be. Raise as `suction` does."""
        budgets = budgets_of(Energy.VIBRATION, massagers)
        seconds = self._limit_seconds(budgets, at_most_seconds, massagers)
        block = VibrationBlock(self._clock, self._body, massagers, intensity, side, seconds.allowed)
        async with self._open(block, seconds, budgets):
            yield seconds.allowed

    # Stopping

    def begin_stop_all(self) -> asyncio.Task[dict[str, Stopped]]:
        """Begin to stop every device of the body: pumps, then heat, then vibration, none waiting for another.

        Nothing that is on its way can start any more. The task returns what each device confirmed.
        """
        self._enforcer.halt()
        tasks = self._stopping.begin(list(self._devices.values()), repeat=True)
        return asyncio.ensure_future(self._confirmed(tasks))

    async def stop_all(self) -> dict[str, Stopped]:
        """Stop every device of the body, and return what each confirmed."""
        return await self.begin_stop_all()

    async def _confirmed(self, tasks: Mapping[str, asyncio.Task[Stopped]]) -> dict[str, Stopped]:
        results = await self._stopping.results(tasks)
        return {**results, **dict.fromkeys(self._body.uncontrollable(), "uncontrolled")}

    async def wait_for_stops(self) -> None:
        """Wait until every stop that is under way has its result."""
        await self._stopping.wait_for_stops()

    def begin_session(self, symptoms: frozenset[str]) -> None:
        """Set the symptoms of the day as far as they are known. Manual use is stopped."""
        self._latch.begin_session()
        self._body.in_session = True
        self.symptoms = symptoms

    def end_session(self) -> None:
        """Allow manual use again, unless everything was stopped."""
        self._body.in_session = False

    def release_hold(self) -> None:
        """Allow manual use again at once: what was stopped last ended in order, not by a stop."""
        self._latch.begin_session()

    def acknowledge(self) -> tuple[bool, tuple[str, ...]]:
        """Lift the latched trip and every uncertain stop, as the person has acknowledged them.

        Return whether there was anything to lift, and the devices that report that they still run: these stay latched.
        """
        before, still_on = self._latch.uncertain, self._body.reports_running()
        there_was = self._latch.acknowledge(still_on=still_on)
        lifted = before - self._latch.uncertain
        for device in lifted:
            self._stopping.discard(device)
        self._body.assume_off(lifted)
        return there_was, tuple(sorted(still_on & {*before, *self.running_outside}))

    # Inside

    @contextlib.asynccontextmanager
    async def _open(self, block: EnergyBlock, seconds: Limit, budgets: frozenset[str]) -> AsyncIterator[None]:
        limits, devices = [seconds, *block.limits], list(block.devices.values())
        for limit in limits:
            if limit.must_be_off:
                raise NotAllowedError(limit.reasons[0].message)
        planned = await self._prepare(block, budgets)

        async def leave() -> dict[str, Stopped]:
            """Stop what ran inside the block, and account for its time."""
            self._body.close_block(block)
            self._budgets.end(planned)
            return await self._stopping.results(self._stopping.begin(devices))

        try:
            await block.start()
            if block.over:
                raise HaltedError("everything was stopped while it was starting")  # noqa: TRY301 - it must leave below
            self._supervisor.start_block(block)
            report_limits(self.listeners, limits)
            yield
            self._supervisor.check()  # what happened while this process was frozen counts, also when it is over
        except BaseException as error:
            results = await leave()
            if isinstance(error, Exception) and not isinstance(error, DeviceError | HaltedError):  # a skip or a pause
                self._check_stopped(results)
            raise
        else:
            self._check_stopped(await leave())

    async def _prepare(self, block: EnergyBlock, budgets: frozenset[str]) -> UsePeriod:
        """Check that the block may start, and save that it will before it does, so that a crash cannot forget it."""
        await self._stopping.wait_for_stops()  # a stop that is still under way would end what begins now
        self._check_can_start(block)
        planned = self._budgets.plan(budgets, block.seconds)
        try:
            with self._clock.held():
                await self._latch.save_starting(block.devices)
            self._check_can_start(block)  # saving took a moment
        except BaseException as error:  # then nothing began, and nothing was used
            self._budgets.end(planned)
            for device in block.devices:
                self._latch.confirm_stopped(device)
            if isinstance(error, PersistenceError):
                raise NotAllowedError(message("store_unusable"), str(error)) from None
            raise
        self._body.open_block(block)
        return planned

    def _check_can_start(self, block: EnergyBlock) -> None:
        if (reason := self._latch.blocked_reason) is not None:
            raise NotAllowedError(reason) if self._latch.trip else StillUncertainError(reason)
        if self._latch.halted:
            raise HaltedError("everything was stopped")
        if running := self._body.reports_running():
            names = ", ".join(sorted(running))
            raise NotAllowedError(message("on_by_hand", devices=names))
        if (why := self._body.heat_refusal(block.devices)) is not None:
            raise NotAllowedError(why)

    def _check_stopped(self, results: dict[str, Stopped]) -> None:
        """Let nothing continue while something may still run. Raise `UncertainError`."""
        bad = [name for name, result in results.items() if result in ("uncertain", "unreachable")]
        if bad and not self._latch.halted:
            raise StillUncertainError(message("stop_not_confirmed", devices=", ".join(bad)))

    def _limit_seconds(self, budgets: frozenset[str], asked_seconds: float, devices: Sequence[Role]) -> Limit:
        left_seconds, window = self._budgets.left_seconds(budgets), self._budgets.tightest_window(budgets)
        limits = [limit_seconds(asked_seconds, left_seconds, device.limits, window) for device in devices]
        limit = min(limits, key=lambda each: each.allowed)
        if limit.allowed < 1:
            raise NotAllowedError(message("no_time_left", window=window))
        return limit
