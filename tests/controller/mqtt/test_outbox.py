"""What is kept, what is coalesced, in which order and how fast it goes. Time is a number here."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable

import pytest

from controller.contract.commands import Reply
from controller.contract.events import Event, SessionState
from controller.mqtt.backlog import Backlog
from controller.mqtt.outbox import Outbox, Publication
from devices.roles import RunState
from tests.helpers.mqtt_listener import STATION, TOPICS, device, event, guide, snapshot, telemetry

STATE = TOPICS.state(STATION)


class Time:
    """Seconds, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


class FakeBacklog(Backlog):
    """A backlog with its saved events by id. `slow`: they are saved when the test calls `write`."""

    def __init__(self, *unpublished: Event, slow: bool = False) -> None:
        self.saved = {event.id: event for event in unpublished}
        self._slow = slow
        self._writing: list[Callable[[], None]] = []

    def take_unpublished(self) -> list[Event]:
        return list(self.saved.values())

    def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:
        self.saved[event.id] = event
        self._writing.append(saved)
        if not self._slow:
            self.write()

    def write(self) -> None:
        while self._writing:
            self._writing.pop(0)()

    def remove(self, event_id: str) -> None:
        self.saved.pop(event_id, None)


@pytest.fixture
def backlog() -> FakeBacklog:
    return FakeBacklog()


@pytest.fixture
def outbox(time: Time, backlog: FakeBacklog) -> Outbox:
    outbox = Outbox(TOPICS, backlog, now=time)
    outbox.on_connected()
    return outbox


def take_all(outbox: Outbox) -> list[Publication]:
    taken = []
    while (message := outbox.take()) is not None:
        taken.append(message)
        outbox.acknowledged(message)
    return taken


def ids(messages: list[Publication]) -> list[str]:
    return [json.loads(m.payload)["id"] for m in messages if m.topic == TOPICS.event(STATION)]


def steps(messages: list[Publication]) -> list[str]:
    return [json.loads(m.payload)["step"] for m in messages if m.topic == STATE]


def test_each_kind_goes_to_its_topic_with_its_quality(outbox: Outbox) -> None:
    for item in (event(1), snapshot(), guide(title="Rest"), device(), telemetry(40)):
        outbox.watch(item)
    outbox.reply(STATION, Reply(outcome="accepted"))
    assert [(m.topic, m.qos, m.retain) for m in take_all(outbox)] == [
        ("letdown/home/reply", 1, False),
        ("letdown/home/state", 1, True),
        ("letdown/home/guide", 1, True),
        ("letdown/home/device/pump/state", 1, True),
        ("letdown/home/device/pump/availability", 1, True),
        ("letdown/home/event", 1, False),
        ("letdown/home/device/pump/telemetry", 0, False),
    ]
    assert outbox.published == 7
    assert outbox.idle


def test_what_is_not_known_is_null(outbox: Outbox) -> None:
    outbox.watch(telemetry(math.nan))
    outbox.watch(device(vacuum_mmhg=None))
    outbox.watch(event(1).model_copy(update={"data": {"vacuum": math.nan, "odd": object()}}))
    state, _, happened, values = take_all(outbox)
    assert json.loads(state.payload)["reading"]["vacuum_mmhg"] is None
    assert json.loads(happened.payload)["data"]["vacuum"] is None
    assert json.loads(values.payload)["values"] == {"vacuum_mmhg": None}


def test_a_client_sees_every_step_in_order_and_only_the_latest_progress(outbox: Outbox) -> None:
    outbox.on_disconnected()
    for step in ("warm", "massage", "express"):
        for progress in (0.1, 0.2, 0.3):
            outbox.watch(snapshot(step=step, progress=progress))
    outbox.watch(snapshot(SessionState.COMPLETED, step="express"))
    outbox.on_connected()
    sent = [json.loads(m.payload) for m in take_all(outbox)]
    assert [(each["state"], each["step"], each["progress"]) for each in sent] == [
        ("running", "warm", 0.3),
        ("running", "massage", 0.3),
        ("running", "express", 0.3),
        ("completed", "express", None),
    ]


def test_progress_goes_five_times_a_second_and_a_new_step_at_once(outbox: Outbox, time: Time) -> None:
    sent = 0
    for percent in range(100):
        time.now = 100 + percent / 100
        outbox.watch(snapshot(step="warm", progress=percent / 100))
        sent += len(take_all(outbox))
    assert sent == 5
    outbox.watch(snapshot(step="massage"))
    assert steps(take_all(outbox)) == ["warm", "massage"]  # how far the warming came, then what follows it


def test_what_is_held_back_is_due_when_its_time_comes(outbox: Outbox, time: Time) -> None:
    outbox.watch(snapshot(step="warm", progress=0.1))
    take_all(outbox)
    outbox.watch(snapshot(step="warm", progress=0.2))
    assert take_all(outbox) == []
    assert outbox.due_in() == pytest.approx(0.2)
    time.now += 0.2
    assert len(take_all(outbox)) == 1
    assert outbox.due_in() is None


