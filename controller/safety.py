"""Limits: each number in one place, and how a wish meets them. Pure; `guard` enforces them, `watch` looks out for them.

Vacuums are mmHg below ambient. Sources: docs/safety.md; "ours" marks a choice to be reviewed by a clinician.
Everything here can only lower a wish, never raise it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field

from devices.roles import Capability, DeviceLimits, Frozen, Phase, PumpSetting

# Suction
STIMULATION_VACUUM_MMHG = 150.0  # cleared pumps' ranges (FDA 510(k) summaries)
STIMULATION_RATE_CPM = 125.0  # cleared pumps' ranges
STIMULATION_SECONDS = 300.0  # two phases: two minutes or first milk (Ramsay 2005)
EXPRESSION_VACUUM_MMHG = 250.0  # 21 CFR 884.5150; most comfortable about 190 (Kent 2008)
EXPRESSION_RATE_CPM = 90.0  # cleared pumps' ranges
FIRST_EXPRESSION_VACUUM_MMHG = 100.0  # ours: until a comfort cap is set
AUTOMATIC_VACUUM_MMHG = 150.0  # ours: without the person's own command, until a comfort cap is set
SYMPTOM_VACUUM_MMHG = 100.0  # ours: "low vacuum" on a day with symptoms
RAISE_STEP_MMHG = 20.0  # ours: one step of raising
RAISE_EVERY_SECONDS = 10.0  # ours: at most one step in this time
SUCTION_SECONDS = 1800.0  # continuous
SUCTION_REST_SECONDS = 300.0  # ours: a rest this long ends "continuous"
SUCTION_SESSION_SECONDS = 2400.0  # power pumping
SESSION_SECONDS = 3900.0  # power pumping, in all
VACUUM_TRIP_MMHG = 270.0  # 250 and the 20 that devices may be off, for one cycle
VACUUM_TRIP_AT_ONCE_MMHG = 300.0
RELEASE_MMHG = 60.0  # suction must fall below this ...
RELEASE_SECONDS = 4.0  # ... at least this often
QUIET_VACUUM_MMHG = 40.0  # ours: set to less, a pump hardly pulls, and its vacuum may well stand still
VENT_SECONDS = 2.0  # how long a pump that stopped may take to let go

# Heat
HEAT_CELSIUS = 42.0  # IEC 60601-1: 43 °C for contact of 10 min and more
WARM_CELSIUS = 41.0  # above it for 10 min at most
ABOVE_WARM_SECONDS = 600.0
HEAT_SECONDS = 1200.0  # ours, from 2 to 20 min in advice and studies
HEAT_REST_SECONDS = 1800.0  # ours
HEAT_TRIP_CELSIUS = 43.0
HEAT_TRIP_SECONDS = 5.0
HEAT_TRIP_AT_ONCE_CELSIUS = 44.0

# Readings that cannot be, and sensors that stand still
OVERPRESSURE_MMHG = 30.0  # ours: no pump blows; this is 20 that devices may be off, and some
COLDEST_CELSIUS = 0.0  # ours: nothing on a body is colder
JUMP_CELSIUS = 5.0  # ours: a temperature that moves by more than this ...
JUMP_SECONDS = 5.0  # ... in this time, 1 °C a second; even a pad that runs away warms by less than half of that
WARMING_GAP_CELSIUS = 3.0  # ours: a compress this far below its target ...
WARMING_CELSIUS = 1.0  # ... must get so much warmer, which is more than its sensor's noise ...
WARMING_SECONDS = 120.0  # ... in this time; a pad that takes ten minutes to warm makes 1.7 °C there
FINE_CELSIUS = 0.5  # ours: a sensor with smaller steps than this shows one ...
FINE_STILL_SECONDS = 60.0  # ... in this time, at the slowest warming that is allowed; measured: 51 at most
# At its target a sensor may stand still for as long as the pad is well held: measured, a smoothed one with steps of
# 0.1 °C did for all of 15 min. Only one that goes up and down all the time cannot: measured over 15 min with noise of
# 0.05 to 0.2 °C, raw and smoothed, in steps of 0.01 to 1 °C, such a sensor stood still for 12 s at most.
RESTLESS_TURNS = 8  # ours: it turned back so often, by more than one of its steps ...
RESTLESS_SECONDS = 30.0  # ... in this time
RESTLESS_STILL_SECONDS = 15.0  # ours: from 40 °C, a pad that runs away (60 °C, 90 s) reaches 43.1 °C meanwhile

# Vibration
VIBRATION_INTENSITY = 1 / 3  # the lowest third of a device's range (ABM Protocol 36 is against more)
VIBRATION_SECONDS = 300.0
VIBRATION_REST_SECONDS = 1800.0  # ours
MASSAGE_SECONDS = 600.0

# Links
LEASE_SECONDS = 10.0
STALE_SECONDS = 10.0
SETTING_SECONDS = 5.0  # ours: how long a device may say that it is set to more than is ever allowed

# Devices that tell less
FIRST_LEVEL = 1  # of a pump whose levels nobody measured in mmHg
UNMAPPED_LEVEL = 3  # the highest such level, until the owner names another
BLIND_HEAT_SECONDS = 300.0  # ours: heat that is only on or off, and measured by nobody


class Energy(StrEnum):
    """What can be put into a body, in the order in which it is taken away."""

    SUCTION = "suction"
    HEAT = "heat"
    VIBRATION = "vibration"


class Reason(Frozen):
    """One layer that has something to say: `who` (hard, owner, device, step, symptoms, pace) and in words."""

    who: str
    allows: float
    words: str


class Limit(Frozen):
    """What was asked, what is allowed, and why: every layer that asks for less, the deciding one first."""

    quantity: str
    asked: float
    allowed: float
    reasons: tuple[Reason, ...] = ()

    @property
    def limited(self) -> bool:
        """Whether less is allowed than was asked."""
        return self.allowed < self.asked

    def __str__(self) -> str:
        why = f": limited by {self.reasons[0].words}" if self.reasons else ""
        return f"{self.quantity.replace('_', ' ')} {self.allowed:g}{why}"


class TripKind(StrEnum):
    """Why everything was stopped."""

    VACUUM = "vacuum"
    NO_RELEASE = "no_release"
    TEMPERATURE = "temperature"
    STALE = "stale"
    IMPLAUSIBLE = "implausible"
    LINK_LOST = "link_lost"
    LEASE = "lease"
    DEVICE_FAULT = "device_fault"
    TIME = "time"


class Trip(Frozen):
    """A hard stop by the guard. It stays until the person acknowledges it."""

    kind: TripKind
    device: str
    words: str


class OwnerLimits(Frozen):
    """What the owner allows. Every value can only lower a hard limit; a higher one is refused when it is loaded."""

    comfort_vacuum_mmhg: float | None = Field(None, ge=60, le=EXPRESSION_VACUUM_MMHG)
    stimulation_vacuum_mmhg: float = Field(120, ge=40, le=120)
    heat_celsius: float = Field(HEAT_CELSIUS, ge=36, le=HEAT_CELSIUS)
    heat_without_temperature: bool = False
    vibration: bool = False
    go_on_with_one_pump: bool = False
    remote_raise: Literal["allow", "refuse"] = "allow"

    @property
    def comfortable_mmhg(self) -> float:
        """What a routine means by `comfort`."""
        return self.comfort_vacuum_mmhg or FIRST_EXPRESSION_VACUUM_MMHG


def lowest(quantity: str, asked: float, layers: Iterable[Reason], *, step: float | None = None) -> Limit:
    """Hold a wish against layers; the lowest wins, rounded down to a multiple of `step` where the device has steps."""
    lower = sorted((layer for layer in layers if layer.allows < asked), key=lambda layer: layer.allows)
    allowed = lower[0].allows if lower else asked
    if step:
        # A hair is added before rounding down, so that 0.1 * 3 counts as 0.3.
        rounded = math.floor(allowed / step + 1e-9) * step
        if rounded < allowed and not lower:
            lower = [Reason(who="device", allows=rounded, words=f"steps of {step:g}")]
        allowed = rounded
    return Limit(quantity=quantity, asked=asked, allowed=max(0.0, allowed), reasons=tuple(lower))


def limit_vacuum(
    phase: Phase,
    asked_mmhg: float,
    owner: OwnerLimits,
    device: DeviceLimits,
    *,
    symptoms: bool,
    by_person: bool,
    pace_mmhg: float | None = None,
    step_mmhg: float | None = None,
) -> Limit:
    """Limit a wished vacuum. `by_person`: by the person's own command.

    `pace_mmhg`: what the pace of raising allows. `step_mmhg`: what the step of the routine allows, to a person, too.
    """
    layers = []
    if phase is Phase.STIMULATION:
        layers.append(Reason(who="hard", allows=STIMULATION_VACUUM_MMHG, words="the limit for stimulation"))
        layers.append(Reason(who="owner", allows=owner.stimulation_vacuum_mmhg, words="your cap for stimulation"))
    else:
        layers.append(Reason(who="hard", allows=EXPRESSION_VACUUM_MMHG, words="the limit for expression"))
        if not by_person and owner.comfort_vacuum_mmhg is None:
            layers.append(Reason(who="hard", allows=AUTOMATIC_VACUUM_MMHG, words="no comfort cap is set yet"))
    if owner.comfort_vacuum_mmhg is not None:
        layers.append(Reason(who="owner", allows=owner.comfort_vacuum_mmhg, words="your comfort cap"))
    if device.vacuum_mmhg is not None:
        layers.append(Reason(who="device", allows=device.vacuum_mmhg, words="what the pump can do"))
    if step_mmhg is not None:
        layers.append(Reason(who="step", allows=step_mmhg, words="this step of the routine"))
    if symptoms:
        layers.append(Reason(who="symptoms", allows=SYMPTOM_VACUUM_MMHG, words="today's symptoms"))
    if pace_mmhg is not None:
        words = f"one step of {RAISE_STEP_MMHG:g} in {RAISE_EVERY_SECONDS:g} s"
        layers.append(Reason(who="pace", allows=pace_mmhg, words=words))
    return lowest("vacuum_mmhg", asked_mmhg, layers, step=1)


def limit_comfort(asked_mmhg: float, owner: OwnerLimits) -> Limit:
    """Limit a comfort cap that is asked for from outside: never above what the owner's settings say."""
    layer = Reason(who="owner", allows=owner.comfortable_mmhg, words="limits.comfort_vacuum_mmhg in your settings")
    return lowest("comfort_vacuum_mmhg", asked_mmhg, [layer], step=1)


