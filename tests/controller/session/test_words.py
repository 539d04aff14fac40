"""What is said, in the person's language."""

from __future__ import annotations

from controller.events import SessionState
from devices.roles import Side
from tests.controller.household import household


async def test_the_words_are_in_the_persons_language() -> None:
    async with household(language="de") as house:
        await house.reach("stimulate")
        assert house.told.guide.title == "Bis Milch fließt"
        assert house.told.guide.words == house.words.steps["stimulate"].with_device
        assert [step.title for step in house.told.snapshot.steps][:3] == ["Wie geht's dir?", "Wärme", "Massage"]
        await house.send("pain")
        await house.finished(within_seconds=2)
        assert house.told.guide.words.startswith("Alles ist aus.")


async def test_a_trip_is_told_in_the_persons_language() -> None:
    async with household(language="de") as house:
        await house.reach("stimulate")
        house.home.pumps[Side.LEFT].duty.fault = "leak"
        await house.finished(within_seconds=4)
        assert house.told.snapshot.state is SessionState.TRIPPED
        assert house.told.guide.words.startswith("Zur Sicherheit gestoppt. left-pump: ")
        assert "the device reports" not in house.told.guide.words
