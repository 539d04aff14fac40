"""How a wish meets the limits: layer by layer, the lowest wins. Pure; the numbers are in `safety`.

Everything here can only lower a wish, but for a device's own minimum, where that is allowed. Vacuums are mmHg.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from controller.safety import (
    ABOVE_WARM_SECONDS,
    AUTOMATIC_VACUUM_MMHG,
    EXPRESSION_RATE_CPM,
    EXPRESSION_VACUUM_MMHG,
    FIRST_LEVEL,
    HEAT_CELSIUS,
    RAISE_EVERY_SECONDS,
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
from devices.roles import Capability, DeviceLimits, Phase, PumpSetting


def lowest(
    quantity: str, asked: float, layers: Iterable[Reason], *, step: float | None = None, least: float | None = None
) -> Limit:
    """Hold a wish against layers; the lowest wins, rounded down to a multiple of `step` where the device has steps.

    `least`: the least that the device can be set to. Where less was asked and that is allowed, it is that; where not
    even that is allowed, it is 0, and the device must be off. The pace of raising keeps no device from its least.
    """
    layers = tuple(layers)
    lower = sorted((layer for layer in layers if layer.allows < asked), key=lambda layer: layer.allows)
    allowed = lower[0].allows if lower else asked
    if step:
        # A hair is added before rounding down, so that 0.1 * 3 counts as 0.3.
        rounded = math.floor(allowed / step + 1e-9) * step
        if rounded < allowed and not lower:
            lower = [Reason(who="device", allows=rounded, words=f"steps of {step:g}")]
        allowed = rounded
    if least is not None and allowed < least:
        most = min((layer.allows for layer in layers if layer.who != "pace"), default=math.inf)
        if most <= 0:
            allowed = 0.0  # why, the layers say
        elif least <= most:
            allowed, lower = least, [Reason(who="device", allows=least, words="the least that it can do")]
        else:
            allowed = 0.0
            if most > 0:  # else what allows nothing at all says why
                words = f"even the least that it can do, {least:g}, is more than is allowed"
                lower = [Reason(who="device", allows=0.0, words=words), *lower]
    return Limit(quantity=quantity, asked=asked, allowed=max(0.0, allowed), reasons=tuple(lower))


def vacuum_layers(phase: Phase, owner: OwnerLimits, *, symptoms: bool, by_person: bool) -> list[Reason]:
    """Return what holds for every pump of a body today. `by_person`: at the person's own command, or at the pump."""
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
    if symptoms:
        layers.append(Reason(who="symptoms", allows=SYMPTOM_VACUUM_MMHG, words="today's symptoms"))
    return layers


def level_layers(max_level: int | None, *, symptoms: bool) -> list[Reason]:
    """Return what holds today for a pump whose levels nobody measured. `max_level`: what its owner allows."""
    if max_level is None:
        layers = [Reason(who="hard", allows=UNMAPPED_LEVEL, words="nobody measured this pump's levels")]
    else:
        layers = [Reason(who="owner", allows=max_level, words="your max_level for this pump")]
    if symptoms:
        layers.append(Reason(who="symptoms", allows=FIRST_LEVEL, words="today's symptoms"))
    return layers


def heat_layers(owner: OwnerLimits, *, symptoms: bool, hot: bool) -> list[Reason]:
    """Return what holds for every compress of a body today. `hot`: whether there is time left above 41 °C."""
    layers = [
        Reason(who="hard", allows=HEAT_CELSIUS, words="the limit for heat"),
        Reason(who="owner", allows=owner.heat_celsius, words="your cap for heat"),
    ]
    if not hot:
        layers.append(Reason(who="hard", allows=WARM_CELSIUS, words="ten minutes above it"))
    if symptoms:
        layers.append(Reason(who="symptoms", allows=0.0, words="no heat on a day with symptoms"))
    return layers


def vibration_layers(owner: OwnerLimits, *, symptoms: bool, at_full: bool = False) -> list[Reason]:
    """Return what holds for every massager today. `at_full`: for one that cannot run at less."""
    layers = []
    if not (at_full and owner.vibration_at_full):
        layers.append(Reason(who="hard", allows=VIBRATION_INTENSITY, words="only the lowest third is used"))
    if not owner.vibration:
        layers.append(Reason(who="owner", allows=0.0, words="vibration is off until you turn it on in the settings"))
    if symptoms:
        layers.append(Reason(who="symptoms", allows=0.0, words="no vibration on a day with symptoms"))
    return layers


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
    more: Iterable[Reason] = (),
) -> Limit:
    """Limit a wished vacuum. `by_person`: by the person's own command.

    `pace_mmhg`: what the pace of raising allows. `step_mmhg`: what the step of the routine allows, to a person, too.
    `more`: what else holds for this pump now.
    """
    layers = [*vacuum_layers(phase, owner, symptoms=symptoms, by_person=by_person), *more]
    if device.vacuum_mmhg is not None:
        layers.append(Reason(who="device", allows=device.vacuum_mmhg, words="what the pump can do"))
    if step_mmhg is not None:
        layers.append(Reason(who="step", allows=step_mmhg, words="this step of the routine"))
    if pace_mmhg is not None:
        words = f"one step of {RAISE_STEP_MMHG:g} in {RAISE_EVERY_SECONDS:g} s"
        layers.append(Reason(who="pace", allows=pace_mmhg, words=words))
    return lowest("vacuum_mmhg", asked_mmhg, layers, step=1, least=device.least_vacuum_mmhg)


