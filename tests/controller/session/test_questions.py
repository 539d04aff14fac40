"""A session asks first; an answer may take heat, massage and vibration away, and lower the vacuum."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.contract.events import ANSWER_SECONDS, EndReason, Question, SessionState
from devices.roles import Side
from tests.helpers.home import PUMPS, running_home
from tests.helpers.past_checks import QUESTIONS, WILLING, outcomes
from tests.helpers.sampling import sampled


async def test_every_question_is_asked_in_turn_and_then_the_session_begins() -> None:
    async with running_home() as house:
        await house.start(no_symptoms=False)
        for question in QUESTIONS:
            await house.elapse(1)
            assert house.recorded.snapshot.state is SessionState.CHECKING
            assert house.recorded.guide.question == question
            assert house.recorded.guide.words == house.words.questions[question].ask
            await house.send("answer", question=question, value=False)
        await house.elapse(1)
        assert house.recorded.snapshot.step == "warm"


@pytest.mark.system
async def test_the_questions_are_asked_once_a_day() -> None:
    async with running_home() as house:
        await house.start("milk", no_symptoms=False)
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        await house.send("stop")
        await house.finished()
        await house.start("milk", no_symptoms=False)
        await house.elapse(1)
        assert house.recorded.snapshot.step == "stimulate"


@pytest.mark.system
async def test_the_questions_cannot_be_skipped() -> None:
    async with running_home() as house:
        await house.start(no_symptoms=False)
        for _ in range(10):
            await house.send("skip")
            await house.elapse(1)
        assert house.recorded.snapshot.state is SessionState.CHECKING
        assert house.recorded.guide.question == "lump"
        assert house.starts == 0


@pytest.mark.system
@pytest.mark.parametrize("answered", sampled([0, 3], keep=lambda answered: answered == 3))
async def test_questions_that_stay_open_for_ten_minutes_end_it_with_nothing_ever_on(answered: int) -> None:
    async with running_home(coarse=True) as house:
        await house.start(no_symptoms=False)
        for question in QUESTIONS[:answered]:
            await house.send("answer", question=question, value=False)
        await house.idle(595)
        assert house.station.running
        snapshot = await house.finished(within_seconds=10)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason is EndReason.NO_ANSWER
        assert house.recorded.guide.words == house.words.messages["nobody_answered"]
        assert house.starts == 0


@pytest.mark.system
async def test_a_pause_does_not_lead_past_open_questions() -> None:
    async with running_home(coarse=True) as house:
        await house.start(no_symptoms=False)
        await house.idle(599.5)
        await house.send("pause")
        await house.elapse(1)
        await house.send("resume")
        await house.elapse(5)
        assert house.recorded.snapshot.step in (None, "check")
        assert house.starts == 0


@pytest.mark.system
@pytest.mark.parametrize("question", sampled(QUESTIONS, keep=lambda question: question == "fever"))
async def test_any_yes_means_no_heat_no_massage_no_vibration_and_a_low_vacuum(question: str) -> None:
    async with running_home(owner=WILLING) as house:
        house.give_no_milk()
        await house.start(no_symptoms=False)
        await house.send("answer", question=question, value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        assert house.recorded.snapshot.state is SessionState.CHECKING
        assert house.recorded.guide.words == house.words.questions[question].if_yes
        await house.send("skip")
        await house.elapse(1)
        assert house.recorded.snapshot.step == "stimulate"
        await house.flange_on()
        await house.send("skip")
        await house.elapse(3)
        assert house.recorded.snapshot.step == "express"
        await house.sealed_at(100)
        await house.elapse(40)
        assert house.recorded.snapshot.target_vacuum_mmhg == 100
        assert house.on == set(PUMPS)
        reply = await house.send("vacuum_up")
        assert reply.outcome == "limited"
        assert "today's symptoms" in " ".join(reply.reasons)
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 100
        assert outcomes(house.recorded.snapshot) | {"rest": None} == {
            "check": "done",
            "warm": "not_today",
            "massage": "not_today",
            "stimulate": "skipped",
            "express": None,
            "rest": None,
            "prompt": None,
        }
        assert house.commanded("warm-pad", "set_target") == house.commanded("massager", "run") == 0


async def test_the_advice_of_every_yes_is_said() -> None:
    async with running_home() as house:
        await house.start(no_symptoms=False)
        for question in ("lump", "fever"):
            await house.send("answer", question=question, value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        words = house.recorded.guide.words
        assert house.words.questions["lump"].if_yes in words
        assert house.words.questions["fever"].if_yes in words
        assert "Please contact a midwife or doctor now." in words


@pytest.mark.system
async def test_advice_goes_on_by_itself_after_a_minute() -> None:
    async with running_home() as house:
        await house.start("milk", no_symptoms=False)
        await house.send("answer", question="lump", value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(59)
        assert house.recorded.snapshot.step == "check"
        await house.elapse(2)
        assert house.recorded.snapshot.step == "stimulate"


async def test_a_question_says_until_when_it_waits_and_nothing_else_does() -> None:
    async with running_home() as house:
        began = datetime.now(UTC)
        await house.start(no_symptoms=False)
        guide = house.recorded.guide
        assert guide.question is Question.LUMP
        assert guide.answer_by is not None
        assert abs((guide.answer_by - began).total_seconds() - ANSWER_SECONDS) < 30
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        assert (house.recorded.guide.question, house.recorded.guide.answer_by) == (None, None)
