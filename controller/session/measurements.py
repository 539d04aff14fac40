"""What a session measures, from the readings of its devices: milk, flow, let-down, peak vacuum, highest temperature."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from functools import partial

from controller.contract.event_data import LetDownBy
from controller.contract.events import Volume
from controller.session.bottle_scales import BottleScales
from controller.session.milk_counter import MilkCounter
from controller.session.weighing import LET_DOWN_ML_PER_S
from devices.roles import Capability, Pump, PumpReading, Role, RunState, Scale, Side, WarmerReading
from devices.sensor_roles import Thermometer

DRY_ML_PER_S = 0.02  # less than this is a drip, not flow
_RISES_SECONDS = 0.2  # ours: so long must a weight rise like milk: a short push on the bottle is none


class Measurements:
    """The measurements of one session, from `subscribe` until `unsubscribe`.

    `on_let_down(by)` is called once, with `device`, `flow`, `weight` or `tap`. `peak_vacuum_mmhg` and `warmest_celsius`
    are the highest values reported by a running device, `flowed_at_seconds` the time of the latest flow; `None` where
    no device measures them. `suction_on`: set while pumps run, or the person was asked to run theirs: only then does a
    rising weight mean let-down, and only where no pump reports it.
    """

    def __init__(
        self,
        devices: Sequence[Role],
        now: Callable[[], float],
        on_let_down: Callable[[LetDownBy], None],
        scales: Sequence[Scale] = (),
        thermometers: Sequence[Thermometer] = (),
    ) -> None:
        self.suction_on = False
        self.scales = BottleScales(scales, now, self._on_weight, lambda: self.suction_on)
        self._rises_since_seconds: float | None = None
        self.peak_vacuum_mmhg: float | None = None
        self.warmest_celsius: float | None = None
        self.flowed_at_seconds: float | None = None
        self._devices = devices
        self._thermometers = thermometers
        self._now = now
        self._on_let_down = on_let_down
        self._let_down = False
        self._counters: dict[str, MilkCounter] = {}
        self._stack = contextlib.ExitStack()

    def subscribe(self) -> None:
        """Start to measure."""
        for device in self._devices:
            if device.role == "pump":
                self._counters[device.name] = counter = MilkCounter(
                    from_zero=Capability.COUNTS_EACH_RUN in device.capabilities,
                    breasts=2 if device.side is Side.BOTH else 1,
                    since_seconds=self._now(),
                )
                self._update_counter(counter, device)
            self._stack.callback(device.on_change(partial(self._on_change, device)))
        for thermometer in self._thermometers:
            self._stack.callback(thermometer.on_change(partial(self._on_temperature, thermometer)))
        self.scales.subscribe()

    def unsubscribe(self) -> None:
        """Stop measuring; the results stay."""
        self._stack.close()
        self.scales.unsubscribe()

    @property
    def reports_flow(self) -> bool:
        """Whether any pump or scale has reported flow."""
        return self.flowed_at_seconds is not None

    @property
    def volume_ml(self) -> Volume:
        """Milk of this session in mL; `None` for a side that no pump measures."""
        volumes: dict[Side, float] = {}
        for device in self._devices:
            counter = self._counters.get(device.name)
            if counter is not None and counter.credited_ml is not None:
                volumes[device.side] = volumes.get(device.side, 0.0) + counter.credited_ml
        # Rounded down: never more than has flowed.
        rounded = {side: math.floor(ml * 10 + 1e-6) / 10 for side, ml in volumes.items()}
        return Volume(left=rounded.get(Side.LEFT), right=rounded.get(Side.RIGHT), both=rounded.get(Side.BOTH))

    @property
    def weighed_ml(self) -> Volume:
        """Milk of this session in mL, as scales weighed it; `None` for a side without one."""
        return self.scales.volume_ml

    def dry_seconds(self, since_seconds: float) -> float:
        """Return for how long no milk has flowed, counted from `since_seconds` at the earliest.

        While a scale does not know, as with a lifted bottle, milk may flow.
        """
        if self._weighs_flow and self.scales.slow_flow_ml_per_s is None:
            self.flowed_at_seconds = self._now()
        return self._now() - max(since_seconds, self.flowed_at_seconds or since_seconds)

    def record_let_down(self, by: LetDownBy) -> None:
        """Record the let-down; only the first one counts."""
        if not self._let_down:
            self._let_down = True
            self._on_let_down(by)

    def _on_change(self, device: Role) -> None:
        reading = device.reading
        if device.role == "pump":
            self._update_counter(self._counters[device.name], device)
            self._update_from_pump(device.reading)
        elif isinstance(reading, WarmerReading) and reading.run_state is RunState.RUNNING:
            self.warmest_celsius = _highest(self.warmest_celsius, reading.surface_celsius)

    def _on_temperature(self, thermometer: Thermometer) -> None:
        warmers = [each for each in self._devices if each.role == "warmer" and each.side.covers(thermometer.side)]
        if any(each.reading.run_state is RunState.RUNNING for each in warmers):
            self.warmest_celsius = _highest(self.warmest_celsius, thermometer.reading.celsius)

    def _update_counter(self, counter: MilkCounter, pump: Pump) -> None:
        counter.update(pump.reading, pump.updated_at_seconds("volume_ml"), self._now())

    def _update_from_pump(self, reading: PumpReading) -> None:
        if reading.run_state is not RunState.RUNNING:
            return
        self.peak_vacuum_mmhg = _highest(self.peak_vacuum_mmhg, reading.vacuum_mmhg, reading.peak_vacuum_mmhg)
        if reading.flow_ml_per_s is not None and (
            reading.flow_ml_per_s >= DRY_ML_PER_S or self.flowed_at_seconds is None
        ):
            self.flowed_at_seconds = self._now()
        if not self._let_down:
            if reading.let_down:
                self.record_let_down("device")
            elif (reading.flow_ml_per_s or 0.0) >= LET_DOWN_ML_PER_S:
                self.record_let_down("flow")

    # A scale

    @property
    def _weighs_flow(self) -> bool:
        """Whether it is a scale that reports the flow: there is one, and no pump here does."""
        return bool(self.scales) and not self._pump_can(Capability.REPORTS_FLOW)

    def _pump_can(self, capability: Capability) -> bool:
        return any(
            device.role == "pump" and device.connected and capability in device.capabilities for device in self._devices
        )

    def _on_weight(self) -> None:
        if not (self.suction_on and self._weighs_flow):
            self._rises_since_seconds = None
            return
        flow = self.scales.slow_flow_ml_per_s
        if flow is not None and (flow >= DRY_ML_PER_S or self.flowed_at_seconds is None):
            self.flowed_at_seconds = self._now()
        if self._let_down or self._pump_can(Capability.REPORTS_LET_DOWN):
            return
        if not self.scales.lets_down:
            self._rises_since_seconds = None
        elif self._rises_since_seconds is None:
            self._rises_since_seconds = self._now()
        elif self._now() - self._rises_since_seconds >= _RISES_SECONDS:
            self.record_let_down("weight")


def _highest(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)
