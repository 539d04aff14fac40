"""The guard: the only way to put energy into a body. Inside its `async with` blocks a device runs; outside, none does.

One guard serves one body. A block widens the body's envelope for a while and starts the devices; the supervisor looks
after them. The numbers are in `safety`, what holds now in `envelope`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from controller.blocks import Block, Heat, Vibration
from controller.energy_budgets import EnergyBudgets, Stretch, budgets_of
from controller.envelope import Do
from controller.latch import Latch
from controller.limits import limit_seconds
from controller.memory import Identity, Memory, NotKeptError
from controller.pump_run import Suction
from controller.safety import Energy, Limit, OwnerLimits, Trip
from controller.safety_listener import GuardListener
from controller.stopping import Stopped, Stopping
from controller.supervisor import Supervisor
from devices.clock import Clock
from devices.errors import DeviceError, UncertainError
from devices.roles import Massager, Pump, PumpSetting, Role, Side, Warmer

_LOGGER = logging.getLogger(__name__)


class NotAllowedError(Exception):
    """The guard does not let this start. `str()` is for the person."""


class HaltedError(Exception):
    """Everything was stopped while this was on its way."""


def only_a_name(device: str) -> Identity:
    """Return what is known of a device that nobody described: its name."""
    return Identity(name=device, profile="")


class Guard:
    """Holds the limits of one body, and stops everything. What happens is reported to its listeners.

    `uncertain`: devices that may still run from before; by default those that the memory names.
    """

    def __init__(
        self,
        clock: Clock,
        owner: OwnerLimits,
        devices: Sequence[Role],
        memory: Memory,
        identity_of: Callable[[str], Identity] = only_a_name,
        uncertain: Iterable[str] | None = None,
    ) -> None:
        self.listeners: list[GuardListener] = []
        self._clock = clock
        self._devices = {device.name: device for device in devices}
        self._budgets = EnergyBudgets(clock, memory)
        may_run = memory.remembered.running if uncertain is None else uncertain
        self._latch = Latch(memory, may_run, identity_of)
        self._stopping = Stopping(clock, self._on_result, lambda device: device in self._latch.uncertain)
        self._supervisor = Supervisor(clock, devices, owner, self._budgets, self._latch, self._stopping, self)
        for name in self._latch.uncertain & self._devices.keys():
            self._devices[name].assume_running()

    async def run(self) -> None:
        """Hold every device to the envelope, until cancelled."""
        await self._supervisor.run()

    # What holds

    @property
    def owner(self) -> OwnerLimits:
        """What the owner allows, with the comfort cap that was chosen."""
        return self._supervisor.owner

    @owner.setter
    def owner(self, owner: OwnerLimits) -> None:
        self._supervisor.owner = owner
        self._supervisor.narrowed()

    @property
    def symptoms(self) -> frozenset[str]:
        """The symptoms of the day."""
        return self._supervisor.symptoms

    @symptoms.setter
    def symptoms(self, symptoms: frozenset[str]) -> None:
        self._supervisor.symptoms = symptoms
        self._supervisor.narrowed()

    @property
    def trip(self) -> Trip | None:
        """The latched trip."""
        return self._latch.trip

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Devices that were on, and of which it is not known that they have stopped."""
        return tuple(sorted(self._latch.uncertain))

    @property
    def running_outside(self) -> tuple[str, ...]:
        """Devices that are on and that nobody here started, by what they say."""
        return self._supervisor.running_outside

    @property
    def holds_off(self) -> bool:
        """Whether a device that is on is stopped, whoever switched it on."""
        return self._latch.holds_off(self._clock.now())

    @property
    def why_not(self) -> str | None:
        """Why nothing may start until the person acknowledges it; `None` when nothing is in the way."""
        return self._latch.why

    def unsealed_seconds(self, run: Suction) -> float | None:
        """Return for how long a pump has measured no vacuum; `None` where all have a seal, or cannot say."""
        return self._supervisor.unsealed_seconds(run)

    # Energy, in blocks

    @contextlib.asynccontextmanager
    async def suction(
        self, pumps: Sequence[Pump], setting: PumpSetting, *, at_most_seconds: float, at_most_mmhg: float | None = None
    ) -> AsyncIterator[Suction]:
        """Run pumps inside the block. Raise `NotAllowedError`, or a `DeviceError` when one does not start.

        They begin as gently as they can until a seal is measured, and are raised step by step to `setting`.
        `at_most_mmhg`: not above this, whoever asks.
        """
        budgets = budgets_of(Energy.SUCTION, pumps)
        seconds = self._seconds(budgets, at_most_seconds, pumps)
        run = Suction(
            self._clock, self._supervisor, pumps, setting, seconds.allowed, most_mmhg=at_most_mmhg, tell=self._tell
        )
        limits = [seconds, *run.limits]
        self._expect_possible(limits)
        async with self._on(run, budgets):
            run.wait_to_rise()
            self._tell(limits)
            yield run

    @contextlib.asynccontextmanager
    async def heat(self, warmers: Sequence[Warmer], celsius: float, *, at_most_seconds: float) -> AsyncIterator[float]:
        """Warm inside the block. Yield for how many seconds that may be."""
        seconds = self._seconds(budgets_of(Energy.HEAT, warmers), at_most_seconds, warmers)
        block = Heat(self._clock, self._supervisor, warmers, celsius, seconds.allowed)
        limits = [seconds, *block.limits.values()]
        self._expect_possible(limits)
        hottest = max(limit.allowed for limit in block.limits.values())
        async with self._on(block, budgets_of(Energy.HEAT, warmers, celsius=hottest)):
            self._tell(limits)
            yield seconds.allowed

    @contextlib.asynccontextmanager
    async def vibration(
        self, massagers: Sequence[Massager], intensity: float, side: Side, *, at_most_seconds: float
    ) -> AsyncIterator[float]:
        """Vibrate inside the block. Yield for how many seconds that may be."""
        budgets = budgets_of(Energy.VIBRATION, massagers)
        seconds = self._seconds(budgets, at_most_seconds, massagers)
        block = Vibration(self._clock, self._supervisor, massagers, intensity, side, seconds.allowed)
        limits = [seconds, *block.limits.values()]
        self._expect_possible(limits)
        async with self._on(block, budgets):
            self._tell(limits)
            yield seconds.allowed

    # Stopping

    async def stop_all(self) -> dict[str, Stopped]:
        """Stop every device of the body at once: pumps, then heat, then vibration, none waiting for another.

        Nothing that is on its way can start any more. Return what each device confirmed.
        """
        self._halt()
        results = await self._stopping.results(list(self._devices.values()), anew=True)
        return {**results, **dict.fromkeys(self._supervisor.out_of_control(), "uncontrolled")}

    async def settled(self) -> None:
        """Wait until every stop that is under way has its result."""
        await self._stopping.settled()

    def begin_session(self, symptoms: frozenset[str]) -> None:
        """Note the symptoms of the day as far as they are known. What somebody switched on by hand is stopped."""
        self._latch.begin_session()
        self._supervisor.in_session = True
        self.symptoms = symptoms

    def end_session(self) -> None:
        """Let devices be used by hand again, unless everything was stopped."""
        self._supervisor.in_session = False

    def acknowledge(self) -> tuple[bool, tuple[str, ...]]:
        """Lift the latched trip, and what may still run, on the person's word.

        Return whether there was anything, and the devices that say themselves that they run on: no word hides these.
        """
        before, still_on = self._latch.uncertain, self._supervisor.says_on()
        there_was = self._latch.acknowledge(still_on=still_on)
        for device in before - self._latch.uncertain:
            self._stopping.forget(device)
        self._supervisor.expect_off(before - self._latch.uncertain)
        return there_was, tuple(sorted(still_on & {*before, *self.running_outside}))

    # Inside

    @contextlib.asynccontextmanager
    async def _on(self, block: Block, budgets: frozenset[str]) -> AsyncIterator[None]:
        devices = list(block.devices.values())
        planned = await self._begin(block, budgets)

        async def leave() -> dict[str, Stopped]:
            """Stop what ran inside the block, and account for its time."""
            self._supervisor.shut(block)
            self._budgets.end(planned)
            return await self._stopping.results(devices)

        try:
            await block.start()
            if block.over:
                raise HaltedError("everything was stopped while it was starting")  # noqa: TRY301 - it must leave below
            self._supervisor.started(block)
            yield
            self._supervisor.look()  # what happened while this process was frozen counts, also when it is over
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

    async def _begin(self, block: Block, budgets: frozenset[str]) -> Stretch:
        """Let nothing start that must not, and have it kept that it will, so that a crash cannot forget it."""
        await self._stopping.settled()  # a stop that is still under way would end what begins now
        self._expect_nothing_in_the_way()
        planned = self._budgets.plan(budgets, block.seconds)
        try:
            with self._clock.held():
                await self._latch.starting(block.devices)
            self._expect_nothing_in_the_way()  # it took a moment
        except BaseException as error:  # then nothing began, and nothing was used
            self._budgets.end(planned)
            for device in block.devices:
                self._latch.confirm_stopped(device)
            if isinstance(error, NotKeptError):
                raise NotAllowedError(str(error)) from None
            raise
        self._supervisor.open(block)
        return planned

    def _expect_nothing_in_the_way(self) -> None:
        if (why := self._latch.why) is not None:
            raise NotAllowedError(why) if self._latch.trip else UncertainError(why)
        if self._latch.halted:
            raise HaltedError("everything was stopped")
        if on := self._supervisor.says_on():
            names = ", ".join(sorted(on))
            raise NotAllowedError(f"{names} is on, and nobody here started it: switch it off at its button first")

    def _expect_possible(self, limits: Iterable[Limit]) -> None:
        for limit in limits:
            if limit.must_be_off:
                raise NotAllowedError(limit.reasons[0].words)

    def _expect_stopped(self, results: dict[str, Stopped]) -> None:
        """Let nobody go on while something may still run. Raise `UncertainError`."""
        bad = [name for name, result in results.items() if result in ("uncertain", "unreachable")]
        if bad and not self._latch.halted:
            raise UncertainError(f"{', '.join(bad)} did not confirm that it stopped")

    def _seconds(self, budgets: frozenset[str], asked_seconds: float, devices: Sequence[Role]) -> Limit:
        left_seconds, words = self._budgets.left_seconds(budgets), self._budgets.words(budgets)
        limits = [limit_seconds(asked_seconds, left_seconds, device.limits, words) for device in devices]
        limit = min(limits, key=lambda each: each.allowed)
        if limit.allowed < 1:
            raise NotAllowedError(f"there is no time left ({words}); rest first")
        return limit

    def _halt(self) -> None:
        """Let nothing start or change anything any more, and take no stop for a device's own."""
        self._latch.halt(self._clock.now())
        self._supervisor.shut_all()

    def _on_result(self, device: str, result: Stopped) -> None:
        """Take in what came of a stop. What is uncertain is stopped again, and nothing starts until it is settled."""
        if result == "uncertain":
            if self._latch.mark_uncertain(device):
                self._each(lambda listener: listener.on_uncertain(device))
        elif self._latch.confirm_stopped(device):
            self._each(lambda listener: listener.on_settled(device))

    def _tell(self, limits: Sequence[Limit]) -> None:
        if met := [limit for limit in limits if limit.limited]:
            self._each(lambda listener: listener.on_limit(met))

    def _each(self, call: Callable[[GuardListener], None]) -> None:
        for listener in tuple(self.listeners):
            call(listener)

    # What the supervisor reports

    def on_trip(self, trip: Trip) -> None:
        """Stop everything, and latch."""
        if not self._latch.set_trip(trip):
            return
        _LOGGER.warning("trip: %s: %s", trip.device, trip.words)
        self._halt()
        self._stopping.begin(list(self._devices.values()))
        self._each(lambda listener: listener.on_trip(trip))

    def on_ended(self, device: str, words: str | None) -> None:
        """Pass it on."""
        self._each(lambda listener: listener.on_ended(device, words))

    def on_outside(self, device: str, words: str | None) -> None:
        """Pass it on."""
        self._each(lambda listener: listener.on_outside(device, words))

    def on_enforced(self, device: str, do: Do, words: str) -> None:
        """Pass it on."""
        self._each(lambda listener: listener.on_enforced(device, do, words))

    def on_changed(self) -> None:
        """Pass it on."""
        self._each(lambda listener: listener.on_changed())
