"""What a controller publishes about itself: enough for an app to offer every choice, and nothing that is private."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from controller.contract.about import CONTRACT_VERSION, About
from controller.contract.words import languages, load_words
from controller.safety.limits import OwnerLimits
from controller.service.describe_node import describe_node
from controller.session.routine import load_routines
from tests.helpers.home import running_home


async def about(owner: OwnerLimits = OwnerLimits()) -> About:  # noqa: B008 - frozen
    async with running_home(owner=owner) as house:
        return describe_node("pi", [house.station], load_routines(), owner, "de", recent_sessions=False)


async def test_it_names_stations_devices_routines_questions_languages_and_versions() -> None:
    found = await about()
    assert (found.contract_version, found.letdown_version) == (CONTRACT_VERSION, version("letdown"))
    assert (found.node, found.language, found.languages) == ("pi", "de", languages())
    (station,) = found.stations
    assert (station.name, station.body) == ("home", "home")
    assert [(each.name, each.role, each.side) for each in station.devices] == [
        ("left-pump", "pump", "left"),
        ("right-pump", "pump", "right"),
        ("warm-pad", "warmer", "both"),
        ("massager", "massager", "both"),
    ]
    assert "vacuum_mmhg" in station.devices[0].capabilities
    assert [each.id for each in found.routines] == list(load_routines())
    assert all(each.name.keys() == each.summary.keys() == set(languages()) for each in found.routines)
    words = {language: load_words(language) for language in languages()}
    assert [each.id for each in found.questions] == list(words["en"].questions)
    for each in found.questions:
        assert each.text == {language: texts.questions[each.id].ask for language, texts in words.items()}
    assert (found.answer_seconds, found.pause_seconds, found.vacuum_step_mmhg) == (600, 3600, 20)


@pytest.mark.system
async def test_it_says_which_routine_uses_and_needs_what() -> None:
    found = {each.id: each for each in (await about()).routines}
    assert found["classic"].uses == ("pump", "warmer")
    assert found["classic"].needs == ()
    assert found["classic"].longest_seconds == (5 + 4 + 2 + 15) * 60
    assert found["warmth"].uses == ("warmer",)
    assert (found["duct-vibration"].needs, found["duct-vibration"].off) == (("massager",), "limits.vibration")
    willing = {each.id: each for each in (await about(OwnerLimits(vibration=True))).routines}
    assert willing["classic"].uses == ("pump", "warmer", "massager")
    assert (willing["duct-vibration"].needs, willing["duct-vibration"].off) == (("massager",), None)


async def test_it_has_no_address_and_no_secret() -> None:
    async with running_home() as house:
        found = describe_node("pi", [house.station], load_routines(), OwnerLimits(), "en", recent_sessions=False)
        text = found.model_dump_json().lower()
        addresses = [role.address for role in house.station.roles]
    assert all(addresses)
    assert not [each for each in addresses if each and each.lower() in text]
    assert not [word for word in ("password", "address", "mqtt://", "key") if word in text]
    assert About.model_validate(json.loads(text)) is not None