def test_a_guide_counts_down_slowly_and_changes_at_once(outbox: Outbox) -> None:
    outbox.watch(guide(title="Circles", seconds_left=30))
    assert len(take_all(outbox)) == 1
    outbox.watch(guide(title="Circles", seconds_left=29))
    assert take_all(outbox) == []
    outbox.watch(guide(title="Strokes", seconds_left=30))
    assert len(take_all(outbox)) == 1


def test_the_same_thing_is_said_once(outbox: Outbox, time: Time) -> None:
    for _ in range(3):
        outbox.watch(device(vacuum_mmhg=40))
        take_all(outbox)
        time.now += 1
    assert outbox.published == 2  # state and availability


@pytest.mark.parametrize("connected", [True, False])
def test_each_change_of_a_device_is_published_while_there_is_a_broker(outbox: Outbox, connected: bool) -> None:
    if not connected:
        outbox.on_disconnected()
    outbox.watch(device(run_state=RunState.RUNNING, vacuum_mmhg=40))
    outbox.watch(device(run_state=RunState.RUNNING, vacuum_mmhg=41))
    outbox.watch(device(run_state=RunState.STOPPED))
    outbox.watch(device(available=False))
    sent = [json.loads(each.payload) for each in take_all(outbox) if each.topic.endswith("device/pump/state")]
    shown = [(each["available"], each["reading"]["run_state"], each["reading"]["vacuum_mmhg"]) for each in sent]
    expected = [(True, "running", 41), (True, "stopped", None), (False, "unknown", None)]
    assert shown == (expected if connected else expected[-1:])


def test_availability_is_told_when_it_changes(outbox: Outbox, time: Time) -> None:
    told = []
    for available in (True, True, False, False, True):
        outbox.watch(device(available=available))
        told += [m.payload for m in take_all(outbox) if m.topic.endswith("availability")]
        time.now += 1
    assert told == ["online", "offline", "online"]


def test_telemetry_goes_ten_times_a_second_for_each_device(outbox: Outbox, time: Time) -> None:
    sent: list[str] = []
    for millisecond in range(0, 1000, 5):
        time.now = 100 + millisecond / 1000
        for name in ("left", "right"):
            outbox.watch(telemetry(millisecond, name))
        sent += [m.topic for m in take_all(outbox)]
    assert sent.count(TOPICS.device_telemetry(STATION, "left")) == 10
    assert sent.count(TOPICS.device_telemetry(STATION, "right")) == 10


def test_telemetry_of_a_time_without_a_broker_is_forgotten(outbox: Outbox) -> None:
    outbox.watch(telemetry(1))
    outbox.on_disconnected()
    outbox.watch(telemetry(2))
    outbox.on_connected()
    assert take_all(outbox) == []


