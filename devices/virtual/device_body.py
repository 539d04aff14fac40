"""What all virtual bodies share: one run, and a battery that discharges while it runs, and never charges."""

from __future__ import annotations

import math
from collections.abc import Mapping

from devices.driver.vocabulary import Value
from devices.virtual.device_run import CommandResult, DeviceRun

PUMP_HOURS = 3.0
"""A pump's running time on one charge. Our own choice, as wearable pumps last about this long."""

PAD_HOURS = 2.0
"""A warm compress's running time on one charge. Our own choice."""

MASSAGER_HOURS = 2.0
"""A massager's running time on one charge. Our own choice."""


class Battery:
    """A charge that lasts `hours` of running (above 0), read in whole percent."""

    def __init__(self, hours: float, *, percent: float = 100.0) -> None:
        if not hours > 0:
            raise ValueError(f"hours must be above 0, not {hours}")
        if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
            raise ValueError(f"percent must be within 0 and 100, not {percent}")
        self._percent_per_s = 100 / (hours * 3600)
        self._charge = percent
        self._now = 0.0

    @property
    def percent(self) -> int:
        """The reading, 0 to 100, rounded down: 0 is less than one percent."""
        return math.floor(self._charge + 1e-6)  # 1e-6: many small steps must not lose a percent to rounding

    @property
    def empty(self) -> bool:
        """Whether the charge is used up."""
        return self._charge <= 0

    def advance(self, to_seconds: float, *, running: bool) -> None:
        """Let time pass up to `to_seconds`; only running discharges it."""
        if running:
            self._charge = max(0.0, self._charge - max(0.0, to_seconds - self._now) * self._percent_per_s)
        self._now = max(self._now, to_seconds)


class DeviceBody:
    """The physical side of a virtual device. Subclasses add physics and the commands they know.

    `run.fault` is the name of a fault that ends the run.
    """

    stops_on_link_loss = True
    silent = False  # a fault: it sends nothing by itself
    reports_at_rest = False  # whether it reports as often while it does not run

    def __init__(self, run: DeviceRun, battery: Battery) -> None:
        self.run = run
        self.battery = battery

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Carry out a command of the profile; return whether it was accepted, limited or refused."""
        raise NotImplementedError

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return everything the device can report, by the field names of its profile.

        Highest and lowest values are those after `since_seconds` on the clock; without it, those of this moment.
        """
        raise NotImplementedError

    def advance(self, to_seconds: float) -> None:
        """Let time pass, and end the run when its timer, its lease or the battery ends."""
        self.battery.advance(to_seconds, running=self.run.running)
        if self.battery.empty:
            self.run.fault = "battery_empty"
        self._advance_physics(to_seconds)
        if reason := self.run.advance(to_seconds):
            self._end(reason)

    def _advance_physics(self, to_seconds: float) -> None:
        """Move the waveform or the temperature; nothing by default."""

    def lose_link(self) -> None:
        """End what a command started, if the device stops on link loss; what its button started goes on."""
        if self.stops_on_link_loss and self.run.leased:
            self._end("link_lost")

    def _end(self, reason: str) -> None:
        self.run.end(reason)
        self._release()

    def _release(self) -> None:
        """Vent, stop heating or stop the motor."""
