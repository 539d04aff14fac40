"""Every command in every state, and an orderly end: devices first, then the watchers, then the links."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from controller.commands import Action, Command, NoArgs, StartArgs
from controller.events import EventType, SessionState, Snapshot, Volume
from controller.safety import OwnerLimits
from controller.service import Service
from controller.station import Station
from devices.link import LinkState
from tests.controller.household import ALL, PUMPS, STATION, House, household

STATES = ("idle", "checking", "warm", "stimulate", "express", "paused", "stopped", "tripped")
RUNNING = ("checking", "warm", "stimulate", "express", "paused")
SUCKING = ("stimulate", "express")
ARGS: dict[str, dict[str, object]] = {
    "start": {"routine": "milk", "no_symptoms": True},
    "set_vacuum": {"mmhg": 40},
    "answer": {"question": "lump", "value": False},
    "log_volume": {"left_ml": 20},
    "choose": {"side": "left"},
}


async def bring_to(house: House, state: str) -> None:
    """Bring a household to a state."""
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
    """What an action comes to in a state, and a part of the reason."""
    if action in ("stop", "pain", "answer", "choose", "log_volume"):
        return "accepted", ""
    if action == "start":
        if state in RUNNING:
            return "refused", "is running; stop it first"
        return ("refused", "acknowledge it first") if state == "tripped" else ("accepted", "")
    if action == "acknowledge":
        return ("accepted", "") if state == "tripped" else ("refused", "nothing has tripped")
    if state not in RUNNING:
        return "refused", "no session is running"
    if action == "resume":
        return ("accepted", "") if state == "paused" else ("refused", "not paused")
    if action in ("vacuum_up", "vacuum_down", "set_vacuum"):
        if state not in SUCKING:
            return "refused", "no pump is running"
        return ("limited", "one step of 20 in 10 s") if action == "vacuum_up" else ("accepted", "")
    if action in ("not_yet", "start_suction"):
        return "refused", "no pump is waiting for the flange now"
    return "accepted", ""  # pause, skip, let_down


def refused(state: str) -> list[Action]:
    return [action for action in Action if expected(action.value, state)[0] == "refused"]


@pytest.mark.parametrize("state", STATES)
async def test_what_does_not_fit_the_state_is_refused_with_a_reason_and_changes_nothing(state: str) -> None:
    async with household() as house:
        await bring_to(house, state)
        before, on, starts = house.told.snapshot, house.on, house.starts
        for action in refused(state):
            reply = await house.send(action.value, id=action.value, **ARGS.get(action.value, {}))
            assert reply.outcome == "refused"
            assert expected(action.value, state)[1] in " ".join(reply.reasons)
            assert reply.id == reply.action == action.value
            assert reply.devices is None
        after = house.told.snapshot
        assert (after.state, after.session_id, after.step) == (before.state, before.session_id, before.step)
        assert house.on == on
        assert house.starts == starts


@pytest.mark.parametrize(
    ("state", "action"), [(state, action) for state in STATES for action in Action if action not in refused(state)]
)
async def test_what_fits_the_state_is_done(state: str, action: Action) -> None:
    async with household() as house:
        await bring_to(house, state)
        outcome, reason = expected(action.value, state)
        reply = await house.send(action.value, id="7", **ARGS.get(action.value, {}))
        assert reply.outcome == outcome
        assert reason in " ".join(reply.reasons)
        assert (reply.id, reply.action) == ("7", action.value)
        assert bool(reply.reasons) is (outcome != "accepted")
        assert (reply.devices is not None) is (action in (Action.STOP, Action.PAIN))


# Start


async def test_a_start_says_which_session_it_began() -> None:
    async with household() as house:
        reply = await house.send("start", routine="milk", no_symptoms=True)
        await house.elapse(1)
        assert reply.session_id == house.told.snapshot.session_id
        assert reply.session_id


async def test_a_second_start_names_the_session_that_runs_and_disturbs_it_in_nothing() -> None:
    async with household() as house:
        await house.reach("stimulate")
        session_id = house.told.snapshot.session_id
        reply = await house.send("start", routine="classic")
        assert reply.outcome == "refused"
        assert session_id is not None
        assert session_id in reply.reasons[0]
        await house.elapse(2)
        assert house.told.snapshot.session_id == session_id
        assert house.on == set(PUMPS)


async def test_two_starts_at_once_start_one_session() -> None:
    async with household() as house:
        replies = await asyncio.gather(*(house.send("start", routine="milk", no_symptoms=True) for _ in range(3)))
        assert sorted(reply.outcome for reply in replies) == ["accepted", "refused", "refused"]
        await house.elapse(2)
        assert len(house.told.events(EventType.SESSION_STARTED)) == 1


async def test_an_unknown_routine_is_answered_with_those_there_are() -> None:
    async with household() as house:
        reply = await house.send("start", routine="classy")
        assert reply.outcome == "refused"
        assert "there is no routine classy" in reply.reasons[0]
        assert "classic" in reply.reasons[0]
        assert "power-pumping" in reply.reasons[0]


async def test_an_unknown_station_is_refused() -> None:
    async with household() as house:
        reply = await house.service.handle("attic", Command(id="1", action=Action.START), StartArgs())
        assert reply.outcome == "refused"
        assert reply.reasons == ("there is no station attic",)
        assert not house.station.running


async def test_duct_vibration_is_refused_until_the_owner_opted_in() -> None:
    async with household(owner=OwnerLimits()) as house:
        reply = await house.send("start", routine="duct-vibration", no_symptoms=True)
        assert reply.outcome == "refused"
        assert "limits.vibration" in reply.reasons[0]
    assert house.starts == 0


async def test_duct_vibration_is_refused_without_a_massager() -> None:
    async with household(owner=OwnerLimits(vibration=True), devices=PUMPS) as house:
        reply = await house.send("start", routine="duct-vibration", no_symptoms=True)
        assert reply.outcome == "refused"
        assert "massager" in reply.reasons[0]


async def test_what_was_retained_or_expired_starts_nothing() -> None:
    async with household() as house:
        for reply in (
            await house.send("start", routine="milk", no_symptoms=True, retained=True),
            await house.send("start", routine="milk", no_symptoms=True, expires="2020-01-01T00:00:00Z"),
            await house.send("start", routine="milk", no_symptoms=True, session="another"),
        ):
            assert reply.outcome == "refused"
        await house.elapse(5)
        assert house.starts == 0


async def test_what_came_twice_is_done_once() -> None:
    async with household() as house:
        await house.reach("massage", run_seconds=0)
        for _ in range(2):
            await house.send("skip", id="same")
            await house.elapse(1)
        assert house.told.guide.technique == "roll"


@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_a_stop_that_is_retained_expired_or_for_another_session_stops_all_the_same(action: str) -> None:
    async with household() as house:
        await house.reach("express")
        reply = await house.send(action, retained=True, expires="2020-01-01T00:00:00Z", session="another")
        assert reply.outcome == "accepted"
        assert house.on == set()


@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_a_stop_without_a_session_stops_every_device_too(action: str) -> None:
    async with household() as house, house.guard.heat([house.pad], 40, at_most_seconds=60):
        reply = await house.send(action)
        assert reply.devices == dict.fromkeys(ALL, "stopped")
        assert house.on == set()


# During a session


async def test_a_skip_while_paused_waits_for_the_resume_and_starts_nothing() -> None:
    async with household() as house:
        await bring_to(house, "paused")
        await house.send("skip")
        await house.elapse(30)
        assert house.told.snapshot.state is SessionState.PAUSED
        assert house.on == set()


async def test_whatever_is_limited_says_why() -> None:
    async with household() as house:
        await house.reach("express")
        reply = await house.send("set_vacuum", mmhg=70.5)
        assert reply.outcome != "limited" or reply.reasons


async def test_an_unknown_question_is_answered_with_those_there_are() -> None:
    async with household() as house:
        reply = await house.send("answer", question="mood", value=True)
        assert reply.outcome == "refused"
        assert "there is no question mood; there are all, asked, lump" in reply.reasons[0]


@pytest.mark.parametrize("state", ["warm", "stimulate", "express", "paused"])
async def test_a_symptom_that_is_reported_late_stops_the_session(state: str) -> None:
    async with household() as house:
        await bring_to(house, state)
        assert (await house.send("answer", question="fever", value=True)).outcome == "accepted"
        assert house.on == set()
        snapshot = await house.finished(within_seconds=1)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == "a symptom was reported; start again for a gentle session"
        await house.start()
        assert house.told.guide.words == house.words.questions["fever"].if_yes
        await house.send("skip")
        await house.elapse(1)
        assert house.told.snapshot.steps[1].outcome == "not_today"


async def test_midnight_does_not_make_a_gentle_session_an_ordinary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with household() as house:
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
    async with household() as house:
        await bring_to(house, "warm")
        await house.send("answer", question="fever", value=False)
        await house.elapse(5)
        assert house.on == {"warm-pad"}


async def test_an_app_may_send_its_answers_right_behind_the_start() -> None:
    async with household() as house:
        await house.send("start", routine="milk")
        await house.send("answer", question="lump", value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(2)
        assert house.station.running


# Acknowledge, volumes


async def test_an_acknowledgement_lets_go_once() -> None:
    async with household() as house:
        await bring_to(house, "tripped")
        assert house.told.snapshot.trip is not None
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert house.told.snapshot.trip is None
        assert house.told.snapshot.state is SessionState.TRIPPED
        assert (await house.send("acknowledge")).outcome == "refused"


async def test_an_acknowledgement_starts_nothing() -> None:
    async with household() as house:
        await bring_to(house, "tripped")
        starts = house.starts
        await house.send("acknowledge")
        await house.elapse(60)
        assert house.starts == starts
        assert house.on == set()


async def test_a_logged_volume_is_told_for_the_latest_session() -> None:
    async with household() as house:
        await bring_to(house, "stopped")
        session_id = house.told.snapshot.session_id
        await house.send("log_volume", left_ml=61.5)
        (event,) = house.told.events(EventType.VOLUME_LOGGED)
        assert event.session_id == session_id
        assert event.data == {"left_ml": 61.5, "right_ml": None}
        assert house.told.snapshot.volume_ml == Volume(left=61.5, right=None)


# An error inside


async def test_an_error_inside_is_a_failed_reply_and_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with household() as house:
        await house.reach("stimulate")

        def broken(_: bool) -> bool:
            raise ZeroDivisionError

        monkeypatch.setattr(house.station, "log_volume", broken)
        reply = await house.send("log_volume", left_ml=5)
        assert reply.outcome == "failed"
        assert "see its log" in reply.reasons[0]
        assert house.on == set(PUMPS)


# The end of the service


class Watcher:
    """Notes when it was told to end."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._note("watcher told to end")
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving(house: House, watcher: Watcher) -> AsyncIterator[asyncio.Task[None]]:
    """Run a service of its own, in place of the station that the household runs alone."""
    with house.clock.held():
        house.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await house.running
        task = asyncio.create_task(house.service.run([watcher]))
        async with asyncio.timeout(10):
            while not all(device.link.connected for device in house.station.devices):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)


