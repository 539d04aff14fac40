"""What a profile of a thermometer may say, that its indications arrive, and that nothing in one puts out energy."""

from __future__ import annotations

import pytest

from devices.driver.device_roles import DeviceThermometer, roles_of, thermometers_of
from devices.driver.role_base import capabilities_of
from devices.driver.vocabulary import VERB_ARGUMENTS, puts_energy
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import Capability, EnergyDevice
from devices.sensor_roles import Placed
from devices.support.file_error import FileError
from devices.virtual.thermometer_body import ThermometerBody
from tests.helpers.made_up_twins import driven_twin
from tests.helpers.profile_snippets import profile

PLAIN = """
    channels:
      temperature:
        service: "ffb0"
        characteristic: "ffb2"
        notify: true
        every_seconds: 1
        fields: [{celsius: s16, scale: 0.01}]
"""


def shipped() -> Profile:
    found = Catalog.load().get("health-thermometer")
    assert isinstance(found, Profile)
    return found


def test_it_reports_its_temperature_and_can_be_set_to_nothing() -> None:
    model = shipped()
    can = capabilities_of(model, "thermometer")
    assert can == {Capability.REPORTS_TEMPERATURE, Capability.REPORTS_BATTERY, Capability.REPORTS_REGULARLY}
    assert (model.energy_roles, model.verbs, VERB_ARGUMENTS["thermometer"]) == ((), frozenset(), {})
    assert not puts_energy("thermometer")


def test_the_role_has_none_of_the_verbs_of_energy() -> None:
    verbs = {name for name in vars(EnergyDevice) if not name.startswith("_")}
    assert not verbs & set(dir(DeviceThermometer))


@pytest.mark.parametrize("other", ["warmer", "scale"])
def test_a_thermometer_is_nothing_else(other: str) -> None:
    with pytest.raises(FileError, match="has no other role"):
        profile(PLAIN, f"thermometer, {other}")


@pytest.mark.parametrize("flags", ["", "{flags: u8, flags: {0: other}}, "])
def test_the_flag_of_the_unit_comes_before_the_number(flags: str) -> None:
    wrong = PLAIN.replace("[{celsius: s16, scale: 0.01}]", f"[{flags}{{celsius: medfloat32, fahrenheit_if: f}}]")
    with pytest.raises(FileError, match="fahrenheit_if: f is not a field before it"):
        profile(wrong.replace("{flags: u8, flags", "{bits: u8, flags"), "thermometer")


@pytest.mark.parametrize("model", [shipped(), profile(PLAIN, "thermometer")], ids=["indicates", "notifies"])
async def test_a_virtual_one_measures_what_it_lies_on(model: Profile) -> None:
    async with driven_twin(model) as (device, twin, clock):
        (thermometer,) = thermometers_of(device)
        assert (roles_of(device), thermometer.placed) == ([], Placed.PAD)
        body = twin.body
        assert isinstance(body, ThermometerBody)
        await clock.sleep(3)
        assert thermometer.reading.celsius == pytest.approx(24, abs=0.6)  # the room: there is no compress
        body.attach(lambda placed: {Placed.PAD: 40.0, Placed.BREAST: 36.0}[placed])
        await clock.sleep(3)
        assert thermometer.reading.celsius == pytest.approx(40, abs=0.6)
        body.fall_off()
        await clock.sleep(30)
        assert thermometer.reading.celsius == pytest.approx(24, abs=0.6)
        body.put_back()
        body.place(Placed.BREAST)
        await clock.sleep(3)
        assert thermometer.reading.celsius == pytest.approx(36, abs=0.6)
        body.silent = True
        await clock.sleep(12)
        assert thermometer.age_seconds is not None
        assert thermometer.age_seconds > 10
