"""The virtual massager of the open profile."""

from __future__ import annotations

from collections.abc import Mapping

from devices.profiles.vocabulary import Value
from devices.virtual.battery import MASSAGER_HOURS, Battery
from devices.virtual.duty import ACCEPTED, NOT_APPLICABLE, Duty, Result
from devices.virtual.firmware import Firmware, within


class MassagerBody(Firmware):
    """A vibrating massager. Faults: those of `Firmware`."""

    refusal = NOT_APPLICABLE

    def __init__(self) -> None:
        self.duty = Duty(limit_run_seconds=600)
        self.battery = Battery(MASSAGER_HOURS)
        self._intensity = 0.0

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Run, stop, renew or acknowledge."""
        if (answer := self._faulty_answer(name)) is not None:
            return answer
        if name == "stop":
            self.duty.end("commanded")
            return ACCEPTED
        if (answer := self.duty.answer(name, values, start="run")) is not None:
            return answer
        intensity = values["intensity"]
        self._intensity = float(intensity) if isinstance(intensity, int | float) else 0.0
        self.duty.begin(values)
        return Result("accepted", {"allowed_intensity": self._intensity})

    def press_on(self, intensity: float) -> None:
        """Switch on at the massager, or change its strength. Without a lease: until the button, or its longest run."""
        self.duty.press_on()
        self._intensity = within(intensity, 0, 1)
        if self.duty.on:
            self.duty.changed.add("changed_setting")

    def press_off(self) -> None:
        """Switch off at the massager."""
        self.duty.end("commanded")

    def _restart(self) -> None:
        self.press_on(self._intensity)

    def advance(self, to_seconds: float) -> None:
        """End the run when its time, its lease or its battery is over."""
        self.battery.advance(to_seconds, running=self.duty.running)
        if self.battery.empty:
            self.duty.fault = "battery_empty"
        if reason := self.duty.due(to_seconds):
            self.duty.end(reason)
        self._restart_when_due()

    def lose_link(self) -> None:
        """Stop: nobody could stop it any more. What was started at its button stays on."""
        if self.duty.leased:
            self.duty.end("link_lost")

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:  # noqa: ARG002 - a Body
        """Return status and features."""
        return {
            **self.duty.values(),
            "intensity": self._intensity if self.duty.running else 0.0,
            "battery_percent": self.battery.percent,
        }
