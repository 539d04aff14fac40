"""The envelope: what a body may feel, and what is done with a device that is outside of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.envelope import (
    NOTHING,
    Allowance,
    AppliedEnergy,
    Correction,
    Layers,
    OpenBlock,
    Situation,
    allowance_on,
    applied_energy,
    envelope,
    excess,
    highest_plausible,
    verdict,
)
from controller.safety.limits import AUTOMATIC_VACUUM_MMHG, BUDGETS, HOT, UNMEASURED, Energy, OwnerLimits, Reason
from controller.safety.message import message
from devices.roles import MassagerReading, Phase, PumpReading, Reading, RunState, Side, WarmerReading

SIDES = (Side.LEFT, Side.RIGHT)

seconds = st.floats(0, 1e4)
owners = st.builds(
    OwnerLimits,
    comfort_vacuum_mmhg=st.none() | st.floats(60, 250),
    stimulation_vacuum_mmhg=st.floats(40, 120),
    heat_celsius=st.floats(36, 42),
    vibration=st.booleans(),
    vibration_at_full=st.booleans(),
)
blocks = st.builds(
    OpenBlock,
    energy=st.sampled_from(Energy),
    side=st.sampled_from(Side),
    until_seconds=seconds,
    phase=st.sampled_from(Phase),
    most=st.none() | st.floats(0, 300),
    by_person=st.booleans(),
    at_full=st.booleans(),
)
left = st.dictionaries(st.sampled_from(sorted(BUDGETS)), st.floats(0, 2000))
layers = st.builds(
    Layers,
    owner=owners,
    symptoms=st.booleans(),
    left_seconds=left,
    blocks=st.lists(blocks, max_size=4).map(tuple),
)


def most(found: Mapping[tuple[Energy, Side], Allowance], energy: Energy, side: Side) -> float:
    return found[energy, side].most if (energy, side) in found else 0.0


def never_more(less: Layers, more: Layers, now_seconds: float, then_seconds: float | None = None) -> None:
    later = now_seconds if then_seconds is None else then_seconds
    lower, higher = envelope(less, later), envelope(more, now_seconds)
    for energy in Energy:
        for side in SIDES:
            assert most(lower, energy, side) <= most(higher, energy, side)


# Layers can only take away


@given(layers, seconds)
def test_a_day_with_symptoms_never_allows_more(held: Layers, now_seconds: float) -> None:
    never_more(held.model_copy(update={"symptoms": True}), held.model_copy(update={"symptoms": False}), now_seconds)


@given(layers, seconds, st.sampled_from(sorted(BUDGETS)))
def test_a_budget_that_is_used_up_never_allows_more(held: Layers, now_seconds: float, budget: str) -> None:
    used_up = held.model_copy(update={"left_seconds": {**held.left_seconds, budget: 0.0}})
    never_more(used_up, held, now_seconds)


@given(layers, seconds, st.floats(60, 250))
def test_a_lower_comfort_cap_never_allows_more(held: Layers, now_seconds: float, cap_mmhg: float) -> None:
    before_mmhg = held.owner.comfort_vacuum_mmhg
    if before_mmhg is None:  # then 150 mmHg hold, until the person says otherwise
        cap_mmhg = min(cap_mmhg, AUTOMATIC_VACUUM_MMHG)
    lower = held.owner.model_copy(update={"comfort_vacuum_mmhg": min(cap_mmhg, before_mmhg or math.inf)})
    never_more(held.model_copy(update={"owner": lower}), held, now_seconds)


@given(layers, seconds, st.floats(36, 42), st.floats(40, 120))
def test_lower_caps_of_the_owner_never_allow_more(
    held: Layers, now_seconds: float, celsius: float, mmhg: float
) -> None:
    owner = held.owner
    lower = owner.model_copy(
        update={
            "heat_celsius": min(celsius, owner.heat_celsius),
            "stimulation_vacuum_mmhg": min(mmhg, owner.stimulation_vacuum_mmhg),
            "vibration": False,
            "vibration_at_full": False,
        }
    )
    never_more(held.model_copy(update={"owner": lower}), held, now_seconds)


@given(layers, seconds, blocks)
def test_one_more_block_of_an_energy_never_allows_more_where_there_is_one(
    held: Layers, now_seconds: float, block: OpenBlock
) -> None:
    """Two stations of one body: the stricter of their blocks holds for both."""
    before = envelope(held, now_seconds)
    after = envelope(held.model_copy(update={"blocks": (*held.blocks, block)}), now_seconds)
    for key, allowance in before.items():
        assert after[key].most <= allowance.most
    for energy, side in after.keys() - before.keys():
        assert energy is block.energy
        assert block.side.covers(side)


@given(layers, seconds, st.floats(0, 1e4))
def test_time_that_passes_never_allows_more(held: Layers, now_seconds: float, later_seconds: float) -> None:
    """But for a stricter block of the same energy and side that is over: what it held back was never another's."""
    each_once = {(block.energy, block.side): block for block in held.blocks if block.side is not Side.BOTH}
    held = held.model_copy(update={"blocks": tuple(each_once.values())})
    never_more(held, held, now_seconds, now_seconds + later_seconds)


