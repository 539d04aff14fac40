"""The result that is checked in is that of the profiles as they are now, and their commands are those of buttplug."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from devices.profiles.schema import Profile
from tests.buttplug.__main__ import HERE, PAGE
from tests.buttplug.comparison import claims_buttplug, differences, ours, theirs
from tests.buttplug.drivers import COMPARED, joyhub, lovense, satisfyer, wevibe8bit
from tests.buttplug.page import page
from tests.helpers.home import catalog as shipped

PROFILES = {profile.id: profile for profile in shipped() if claims_buttplug(profile)}
RESULT: dict[str, Any] = yaml.safe_load((HERE / "compared.yaml").read_text(encoding="utf-8"))
EXPLAINED: dict[str, Any] = yaml.safe_load((HERE / "explained.yaml").read_text(encoding="utf-8"))
_AGAIN = "run python -m tests.buttplug again (tests/buttplug/README.md)"

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def test_all_profiles_that_name_buttplug_are_compared_and_no_others() -> None:
    assert set(RESULT["profiles"]) == set(PROFILES) == set(COMPARED), _AGAIN
    assert len(RESULT["commit"]) == 40


@every_profile
def test_what_was_compared_is_what_the_profile_says_now(profile: Profile) -> None:
    now = ours(profile, COMPARED[profile.id])
    assert RESULT["profiles"][profile.id]["ours"] == yaml.safe_load(yaml.safe_dump(now)), _AGAIN


@every_profile
def test_every_difference_has_the_reason_that_is_explained(profile: Profile) -> None:
    found = {each["what"]: each["why"] for each in RESULT["profiles"][profile.id]["differences"]}
    assert found == EXPLAINED.get(profile.id, {}), _AGAIN
    assert all(len(why) > 10 for why in found.values())


@every_profile
def test_each_step_that_is_sent_is_sent_as_buttplug_sends_it(profile: Profile) -> None:
    written = ours(profile, COMPARED[profile.id])["commands"]
    assert written["steps unlike"] == {}
    assert written["steps alike"] != "none"
    explained = EXPLAINED.get(profile.id, {})
    for verb in ("stop", "set_target", "off"):
        if verb in written and written[verb]["ours"] != written[verb]["buttplug"]:
            assert f"command {verb}" in explained


def test_the_page_is_that_of_the_result() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(RESULT), _AGAIN


def test_what_buttplug_s_drivers_write() -> None:
    # From its own source, and its own tests (Double Flex).
    assert joyhub(1, 255) == bytes.fromhex("a0 03 00 ff 00 00 aa")
    assert satisfyer(3, 0) == bytes(12)
    assert satisfyer(1, 50) == bytes.fromhex("32 32 32 32")
    assert lovense(10) == b"Vibrate:10;"
    assert wevibe8bit(12) == bytes.fromhex("0f 03 00 0f 0f 03 00 00")


MADE_UP: dict[str, Any] = {
    "defaults": {"features": [{"index": 0, "output": {"vibrate": {"value": [0, 255]}}}]},
    "configurations": [
        {"identifier": ["J-Melody"], "features": [{"index": 1, "output": {"vibrate": {"value": [0, 255]}}}]}
    ],
    "communication": [
        {
            "btle": {
                "names": ["J-Melody"],
                "services": {"0000ffa0-0000-1000-8000-00805f9b34fb": {"tx": "0000ffa1-0000-1000-8000-00805f9b34fb"}},
            }
        }
    ],
}


class TestTheComparisonItself:
    """That it finds what it is to find, shown on a configuration that is made up."""

    def found(self, profile: Profile, configuration: dict[str, Any]) -> dict[str, Any]:
        compared = COMPARED[profile.id]
        return dict(differences(ours(profile, compared), theirs(configuration, profile), compared))

    def test_a_profile_that_says_the_same_has_no_difference_but_the_steps_it_leaves_out(self) -> None:
        assert set(self.found(PROFILES["joyhub-melody"], MADE_UP)) == {"steps that we do not send"}

    def test_a_name_a_step_a_place_and_a_characteristic_that_differ_are_found(self) -> None:
        text = yaml.safe_dump(MADE_UP)
        assert "names that only we have" in self.found(
            PROFILES["joyhub-melody"], yaml.safe_load(text.replace("J-Melody", "J-Song"))
        )
        assert "steps" in self.found(PROFILES["joyhub-melody"], yaml.safe_load(text.replace("255", "100")))
        places = self.found(PROFILES["joyhub-melody"], yaml.safe_load(text.replace("index: 1", "index: 0")))
        assert places["outputs that we leave alone"] == {"buttplug": {"J-Melody": ["vibrate 0 up to 255"]}}
        elsewhere = self.found(PROFILES["joyhub-melody"], yaml.safe_load(text.replace("ffa1", "ffa2")))
        assert {"characteristics that only buttplug has", "characteristics that only we have"} <= set(elsewhere)

    def test_a_command_that_is_written_otherwise_is_found(self) -> None:
        """What the profile said of J-Melody before it had one of its own would have been found."""
        common = PROFILES["joyhub"].model_copy(update={"id": "joyhub-melody", "match": PROFILES["joyhub-melody"].match})
        found = self.found(common, MADE_UP)
        assert found["commands"]["ours"][255] == "tx a0 03 ff 00 00 00 aa"