def limit_rate(phase: Phase, asked_cpm: float, device: DeviceLimits) -> Limit:
    """Limit a wished cycle rate."""
    hard = STIMULATION_RATE_CPM if phase is Phase.STIMULATION else EXPRESSION_RATE_CPM
    layers = [Reason(who="hard", allows=hard, words=f"the limit for {phase.value}")]
    if device.rate_cpm is not None:
        layers.append(Reason(who="device", allows=device.rate_cpm, words="what the pump can do"))
    return lowest("rate_cpm", asked_cpm, layers, step=1)


def limit_heat(
    asked_celsius: float,
    at_most_seconds: float,
    owner: OwnerLimits,
    device: DeviceLimits,
    *,
    hot_seconds: float = ABOVE_WARM_SECONDS,
) -> Limit:
    """Limit a wished temperature for the time it is to last. `hot_seconds`: what is left of the time above 41 °C."""
    layers = [
        Reason(who="hard", allows=HEAT_CELSIUS, words="the limit for heat"),
        Reason(who="owner", allows=owner.heat_celsius, words="your cap for heat"),
    ]
    if at_most_seconds > min(hot_seconds, ABOVE_WARM_SECONDS):
        layers.append(Reason(who="hard", allows=WARM_CELSIUS, words="ten minutes above it"))
    if device.celsius is not None:
        layers.append(Reason(who="device", allows=device.celsius, words="what the compress can do"))
    return lowest("celsius", asked_celsius, layers, step=0.5)


