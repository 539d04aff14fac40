"""Two virtual devices of the open profile: a pump on a breast, and a warm compress. The massager is in `massager`."""

from __future__ import annotations

from collections.abc import Mapping

from devices.profiles.vocabulary import Value
from devices.roles import Phase, Side
from devices.virtual.battery import PAD_HOURS, PUMP_HOURS, Battery
from devices.virtual.breast import Breast
from devices.virtual.duty import ACCEPTED, NOT_APPLICABLE, Duty, Result
from devices.virtual.firmware import Firmware, within
from devices.virtual.pump_ranges import BY_HAND_CPM, PumpRanges
from devices.virtual.suction import Suction
from devices.virtual.thermal import Pad

PUMP_LIMIT_MMHG = 250
PUMP_LIMIT_CPM = 120
PAD_LIMIT_CELSIUS = 42.0

OPEN_PUMP = PumpRanges(
    source="our own choice", vacuum_mmhg=(0, PUMP_LIMIT_MMHG), highest_rate_cpm=PUMP_LIMIT_CPM, run_seconds=1800
)
OUT_OF_RANGE = Result("out_of_range")


class PumpBody(Firmware):
    """A pump with a flow sensor on one breast of `Mother`. Milk comes when the mother is advanced, not here.

    `ranges` are those of a product. It does no more than its highest, and nothing at all below its lowest.
    Faults: `least_mmhg` (it turns down every vacuum below that), those of `Firmware`, and those of its parts.
    """

    refusal = NOT_APPLICABLE
    least_mmhg = 0.0

    def __init__(self, side: Side, breast: Breast, seed: int | str, ranges: PumpRanges | None = None) -> None:
        self.side = side
        self.ranges = ranges or OPEN_PUMP
        self.duty = Duty(limit_run_seconds=self.ranges.run_seconds or 1800)
        self.suction = Suction(f"{seed} {side.value}")
        self.battery = Battery(PUMP_HOURS)
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
        return self.suction.cycle_peak_mmhg if self.duty.running or self.suction.stuck else 0.0

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Start, adjust, pause, resume, stop, renew or acknowledge."""
        if (answer := self._faulty_answer(name)) is not None:
            return answer
        if name == "stop":
            self._end("commanded")
            return ACCEPTED
        if (answer := self.duty.answer(name, values, start="start")) is not None:
            return answer
        if name in ("pause", "resume"):
            return self._pause(name == "pause")
        return self._set(name, values)

    def _set(self, name: str, values: Mapping[str, Value]) -> Result:
        asked_mmhg, rate_cpm = _number(values["vacuum_mmhg"]), _number(values["rate_cpm"])
        phase = Phase(str(values["phase"]))
        (lowest_mmhg, highest_mmhg), (slowest_cpm, fastest_cpm) = self.ranges.vacuum(phase), self.ranges.rate(phase)
        if asked_mmhg < max(lowest_mmhg, self.least_mmhg) or rate_cpm < slowest_cpm:
            return OUT_OF_RANGE
        self._target_mmhg = min(asked_mmhg, highest_mmhg)
        self._rate_cpm = min(rate_cpm, fastest_cpm, PUMP_LIMIT_CPM)
        if name == "start":
            self.duty.begin(values)
            self._begin(phase)
        else:
            self._change(phase)
        limited = self._target_mmhg < asked_mmhg or self._rate_cpm < rate_cpm
        return Result("limited" if limited else "accepted", {"allowed_vacuum_mmhg": round(self._target_mmhg)})

    def _begin(self, phase: Phase) -> None:
        self._volume_ml = self._peak_mmhg = 0.0
        self._breast_ml = self._breast.volume_ml
        self._let_down = False
        self.suction.start(phase, self._target_mmhg or 0.0, self._rate_cpm or BY_HAND_CPM[phase])

    def _change(self, phase: Phase) -> None:
        self.duty.changed.add("changed_setting")
        self.suction.adjust(phase=phase, vacuum_mmhg=self._target_mmhg, rate_cpm=self._rate_cpm)

    def press_start(self, vacuum_mmhg: float, phase: Phase = Phase.EXPRESSION, rate_cpm: float | None = None) -> None:
        """Switch on at the pump, or change what runs. Without a lease: until the button, or its own longest run."""
        was_on, pulled = self.duty.on, self.suction.running
        self.duty.press_on()
        self._target_mmhg = within(vacuum_mmhg, *self.ranges.vacuum(phase))
        self._rate_cpm = within(rate_cpm or BY_HAND_CPM[phase], *self.ranges.rate(phase))
        if not self.duty.on:  # it has a fault
            return
        if was_on and pulled:
            self._change(phase)
        else:
            self._begin(phase)

    def press_vacuum(self, vacuum_mmhg: float) -> None:
        """Set the vacuum at the pump, whoever started it; of one that is off, for when it is switched on there."""
        phase = self.suction.phase
        self._target_mmhg = within(vacuum_mmhg, *self.ranges.vacuum(phase))
        self._change(phase)

    def press_stop(self) -> None:
        """Switch off at the pump."""
        self._end("commanded")

    def _restart(self) -> None:
        self.press_start(self._target_mmhg or 0.0, self.suction.phase, self._rate_cpm)

    def _pause(self, paused: bool) -> Result:
        if self.duty.running is not paused:
            return NOT_APPLICABLE
        self.duty.pause(paused)
        if paused:
            self.suction.vent()
        else:
            self.suction.start(self.suction.phase, self._target_mmhg or 0.0, self._rate_cpm or 60.0)
        return ACCEPTED

    def advance(self, to_seconds: float) -> None:
        """Let the motor run, and end the run when its time, its lease or its battery is over."""
        self.battery.advance(to_seconds, running=self.duty.running)
        if self.battery.empty:
            self.duty.fault = "battery_empty"
        self.suction.advance(to_seconds)
        self._peak_mmhg = max(self._peak_mmhg, self.suction.vacuum_mmhg)
        milk_ml = self._breast.volume_ml
        if milk_ml > self._breast_ml and self.duty.on:
            self._volume_ml += milk_ml - self._breast_ml
        self._breast_ml = milk_ml
        if self.duty.running and self._breast.let_down and not self._let_down:
            self._let_down = True
            self.duty.changed.add("changed_let_down")
        if reason := self.duty.due(to_seconds):
            self._end(reason)
        self._restart_when_due()

    def lose_link(self) -> None:
        """Stop: nobody could stop it any more. What was started at its button has nothing to do with the link."""
        if self.duty.leased:
            self._end("link_lost")

    def _end(self, reason: str) -> None:
        self.duty.end(reason)
        self.suction.vent()

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return status, measurement, features and record."""
        window = self.suction.window(self.duty.now_seconds if since_seconds is None else since_seconds)
        on = self.duty.on
        return {
            **self.duty.values(),
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
            "flow_ml_per_s": self._breast.flow_ml_per_s if self.duty.running else 0.0,
            "volume_ml": self._volume_ml,
            "let_down": self._let_down,
            "battery_percent": self.battery.percent,
            "record_volume_ml": self._volume_ml,
            "record_peak_vacuum_mmhg": round(self._peak_mmhg),
        }


