"""Every example of a command, sent to a real service in a fitting moment, gets the reply of its example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from controller.contract.commands import Action
from controller.contract.event_data import EventType
from controller.contract.uploads import Resolution, Upload
from controller.contract.words import load_words
from controller.history.comfort.comfort_learner import ComfortLearner
from controller.history.session_records import save
from controller.history.stash.stash_keeper import StashKeeper
from controller.mqtt.asyncapi import plain
from controller.mqtt.message_examples import ABOUT, EVENTS, GUIDE, example, example_reply
from controller.service.service import Service
from tests.helpers.histories import temporary_history
from tests.helpers.home import RunningHome, running_home
from tests.helpers.session_records import begun

IDLE = (Action.SET_START_DEFAULTS, Action.START, Action.ANSWER, Action.STOP, Action.LOG_VOLUME)
PUMPING = (
    Action.NOT_YET,
    Action.START_SUCTION,
    Action.VACUUM_DOWN,
    Action.VACUUM_UP,
    Action.PAUSE,
    Action.RESUME,
    Action.LET_DOWN,
    Action.SET_VACUUM,
    Action.SKIP,
    Action.PAIN,
)


class OneUpload:
    """One session that was not sent."""

    async def uploads(self, station: str | None = None, *, last: int = 100) -> Sequence[Upload]:
        return ()

    async def resolve(self, session_id: str, how: Resolution, station: str | None = None) -> int:
        return 1


async def note_clean(station: str) -> None:
    assert station == "home"


async def sent(house: RunningHome, action: Action) -> tuple[Any, Any]:
    """Send the example of an action; return the reply, and the one of the documentation."""
    command = example(action)
    reply = await house.send(action.value, id=command.id or "", **command.args)
    await house.elapse(2)
    documented = example_reply(action)
    if reply.session_id is not None:
        assert reply.session_id == house.recorded.snapshot.session_id
        reply = reply.model_copy(update={"session_id": documented.session_id})
    return plain(reply), plain(documented)


@pytest.mark.system
async def test_the_documented_replies_are_those_of_the_service() -> None:
    found: dict[Action, tuple[Any, Any]] = {}
    async with temporary_history() as history, running_home(history=history) as house:
        for action in IDLE:
            found[action] = await sent(house, action)
        history.put(*save(begun(str(example(Action.EDIT_SESSION).args["session_id"]))))
        found[Action.EDIT_SESSION] = await sent(house, Action.EDIT_SESSION)
        await house.reach("warm", "classic")
        found[Action.SET_WARMTH] = await sent(house, Action.SET_WARMTH)
        await house.send("stop")
        await house.finished()
        await house.start("milk")
        for action in PUMPING:
            if action is Action.VACUUM_DOWN:
                await house.elapse(8)  # the pumps run
            found[action] = await sent(house, action)
        await house.finished()
        await house.reach("stimulate", "milk")
        house.change_values("left-pump", vacuum_mmhg=320.0)
        await house.finished(within_seconds=60)
        house.change_values("left-pump", vacuum_mmhg=0.0)
        await house.elapse(5)
        found[Action.ACKNOWLEDGE] = await sent(house, Action.ACKNOWLEDGE)
        learner = ComfortLearner(history, house.stream, {"home": ["home"]})
        house.service = Service(
            [house.station],
            uploads=OneUpload(),
            parts_clean=note_clean,
            comfort=learner,
            stash=StashKeeper(history),
        )
        for action in (Action.PARTS_CLEAN, Action.RESOLVE_UPLOAD, Action.COMFORT, Action.STASH):
            found[action] = await sent(house, action)
    assert found.keys() == set(Action)
    for action, (reply, documented) in found.items():
        assert reply == documented, action


def test_every_type_of_event_has_an_example() -> None:
    assert {each.type for each in EVENTS} == set(EventType)
    assert {each.type: each.data.type for each in EVENTS} == {kind: kind for kind in EventType}


def test_the_question_of_the_examples_is_a_real_one() -> None:
    (question,) = ABOUT.questions
    assert question.text == {language: load_words(language).questions[question.id].ask for language in ("de", "en")}
    assert (GUIDE.question, GUIDE.words) == (question.id, question.text["en"])
    assert GUIDE.title == load_words("en").steps["check"].title