# Everything has an end, and nothing is there without a block


@given(layers, seconds)
def test_every_allowance_has_an_end_and_belongs_to_an_open_block(held: Layers, now_seconds: float) -> None:
    for (energy, side), allowance in envelope(held, now_seconds).items():
        assert now_seconds < allowance.until_seconds < math.inf
        ends = [each.until_seconds for each in held.blocks if each.energy is energy and each.side.covers(side)]
        assert allowance.until_seconds in ends


@given(owners, st.booleans(), left, seconds)
def test_without_a_block_everything_is_zero(
    owner: OwnerLimits, symptoms: bool, left_seconds: dict[str, float], now_seconds: float
) -> None:
    found = envelope(Layers(owner=owner, symptoms=symptoms, left_seconds=left_seconds), now_seconds)
    for energy in Energy:
        for side in Side:
            assert allowance_on(found, energy, side).most == 0
            assert allowance_on(found, energy, side) == NOTHING


@given(layers)
def test_when_the_last_block_is_over_everything_is_zero(held: Layers) -> None:
    end_seconds = max((block.until_seconds for block in held.blocks), default=0.0)
    assert envelope(held, end_seconds) == {}


HARD = {
    (Energy.SUCTION, Phase.STIMULATION): 150.0,
    (Energy.SUCTION, Phase.EXPRESSION): 250.0,
    (Energy.HEAT, Phase.STIMULATION): 42.0,
    (Energy.HEAT, Phase.EXPRESSION): 42.0,
}


@given(layers, seconds)
def test_no_layer_and_no_block_exceeds_a_hard_limit(held: Layers, now_seconds: float) -> None:
    by_energy = {block.energy: block for block in held.blocks}
    held = held.model_copy(update={"blocks": tuple(by_energy.values())})
    for (energy, _), allowance in envelope(held, now_seconds).items():
        if energy is Energy.VIBRATION:
            at_full = by_energy[energy].at_full and held.owner.vibration_at_full
            assert allowance.most <= (1.0 if at_full else 1 / 3)
        else:
            assert allowance.most <= HARD[energy, by_energy[energy].phase]


def block(
    energy: Energy = Energy.SUCTION, side: Side = Side.BOTH, until_seconds: float = 60, **more: object
) -> OpenBlock:
    return OpenBlock.model_validate({"energy": energy, "side": side, "until_seconds": until_seconds, **more})


@pytest.mark.parametrize(
    ("held", "energy", "allowed", "who"),
    [
        (Layers(owner=OwnerLimits()), Energy.SUCTION, 150, "hard"),
        (Layers(owner=OwnerLimits(comfort_vacuum_mmhg=180)), Energy.SUCTION, 180, "owner"),
        (Layers(owner=OwnerLimits(comfort_vacuum_mmhg=180), symptoms=True), Energy.SUCTION, 100, "symptoms"),
        (Layers(owner=OwnerLimits(), left_seconds={"suction": 0.0}), Energy.SUCTION, 0, "budget"),
        (Layers(owner=OwnerLimits(heat_celsius=40)), Energy.HEAT, 40, "owner"),
        (Layers(owner=OwnerLimits(), symptoms=True), Energy.HEAT, 0, "symptoms"),
        (Layers(owner=OwnerLimits(), left_seconds={HOT: 0.0}), Energy.HEAT, 41, "hard"),
        (Layers(owner=OwnerLimits(), left_seconds={UNMEASURED: 0.0}), Energy.HEAT, 0, "budget"),
        (Layers(owner=OwnerLimits(), left_seconds={"heat": 0.0}), Energy.HEAT, 0, "budget"),
        (Layers(owner=OwnerLimits()), Energy.VIBRATION, 0, "owner"),
        (Layers(owner=OwnerLimits(vibration=True)), Energy.VIBRATION, 1 / 3, "hard"),
        (Layers(owner=OwnerLimits(vibration=True), left_seconds={"vibration": 0.0}), Energy.VIBRATION, 0, "budget"),
    ],
)
def test_the_layer_that_decides_is_named_first(held: Layers, energy: Energy, allowed: float, who: str) -> None:
    found = envelope(held.model_copy(update={"blocks": (block(energy),)}), 0.0)
    for side in SIDES:
        assert found[energy, side].most == pytest.approx(allowed)
        assert found[energy, side].reasons[0].who == who


