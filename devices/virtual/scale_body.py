"""The body of a virtual scale under the bottle of the virtual mother, with what goes wrong on a kitchen table."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from devices.driver.fields import reach
from devices.driver.vocabulary import Value
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.breast import Mother
from devices.virtual.device_body import Battery, DeviceBody
from devices.virtual.device_run import ACCEPTED, REFUSED, CommandResult, DeviceRun
from devices.virtual.simple_bodies import blank, reported_fields

GRAMS_PER_ML = 1.03
"""The density of human milk."""

BOTTLE_G = 80.0
"""An empty bottle with its cap. Our own choice."""

_NOISE_G = 0.03  # our own choice: a scale with steps of 0.1 g, on a table at rest
_BATTERY_HOURS = 1000.0  # hardly anything: a scale's battery lasts for months
_FLOW_SECONDS = 1.0


class ScaleBody(DeviceBody):
    """Weighs the bottle of one breast, or one that both flow into. What it can be set to is zero, and nothing else.

    Faults: `lift` and `put_back` the bottle, `bump` the table, `drift_g_per_s` of its zero, `overloaded`, and `frozen`,
    which goes on sending the last weight.
    """

    reports_at_rest = True

    def __init__(self, profile: Profile, side: Side, mother: Mother, seed: int | str) -> None:
        super().__init__(DeviceRun(1), Battery(_BATTERY_HOURS))
        self.side = side
        self.drift_g_per_s = 0.0
        self.overloaded = False
        self.frozen = False
        self._breasts = [breast for breast in mother.breasts.values() if side.covers(breast.side)]
        self._random = random.Random(f"{seed} scale {side.value}")  # noqa: S311 - a simulation
        fields = reported_fields(profile)
        self._blank = {name: blank(field) for name, field in fields.items()}
        weight = fields["weight_g"]
        self._least_g, self._most_g = reach(weight) or (-math.inf, math.inf)  # the range of the format
        self._overloaded_g = None if weight.unknown is not None else self._most_g
        self._lifted = False
        self._bump_g = 0.0
        self._bump_until_seconds = 0.0
        self._drifted_g = 0.0
        self._now_seconds: float | None = None
        self._zero_g = 0.0
        self._weight_g = 0.0
        self._before: tuple[float, float] | None = None  # when, and the weight that its flow is measured from
        self._flow_g_per_s = 0.0

    @property
    def load_g(self) -> float:
        """What lies on it."""
        milk_ml = sum(breast.volume_ml for breast in self._breasts)
        bottle_g = 0.0 if self._lifted else BOTTLE_G + milk_ml * GRAMS_PER_ML
        return bottle_g + self._bump_g

    def lift(self) -> None:
        """Take the bottle off it; milk flows on into the bottle."""
        self._lifted = True

    def put_back(self) -> None:
        """Put the bottle back on it."""
        self._lifted = False

    def bump(self, grams: float, seconds: float) -> None:
        """Press on it with `grams` for some seconds."""
        self._bump_g, self._bump_until_seconds = grams, (self._now_seconds or 0.0) + seconds

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:  # noqa: ARG002 - a tare has no values
        """Call what lies on it 0."""
        if name != "tare":
            return REFUSED
        self._zero_g = self.load_g + self._drifted_g
        self._weigh()
        return ACCEPTED

    def _advance_physics(self, to_seconds: float) -> None:
        passed_seconds = 0.0 if self._now_seconds is None else max(0.0, to_seconds - self._now_seconds)
        self._now_seconds = to_seconds
        self._drifted_g += self.drift_g_per_s * passed_seconds
        if to_seconds >= self._bump_until_seconds:
            self._bump_g = 0.0
        if passed_seconds > 0:
            self._weigh()

    def _weigh(self) -> None:
        if self.frozen:
            return
        self._weight_g = self.load_g + self._drifted_g - self._zero_g + self._random.gauss(0, _NOISE_G)
        now_seconds = self._now_seconds or 0.0
        if self._before is None:
            self._before = (now_seconds, self._weight_g)
        elif (passed_seconds := now_seconds - self._before[0]) >= _FLOW_SECONDS:
            self._flow_g_per_s = (self._weight_g - self._before[1]) / passed_seconds
            self._before = (now_seconds, self._weight_g)

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:  # noqa: ARG002 - has no extremes
        """Return the weight, and what else its profile reports; what it does not know is blank."""
        weight_g: float | None = round(min(max(self._weight_g, self._least_g), self._most_g), 2)
        if self.overloaded:
            weight_g = self._overloaded_g
        own: dict[str, Value] = {
            "weight_g": weight_g,
            "flow_g_per_s": round(self._flow_g_per_s, 2),
            "battery_percent": self.battery.percent,
            "stable": abs(self._flow_g_per_s) < _NOISE_G,
        }
        shown = {name: value for name, value in self._blank.items() if not name.endswith("_sign")}
        return {**shown, **own}
