"""The bodies of the open profile's devices: a pump with a flow sensor, a warm compress and a massager."""

from __future__ import annotations

from collections.abc import Mapping

from devices.driver.vocabulary import START_VERB, STOP_VERB, EnergyRole, Value
from devices.roles import Phase, Side
from devices.virtual.breast import Breast
from devices.virtual.device_body import MASSAGER_HOURS, PAD_HOURS, PUMP_HOURS, Battery, DeviceBody
from devices.virtual.device_run import ACCEPTED, NOT_APPLICABLE, CommandResult, DeviceRun, number
from devices.virtual.suction import BY_HAND_CPM, PumpRanges, SuctionUnit
from devices.virtual.thermal import SampledPad

PUMP_LIMIT_MMHG = 250
PUMP_LIMIT_CPM = 120
PAD_LIMIT_CELSIUS = 42.0

OUT_OF_RANGE = CommandResult("out_of_range")


class OpenBody(DeviceBody):
    """What the open profile asks of every device: leases, acknowledged annunciations, and a stop on link loss."""

    role: EnergyRole

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Carry out what a fault or being off does not forbid."""
        if name == STOP_VERB[self.role]:
            self._end("commanded")
            return ACCEPTED
        if name == "acknowledge":
            return self.run.acknowledge(values)
        if self.run.fault is not None or (name != START_VERB[self.role] and not self.run.on):
            return NOT_APPLICABLE
        if name == "renew":
            self.run.renew(values)
            return ACCEPTED
        return self._apply(name, values)

    def _apply(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Start, or change what runs."""
        raise NotImplementedError


