"""What limits a body and its devices today: the same layers as the envelope, the deciding one first."""

from __future__ import annotations

from typing import Any

import pytest

from controller.safety.apply_limits import limit_heat, limit_vacuum
from controller.safety.ceilings import Ceiling, body_ceilings, device_ceilings
from controller.safety.envelope import Layers, OpenBlock, allowance_on, envelope
from controller.safety.limits import Energy, OwnerLimits
from devices.roles import Capability, DeviceLimits, Phase, Side

OWNER = OwnerLimits(comfort_vacuum_mmhg=140, stimulation_vacuum_mmhg=90, heat_celsius=40, vibration=True)


class Device:
    """What the ceilings read of a device."""

    def __init__(self, role: str, *can: Capability, max_level: int | None = None, **limits: float) -> None:
        self.role = role
        self.capabilities = frozenset({Capability.START, *can})
        self.limits = DeviceLimits(**limits)
        self.max_level = max_level


def found(ceilings: tuple[Ceiling, ...]) -> dict[str, tuple[float, str]]:
    """The value and the deciding layer of each."""
    return {each.id: (each.allows, each.reasons[0].key if each.reasons else "") for each in ceilings}


def of(device: Any, **layers: Any) -> dict[str, tuple[float, str]]:
    return found(device_ceilings(device, Layers(**{"owner": OWNER, **layers})))


def test_the_caps_of_the_owner_decide_where_they_are_lower() -> None:
    assert found(body_ceilings(Layers(owner=OWNER))) == {
        "stimulation_vacuum": (90, "cap_stimulation"),
        "expression_vacuum": (140, "comfort_cap"),
        "stimulation_rate": (125, "limit_rate_stimulation"),
        "expression_rate": (90, "limit_rate_expression"),
        "heat": (40, "cap_heat"),
        "vibration": (pytest.approx(1 / 3), "limit_vibration"),
    }


def test_without_settings_the_hard_limits_decide() -> None:
    values = found(body_ceilings(Layers(owner=OwnerLimits())))
    assert values["expression_vacuum"] == (150, "no_comfort_cap")
    assert values["heat"] == (42, "limit_heat")
    assert values["vibration"] == (0, "vibration_off")


def test_every_layer_is_named_and_the_lowest_comes_first() -> None:
    expression = body_ceilings(Layers(owner=OWNER, symptoms=True))[1]
    assert [(each.who, each.allows) for each in expression.reasons] == [
        ("symptoms", 100),
        ("owner", 140),
        ("hard", 250),
    ]


@pytest.mark.parametrize(("budget", "energy"), [("suction", "expression_vacuum"), ("heat", "heat")])
def test_an_energy_that_is_used_up_allows_nothing(budget: str, energy: str) -> None:
    layers = Layers(owner=OWNER, left_seconds={budget: 0.0})
    assert found(body_ceilings(layers))[energy] == (0, f"used_up_{budget}")


@pytest.mark.parametrize("symptoms", [False, True])
@pytest.mark.parametrize("energy", list(Energy))
def test_a_ceiling_is_what_the_envelope_of_an_open_block_would_be(energy: Energy, symptoms: bool) -> None:
    block = OpenBlock(energy=energy, side=Side.BOTH, until_seconds=10)
    layers = Layers(owner=OWNER, symptoms=symptoms, blocks=(block,))
    name = {Energy.SUCTION: "expression_vacuum", Energy.HEAT: "heat", Energy.VIBRATION: "vibration"}[energy]
    allowance = allowance_on(envelope(layers, 0), energy, Side.LEFT)
    assert found(body_ceilings(layers))[name][0] == allowance.most


def test_a_device_has_its_own_limits_beside_those_of_the_body() -> None:
    pump = Device("pump", Capability.VACUUM_MMHG, Capability.RATE_CPM, vacuum_mmhg=120, rate_cpm=80)
    assert of(pump) == {
        "stimulation_vacuum": (90, "cap_stimulation"),
        "expression_vacuum": (120, "device_pump"),
        "stimulation_rate": (80, "device_pump"),
        "expression_rate": (80, "device_pump"),
    }
    pad = Device("warmer", Capability.TARGET_CELSIUS, celsius=38)
    assert of(pad) == {"heat": (38, "device_compress")}


def test_a_pump_with_levels_alone_is_limited_in_levels() -> None:
    assert of(Device("pump", Capability.LEVELS)) == {"level": (3, "levels_unmeasured")}
    assert of(Device("pump", Capability.LEVELS, max_level=5, level=4)) == {"level": (4, "device_pump")}
    assert of(Device("pump", Capability.LEVELS), symptoms=True) == {"level": (1, "symptoms")}


def test_a_device_that_cannot_go_low_enough_must_stay_off() -> None:
    strong = Device("pump", Capability.VACUUM_MMHG, least_vacuum_mmhg=200)
    assert of(strong)["expression_vacuum"] == (0, "device_least_too_much")


def test_what_cannot_be_started_or_set_has_no_limits_here() -> None:
    watched = Device("pump", Capability.VACUUM_MMHG)
    watched.capabilities = frozenset({Capability.VACUUM_MMHG})
    assert of(watched) == {}
    assert of(Device("pump")) == {}
    assert of(Device("warmer")) == {}


def test_a_massager_that_is_only_on_or_off_runs_only_where_its_owner_allows_that() -> None:
    massager = Device("massager", least_intensity=1.0)
    assert of(massager)["vibration"] == (0, "device_least_too_much")
    at_full = OwnerLimits(vibration=True, vibration_at_full=True)
    assert of(massager, owner=at_full)["vibration"] == (1, "")


def test_a_request_above_a_ceiling_is_limited_to_it() -> None:
    """The commands come to the same result by their own functions."""
    from controller.safety.apply_limits import PumpLayers

    device = DeviceLimits(vacuum_mmhg=200, celsius=41)
    vacuum = limit_vacuum(Phase.EXPRESSION, 250, OWNER, device, PumpLayers(symptoms=False))
    assert vacuum.allowed == of(Device("pump", Capability.VACUUM_MMHG, vacuum_mmhg=200))["expression_vacuum"][0]
    heat = limit_heat(42, 60, OWNER, device)
    assert heat.allowed == of(Device("warmer", Capability.TARGET_CELSIUS, celsius=41))["heat"][0]
