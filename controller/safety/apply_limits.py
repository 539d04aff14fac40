"""How limits apply to a request: layer by layer, the lowest wins. Pure functions; the numbers are in `limits`.

They can only lower a request, except to a device's own minimum, where that is allowed. Vacuums are in mmHg.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from controller.safety.limits import (
    ABOVE_WARM_SECONDS,
    AUTOMATIC_VACUUM_MMHG,
    EXPRESSION_RATE_CPM,
    EXPRESSION_VACUUM_MMHG,
    FIRST_LEVEL,
    HEAT_CELSIUS,
    RAISE_STEP_MMHG,
    STIMULATION_RATE_CPM,
    STIMULATION_VACUUM_MMHG,
    SYMPTOM_VACUUM_MMHG,
    UNMAPPED_LEVEL,
    VIBRATION_INTENSITY,
    WARM_CELSIUS,
    Limit,
    OwnerLimits,
    Reason,
)
from controller.safety.message import KeyedMessage
from devices.roles import Capability, DeviceLimits, Phase, PumpSetting


def lowest(
    quantity: str, asked: float, layers: Iterable[Reason], *, step: float | None = None, least: float | None = None
) -> Limit:
    """Limit a request by layers; the lowest wins, rounded down to a multiple of `step` where the device has steps.

    `least`: the least that the device can be set to. It is the result where less was requested and it is allowed; where
    not even that is allowed, the result is 0, and the device must be off. The pace of raising never forbids `least`.
    """
    layers = tuple(layers)
    lower = sorted((layer for layer in layers if layer.allows < asked), key=lambda layer: layer.allows)
    allowed = lower[0].allows if lower else asked
    if step:
        # A rounding error is added before rounding down, so that 0.1 * 3 counts as 0.3.
        rounded = math.floor(allowed / step + 1e-9) * step
        if rounded < allowed and not lower:
            lower = [Reason(who="device", allows=rounded, key="device_steps", values={"step": step})]
        allowed = rounded
    if least is not None and allowed < least:
        most = min((layer.allows for layer in layers if layer.who != "pace"), default=math.inf)
        if least <= most:
            allowed, lower = least, [Reason(who="device", allows=least, key="device_least")]
        elif most > 0:  # else the layer that allows nothing is the reason
            allowed, lower = 0.0, [Reason(who="device", allows=0.0, key="device_least_too_much"), *lower]
    return Limit(quantity=quantity, asked=asked, allowed=max(0.0, allowed), reasons=tuple(lower))


@lru_cache(maxsize=256)
def _layer(who: str, allows: float, key: str) -> Reason:
    """Return a layer; the same one each time, since every report of every device asks for it."""
    return Reason(who=who, allows=allows, key=key)


def vacuum_layers(phase: Phase, owner: OwnerLimits, *, symptoms: bool, by_person: bool) -> list[Reason]:
    """Return the layers of every pump of a body today (mmHg). `by_person`: set by the person, here or at the pump."""
    layers = []
    if phase is Phase.STIMULATION:
        layers.append(_layer(who="hard", allows=STIMULATION_VACUUM_MMHG, key="limit_stimulation"))
        layers.append(_layer(who="owner", allows=owner.stimulation_vacuum_mmhg, key="cap_stimulation"))
    else:
        layers.append(_layer(who="hard", allows=EXPRESSION_VACUUM_MMHG, key="limit_expression"))
        if not by_person and owner.comfort_vacuum_mmhg is None:
            layers.append(_layer(who="hard", allows=AUTOMATIC_VACUUM_MMHG, key="no_comfort_cap"))
    if owner.comfort_vacuum_mmhg is not None:
        layers.append(_layer(who="owner", allows=owner.comfort_vacuum_mmhg, key="comfort_cap"))
    if symptoms:
        layers.append(_layer(who="symptoms", allows=SYMPTOM_VACUUM_MMHG, key="symptoms"))
    return layers


def level_layers(max_level: int | None, *, symptoms: bool) -> list[Reason]:
    """Return today's layers of a pump whose levels were never measured in mmHg. `max_level`: what its owner allows."""
    if max_level is None:
        layers = [_layer(who="hard", allows=UNMAPPED_LEVEL, key="levels_unmeasured")]
    else:
        layers = [_layer(who="owner", allows=max_level, key="cap_level")]
    if symptoms:
        layers.append(_layer(who="symptoms", allows=FIRST_LEVEL, key="symptoms"))
    return layers


