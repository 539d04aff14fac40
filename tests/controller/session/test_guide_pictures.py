"""The guide names a drawing for whatever it asks a person to do."""

from __future__ import annotations

import pytest

from controller.contract.pictures import picture_names
from tests.helpers.home import STEPS, running_home
from tests.helpers.past_checks import QUESTIONS


@pytest.mark.system
async def test_every_step_of_a_session_has_its_picture() -> None:
    async with running_home() as house:
        house.give_no_milk()
        pictures: dict[str, list[str]] = {}
        await house.start(no_symptoms=False)
        await house.elapse(1)
        await house.send("answer", question="all", value=False)
        for step in STEPS[1:]:
            await house.skip_to(step)
            await house.flange_on()
            await house.elapse(1)
        await house.send("skip")
        await house.finished()
        for guide in house.recorded.guides():
            shown = pictures.setdefault(guide.step or "", [])
            if guide.picture is not None and guide.picture not in shown:
                shown.append(guide.picture)
        assert pictures == {
            "check": ["check"],
            "warm": ["warm"],
            "massage": ["spiral", "roll"],
            "stimulate": ["flange", "stimulate"],
            "express": ["express"],
            "rest": ["rest"],
            "prompt": ["prompt"],
            "": ["done"],
        }


@pytest.mark.parametrize(("command", "picture"), [("pause", "rest"), ("stop", "stopped"), ("pain", "take-off")])
async def test_a_pause_a_stop_and_pain_show_what_follows(command: str, picture: str) -> None:
    async with running_home() as house:
        await house.reach("express")
        assert house.recorded.guide.picture == "express"
        await house.send(command)
        await house.elapse(3)
        assert house.recorded.guide.picture == picture


async def test_after_a_symptom_no_warmth_and_no_massage_is_drawn() -> None:
    async with running_home() as house:
        await house.start(no_symptoms=False)
        await house.elapse(1)
        for question in QUESTIONS:
            await house.send("answer", question=question, value=question == "fever")
        await house.skip_to("stimulate")
        pictures = {guide.picture for guide in house.recorded.guides()}
        assert pictures <= set(picture_names())
        assert not pictures & {"warm", "spiral", "roll"}
