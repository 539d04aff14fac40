"""Every command in every state, and an orderly end: devices first, then the background services, then the links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.contract.commands import EXAMPLES, Action, Command, NoArgs
from controller.contract.event_data import VolumeLoggedData
from controller.contract.events import EndReason, EventType, SessionState, Volume
from controller.service.service import Service
from controller.service.station import Station
from tests.helpers.home import ALL, PUMPS, STATION, RunningHome, running_home
from tests.helpers.sampling import sampled

STATES = ("idle", "checking", "warm", "stimulate", "express", "paused", "stopped", "tripped")
RUNNING = ("checking", "warm", "stimulate", "express", "paused")
SUCKING = ("stimulate", "express")
ARGS: dict[str, dict[str, object]] = {
    "start": {"routine": "milk", "no_symptoms": True},
    "set_vacuum": {"mmhg": 40},
    "set_warmth": {"celsius": 38},
    "answer": {"question": "lump", "value": False},
    "log_volume": {"left_ml": 20},
    "edit_session": {"session_id": "latest", "left_ml": 20},
    "set_start_defaults": {"side": "left"},
    "resolve_upload": {"session_id": "all", "how": "retry"},
    "comfort": {"what": "off"},
    "stash": {"kind": "used", "container": "blue"},
}
NOT_HERE = {
    "edit_session": "no_history",
    "resolve_upload": "no_uploads",
    "parts_clean": "no_reminders",
    "comfort": "needs_history",
    "stash": "needs_history",
}


async def bring_to(house: RunningHome, state: str) -> None:
    """Bring a test home to a state."""
    house.give_no_milk()
    match state:
        case "idle":
            return
        case "checking":
            await house.start(no_symptoms=False)
        case "paused":
            await house.reach("stimulate")
            await house.send("pause")
        case "stopped":
            await house.reach("stimulate")
            await house.send("stop")
            await house.finished(within_seconds=2)
        case "tripped":
            await house.reach("stimulate")
            house.lose_link("left-pump")
            await house.finished(within_seconds=2)
            await house.until(lambda: house.pump().connected, within_seconds=20)
        case step:
            await house.reach(step)
    await house.elapse(0.5)


def expected(action: str, state: str) -> tuple[str, str]:  # noqa: PLR0911 - a table
    """What an action comes to in a state, and the key of a reason."""
    if action in ("stop", "pain", "answer", "set_start_defaults", "log_volume"):
        return "accepted", ""
    if action in NOT_HERE:
        return "refused", NOT_HERE[action]
    if action == "start":
        if state in RUNNING:
            return "refused", "session_running"
        return ("refused", "stopped_by_trip") if state == "tripped" else ("accepted", "")
    if action == "acknowledge":
        return ("accepted", "") if state == "tripped" else ("refused", "nothing_to_acknowledge")
    if state not in RUNNING:
        return "refused", "no_session"
    if action == "resume":
        return ("accepted", "") if state == "paused" else ("refused", "not_paused")
    if action in ("vacuum_up", "vacuum_down", "set_vacuum"):
        if state not in SUCKING:
            return "refused", "no_pump_runs"
        return ("limited", "pace") if action == "vacuum_up" else ("accepted", "")
    if action == "set_warmth":
        return ("accepted", "") if state == "warm" else ("refused", "no_compress_on")
    if action in ("not_yet", "start_suction"):
        return "refused", "no_flange_wait"
    return "accepted", ""  # pause, skip, let_down


def refused(state: str) -> list[Action]:
    return [action for action in Action if expected(action.value, state)[0] == "refused"]


@pytest.mark.parametrize("state", STATES)
async def test_what_does_not_fit_the_state_is_refused_with_a_reason_and_changes_nothing(state: str) -> None:
    async with running_home() as house:
        await bring_to(house, state)
        before, on, starts = house.recorded.snapshot, house.on, house.starts
        for action in refused(state):
            reply = await house.send(action.value, id=action.value, **ARGS.get(action.value, {}))
            assert reply.outcome == "refused"
            assert expected(action.value, state)[1] in reply.keys
            assert reply.id == reply.action == action.value
            assert reply.devices is None
        after = house.recorded.snapshot
        assert (after.state, after.session_id, after.step) == (before.state, before.session_id, before.step)
        assert house.on == on
        assert house.starts == starts


@pytest.mark.parametrize(
    ("state", "action"),
    sampled(
        [(state, action) for state in STATES for action in Action if action not in refused(state)],
        keep=lambda each: each[0] in ("idle", "express") or each[1] in (Action.STOP, Action.PAIN),
    ),
)
async def test_what_fits_the_state_is_done(state: str, action: Action) -> None:
    async with running_home() as house:
        await bring_to(house, state)
        outcome, reason = expected(action.value, state)
        reply = await house.send(action.value, id="7", **ARGS.get(action.value, {}))
        assert reply.outcome == outcome
        assert not reason or reason in reply.keys
        assert (reply.id, reply.action) == ("7", action.value)
        assert len(reply.reasons) == len(reply.keys)
        assert bool(reply.reasons) is (outcome != "accepted")
        assert (reply.devices is not None) is (action in (Action.STOP, Action.PAIN))


@pytest.mark.parametrize("state", STATES)
async def test_a_snapshot_says_what_would_not_be_refused(state: str) -> None:
    async with running_home() as house:
        await bring_to(house, state)
        await house.elapse(1)
        allowed = house.recorded.snapshot.allowed_actions
        fits = {action.value for action in Action if expected(action.value, state)[0] != "refused"} - {"answer"}
        assert set(allowed) == fits | ({"answer", "answer_all"} if state == "checking" else set())
        for name in EXAMPLES.keys() - set(allowed):
            action, args = EXAMPLES[name]
            reply = await house.send(action.value, **args.model_dump(mode="json", exclude_none=True))
            assert reply.outcome == ("accepted" if name == "answer_all" else "refused"), name


async def test_no_to_all_is_not_offered_where_a_question_must_be_answered_by_itself() -> None:
    async with running_home() as house:
        house.station.body.answers.carried_over = frozenset({"lump"})
        await house.start(no_symptoms=False)
        await house.elapse(1)
        assert "answer" in house.recorded.snapshot.allowed_actions
        assert "answer_all" not in house.recorded.snapshot.allowed_actions


@pytest.mark.parametrize("remote_raise", [True, False])
async def test_where_raising_is_refused_it_is_not_offered(remote_raise: bool) -> None:
    async with running_home() as house:
        house.service = Service([house.station], remote_raise=remote_raise)
        house.give_no_milk()
        await house.reach("stimulate")
        await house.elapse(1)
        allowed = house.recorded.snapshot.allowed_actions
        assert {"set_vacuum", "vacuum_down"} <= set(allowed)
        assert ("vacuum_up" in allowed) is remote_raise


async def test_what_was_retained_or_expired_starts_nothing() -> None:
    async with running_home() as house:
        for reply in (
            await house.send("start", routine="milk", no_symptoms=True, retained=True),
            await house.send("start", routine="milk", no_symptoms=True, expires="2020-01-01T00:00:00Z"),
            await house.send("start", routine="milk", no_symptoms=True, session="another"),
        ):
            assert reply.outcome == "refused"
        await house.elapse(5)
        assert house.starts == 0


async def test_what_came_twice_is_done_once() -> None:
    async with running_home() as house:
        await house.reach("massage", run_seconds=0)
        for _ in range(2):
            await house.send("skip", id="same")
            await house.elapse(1)
        assert house.recorded.guide.technique == "roll"


@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_a_stop_that_is_retained_expired_or_for_another_session_stops_all_the_same(action: str) -> None:
    async with running_home() as house:
        await house.reach("express")
        reply = await house.send(action, retained=True, expires="2020-01-01T00:00:00Z", session="another")
        assert reply.outcome == "accepted"
        assert house.on == set()


@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_a_stop_without_a_session_stops_every_device_too(action: str) -> None:
    async with running_home() as house, house.guard.heat([house.pad], 40, at_most_seconds=60):
        reply = await house.send(action)
        assert reply.devices == dict.fromkeys(ALL, "stopped")
        assert house.on == set()


# During a session


@pytest.mark.system
async def test_a_skip_while_paused_waits_for_the_resume_and_starts_nothing() -> None:
    async with running_home() as house:
        await bring_to(house, "paused")
        await house.send("skip")
        await house.elapse(30)
        assert house.recorded.snapshot.state is SessionState.PAUSED
        assert house.on == set()


async def test_whatever_is_limited_says_why() -> None:
    async with running_home() as house:
        await house.reach("express")
        reply = await house.send("set_vacuum", mmhg=70.5)
        assert reply.outcome != "limited" or reply.reasons


async def test_an_unknown_question_is_answered_with_those_there_are() -> None:
    async with running_home() as house:
        reply = await house.send("answer", question="mood", value=True)
        assert reply.outcome == "refused"
        assert "There is no question mood. There are all, asked, lump" in reply.reasons[0]


@pytest.mark.parametrize("state", ["warm", "stimulate", "express", "paused"])
async def test_a_symptom_that_is_reported_late_stops_the_session(state: str) -> None:
    async with running_home() as house:
        await bring_to(house, state)
        assert (await house.send("answer", question="fever", value=True)).outcome == "accepted"
        assert house.on == set()
        snapshot = await house.finished(within_seconds=1)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason is EndReason.SYMPTOM
        await house.start()
        assert house.recorded.guide.words == house.words.questions["fever"].if_yes
        await house.send("skip")
        await house.elapse(1)
        assert house.recorded.snapshot.steps[1].outcome == "not_today"


async def test_midnight_does_not_make_a_gentle_session_an_ordinary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_home() as house:
        await house.start("milk", no_symptoms=False)
        await house.send("answer", question="lump", value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        await house.send("skip")
        await house.elapse(2)
        assert house.guard.symptoms == {"lump"}
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        monkeypatch.setattr(house.station.body.answers, "_now", lambda: tomorrow)
        await house.send("answer", question="fever", value=False)
        assert house.station.running
        assert house.guard.symptoms == {"lump"}


async def test_a_no_that_is_reported_late_changes_nothing() -> None:
    async with running_home() as house:
        await bring_to(house, "warm")
        await house.send("answer", question="fever", value=False)
        await house.elapse(5)
        assert house.on == {"warm-pad"}


async def test_an_app_may_send_its_answers_right_behind_the_start() -> None:
    async with running_home() as house:
        await house.send("start", routine="milk")
        await house.send("answer", question="lump", value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(2)
        assert house.station.running


# Acknowledge, volumes


async def test_an_acknowledgement_lets_go_once() -> None:
    async with running_home() as house:
        await bring_to(house, "tripped")
        assert house.recorded.snapshot.trip is not None
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert house.recorded.snapshot.trip is None
        assert house.recorded.snapshot.state is SessionState.TRIPPED
        assert (await house.send("acknowledge")).outcome == "refused"


@pytest.mark.system
async def test_an_acknowledgement_starts_nothing() -> None:
    async with running_home() as house:
        await bring_to(house, "tripped")
        starts = house.starts
        await house.send("acknowledge")
        await house.elapse(60)
        assert house.starts == starts
        assert house.on == set()


async def test_a_logged_volume_is_told_for_the_latest_session() -> None:
    async with running_home() as house:
        await bring_to(house, "stopped")
        session_id, measured = house.recorded.snapshot.session_id, house.recorded.snapshot.volume_ml
        await house.send("log_volume", left_ml=61.5)
        (event,) = house.recorded.events(EventType.VOLUME_LOGGED)
        assert event.session_id == session_id
        assert event.data == VolumeLoggedData(left_ml=61.5, right_ml=None)
        assert measured.right is not None
        assert house.recorded.snapshot.volume_ml == Volume(left=61.5, right=measured.right)


# An error inside


async def test_an_error_inside_is_a_failed_reply_and_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_home() as house:
        await house.reach("stimulate")

        def broken(_: bool) -> bool:
            raise ZeroDivisionError

        monkeypatch.setattr(house.station.reporter, "publish_volume", broken)
        reply = await house.send("log_volume", left_ml=5)
        assert reply.outcome == "failed"
        assert reply.keys == ("internal_error",)
        assert house.on == set(PUMPS)


# Late symptoms, several stations, start defaults and the comfort cap


async def test_after_a_late_symptom_the_words_are_about_the_symptom() -> None:
    async with running_home() as house:
        await house.reach("express")
        await house.send("answer", question="fever", value=True)
        await house.finished(within_seconds=1)
        assert "by itself" not in house.recorded.guide.words


async def test_a_service_without_stations_or_watchers_is_none() -> None:
    """Each command for it is refused; stop and pain as well, since there is nothing they could reach."""
    reply = await Service([]).handle(STATION, Command(action=Action.STOP), NoArgs())
    assert reply.outcome == "refused"


async def test_stations_of_one_service_are_reached_by_their_names() -> None:
    async with running_home() as house:
        assert house.service.stations == {STATION: house.station}
        assert isinstance(house.station, Station)
        assert house.pumps()


async def test_the_question_that_is_shown_can_be_answered_without_its_name() -> None:
    async with running_home() as house:
        await house.send("start", routine="classic")
        await house.elapse(1)
        first = house.recorded.guide.question
        assert (await house.send("answer", question="asked", value=False)).outcome == "accepted"
        await house.elapse(1)
        assert house.recorded.guide.question not in (None, first)
        assert (await house.send("answer", question="all", value=False)).outcome == "accepted"
        assert (await house.send("answer", question="asked", value=False)).keys == ("no_question_open",)


async def test_it_is_told_when_the_routine_is_over_but_not_while_it_waits_for_a_person() -> None:
    async with running_home() as house:
        await house.send("start", routine="classic")
        await house.elapse(1)
        assert house.recorded.snapshot.ends_at is None
        await house.send("answer", question="all", value=False)
        await house.elapse(2)
        ends_at = house.recorded.snapshot.ends_at
        assert ends_at is not None
        planned_seconds = sum(step.planned_seconds or 0.0 for step in house.recorded.snapshot.steps)
        assert abs((ends_at - datetime.now(UTC)).total_seconds() - planned_seconds) < 60
        await house.send("pause")
        await house.elapse(1)
        assert house.recorded.snapshot.ends_at is None
        await house.send("resume")
        await house.elapse(1)
        assert house.recorded.snapshot.ends_at is not None