def limit_vibration(asked: float) -> Limit:
    """Limit a wished intensity (0 to 1)."""
    layers = [Reason(who="hard", allows=VIBRATION_INTENSITY, words="only the lowest third is used")]
    return lowest("intensity", asked, layers, step=0.01)


def limit_level(asked: int, device: DeviceLimits, *, max_level: int | None, symptoms: bool, pace: int | None) -> Limit:
    """Limit a level that nobody measured in mmHg: the third at most, until the owner names another `max_level`."""
    if max_level is None:
        layers = [Reason(who="hard", allows=UNMAPPED_LEVEL, words="nobody measured this pump's levels")]
    else:
        layers = [Reason(who="owner", allows=max_level, words="your max_level for this pump")]
    if device.level is not None:
        layers.append(Reason(who="device", allows=device.level, words="what the pump can do"))
    if symptoms:
        layers.append(Reason(who="symptoms", allows=FIRST_LEVEL, words="today's symptoms"))
    if pace is not None:
        layers.append(Reason(who="pace", allows=pace, words=f"one level in {RAISE_EVERY_SECONDS:g} s"))
    return lowest("level", asked, layers, step=1)


def limit_seconds(asked_seconds: float, left_seconds: float, device: DeviceLimits) -> Limit:
    """Limit a wished duration to what is `left_seconds` of the allowed time, and to the device's own maximum."""
    layers = [Reason(who="hard", allows=left_seconds, words="the time that is allowed in one go")]
    if device.run_seconds is not None:
        layers.append(Reason(who="device", allows=device.run_seconds, words="what the device does in one go"))
    return lowest("seconds", asked_seconds, layers)