def test_a_step_of_a_routine_holds_whoever_asks() -> None:
    held = Layers(owner=OwnerLimits(comfort_vacuum_mmhg=200), blocks=(block(most=60.0, by_person=True),))
    assert envelope(held, 0.0)[Energy.SUCTION, Side.LEFT].most == 60


def test_a_block_on_one_side_allows_nothing_on_the_other() -> None:
    found = envelope(Layers(owner=OwnerLimits(), blocks=(block(side=Side.LEFT),)), 0.0)
    assert allowance_on(found, Energy.SUCTION, Side.LEFT).most == 150
    assert allowance_on(found, Energy.SUCTION, Side.RIGHT) == NOTHING


def test_a_device_of_both_sides_may_do_what_the_gentler_side_may() -> None:
    held = Layers(owner=OwnerLimits(), blocks=(block(side=Side.LEFT), block(side=Side.RIGHT, most=70.0)))
    assert allowance_on(envelope(held, 0.0), Energy.SUCTION, Side.BOTH).most == 70


# What a device says


@pytest.mark.parametrize(
    ("reading", "on"),
    [
        (PumpReading(run_state=RunState.RUNNING), True),
        (PumpReading(run_state=RunState.STOPPED), False),
        (PumpReading(run_state=RunState.PAUSED), False),
        (PumpReading(run_state=RunState.STOPPED, vacuum_mmhg=59.9), False),
        (PumpReading(run_state=RunState.STOPPED, vacuum_mmhg=60), True),
        (PumpReading(run_state=RunState.STOPPED, peak_vacuum_mmhg=200), False),
        (PumpReading(), None),
        (WarmerReading(run_state=RunState.STOPPED, surface_celsius=41), False),
        (WarmerReading(), None),
        (MassagerReading(run_state=RunState.STOPPED, intensity=0.0), False),
        (MassagerReading(intensity=0.1), True),
        (MassagerReading(), None),
    ],
)
def test_a_device_is_on_by_what_it_does_not_only_by_its_run_state(reading: Reading, on: bool | None) -> None:
    assert applied_energy(reading).on is on


@pytest.mark.parametrize("state", RunState)
def test_a_compress_that_gets_warmer_is_on_whatever_it_reports(state: RunState) -> None:
    assert applied_energy(WarmerReading(run_state=state), rises=True).on is True


@pytest.mark.parametrize("reading", [PumpReading(), WarmerReading(), MassagerReading()])
def test_what_was_started_from_here_counts_as_on_where_it_never_reports(reading: Reading) -> None:
    assert applied_energy(reading, started=True).on is True


# Verdicts

UNITS = {Energy.SUCTION: 100.0, Energy.HEAT: 40.0, Energy.VIBRATION: 0.3}
MORE = {Energy.SUCTION: 1.0, Energy.HEAT: 0.5, Energy.VIBRATION: 0.05}


def allowance(energy: Energy, allowed: float | None = None) -> Allowance:
    return Allowance(most=UNITS[energy] if allowed is None else allowed, until_seconds=60.0)


@pytest.mark.parametrize("energy", Energy)
@pytest.mark.parametrize("can_set", [True, False])
@pytest.mark.parametrize(
    ("situation", "manual_use", "above", "do"),
    [
        (Situation.BLOCK, "watch", False, Correction.NOTHING),
        (Situation.BLOCK, "watch", True, Correction.LOWER),
        (Situation.BLOCK, "stop", False, Correction.NOTHING),
        (Situation.BLOCK, "stop", True, Correction.LOWER),
        (Situation.OFF, "watch", False, Correction.STOP),
        (Situation.OFF, "watch", True, Correction.STOP),
        (Situation.OFF, "stop", False, Correction.STOP),
        (Situation.OFF, "stop", True, Correction.STOP),
        (Situation.MANUAL_USE, "watch", False, Correction.REPORT),
        (Situation.MANUAL_USE, "watch", True, Correction.LOWER),
        (Situation.MANUAL_USE, "stop", False, Correction.STOP),
        (Situation.MANUAL_USE, "stop", True, Correction.STOP),
    ],
)
def test_what_is_done_with_a_device_that_is_on(
    energy: Energy, can_set: bool, situation: Situation, manual_use: str, above: bool, do: Correction
) -> None:
    seen = AppliedEnergy(on=True, commanded=UNITS[energy] + (MORE[energy] if above else 0.0))
    found = verdict(seen, allowance(energy), situation, energy, can_set=can_set, manual_use=manual_use)
    assert found.correction is (Correction.STOP if do is Correction.LOWER and not can_set else do)
    assert (found.why is not None) is (do is not Correction.NOTHING)


