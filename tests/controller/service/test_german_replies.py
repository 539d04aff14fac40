"""In a German home no English sentence comes out: not in a reply, an event, a snapshot or the guide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.contract.commands import Reply
from controller.contract.events import EndReason, Event, Guide, SessionState, Snapshot
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from devices.roles import Side
from tests.helpers.home import STATION, RunningHome, running_home

# Words of English sentences that no German one contains.
ENGLISH = re.compile(r"\b(?:the|is|are|not|no|and|of|it|to|for|your|you|this|that|with|which|by|until)\b", re.I)
NAMES = re.compile(r"\w+(?:-\w+)+")  # of routines and devices
TEXTS = ("words", "reason_words")  # of events; what else they contain are names, numbers and `detail`


def texts(house: RunningHome) -> Iterator[str]:
    """Everything that a person could have read so far."""
    for _, item in house.recorded.items:
        match item:
            case Event():
                data = item.data.model_dump(mode="json")
                yield from (str(data[name]) for name in TEXTS if data.get(name))
                yield from (reason["words"] for reason in data.get("reasons", ()))
            case Snapshot():
                yield from (item.reason_words or "", *item.problems, item.trip.words if item.trip else "")
                yield from (reason.words for limit in item.limits for reason in limit.reasons)
            case Guide():
                yield from (item.title, item.words)


def assert_german(house: RunningHome, *replies: Reply) -> None:
    said = {*texts(house), *(reason for reply in replies for reason in reply.reasons)}
    assert [text for text in said if ENGLISH.search(NAMES.sub("", text))] == []
    assert all(len(reply.reasons) == len(reply.keys) for reply in replies)


async def refused(house: RunningHome, key: str, action: str, **more: Any) -> Reply:
    reply = await house.send(action, **more)
    assert (reply.outcome, reply.keys) == ("refused", (key,)), reply
    return reply


async def test_every_refusal_without_a_session_is_german() -> None:
    async with running_home(language="de", owner=OwnerLimits()) as house:
        long_ago, later = "2020-01-01T00:00:00Z", (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        await house.send("skip", id="twice")
        replies = [
            await refused(house, "no_session", "skip"),
            await refused(house, "no_session", "vacuum_up"),
            await refused(house, "duplicate", "skip", id="twice"),
            await refused(house, "retained", "start", retained=True),
            await refused(house, "expired", "start", expires=long_ago),
            await refused(house, "expires_too_late", "start", expires=later),
            await refused(house, "wrong_session", "skip", session="another"),
            await refused(house, "unknown_routine", "start", routine="classy"),
            await refused(house, "vibration_off_for_routine", "start", routine="duct-vibration"),
            await refused(house, "unknown_question", "answer", question="mood", value=True),
            await refused(house, "nothing_to_acknowledge", "acknowledge"),
        ]
        assert (await house.send("answer", question="fever", value=True)).outcome == "accepted"
        replies.append(await refused(house, "answered_yes_today", "answer", question="fever", value=False))
        house.service.wind_down()
        replies.append(await refused(house, "new_settings", "start"))
        assert_german(house, *replies)
        assert "Es läuft keine Sitzung." in replies[0].reasons
        assert "Den Ablauf classy gibt es nicht. Es gibt classic" in replies[7].reasons[0]
        assert {reply.session_id for reply in replies} == {None}


@pytest.mark.system
async def test_every_refusal_and_limit_in_a_session_is_german_and_names_the_session() -> None:
    async with running_home(language="de") as house:
        await house.start("everything")
        replies = [
            await refused(house, "session_running", "start"),
            await refused(house, "not_paused", "resume"),
            await refused(house, "no_flange_wait", "not_yet"),
            await refused(house, "no_pump_runs", "set_vacuum", mmhg=100),
            await refused(house, "no_question_open", "answer", question="asked", value=False),
        ]
        await house.skip_to("express")
        await house.flange_on()
        await house.sealed_at(60)
        limited = await house.send("set_vacuum", mmhg=250)
        assert limited.keys == ("pace", "comfort_cap")
        assert limited.reasons[0].endswith("mmHg: immer nur 20 mmHg mehr, das nächste Mal in 10 s")
        assert limited.reasons[1] == "150 mmHg: deine Komfortgrenze"
        capped = await house.send("set_start_defaults", comfort_vacuum_mmhg=200)
        assert capped.reasons == ("150 mmHg: die Komfortgrenze in deinen Einstellungen",)
        session_id = house.recorded.snapshot.session_id
        stop = await house.send("stop")
        await house.finished(within_seconds=3)
        every = (*replies, limited, capped, stop)
        assert session_id is not None
        assert {reply.session_id for reply in every} == {session_id}
        assert (await house.send("stop")).session_id is None
        assert_german(house, *every)
        ended = house.recorded.snapshot
        assert (ended.reason, ended.reason_words) == (EndReason.STOP, "du hast gestoppt")


async def test_a_trip_and_what_it_blocks_are_german() -> None:
    async with running_home(language="de") as house:
        await house.reach("stimulate")
        house.home.pumps[Side.LEFT].run.fault = "leak"
        snapshot = await house.finished(within_seconds=4)
        assert snapshot.state is SessionState.TRIPPED
        assert snapshot.trip is not None
        assert snapshot.trip.words == "das Gerät hat einen Fehler gemeldet"
        assert "leak" in snapshot.trip.detail
        assert snapshot.reason_words == "left-pump: das Gerät hat einen Fehler gemeldet"
        reply = await refused(house, "stopped_by_trip", "start")
        assert_german(house, reply)


async def test_a_device_that_does_not_stop_and_one_that_is_gone_are_told_in_german() -> None:
    async with running_home(language="de") as house:
        await house.reach("express")
        house.break_ears("right-pump")
        house.lose_link("massager", for_good=True)
        await house.elapse(1)
        reply = await house.send("pain")
        assert reply.outcome == "failed"
        assert set(reply.keys) == {"not_stopped_uncertain", "not_stopped_unreachable"}
        await house.elapse(5)
        blocked = await refused(house, "stop_uncertain", "start")
        running = await house.send("acknowledge")
        assert_german(house, reply, blocked, running)


@pytest.mark.system
async def test_a_device_that_refuses_and_one_that_is_switched_off_are_told_in_german() -> None:
    async with running_home(language="de") as house:
        house.break_ears("left-pump", "start")
        await house.start("milk")
        await house.flange_on()
        failed = await house.finished(within_seconds=5)
        assert failed.reason is EndReason.DEVICE_FAILED
        assert failed.reason_words == "left-pump hat das nicht bestätigt"
        assert_german(house)
    async with running_home(language="de") as house:
        await house.reach("stimulate")
        house.press_button("left-pump")
        ended = await house.finished(within_seconds=3)
        assert ended.reason is EndReason.DEVICE_ENDED
        assert_german(house)


async def test_what_cannot_be_saved_is_told_in_german_and_its_details_are_kept_apart() -> None:
    problem = "the store at /x cannot be written; make room on its disk"
    async with running_home(language="de", persistence=InMemoryPersistence(problem=problem)) as house:
        await house.elapse(2)
        reply = await refused(house, "store_unusable", "start", routine="milk")
        assert reply.detail == problem
        assert house.recorded.snapshot.problem_details == (problem,)
        assert "Stoppen geht weiterhin" in house.recorded.snapshot.problems[0]
        assert_german(house, reply)


@pytest.mark.system
async def test_a_day_with_symptoms_is_german() -> None:
    async with running_home(language="de") as house:
        await house.send("answer", question="fever", value=True)
        await house.start("everything")
        await house.send("skip")
        await house.skip_to("express")
        await house.flange_on()
        await house.sealed_at(60)
        reply = await house.send("set_vacuum", mmhg=200)
        assert "100 mmHg: deine Beschwerden heute" in reply.reasons
        assert_german(house, reply)


async def test_a_device_by_hand_is_told_in_german() -> None:
    async with running_home(language="de", owner=OwnerLimits(manual_use="stop")) as house:
        house.home.twins["left-pump"].body.press_start(60)
        await house.until(lambda: not house.on, within_seconds=5)
        (event,) = [each for each in house.recorded.events() if each.type == "enforced"]
        assert (event.data.key, event.data.words) == ("must_be_off", "es ist an und muss jetzt aus sein")
        assert_german(house)


def test_the_check_for_english_would_notice_it() -> None:
    assert ENGLISH.search("no session is running")
    assert not ENGLISH.search("Es läuft keine Sitzung. Stopp sie zuerst, und dann geht es weiter.")
    assert STATION == "home"