async def test_a_shutdown_stops_devices_then_ends_the_session_then_watchers_then_links() -> None:
    async with household() as house:
        order: list[str] = []
        watcher = Watcher(order.append)
        async with serving(house, watcher) as service:
            await house.reach("express")

            def look(item: object) -> None:
                if isinstance(item, Snapshot) and item.state is SessionState.STOPPED and "session over" not in order:
                    order.append("session over")

            house.stream.subscribe(look)
            for key in PUMPS:
                house.before_command(key, "stop", lambda: order.append("pump stops"))

            def on_link() -> None:
                if any(d.link.state is LinkState.CLOSED for d in house.station.devices) and "link closed" not in order:
                    order.append("link closed")

            for role in house.station.roles:
                role.on_change(on_link)
            real, simulated = asyncio.get_running_loop().time(), house.clock.now()
            service.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await service
            assert asyncio.get_running_loop().time() - real < 3
            assert house.clock.now() - simulated < 3
        assert house.on == set()
        firsts = list(dict.fromkeys(order))
        assert firsts == ["pump stops", "session over", "watcher told to end", "link closed"]
        assert house.told.snapshot.state is SessionState.STOPPED
        assert house.told.snapshot.reason == "the controller was shut down"


async def test_a_shutdown_ends_in_time_even_if_a_device_ignores_its_stop() -> None:
    async with household() as house:
        order: list[str] = []
        async with serving(house, Watcher(order.append)) as service:
            await house.reach("express")
            house.break_ears("left-pump")
            simulated = house.clock.now()
            service.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await service
            assert house.clock.now() - simulated < 5
            assert order == ["watcher told to end"]
            assert "right-pump" not in house.on
            await house.until(lambda: not house.on, within_seconds=12)