@pytest.mark.parametrize("on", [False, None])
@pytest.mark.parametrize("situation", Situation)
@pytest.mark.parametrize("energy", Energy)
def test_nothing_is_done_with_a_device_that_is_not_on(energy: Energy, situation: Situation, on: bool | None) -> None:
    seen = AppliedEnergy(on=on, commanded=999.0, measured=999.0)
    found = verdict(seen, allowance(energy), situation, energy, can_set=True, manual_use="stop")
    assert found.correction is Correction.NOTHING


@pytest.mark.parametrize("situation", [Situation.BLOCK, Situation.MANUAL_USE])
@pytest.mark.parametrize("energy", Energy)
def test_where_a_layer_allows_nothing_a_device_is_stopped_not_lowered(energy: Energy, situation: Situation) -> None:
    reasons = (Reason(who="symptoms", allows=0.0, key="symptoms"),)
    zero = Allowance(most=0.0, until_seconds=60.0, reasons=reasons)
    found = verdict(AppliedEnergy(on=True, commanded=0.01), zero, situation, energy, can_set=True)
    assert (found.correction, found.why) == (Correction.STOP, message("symptoms"))


@given(
    st.sampled_from(Energy),
    st.sampled_from(Situation),
    st.floats(0, 300),
    st.none() | st.floats(0, 400),
    st.none() | st.floats(0, 400),
    st.booleans(),
    st.sampled_from(["watch", "stop"]),
)
def test_a_device_set_above_its_allowance_is_never_left_alone(
    energy: Energy,
    situation: Situation,
    allowed: float,
    commanded: float | None,
    measured: float | None,
    can_set: bool,
    manual_use: str,
) -> None:
    seen = AppliedEnergy(on=True, commanded=commanded, measured=measured)
    found = verdict(seen, allowance(energy, allowed), situation, energy, can_set=can_set, manual_use=manual_use)
    above = (commanded or 0.0) > allowed + 0.005 or (measured or 0.0) > highest_plausible(allowed, energy)
    if above:
        assert found.correction in (Correction.LOWER, Correction.STOP)
    elif situation is Situation.BLOCK:
        assert found.correction is Correction.NOTHING
    if not can_set:
        assert found.correction is not Correction.LOWER


@pytest.mark.parametrize(
    ("allowed", "measured", "above"),
    [(100, 130, False), (100, 130.1, True), (0, 31, True), (240, 260, False), (240, 260.1, True), (250, 261, True)],
)
def test_a_pump_may_measure_30_above_and_never_more_than_260(allowed: float, measured: float, above: bool) -> None:
    words = excess(AppliedEnergy(on=True, measured=measured), allowed, Energy.SUCTION, most_level=None)
    assert (words is not None) is above


@pytest.mark.parametrize(("measured", "above"), [(41.5, False), (41.6, True)])
def test_a_compress_may_measure_one_and_a_half_degrees_above(measured: float, above: bool) -> None:
    words = excess(AppliedEnergy(on=True, measured=measured), 40, Energy.HEAT, most_level=None)
    assert (words is not None) is above


def test_what_is_measured_counts_only_once_a_device_had_time_to_follow() -> None:
    seen = AppliedEnergy(on=True, measured=200.0)
    assert excess(seen, 100, Energy.SUCTION, most_level=None, had_time_to_follow=False) is None
    assert excess(seen, 100, Energy.SUCTION, most_level=None, had_time_to_follow=True) is not None


@pytest.mark.parametrize(("level", "most_level", "above"), [(3, 3, False), (4, 3, True), (9, None, False)])
def test_a_level_is_held_to_the_highest_of_today(level: int, most_level: int | None, above: bool) -> None:
    words = excess(AppliedEnergy(on=True, level=level), 100, Energy.SUCTION, most_level=most_level)
    assert (words is not None) is above


@pytest.mark.parametrize(
    ("phase", "rate_cpm", "above"),
    [
        (Phase.STIMULATION, 135, False),
        (Phase.STIMULATION, 136, True),
        (Phase.EXPRESSION, 100, False),
        (Phase.EXPRESSION, 101, True),
        (None, 135, False),
        (None, 136, True),
    ],
)
def test_a_pump_may_run_ten_cycles_a_minute_faster_than_its_phase_allows(
    phase: Phase | None, rate_cpm: float, above: bool
) -> None:
    words = excess(AppliedEnergy(on=True, rate_cpm=rate_cpm, phase=phase), 100, Energy.SUCTION, most_level=None)
    assert (words is not None) is above