def limit_comfort(asked_mmhg: float, owner: OwnerLimits) -> Limit:
    """Limit a comfort cap that is asked for from outside: never above what the owner's settings say."""
    layer = Reason(who="owner", allows=owner.comfortable_mmhg, words="limits.comfort_vacuum_mmhg in your settings")
    return lowest("comfort_vacuum_mmhg", asked_mmhg, [layer], step=1)


def most_rate_cpm(phase: Phase) -> float:
    """Return the highest cycle rate of a phase."""
    return STIMULATION_RATE_CPM if phase is Phase.STIMULATION else EXPRESSION_RATE_CPM


def limit_rate(phase: Phase, asked_cpm: float, device: DeviceLimits) -> Limit:
    """Limit a wished cycle rate."""
    layers = [Reason(who="hard", allows=most_rate_cpm(phase), words=f"the limit for {phase.value}")]
    if device.rate_cpm is not None:
        layers.append(Reason(who="device", allows=device.rate_cpm, words="what the pump can do"))
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
    """Limit a wished temperature for the time it is to last. `hot_seconds`: what is left of the time above 41 °C."""
    hot = at_most_seconds <= min(hot_seconds, ABOVE_WARM_SECONDS)
    layers = heat_layers(owner, symptoms=symptoms, hot=hot)
    if device.celsius is not None:
        layers.append(Reason(who="device", allows=device.celsius, words="what the compress can do"))
    return lowest("celsius", asked_celsius, layers, step=0.5, least=device.least_celsius)


def limit_vibration(asked: float, owner: OwnerLimits, device: DeviceLimits, *, symptoms: bool = False) -> Limit:
    """Limit a wished intensity (0 to 1). A massager that is only on or off runs only where the owner says so."""
    at_full = (device.least_intensity or 0.0) > VIBRATION_INTENSITY
    layers = vibration_layers(owner, symptoms=symptoms, at_full=at_full)
    return lowest("intensity", asked, layers, step=0.01, least=device.least_intensity)


def limit_level(
    asked: int,
    device: DeviceLimits,
    *,
    max_level: int | None,
    symptoms: bool,
    pace: int | None,
    more: Iterable[Reason] = (),
) -> Limit:
    """Limit a level that nobody measured in mmHg: the third at most, until the owner names another `max_level`."""
    layers = [*level_layers(max_level, symptoms=symptoms), *more]
    if device.level is not None:
        layers.append(Reason(who="device", allows=device.level, words="what the pump can do"))
    if pace is not None:
        layers.append(Reason(who="pace", allows=pace, words=f"one level in {RAISE_EVERY_SECONDS:g} s"))
    return lowest("level", asked, layers, step=1, least=device.least_level)


def limit_seconds(asked_seconds: float, left_seconds: float, device: DeviceLimits, words: str) -> Limit:
    """Limit a wished duration to what is `left_seconds` of the allowed time, and to the device's own maximum."""
    layers = [Reason(who="budget", allows=left_seconds, words=words)]
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
    more: Iterable[Reason] = (),
) -> tuple[PumpSetting, tuple[Limit, ...]]:
    """Return the setting that is allowed, in what the pump can be told, and the limits met on the way.

    `more`: what else holds for this pump now, in mmHg; a pump with levels only is held to its first level by it.
    """
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
            more=more,
        )
        limits.append(vacuum)
        setting = setting.model_copy(update={"vacuum_mmhg": vacuum.allowed})
    if asked.rate_cpm is not None and Capability.RATE_CPM in capabilities:
        rate = limit_rate(asked.phase, asked.rate_cpm, device)
        limits.append(rate)
        setting = setting.model_copy(update={"rate_cpm": rate.allowed})
    if Capability.LEVELS in capabilities and Capability.VACUUM_MMHG not in capabilities:
        wish = FIRST_LEVEL if asked.level is None else asked.level
        first = [each.model_copy(update={"allows": float(FIRST_LEVEL)}) for each in more]
        level = limit_level(wish, device, max_level=max_level, symptoms=symptoms, pace=pace_level, more=first)
        limits.append(level)
        setting = setting.model_copy(update={"level": int(level.allowed)})
    return setting, tuple(limits)