def heat_layers(owner: OwnerLimits, *, symptoms: bool, hot: bool) -> list[Reason]:
    """Return the layers of every compress of a body today (°C). `hot`: whether there is time left above 41 °C."""
    layers = [
        _layer(who="hard", allows=HEAT_CELSIUS, key="limit_heat"),
        _layer(who="owner", allows=owner.heat_celsius, key="cap_heat"),
    ]
    if not hot:
        layers.append(
            Reason(who="hard", allows=WARM_CELSIUS, key="hot_time_over", values={"minutes": ABOVE_WARM_SECONDS / 60})
        )
    if symptoms:
        layers.append(_layer(who="symptoms", allows=0.0, key="no_heat_with_symptoms"))
    return layers


def vibration_layers(owner: OwnerLimits, *, symptoms: bool, at_full: bool = False) -> list[Reason]:
    """Return the layers of every massager today (0 to 1). `at_full`: for one that cannot run at less."""
    layers = []
    if not (at_full and owner.vibration_at_full):
        layers.append(_layer(who="hard", allows=VIBRATION_INTENSITY, key="limit_vibration"))
    if not owner.vibration:
        layers.append(_layer(who="owner", allows=0.0, key="vibration_off"))
    if symptoms:
        layers.append(_layer(who="symptoms", allows=0.0, key="no_vibration_with_symptoms"))
    return layers


class PumpLayers(NamedTuple):
    """What limits a pump now, beside its owner's caps and its own limits.

    `by_person`: set by the person's own command. `pace_mmhg`, `pace_level`: what the pace of raising allows, until the
    next raise in `pace_seconds`.
    `step_mmhg`: what the step of the routine allows, also to a person. `max_level`: what the owner allows of a pump
    with levels only. `more`: further layers of this pump, in mmHg; any of them limits levels to the first.
    """

    symptoms: bool
    by_person: bool = False
    pace_mmhg: float | None = None
    pace_level: int | None = None
    pace_seconds: float = 0.0
    step_mmhg: float | None = None
    max_level: int | None = None
    more: tuple[Reason, ...] = ()


def limit_vacuum(phase: Phase, asked_mmhg: float, owner: OwnerLimits, device: DeviceLimits, now: PumpLayers) -> Limit:
    """Limit a requested vacuum."""
    layers = [*vacuum_layers(phase, owner, symptoms=now.symptoms, by_person=now.by_person), *now.more]
    if device.vacuum_mmhg is not None:
        layers.append(Reason(who="device", allows=device.vacuum_mmhg, key="device_pump"))
    if now.step_mmhg is not None:
        layers.append(Reason(who="step", allows=now.step_mmhg, key="step"))
    if now.pace_mmhg is not None:
        values: dict[str, float | str] = {"step_mmhg": RAISE_STEP_MMHG, "seconds": math.ceil(now.pace_seconds)}
        layers.append(Reason(who="pace", allows=now.pace_mmhg, key="pace", values=values))
    return lowest("vacuum_mmhg", asked_mmhg, layers, step=1, least=device.least_vacuum_mmhg)


def limit_comfort(asked_mmhg: float, owner: OwnerLimits) -> Limit:
    """Limit a comfort cap that is requested from outside: never above the owner's settings."""
    layer = Reason(who="owner", allows=owner.comfortable_mmhg, key="comfort_cap_setting")
    return lowest("comfort_vacuum_mmhg", asked_mmhg, [layer], step=1)


def most_rate_cpm(phase: Phase) -> float:
    """Return the highest cycle rate of a phase, in cycles a minute."""
    return STIMULATION_RATE_CPM if phase is Phase.STIMULATION else EXPRESSION_RATE_CPM


def limit_rate(phase: Phase, asked_cpm: float, device: DeviceLimits) -> Limit:
    """Limit a requested cycle rate, in cycles a minute."""
    layers = [Reason(who="hard", allows=most_rate_cpm(phase), key=f"limit_rate_{phase.value}")]
    if device.rate_cpm is not None:
        layers.append(Reason(who="device", allows=device.rate_cpm, key="device_pump"))
    return lowest("rate_cpm", asked_cpm, layers, step=1)