async def test_a_watcher_that_fails_ends_the_service_and_stops_the_devices() -> None:
    class Broken(Watcher):
        fails = asyncio.Event()

        async def run(self) -> None:
            await self.fails.wait()
            raise ZeroDivisionError

    async with household() as house:
        watcher = Broken(lambda _: None)
        async with serving(house, watcher) as service:
            await house.reach("express")
            watcher.fails.set()
            with pytest.raises(ZeroDivisionError):
                await service
            assert house.on == set()


async def test_nothing_can_be_started_while_the_service_shuts_down() -> None:
    async with household() as house, serving(house, Watcher(lambda _: None)) as service:
        await house.reach("express")
        service.cancel()
        await house.station.finished()
        reply = await house.service.handle(
            STATION, Command(action=Action.START), StartArgs(routine="milk", no_symptoms=True)
        )
        assert reply.outcome == "refused"


async def test_a_session_goes_on_to_its_end_before_the_service_is_wound_down_and_none_begins() -> None:
    async with household() as house, serving(house, Watcher(lambda _: None)) as service:
        await house.reach("express", "milk")
        house.service.wind_down()
        await house.elapse(5)
        assert house.on == set(PUMPS)
        (reason,) = (await house.send("start", routine="milk", no_symptoms=True)).reasons
        assert "is running" in reason or "new settings" in reason
        assert (await house.send("vacuum_down")).outcome == "accepted"
        snapshot = await house.finished()
        assert snapshot.state is SessionState.COMPLETED
        async with house.clock.timeout(5):
            await service
        (reason,) = (await house.send("start", routine="milk", no_symptoms=True)).reasons
        assert "shutting down" in reason or "new settings" in reason


