"""What holds for one body now: limits, symptoms, open blocks, and the state of each device. Acts on nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from controller.safety.blocks import EnergyBlock
from controller.safety.compress_thermometers import WatchedThermometer
from controller.safety.energy_budgets import EnergyBudgets
from controller.safety.envelope import Envelope, Layers, envelope
from controller.safety.limits import HOT, OwnerLimits, Reason
from controller.safety.listener import SafetyListener
from controller.safety.message import KeyedMessage
from controller.safety.pump_run import PumpRun
from controller.safety.watched_device import WatchedDevice
from devices.roles import Role
from devices.sensor_roles import Thermometer
from devices.support.clock import Clock


class BodyState:
    """The state of one body, shared by its guard, supervisor and enforcer.

    `in_session`: nothing may run but what a block started. `watched`: the body's devices by name.
    """

    def __init__(
        self,
        clock: Clock,
        devices: Sequence[Role],
        owner: OwnerLimits,
        budgets: EnergyBudgets,
        thermometers: Sequence[Thermometer] = (),
    ) -> None:
        self.owner = owner
        self.budgets = budgets
        self.symptoms: frozenset[str] = frozenset()
        self.in_session = False
        self.listeners: list[SafetyListener] = []
        self.blocks: list[EnergyBlock] = []
        self.thermometers = tuple(WatchedThermometer(each) for each in thermometers)
        self.watched = {device.name: WatchedDevice(device, clock.now(), self.thermometers) for device in devices}
        self._clock = clock

    @property
    def has_symptoms(self) -> bool:
        """Whether any symptom was reported today."""
        return bool(self.symptoms)

    @property
    def hot_seconds(self) -> float:
        """What is left of the time above 41 °C."""
        return self.budgets.left_seconds([HOT])

    def envelope(self) -> Envelope:
        """Return what the body may feel now.

        The share of open blocks in the budgets was counted as used when they opened; they end in time by themselves.
        """
        blocks = tuple(block.layer() for block in self.blocks if not block.over)
        layers = Layers(owner=self.owner, symptoms=self.has_symptoms, blocks=blocks)
        return envelope(layers, self._clock.now())

    def pump_layers(self, pump: str) -> Iterator[Reason]:
        """Return what holds for one pump alone."""
        return self.watched[pump].layers(self._clock.now())

    def unsealed_seconds(self, block: PumpRun) -> float | None:
        """Return for how long a pump of a block has had no seal; `None` where all have one, or cannot measure it."""
        now_seconds = self._clock.now()
        pumps = [self.watched[name] for name in block.devices]
        unsealed = [each for each in pumps if each.measures_vacuum and not each.sealed(now_seconds)]
        return max((now_seconds - max(each.sealed_at_seconds, block.began_seconds) for each in unsealed), default=None)

    def measured(self) -> frozenset[str]:
        """Return the compresses on which a thermometer measures now, whatever they report themselves."""
        now_seconds = self._clock.now()
        return frozenset(
            name
            for name, each in self.watched.items()
            if each.thermometers.celsius(now_seconds, on_pad=True) is not None
        )

    def heat_refusal(self, compresses: Iterable[str]) -> KeyedMessage | None:
        """Return why a thermometer does not let these compresses start; `None` where none objects."""
        now_seconds = self._clock.now()
        found = (self.watched[name].thermometers.start_refusal(now_seconds) for name in compresses)
        return next((each for each in found if each is not None), None)

    # Blocks

    def open_block(self, block: EnergyBlock) -> None:
        """Widen the envelope for a block, before its devices start."""
        block.began_seconds = self._clock.now()
        self.blocks.append(block)
        for name in block.devices:
            self.watched[name].enter_block(block)

    def close_block(self, block: EnergyBlock) -> None:
        """Narrow the envelope again: from now on, the devices of the block are to be off."""
        block.over = True
        if block in self.blocks:
            self.blocks.remove(block)
        for watched in self.watched.values():
            if watched.block is block:
                watched.leave_block()

    # Devices

    @property
    def running_outside(self) -> tuple[str, ...]:
        """Devices that report that they run, and that this controller did not start."""
        return tuple(sorted(name for name, each in self.watched.items() if each.outside is not None))

    def reports_running(self) -> frozenset[str]:
        """Return the devices outside of any block that report now that they run, and that can be stopped."""
        return frozenset(name for name, each in self.watched.items() if each.block is None and each.reports_running)

    def uncontrollable(self) -> tuple[str, ...]:
        """Return the devices that cannot be stopped from here, and that do not report now that they are off."""
        return tuple(name for name, each in self.watched.items() if each.uncontrollable)

    def assume_off(self, devices: Iterable[str]) -> None:
        """Treat devices as off because the person confirmed it; one that reports later that it runs is stopped."""
        for name in devices:
            if name in self.watched:
                self.watched[name].assume_off(self._clock.now())
