"""What a session measured, gathered from the readings of its devices: milk, let-down, the highest and the warmest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from controller.events import Volume
from controller.milk_counter import MilkCounter
from devices.roles import Capability, Pump, PumpReading, Role, RunState, Side, WarmerReading

FLOW_ML_PER_S = 0.1  # milk that comes at this rate means let-down (0.1 g/s)
DRY_ML_PER_S = 0.02  # less than this is a drip, not flow


class Record:
    """Listens to devices from `open` until `close`. `on_let_down(by)` is called once, with `device` or `flow`."""

    def __init__(self, devices: Sequence[Role], now: Callable[[], float], on_let_down: Callable[[str], None]) -> None:
        self.peak_vacuum_mmhg: float | None = None
        self.warmest_celsius: float | None = None
        self.flowed_at_seconds: float | None = None
        self._devices = devices
        self._now = now
        self._on_let_down = on_let_down
        self._let_down = False
        self._counters: dict[str, MilkCounter] = {}
        self._stack = contextlib.ExitStack()

    def open(self) -> None:
        """Begin to listen."""
        for device in self._devices:
            if device.role == "pump":
                self._counters[device.name] = counter = MilkCounter(
                    from_zero=Capability.COUNTS_EACH_RUN in device.capabilities,
                    breasts=2 if device.side is Side.BOTH else 1,
                    since_seconds=self._now(),
                )
                self._count(counter, device)
            self._stack.callback(device.on_change(partial(self._look, device)))

    def close(self) -> None:
        """Stop listening."""
        self._stack.close()

    @property
    def reports_flow(self) -> bool:
        """Whether any pump measures flow, so that "dry" means something."""
        return self.flowed_at_seconds is not None

    @property
    def volume_ml(self) -> Volume:
        """Milk of this session; `None` for a side that nobody measures."""
        volumes: dict[Side, float] = {}
        for device in self._devices:
            counter = self._counters.get(device.name)
            if counter is not None and counter.credited_ml is not None:
                volumes[device.side] = volumes.get(device.side, 0.0) + round(counter.credited_ml, 1)
        return Volume(left=volumes.get(Side.LEFT), right=volumes.get(Side.RIGHT), both=volumes.get(Side.BOTH))

    def dry_seconds(self, since_seconds: float) -> float:
        """Return how long no milk has flowed, counted from `since_seconds` at the earliest."""
        return self._now() - max(since_seconds, self.flowed_at_seconds or since_seconds)

    def _look(self, device: Role) -> None:
        reading = device.reading
        if device.role == "pump":
            self._count(self._counters[device.name], device)
            self._look_at_pump(device.reading)
        elif isinstance(reading, WarmerReading) and reading.run_state is RunState.RUNNING:
            self.warmest_celsius = _highest(self.warmest_celsius, reading.surface_celsius)

    def _count(self, counter: MilkCounter, pump: Pump) -> None:
        counter.note(pump.reading, pump.told_at_seconds("volume_ml"), self._now())

    def _look_at_pump(self, reading: PumpReading) -> None:
        if reading.run_state is not RunState.RUNNING:
            return
        self.peak_vacuum_mmhg = _highest(self.peak_vacuum_mmhg, reading.vacuum_mmhg, reading.peak_vacuum_mmhg)
        if reading.flow_ml_per_s is not None and (
            reading.flow_ml_per_s >= DRY_ML_PER_S or self.flowed_at_seconds is None
        ):
            self.flowed_at_seconds = self._now()
        if not self._let_down:
            if reading.let_down:
                self.let_down("device")
            elif (reading.flow_ml_per_s or 0.0) >= FLOW_ML_PER_S:
                self.let_down("flow")

    def let_down(self, by: str) -> None:
        """Note the let-down, once."""
        if not self._let_down:
            self._let_down = True
            self._on_let_down(by)


def _highest(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)
