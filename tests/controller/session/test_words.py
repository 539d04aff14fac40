"""The guide is in the person's language."""

from __future__ import annotations

from controller.contract.events import SessionState
from devices.roles import Side
from tests.helpers.home import running_home


async def test_the_guide_is_in_the_persons_language() -> None:
    async with running_home(language="de") as house:
        await house.reach("stimulate")
        assert house.recorded.guide.title == "Bis die Milch fließt"
        assert house.recorded.guide.template == house.words.steps["stimulate"].with_device
        assert house.recorded.guide.words.endswith("tipp auf „Milch fließt“, sobald die Milch kommt.")
        assert house.recorded.guide.language == "de"
        assert [step.title for step in house.recorded.snapshot.steps][:3] == ["Wie geht's dir?", "Wärme", "Massage"]
        await house.send("pain")
        await house.finished(within_seconds=2)
        assert house.recorded.guide.words.startswith("Alles ist aus.")
        assert (house.recorded.guide.title, house.recorded.guide.step) == ("Gestoppt", None)


async def test_a_trip_is_explained_in_the_persons_language() -> None:
    async with running_home(language="de") as house:
        await house.reach("stimulate")
        house.home.pumps[Side.LEFT].run.fault = "leak"
        await house.finished(within_seconds=4)
        assert house.recorded.snapshot.state is SessionState.TRIPPED
        assert house.recorded.guide.words.startswith("Zur Sicherheit gestoppt. left-pump: ")
        assert "the device reports" not in house.recorded.guide.words
