"""The body of a virtual thermometer, on a warm compress or on the breast under it, with what goes wrong there."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

from devices.driver.vocabulary import Value
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.sensor_roles import Placed
from devices.virtual.device_body import Battery, DeviceBody
from devices.virtual.device_run import REFUSED, CommandResult, DeviceRun
from devices.virtual.simple_bodies import blank, reported_fields
from devices.virtual.thermal import PadModel

_NOISE_CELSIUS = 0.1  # our own choice
_TAU_SECONDS = 5.0  # our own choice: how fast a small sensor takes on the temperature of what it touches
_BATTERY_HOURS = 1000.0  # hardly anything: the battery of a thermometer lasts for months
_MODEL = PadModel()


class ThermometerBody(DeviceBody):
    """Measures the virtual compress of its side, or the skin under it, by `placed`. It can be set to nothing.

    Faults: `fall_off` and `put_back`, `drift_celsius_per_min`, `absurd_celsius` (reported instead), `frozen`, which
    goes on sending the last value, `unknown`, which sends that it knows none, and `silent`, which sends nothing.
    """

    def __init__(self, profile: Profile | None, side: Side, seed: int | str) -> None:
        super().__init__(DeviceRun(1), Battery(_BATTERY_HOURS))
        self.side = side
        self.placed = Placed.PAD
        self.drift_celsius_per_min = 0.0
        self.absurd_celsius: float | None = None
        self.frozen = False
        self.unknown = False
        self._fallen = False
        self._touched: Callable[[Placed], float | None] = lambda _placed: None
        self._random = random.Random(f"{seed} thermometer {side.value}")  # noqa: S311 - a simulation
        fields = {} if profile is None else reported_fields(profile)
        self._blank = {name: blank(field) for name, field in fields.items()}
        self._now_seconds: float | None = None
        self._drifted_celsius = 0.0
        self._own_celsius = _MODEL.ambient_celsius
        self._shown_celsius = self._own_celsius

    def place(self, placed: Placed) -> None:
        """Put it on the compress, or on the breast."""
        self.placed = placed
        self._own_celsius = self._shown_celsius = self._goal_celsius

    def attach(self, touched: Callable[[Placed], float | None]) -> None:
        """Put it on what `touched` gives the temperature of (°C), by where it is placed; `None`: on nothing."""
        self._touched = touched
        self._own_celsius = self._shown_celsius = self._goal_celsius

    def fall_off(self) -> None:
        """Leave it at room temperature."""
        self._fallen = True

    def put_back(self) -> None:
        """Put it back where it was."""
        self._fallen = False

    @property
    def _goal_celsius(self) -> float:
        touched_celsius = None if self._fallen else self._touched(self.placed)
        if touched_celsius is not None:
            return touched_celsius
        at_rest = self.placed is Placed.BREAST and not self._fallen
        return _MODEL.skin_celsius if at_rest else _MODEL.ambient_celsius

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:  # noqa: ARG002 - it has no commands
        """Refuse everything."""
        return REFUSED

    def _advance_physics(self, to_seconds: float) -> None:
        passed_seconds = 0.0 if self._now_seconds is None else max(0.0, to_seconds - self._now_seconds)
        self._now_seconds = to_seconds
        if passed_seconds == 0:
            return
        goal_celsius = self._goal_celsius
        self._own_celsius = goal_celsius + (self._own_celsius - goal_celsius) * math.exp(-passed_seconds / _TAU_SECONDS)
        self._drifted_celsius += self.drift_celsius_per_min * passed_seconds / 60
        if not self.frozen:
            noise = self._random.gauss(0, _NOISE_CELSIUS)
            self._shown_celsius = round(self._own_celsius + self._drifted_celsius + noise, 2)

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:  # noqa: ARG002 - has no extremes
        """Return the temperature, and what else its profile reports; what it does not know is blank."""
        celsius = self._shown_celsius if self.absurd_celsius is None else self.absurd_celsius
        own: dict[str, Value] = {"celsius": None if self.unknown else celsius, "battery_percent": self.battery.percent}
        return {**self._blank, **own}