async def test_a_service_without_a_session_is_wound_down_at_once() -> None:
    async with household() as house, serving(house, Watcher(lambda _: None)) as service:
        house.service.wind_down()
        async with house.clock.timeout(3):
            await service


async def test_after_a_shutdown_nobody_is_told_that_a_device_stopped_by_itself() -> None:
    async with household() as house:
        await house.reach("express")
        await house.station.stop("the controller was shut down")
        await house.finished(within_seconds=1)
        assert "by itself" not in house.told.guide.words


async def test_after_a_late_symptom_the_words_are_about_the_symptom() -> None:
    async with household() as house:
        await house.reach("express")
        await house.send("answer", question="fever", value=True)
        await house.finished(within_seconds=1)
        assert "by itself" not in house.told.guide.words


async def test_a_service_without_stations_or_watchers_is_none() -> None:
    """Each command for it is refused; stop and pain as well, since there is nothing they could reach."""
    reply = await Service([]).handle(STATION, Command(action=Action.STOP), NoArgs())
    assert reply.outcome == "refused"


async def test_stations_of_one_service_are_reached_by_their_names() -> None:
    async with household() as house:
        assert house.service.stations == {STATION: house.station}
        assert isinstance(house.station, Station)
        assert house.pumps()


async def test_a_start_that_names_nothing_takes_what_was_chosen() -> None:
    async with household() as house:
        assert (await house.send("choose", routine="gentle", side="left")).outcome == "accepted"
        await house.send("start", no_symptoms=True)
        await house.elapse(1)
        assert (house.told.snapshot.routine, house.told.snapshot.side) == ("gentle", "left")