class PadBody(Firmware):
    """A warm compress, worn on the skin. Faults: those of `Firmware`, and those of its parts."""

    refusal = NOT_APPLICABLE

    def __init__(self, seed: int | str, side: Side = Side.BOTH) -> None:
        self.side = side
        self.duty = Duty(limit_run_seconds=1200)
        self.pad = Pad(f"{seed} pad")
        self.battery = Battery(PAD_HOURS)
        self._celsius = round(self.pad.read_celsius(), 2)
        self._read_at_seconds = 0.0
        self._target_celsius = PAD_LIMIT_CELSIUS

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Set the target, switch off, renew or acknowledge."""
        if (answer := self._faulty_answer(name)) is not None:
            return answer
        if name == "off":
            self._end("commanded")
            return ACCEPTED
        if (answer := self.duty.answer(name, values, start="set_target")) is not None:
            return answer
        asked_celsius = _number(values["celsius"])
        celsius = min(asked_celsius, PAD_LIMIT_CELSIUS)
        self.duty.begin(values)
        self._target_celsius = celsius
        self.pad.set_target(celsius)
        return Result("limited" if celsius < asked_celsius else "accepted", {"allowed_celsius": celsius})

    def press_on(self, celsius: float) -> None:
        """Switch on at the pad, or change its target. Without a lease: until the button, or its own longest run."""
        self.duty.press_on()
        self._target_celsius = within(celsius, 0, PAD_LIMIT_CELSIUS)
        if self.duty.on:
            self.duty.changed.add("changed_setting")
            self.pad.set_target(self._target_celsius)

    def press_off(self) -> None:
        """Switch off at the pad."""
        self._end("commanded")

    def _restart(self) -> None:
        self.press_on(self._target_celsius)

    def advance(self, to_seconds: float) -> None:
        """Warm and cool, and end the run when its time, its lease or its battery is over."""
        self.battery.advance(to_seconds, running=self.duty.running)
        if self.battery.empty:
            self.duty.fault = "battery_empty"
        self.pad.advance(to_seconds)
        if to_seconds - self._read_at_seconds >= 1:
            self._read_at_seconds = to_seconds
            self._celsius = round(self.pad.read_celsius(), 2)
        if reason := self.duty.due(to_seconds):
            self._end(reason)
        self._restart_when_due()

    def lose_link(self) -> None:
        """Switch off: nobody could switch it off any more. What was started at its button stays on."""
        if self.duty.leased:
            self._end("link_lost")

    def _end(self, reason: str) -> None:
        self.duty.end(reason)
        self.pad.off()

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:  # noqa: ARG002 - a Body
        """Return status, temperature and features."""
        return {
            **self.duty.values(),
            "limit_celsius": PAD_LIMIT_CELSIUS,
            "has_temperature_sensor": True,
            "target_celsius": self.pad.target_celsius if self.duty.on else None,
            "surface_celsius": self._celsius,
            "battery_percent": self.battery.percent,
        }


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