@pytest.mark.system
def test_events_are_kept_in_order_and_the_oldest_are_dropped_with_a_warning(
    outbox: Outbox, backlog: FakeBacklog, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.on_disconnected()
    for number in range(10_250):
        outbox.watch(event(number))
    newest = [str(number) for number in range(250, 10_250)]
    assert list(backlog.saved) == newest
    outbox.on_connected()
    assert ids(take_all(outbox)) == newest
    assert outbox.dropped == 250
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    assert caplog.messages[-1].startswith(
        "201 messages dropped so far, the last for letdown/home/event: more than 10000"
    )


# Events outlive the controller


def test_an_event_is_kept_until_the_broker_has_it(outbox: Outbox, backlog: FakeBacklog) -> None:
    outbox.watch(event(1))
    assert list(backlog.saved) == ["1"]
    message = outbox.take()
    assert message is not None
    assert list(backlog.saved) == ["1"]
    outbox.acknowledged(message)
    assert not backlog.saved


def test_what_is_no_event_is_not_kept(outbox: Outbox, backlog: FakeBacklog) -> None:
    outbox.on_disconnected()
    for item in (snapshot(), guide(title="Rest"), device(), telemetry(40)):
        outbox.watch(item)
    outbox.reply(STATION, Reply(outcome="accepted"))
    assert not backlog.saved


def test_what_an_earlier_controller_left_goes_first_and_what_comes_after_it_is_kept_after_it() -> None:
    backlog = FakeBacklog(event(1), event(2))
    outbox = Outbox(TOPICS, backlog)
    outbox.watch(event(3))
    assert list(backlog.saved) == ["1", "2", "3"]
    outbox.on_connected()
    assert ids(take_all(outbox)) == ["1", "2", "3"]
    assert not backlog.saved


def test_what_goes_again_after_a_lost_connection_was_kept_all_the_time(outbox: Outbox, backlog: FakeBacklog) -> None:
    outbox.watch(event(1))
    message = outbox.take()
    assert message is not None
    outbox.on_disconnected()
    outbox.acknowledged(message)  # too late: it goes again
    assert list(backlog.saved) == ["1"]
    outbox.on_connected()
    assert ids(take_all(outbox)) == ["1"]
    assert not backlog.saved


def test_what_is_left_is_bounded_too() -> None:
    backlog = FakeBacklog(*(event(number) for number in range(10_003)))
    outbox = Outbox(TOPICS, backlog)
    assert outbox.dropped == 3
    assert next(iter(backlog.saved)) == "3"


def test_an_event_that_was_left_for_no_possible_topic_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    backlog = FakeBacklog(event(1).model_copy(update={"station": "a/b"}), event(2))
    outbox = Outbox(TOPICS, backlog)
    assert ids(take_all(outbox)) == ["2"]
    assert not backlog.saved
    assert "an event of an earlier run is dropped" in caplog.text


def test_an_event_that_cannot_be_written_is_not_kept_for_ever(outbox: Outbox, backlog: FakeBacklog) -> None:
    data: dict[str, object] = {}
    data["itself"] = data
    outbox.watch(event(1).model_copy(update={"data": data}))
    outbox.watch(event(2))
    assert ids(take_all(outbox)) == ["2"]
    assert not backlog.saved


def test_an_event_goes_out_even_where_it_cannot_be_kept(time: Time) -> None:
    class Broken(FakeBacklog):
        def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:
            raise OSError("no room")

    outbox = Outbox(TOPICS, Broken(), now=time)
    with pytest.raises(OSError, match="no room"):  # the stream logs it
        outbox.watch(event(1))
    assert ids(take_all(outbox)) == ["1"]


async def test_an_event_goes_out_when_it_is_saved_and_nothing_else_waits_for_it(time: Time) -> None:
    backlog = FakeBacklog(slow=True)
    outbox = Outbox(TOPICS, backlog, now=time)
    outbox.on_connected()
    outbox.watch(event(1))
    outbox.watch(snapshot(step="warm"))
    outbox.reply(STATION, Reply(action="stop", outcome="accepted"))
    assert len(take_all(outbox)) == 2
    assert outbox.due_in() is None
    assert not outbox.idle
    waiting = asyncio.create_task(outbox.saved())
    await asyncio.sleep(0)
    assert not waiting.done()
    backlog.write()
    assert await waiting
    assert outbox.due_in() == 0
    assert ids(take_all(outbox)) == ["1"]
    assert not await outbox.saved()


def test_states_that_nobody_fetches_are_bounded(outbox: Outbox) -> None:
    outbox.on_disconnected()
    for number in range(500):
        outbox.watch(snapshot(step=str(number)))
    outbox.on_connected()
    assert steps(take_all(outbox)) == [str(number) for number in range(400, 500)]


def test_after_a_loss_everything_retained_is_told_again_and_nothing_twice(outbox: Outbox) -> None:
    outbox.watch(snapshot(step="warm"))
    outbox.watch(guide(title="Rest"))
    outbox.watch(device())
    outbox.watch(event(1))
    before = {m.topic for m in take_all(outbox) if m.retain}
    outbox.on_disconnected()
    outbox.on_connected()
    again = take_all(outbox)
    assert {m.topic for m in again} == before
    assert all(m.retain for m in again)


def test_what_was_not_acknowledged_goes_again_in_its_order(outbox: Outbox) -> None:
    for step in ("warm", "massage"):
        outbox.watch(snapshot(step=step))
    for number in range(3):
        outbox.watch(event(number))
    outbox.reply(STATION, Reply(id="r", outcome="accepted"))
    while outbox.take() is not None:
        pass
    assert not outbox.idle
    outbox.on_disconnected()
    outbox.watch(snapshot(step="express"))
    outbox.watch(event(3))
    outbox.on_connected()
    again = take_all(outbox)
    assert again[0].topic == TOPICS.reply(STATION)
    assert steps(again) == ["warm", "massage", "express"]
    assert ids(again) == ["0", "1", "2", "3"]


def test_progress_lost_on_the_way_gives_way_to_newer_progress(outbox: Outbox) -> None:
    outbox.watch(snapshot(step="warm", progress=0.1))
    outbox.take()
    outbox.on_disconnected()
    outbox.watch(snapshot(step="warm", progress=0.5))
    outbox.on_connected()
    assert [json.loads(m.payload)["progress"] for m in take_all(outbox)] == [0.5]


def test_in_a_hurry_nothing_is_held_back(outbox: Outbox) -> None:
    for progress in (0.1, 0.2):
        outbox.watch(snapshot(step="warm", progress=progress))
        last = outbox.take(paced=False)
    assert last is not None
    assert json.loads(last.payload)["progress"] == 0.2


def test_plain_text_can_be_retained_and_repeated(outbox: Outbox) -> None:
    for again in (False, False, True):
        outbox.retain("letdown/x", "online", resend=again)
        take_all(outbox)
    assert outbox.published == 2


async def test_waiting_ends_when_something_comes(outbox: Outbox) -> None:
    waiting = asyncio.create_task(outbox.ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.watch(event(1))
    async with asyncio.timeout(1):
        await waiting
        await outbox.ready()  # and does not begin while something is due


def test_the_watcher_is_quick(outbox: Outbox) -> None:
    import time

    outbox.on_disconnected()
    items = [snapshot(step=str(n % 7), progress=n / 1e4) for n in range(1000)]
    begin = time.perf_counter()
    for item in items:
        outbox.watch(item)
    assert (time.perf_counter() - begin) / len(items) < 0.001