async def test_no_routine_is_chosen_that_there_is_not() -> None:
    async with household() as house:
        reply = await house.send("choose", routine="gentel", side="left")
        assert reply.outcome == "refused"
        assert "there is no routine gentel; there are classic" in reply.reasons[0]
        await house.send("start", no_symptoms=True)
        await house.elapse(1)
        assert (house.told.snapshot.routine, house.told.snapshot.side) == ("classic", "both")


async def test_a_comfort_cap_from_outside_lowers_at_once_and_never_raises() -> None:
    async with household() as house:
        await house.reach("express", run_seconds=0)
        await house.sealed_at(150)
        assert house.told.snapshot.target_vacuum_mmhg == 150
        assert (await house.send("choose", comfort_vacuum_mmhg=90)).outcome == "accepted"
        await house.elapse(0.5)
        assert house.heard.enforced == []  # no pump did anything that it was not to do
        assert house.told.snapshot.target_vacuum_mmhg == 90
        await house.elapse(60)
        assert house.told.snapshot.target_vacuum_mmhg == 90
        assert "your comfort cap" in (await house.send("set_vacuum", mmhg=95)).reasons[0]
        reply = await house.send("choose", comfort_vacuum_mmhg=200)
        assert (reply.outcome, reply.reasons) == (
            "limited",
            ("150 mmHg: limits.comfort_vacuum_mmhg in your settings",),
        )
        await house.elapse(15)
        assert (await house.send("set_vacuum", mmhg=250)).outcome == "limited"
        await house.elapse(15)
        assert (house.told.snapshot.target_vacuum_mmhg or 0) <= 150


async def test_the_question_that_is_shown_can_be_answered_without_its_name() -> None:
    async with household() as house:
        await house.send("start", routine="classic")
        await house.elapse(1)
        first = house.told.guide.question
        assert (await house.send("answer", question="asked", value=False)).outcome == "accepted"
        await house.elapse(1)
        assert house.told.guide.question not in (None, first)
        assert (await house.send("answer", question="all", value=False)).outcome == "accepted"
        assert "no question is open" in (await house.send("answer", question="asked", value=False)).reasons


async def test_it_is_told_when_the_routine_is_over_but_not_while_it_waits_for_a_person() -> None:
    async with household() as house:
        await house.send("start", routine="classic")
        await house.elapse(1)
        assert house.told.snapshot.ends_at is None
        await house.send("answer", question="all", value=False)
        await house.elapse(2)
        ends_at = house.told.snapshot.ends_at
        assert ends_at is not None
        planned_seconds = sum(step.planned_seconds or 0.0 for step in house.told.snapshot.steps)
        assert abs((ends_at - datetime.now(UTC)).total_seconds() - planned_seconds) < 60
        await house.send("pause")
        await house.elapse(1)
        assert house.told.snapshot.ends_at is None
        await house.send("resume")
        await house.elapse(1)
        assert house.told.snapshot.ends_at is not None


async def test_a_cap_that_is_lowered_while_the_pumps_start_holds_as_soon_as_they_run() -> None:
    async with household() as house:
        chosen: list[bool] = []
        await house.reach("stimulate", "gentle")  # it does not climb, so nothing else would lower it

        def choose() -> None:
            """Choose at this very moment: the pump has the command, and has not answered yet."""
            if not chosen:
                chosen.append(True)
                with pytest.raises(StopIteration):  # nothing in it waits, as no pump runs yet
                    house.station.choose(comfort_vacuum_mmhg=60).send(None)

        house.before_command("left-pump", "start", choose)
        await house.send("let_down")
        await house.until(lambda: house.told.snapshot.phase == "expression", within_seconds=10)
        await house.elapse(2)
        assert chosen
        assert house.told.snapshot.target_vacuum_mmhg == 60
        assert {house.pump(key).reading.target_vacuum_mmhg for key in PUMPS} == {60}