def limit_heat(
    asked_celsius: float,
    at_most_seconds: float,
    owner: OwnerLimits,
    device: DeviceLimits,
    *,
    symptoms: bool = False,
    hot_seconds: float = ABOVE_WARM_SECONDS,
) -> Limit:
    """Limit a temperature requested for `at_most_seconds`. `hot_seconds`: what is left of the time above 41 °C."""
    hot = at_most_seconds <= min(hot_seconds, ABOVE_WARM_SECONDS)
    layers = heat_layers(owner, symptoms=symptoms, hot=hot)
    if device.celsius is not None:
        layers.append(Reason(who="device", allows=device.celsius, key="device_compress"))
    return lowest("celsius", asked_celsius, layers, step=0.5, least=device.least_celsius)


def limit_vibration(asked: float, owner: OwnerLimits, device: DeviceLimits, *, symptoms: bool = False) -> Limit:
    """Limit a requested intensity (0 to 1). A massager that is only on or off runs only where the owner allows that."""
    at_full = (device.least_intensity or 0.0) > VIBRATION_INTENSITY
    layers = vibration_layers(owner, symptoms=symptoms, at_full=at_full)
    return lowest("intensity", asked, layers, step=0.01, least=device.least_intensity)


def limit_level(asked: int, device: DeviceLimits, now: PumpLayers) -> Limit:
    """Limit a level that was never measured in mmHg: 3 at most, until the owner sets another `max_level`."""
    layers = level_layers(now.max_level, symptoms=now.symptoms)
    layers += [each.model_copy(update={"allows": float(FIRST_LEVEL)}) for each in now.more]
    if device.level is not None:
        layers.append(Reason(who="device", allows=device.level, key="device_pump"))
    if now.pace_level is not None:
        values: dict[str, float | str] = {"seconds": math.ceil(now.pace_seconds)}
        layers.append(Reason(who="pace", allows=now.pace_level, key="pace_level", values=values))
    return lowest("level", asked, layers, step=1, least=device.least_level)


def limit_seconds(asked_seconds: float, left_seconds: float, device: DeviceLimits, budget: KeyedMessage) -> Limit:
    """Limit a requested duration to `left_seconds` of the budgets, and to the device's own maximum."""
    values = {name: value for name, value in budget.values.items() if not isinstance(value, KeyedMessage)}
    layers = [Reason(who="budget", allows=left_seconds, key=budget.key, values=values)]
    if device.run_seconds is not None:
        layers.append(Reason(who="device", allows=device.run_seconds, key="device_run_seconds"))
    return lowest("seconds", asked_seconds, layers)


def limit_pump(
    asked: PumpSetting, owner: OwnerLimits, device: DeviceLimits, capabilities: frozenset[Capability], now: PumpLayers
) -> tuple[PumpSetting, tuple[Limit, ...]]:
    """Return the allowed setting, in the quantities that the pump can be set to, and the limit of each."""
    met: list[Limit] = []
    # What cannot be set is not part of the setting.
    setting = asked.model_copy(update={"vacuum_mmhg": None, "rate_cpm": None, "level": None})
    if asked.vacuum_mmhg is not None and Capability.VACUUM_MMHG in capabilities:
        vacuum = limit_vacuum(asked.phase, asked.vacuum_mmhg, owner, device, now)
        met.append(vacuum)
        setting = setting.model_copy(update={"vacuum_mmhg": vacuum.allowed})
    if asked.rate_cpm is not None and Capability.RATE_CPM in capabilities:
        rate = limit_rate(asked.phase, asked.rate_cpm, device)
        met.append(rate)
        setting = setting.model_copy(update={"rate_cpm": rate.allowed})
    if Capability.LEVELS in capabilities and Capability.VACUUM_MMHG not in capabilities:
        level = limit_level(FIRST_LEVEL if asked.level is None else asked.level, device, now)
        met.append(level)
        setting = setting.model_copy(update={"level": int(level.allowed)})
    return setting, tuple(met)