class PumpBody(OpenBody):
    """A pump with a flow sensor on one breast of `Mother`. Milk flows when the mother is advanced, not here.

    What exceeds the highest of its `ranges` is limited to it, what is below the lowest is refused.
    """

    role: EnergyRole = "pump"
    ranges = PumpRanges((0, PUMP_LIMIT_MMHG), highest_rate_cpm=PUMP_LIMIT_CPM)  # our own choice

    def __init__(self, side: Side, breast: Breast, seed: int | str) -> None:
        self.side = side
        super().__init__(DeviceRun(limit_run_seconds=1800), Battery(PUMP_HOURS))
        self.suction = SuctionUnit(f"{seed} {side.value}")
        self._breast = breast
        self._breast_ml = breast.volume_ml
        self._volume_ml = 0.0
        self._peak_mmhg = 0.0
        self._target_mmhg: float | None = None
        self._rate_cpm: float | None = None
        self._let_down = False

    @property
    def suction_mmhg(self) -> float:
        """The vacuum that the breast feels, as the peak of a cycle."""
        return self.suction.cycle_peak_mmhg if self.run.running or self.suction.stuck else 0.0

    def _apply(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        if name in ("pause", "resume"):
            return self._pause(name == "pause")
        requested_mmhg, rate_cpm = number(values["vacuum_mmhg"]), number(values["rate_cpm"])
        phase = Phase(str(values["phase"]))
        (lowest_mmhg, highest_mmhg), (slowest_cpm, fastest_cpm) = self.ranges.vacuum(phase), self.ranges.rate(phase)
        if requested_mmhg < lowest_mmhg or rate_cpm < slowest_cpm:
            return OUT_OF_RANGE
        self._target_mmhg = min(requested_mmhg, highest_mmhg)
        self._rate_cpm = min(rate_cpm, fastest_cpm, PUMP_LIMIT_CPM)
        if name == "start":
            self.run.begin(values)
            self._begin(phase)
        else:
            self._change(phase)
        limited = self._target_mmhg < requested_mmhg or self._rate_cpm < rate_cpm
        return CommandResult("limited" if limited else "accepted", {"allowed_vacuum_mmhg": round(self._target_mmhg)})

    def _begin(self, phase: Phase) -> None:
        self._volume_ml = self._peak_mmhg = 0.0
        self._breast_ml = self._breast.volume_ml
        self._let_down = False
        self.suction.start(phase, self._target_mmhg or 0.0, self._rate_cpm or BY_HAND_CPM[phase])

    def _change(self, phase: Phase) -> None:
        self.run.changed.add("changed_setting")
        self.suction.adjust(phase=phase, vacuum_mmhg=self._target_mmhg, rate_cpm=self._rate_cpm)

    def _pause(self, paused: bool) -> CommandResult:
        if self.run.running is not paused:
            return NOT_APPLICABLE
        self.run.pause(paused)
        if paused:
            self.suction.vent()
        else:
            self.suction.start(self.suction.phase, self._target_mmhg or 0.0, self._rate_cpm or 60.0)
        return ACCEPTED

    def _advance_physics(self, to_seconds: float) -> None:
        self.suction.advance(to_seconds)
        self._peak_mmhg = max(self._peak_mmhg, self.suction.vacuum_mmhg)
        milk_ml = self._breast.volume_ml
        if milk_ml > self._breast_ml and self.run.on:
            self._volume_ml += milk_ml - self._breast_ml
        self._breast_ml = milk_ml
        if self.run.running and self._breast.let_down and not self._let_down:
            self._let_down = True
            self.run.changed.add("changed_let_down")

    def _release(self) -> None:
        self.suction.vent()

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return status, measurement, features and record."""
        window = self.suction.window(self.run.now_seconds if since_seconds is None else since_seconds)
        on = self.run.on
        return {
            **self.run.values(),
            "limit_vacuum_mmhg": round(max(self.ranges.vacuum(phase)[1] for phase in Phase)),
            "limit_rate_cpm": round(max(min(self.ranges.rate(phase)[1], PUMP_LIMIT_CPM) for phase in Phase)),
            "has_flow_sensor": True,
            "has_vacuum_sensor": True,
            "detects_let_down": True,
            "phase": self.suction.phase.value if on else None,
            "target_vacuum_mmhg": round(self._target_mmhg) if on and self._target_mmhg is not None else None,
            "rate_cpm": round(self.suction.rate_cpm) if on else None,
            "vacuum_mmhg": self.suction.vacuum_mmhg,
            "peak_vacuum_mmhg": window.peak_mmhg,
            "residual_vacuum_mmhg": window.residual_mmhg,
            "flow_ml_per_s": self._breast.flow_ml_per_s if self.run.running else 0.0,
            "volume_ml": self._volume_ml,
            "let_down": self._let_down,
            "battery_percent": self.battery.percent,
            "record_volume_ml": self._volume_ml,
            "record_peak_vacuum_mmhg": round(self._peak_mmhg),
        }


class PadBody(OpenBody):
    """A warm compress, worn on the skin."""

    role: EnergyRole = "warmer"

    def __init__(self, seed: int | str, side: Side = Side.BOTH) -> None:
        super().__init__(DeviceRun(limit_run_seconds=1200), Battery(PAD_HOURS))
        self.side = side
        self.pad = SampledPad(f"{seed} pad")
        self._target_celsius = PAD_LIMIT_CELSIUS

    def _apply(self, name: str, values: Mapping[str, Value]) -> CommandResult:  # noqa: ARG002 - there is one command
        requested_celsius = number(values["celsius"])
        celsius = min(requested_celsius, PAD_LIMIT_CELSIUS)
        self.run.begin(values)
        self._target_celsius = celsius
        self.pad.set_target(celsius)
        return CommandResult("limited" if celsius < requested_celsius else "accepted", {"allowed_celsius": celsius})

    def _advance_physics(self, to_seconds: float) -> None:
        self.pad.advance(to_seconds)

    def _release(self) -> None:
        self.pad.off()

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:  # noqa: ARG002 - has no extremes
        """Return status, temperature and features."""
        return {
            **self.run.values(),
            "limit_celsius": PAD_LIMIT_CELSIUS,
            "has_temperature_sensor": True,
            "target_celsius": self.pad.target_celsius if self.run.on else None,
            "surface_celsius": self.pad.sampled_celsius,
            "battery_percent": self.battery.percent,
        }


class MassagerBody(OpenBody):
    """A vibrating massager."""

    role: EnergyRole = "massager"

    def __init__(self) -> None:
        super().__init__(DeviceRun(limit_run_seconds=600), Battery(MASSAGER_HOURS))
        self._intensity = 0.0

    def _apply(self, name: str, values: Mapping[str, Value]) -> CommandResult:  # noqa: ARG002 - there is one command
        self._intensity = number(values["intensity"])
        self.run.begin(values)
        return CommandResult("accepted", {"allowed_intensity": self._intensity})

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:  # noqa: ARG002 - has no extremes
        """Return status and features."""
        return {
            **self.run.values(),
            "intensity": self._intensity if self.run.running else 0.0,
            "battery_percent": self.battery.percent,
        }