def limit_pump(
    asked: PumpSetting,
    owner: OwnerLimits,
    device: DeviceLimits,
    capabilities: frozenset[Capability],
    *,
    symptoms: bool,
    by_person: bool = False,
    pace_mmhg: float | None = None,
    pace_level: int | None = None,
    step_mmhg: float | None = None,
    max_level: int | None = None,
) -> tuple[PumpSetting, tuple[Limit, ...]]:
    """Return the setting that is allowed, in what the pump can be told, and the limits met on the way."""
    limits: list[Limit] = []
    # What cannot be set is not said to be set.
    setting = asked.model_copy(update={"vacuum_mmhg": None, "rate_cpm": None, "level": None})
    if asked.vacuum_mmhg is not None and Capability.VACUUM_MMHG in capabilities:
        vacuum = limit_vacuum(
            asked.phase,
            asked.vacuum_mmhg,
            owner,
            device,
            symptoms=symptoms,
            by_person=by_person,
            pace_mmhg=pace_mmhg,
            step_mmhg=step_mmhg,
        )
        limits.append(vacuum)
        setting = setting.model_copy(update={"vacuum_mmhg": vacuum.allowed})
    if asked.rate_cpm is not None and Capability.RATE_CPM in capabilities:
        rate = limit_rate(asked.phase, asked.rate_cpm, device)
        limits.append(rate)
        setting = setting.model_copy(update={"rate_cpm": rate.allowed})
    if Capability.LEVELS in capabilities and Capability.VACUUM_MMHG not in capabilities:
        wish = FIRST_LEVEL if asked.level is None else asked.level
        level = limit_level(wish, device, max_level=max_level, symptoms=symptoms, pace=pace_level)
        limits.append(level)
        setting = setting.model_copy(update={"level": int(level.allowed)})
    return setting, tuple(limits)


class Budget:
    """Seconds of one energy: how long it was on without a rest long enough to start anew."""

    def __init__(self, seconds: float, rest_seconds: float) -> None:
        self._seconds = seconds
        self._rest_seconds = rest_seconds
        self._used_seconds = 0.0
        self._last_on_seconds = -math.inf

    def left(self, now_seconds: float) -> float:
        """Return how many seconds may still be used at this time of the clock."""
        if now_seconds - self._last_on_seconds >= self._rest_seconds:
            self._used_seconds = 0.0
        return max(0.0, self._seconds - self._used_seconds)

    def use(self, began_seconds: float, ended_seconds: float) -> None:
        """Note that it was on from `began_seconds` to `ended_seconds`."""
        self.left(began_seconds)
        self._used_seconds += max(0.0, ended_seconds - began_seconds)
        self._last_on_seconds = ended_seconds

    def used(self, now_seconds: float) -> float:
        """Return how many seconds were used since the last rest that was long enough."""
        return self._seconds - self.left(now_seconds)

    def restore(self, used_seconds: float, last_on_seconds: float) -> None:
        """Go on from what was used before this process began; a time before it is below 0."""
        self._used_seconds, self._last_on_seconds = max(0.0, used_seconds), last_on_seconds


def budgets() -> dict[Energy, Budget]:
    """Return fresh budgets for one station."""
    return {
        Energy.SUCTION: Budget(SUCTION_SECONDS, SUCTION_REST_SECONDS),
        Energy.HEAT: Budget(HEAT_SECONDS, HEAT_REST_SECONDS),
        Energy.VIBRATION: Budget(VIBRATION_SECONDS, VIBRATION_REST_SECONDS),
    }
