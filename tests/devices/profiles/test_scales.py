"""What a profile of a scale may say, and that nothing in one could ever put energy into a body."""

from __future__ import annotations

import pytest

from devices.driver.base import BaseDevice
from devices.driver.device_roles import DeviceScale, roles_of, scales_of
from devices.driver.role_base import capabilities_of
from devices.driver.vocabulary import START_VERB, VERB_ARGUMENTS
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import Capability, EnergyDevice
from devices.support.file_error import FileError
from tests.helpers.made_up_twins import driven_twin
from tests.helpers.profile_snippets import profile

SCALE = """
    byte_order: big
    frame: {layout: [opcode, payload]}
    commands: {tare: {opcode: "0a"}}
    reports: {weight: {opcode: "0b", payload: [{weight_g: s16, scale: 0.1}], every_seconds: 0.2}}
"""
SIGN = "[{weight_sign: u8, is: {1: plus, 2: minus}}, {weight_g: u16, sign: weight_sign}]"
PLAIN = "[{weight_g: s16, scale: 0.1}]"


def test_it_can_be_set_to_zero_and_reports_its_weight() -> None:
    assert capabilities_of(profile(SCALE, "scale"), "scale") >= {Capability.TARE, Capability.REPORTS_WEIGHT}


def test_an_unverified_one_is_read_only() -> None:
    assert Capability.TARE not in capabilities_of(profile(SCALE, "scale"), "scale", may_control=False)


def test_a_sign_in_a_byte_of_its_own_fits() -> None:
    assert profile(SCALE.replace(PLAIN, SIGN), "scale").reported >= {"weight_g"}


@pytest.mark.parametrize(
    ("instead", "this", "says"),
    [
        (PLAIN, "[{weight_g: u16, sign: weight_sign}, {weight_sign: u8, is: {1: plus, 2: minus}}]", "before it"),
        (PLAIN, "[{weight_sign: u8, is: {1: up, 2: minus}}, {weight_g: u16, sign: weight_sign}]", "`plus` or `minus`"),
        (PLAIN, "[{weight_g: u16, unless: in_pounds}]", "true or false"),
        ('{tare: {opcode: "0a"}}', '{tare: {opcode: "0a", payload: [{level: u8}]}}', "needs values"),
        ('{tare: {opcode: "0a"}}', '{tare: {sequence: [run]}, run: {opcode: "0c"}}', "starts something"),
    ],
)
def test_what_does_not_fit_is_said(instead: str, this: str, says: str) -> None:
    with pytest.raises(FileError, match=says):
        profile(SCALE.replace(instead, this), "scale")


@pytest.mark.parametrize("other", ["pump", "warmer", "massager"])
def test_a_scale_is_nothing_else(other: str) -> None:
    with pytest.raises(FileError, match="has no other role"):
        profile(SCALE, f"scale, {other}")


def test_no_verb_of_a_scale_is_one_that_starts_anything() -> None:
    assert not VERB_ARGUMENTS["scale"].keys() & {*START_VERB.values(), "adjust", "resume", "renew"}


@pytest.mark.parametrize("id_", ["bookoo-mini-scale", "decent-scale", "weight-scale-service"])
def test_the_shipped_ones_put_no_energy_into_anybody(id_: str) -> None:
    model = Catalog.load().get(id_)
    assert isinstance(model, Profile)
    assert model.energy_roles == ()
    assert model.verbs <= {"tare"}


def test_the_role_has_none_of_the_verbs_of_energy() -> None:
    verbs = {name for name in vars(EnergyDevice) if not name.startswith("_")}
    assert verbs >= {"stop", "renew", "assume_running"}
    assert not verbs & set(dir(DeviceScale))


def only_scale(device: BaseDevice) -> DeviceScale:
    (scale,) = scales_of(device)
    return scale


async def test_a_virtual_scale_weighs_the_bottle_and_is_set_to_zero() -> None:
    async with driven_twin(profile(SCALE, "scale")) as (device, twin, clock):
        scale = only_scale(device)
        assert roles_of(device) == []
        await clock.sleep(2)
        assert scale.reading.weight_g == pytest.approx(80, abs=0.5)
        await scale.tare()
        await clock.sleep(2)
        assert scale.reading.weight_g == pytest.approx(0, abs=0.5)
        assert not twin.body.run.on
        twin.body.lift()
        await clock.sleep(2)
        assert scale.reading.weight_g == pytest.approx(-80, abs=0.5)
        twin.body.put_back()
        twin.body.bump(30, seconds=1)
        await clock.sleep(0.8)
        assert scale.reading.weight_g == pytest.approx(30, abs=0.5)
        await clock.sleep(2)
        assert scale.reading.weight_g == pytest.approx(0, abs=0.5)


async def test_a_standard_scale_indicates_its_weight_and_nothing_below_zero() -> None:
    model = Catalog.load().get("weight-scale-service")
    assert isinstance(model, Profile)
    async with driven_twin(model) as (device, twin, clock):
        scale = only_scale(device)
        await clock.sleep(3)
        assert scale.reading.weight_g in (75, 80)  # 80 g, in steps of 5 g
        assert scale.reading.battery_percent == 100
        twin.body.lift()
        for _ in range(20):  # around 0, where it cannot say that it is a little less
            await clock.sleep(1)
            assert scale.reading.weight_g in (0, 75, 80)
        assert scale.reading.weight_g == 0
        twin.body.overloaded = True
        await clock.sleep(3)
        assert scale.reading.weight_g is None
