"""Limits under any request, layers, owner and device: no request is raised, no layer is exceeded."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from controller.safety.apply_limits import (
    PumpLayers,
    limit_heat,
    limit_level,
    limit_pump,
    limit_rate,
    limit_vacuum,
    limit_vibration,
    lowest,
)
from controller.safety.limits import OwnerLimits, Reason
from devices.roles import Capability, DeviceLimits, Phase, PumpSetting

# Whatever is asked

values = st.floats(0, 1000, allow_nan=False).map(lambda value: round(value, 3))
reasons = st.builds(Reason, who=st.sampled_from(["hard", "owner", "device"]), allows=values, key=st.just("x"))
layers = st.lists(reasons)
steps = st.sampled_from([None, 0.01, 0.5, 1.0, 10.0])
owners = st.builds(
    OwnerLimits,
    comfort_vacuum_mmhg=st.none() | st.floats(60, 250),
    stimulation_vacuum_mmhg=st.floats(40, 120),
    heat_celsius=st.floats(36, 42),
)
devices = st.builds(
    DeviceLimits,
    vacuum_mmhg=st.none() | values,
    rate_cpm=st.none() | values,
    level=st.none() | st.integers(0, 20),
    celsius=st.none() | values,
    run_seconds=st.none() | values,
)
maybe = st.none() | values
circumstances = st.fixed_dictionaries(
    {"symptoms": st.booleans(), "by_person": st.booleans(), "pace_mmhg": maybe, "step_mmhg": maybe}
)


@given(values, layers, steps)
def test_nothing_raises_a_request_and_no_layer_is_exceeded(
    asked: float, held: list[Reason], step: float | None
) -> None:
    limit = lowest("x", asked, held, step=step)
    hair = 1e-9 * max(1.0, asked)  # of a float, not of a pump
    assert 0 <= limit.allowed <= asked + hair
    assert all(limit.allowed <= layer.allows + hair for layer in held)


@given(values, layers, reasons, steps)
def test_one_more_layer_never_allows_more(asked: float, held: list[Reason], more: Reason, step: float | None) -> None:
    assert lowest("x", asked, [*held, more], step=step).allowed <= lowest("x", asked, held, step=step).allowed


@given(values, layers, steps)
def test_rounding_goes_down_and_by_less_than_one_step(asked: float, held: list[Reason], step: float | None) -> None:
    limit = lowest("x", asked, held, step=step)
    exact = min([asked, *(layer.allows for layer in held)])
    if step is None:
        assert limit.allowed == exact
    else:
        assert exact - step < limit.allowed <= exact + 1e-8 * step
        assert math.isclose(limit.allowed / step, round(limit.allowed / step), abs_tol=1e-6)


@given(values, layers, steps)
def test_reasons_are_those_who_ask_for_less_with_the_deciding_one_first(
    asked: float, held: list[Reason], step: float | None
) -> None:
    found = lowest("x", asked, held, step=step).reasons
    assert [reason.allows for reason in found] == sorted(reason.allows for reason in found)
    lower = sorted(repr(layer) for layer in held if layer.allows < asked)
    if lower or not found:
        assert sorted(map(repr, found)) == lower
    else:  # nobody asks for less, but the device has steps
        (rounding,) = found
        assert step is not None
        assert asked - step < rounding.allows < asked


@given(st.sampled_from(Phase), values, owners, devices, circumstances)
def test_no_vacuum_is_above_any_of_its_limits_nor_a_step_below_the_lowest(
    phase: Phase, asked: float, owner: OwnerLimits, device: DeviceLimits, how: dict[str, float | None]
) -> None:
    by_itself = not how["by_person"] and owner.comfort_vacuum_mmhg is None
    bounds = [
        asked,
        min(150, owner.stimulation_vacuum_mmhg) if phase is Phase.STIMULATION else 150 if by_itself else 250,
        owner.comfort_vacuum_mmhg,
        device.vacuum_mmhg,
        100 if how["symptoms"] else None,
        how["pace_mmhg"],
        how["step_mmhg"],
    ]
    bound = min(bound for bound in bounds if bound is not None)
    assert bound - 1 < limit_vacuum(phase, asked, owner, device, PumpLayers(**how)).allowed <= bound + 1e-6


@given(values, values, owners, devices, st.floats(0, 1000))
def test_no_heat_is_above_any_of_its_limits(
    asked: float, at_most_seconds: float, owner: OwnerLimits, device: DeviceLimits, hot_seconds: float
) -> None:
    allowed = limit_heat(asked, at_most_seconds, owner, device, hot_seconds=hot_seconds).allowed - 1e-6
    assert allowed <= min(asked, 42, owner.heat_celsius)
    assert device.celsius is None or allowed <= device.celsius
    if at_most_seconds > 600 or at_most_seconds > hot_seconds:
        assert allowed <= 41


@given(st.integers(0, 20), devices, st.none() | st.integers(1, 20), st.booleans(), st.none() | st.integers(0, 20))
def test_a_level_is_the_lowest_of_its_limits(
    asked: int, device: DeviceLimits, max_level: int | None, symptoms: bool, pace: int | None
) -> None:
    bounds = [asked, 3 if max_level is None else max_level, device.level, 1 if symptoms else None, pace]
    limit = limit_level(asked, device, PumpLayers(symptoms, max_level=max_level, pace_level=pace))
    assert limit.allowed == min(bound for bound in bounds if bound is not None)


@given(st.floats(0, 1))
def test_vibration_stays_in_the_lowest_third(asked: float) -> None:
    assert limit_vibration(asked, OwnerLimits(vibration=True), DeviceLimits()).allowed <= min(asked + 1e-9, 1 / 3)


@given(st.sampled_from(Phase), values, owners, devices, circumstances)
def test_a_pump_is_set_to_what_its_vacuum_and_its_rate_are_limited_to(
    phase: Phase, asked: float, owner: OwnerLimits, device: DeviceLimits, how: dict[str, float | None]
) -> None:
    request = PumpSetting(phase=phase, vacuum_mmhg=asked, rate_cpm=asked + 1)
    can = frozenset({Capability.VACUUM_MMHG, Capability.RATE_CPM})
    setting, limits = limit_pump(request, owner, device, can, PumpLayers(**how))
    assert limits == (
        limit_vacuum(phase, asked, owner, device, PumpLayers(**how)),
        limit_rate(phase, asked + 1, device),
    )
    assert (setting.vacuum_mmhg, setting.rate_cpm) == tuple(limit.allowed for limit in limits)
    assert (setting.phase, setting.side) == (request.phase, request.side)
