"""What an event stream gets, in which order, and what becomes of a client that is away or too slow."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any
from unittest import mock

import pytest

from controller.contract.event_data import EventType
from controller.contract.events import (
    DeviceView,
    Event,
    Guide,
    ScannerHealth,
    Snapshot,
    StartDefaults,
    Telemetry,
)
from controller.contract.history_summary import HistorySummary
from controller.web.event_hub import EventHub, EventStream, TooManyStreamsError
from devices.roles import LinkState, PumpReading, Side
from tests.helpers.web_client import messages

HOME = Snapshot(station="home")
DEFAULTS = StartDefaults(station="home", routine="classic", side=Side.BOTH, comfort_vacuum_mmhg=150)


def hub(**limits: int) -> EventHub:
    return EventHub((HOME, Snapshot(station="away")), **limits)


def event(number: int = 0, station: str = "home") -> Event:
    return Event(id=f"e{number}", station=station, session_id="s", type=EventType.PAIN, data={})


def device(name: str = "pump", station: str = "home") -> DeviceView:
    return DeviceView(
        station=station,
        device=name,
        profile="open-pump",
        side=Side.LEFT,
        link=LinkState.CONNECTED,
        available=True,
        reading=PumpReading(),
    )


def telemetry(mmhg: float, name: str = "pump") -> Telemetry:
    return Telemetry(station="home", device=name, values={"vacuum_mmhg": mmhg})


async def batch(stream: EventStream, seconds: float = 5.0) -> list[tuple[str, Any]]:
    async with asyncio.timeout(seconds):
        received = await stream.next_batch()
    assert received is not None
    return messages(received.decode())


def names(found: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in found]


async def nothing(stream: EventStream, seconds: float = 0.05) -> None:
    with pytest.raises(TimeoutError):
        await batch(stream, seconds)


async def test_the_first_batch_is_the_state_with_the_snapshot_first() -> None:
    source = hub()
    for item in (DEFAULTS, device("left"), ScannerHealth(online=True), Guide(station="home", words="Lean back.")):
        source.watch(item)
    source.watch(device("other", "away"))
    stream = source.open("home", "client")
    found = await batch(stream)
    assert names(found) == ["snapshot", "guide", "start_defaults", "device", "bluetooth", "heartbeat"]
    assert dict(found)["guide"]["words"] == "Lean back."


async def test_the_summary_of_the_history_is_part_of_the_state() -> None:
    here = hub()
    here.watch(HistorySummary(station="home", today_ml=50.0))
    stream = here.open("home", "one")
    assert ("history", 50.0) in [(name, data.get("today_ml")) for name, data in await batch(stream)]
    here.watch(HistorySummary(station="home", today_ml=60.0))
    assert [(name, data["today_ml"]) for name, data in await batch(stream)] == [("history", 60.0)]


async def test_only_items_of_the_station_come() -> None:
    source = hub()
    stream = source.open("home", "client")
    await batch(stream)
    source.watch(event(1, "away"))
    source.watch(event(2, "nowhere"))
    source.watch(event(3))
    assert [data["id"] for _, data in await batch(stream)] == ["e3"]


async def test_states_are_coalesced_and_events_are_not() -> None:
    source = hub()
    stream = source.open("home", "client")
    await batch(stream)
    for number in range(5):
        source.watch(HOME.model_copy(update={"progress": number / 10}))
        source.watch(event(number))
    found = await batch(stream)
    assert names(found) == ["event"] * 4 + ["snapshot", "event"]
    assert found[4][1]["progress"] == 0.4


async def test_progress_comes_ten_times_a_second_at_most_and_an_event_at_once() -> None:
    source = hub()
    stream = source.open("home", "client")
    await batch(stream)
    with mock.patch("controller.web.event_hub._STATE_SECONDS", 60.0):
        source.watch(HOME)
        assert names(await batch(stream)) == ["snapshot"]
        source.watch(HOME)
        await nothing(stream)
        source.watch(event())
        assert names(await batch(stream)) == ["snapshot", "event"]


async def test_telemetry_comes_four_times_a_second_at_most_and_is_the_latest() -> None:
    source = hub()
    stream = source.open("home", "client")
    await batch(stream)
    source.watch(telemetry(1))
    assert names(await batch(stream)) == ["telemetry"]
    with mock.patch("controller.web.event_hub._TELEMETRY_SECONDS", 60.0):
        stream._next_telemetry = 0.0
        for mmhg in (2, 3):
            source.watch(telemetry(mmhg))
        source.watch(telemetry(4, "other"))
        found = await batch(stream)
        assert [data["values"]["vacuum_mmhg"] for _, data in found] == [3, 4]
        source.watch(telemetry(5))
        await nothing(stream)


async def test_heartbeats_show_that_the_connection_is_alive_and_when_they_were_sent() -> None:
    with mock.patch("controller.web.event_hub.HEARTBEAT_SECONDS", 0.05):
        stream, sent = hub().open("home", "client"), []
        for _ in range(3):
            *_, (name, data) = await batch(stream)
            assert name == "heartbeat"
            sent.append(data["seconds"])
        assert all(0.04 < later - earlier < 5 for earlier, later in itertools.pairwise(sent))
        assert -0.001 <= asyncio.get_running_loop().time() - sent[-1] < 5  # it is rounded


async def ids(stream: EventStream) -> list[str]:
    async with asyncio.timeout(5):
        received = await stream.next_batch()
    assert received is not None
    return [line.removeprefix("id: ") for line in received.decode().splitlines() if line.startswith("id: ")]


async def test_a_client_that_was_away_gets_the_events_that_it_missed() -> None:
    source = hub()
    first = source.open("home", "client")
    (began,) = await ids(first)
    source.watch(event(1))
    (seen,) = await ids(first)
    first.close()
    for number in (2, 3):
        source.watch(event(number))
    for last, missed in ((seen, ["e2", "e3"]), (began, ["e1", "e2", "e3"])):
        again = await batch(source.open("home", "client", last))
        assert names(again)[:2] == ["snapshot", "guide"]
        assert [data["id"] for name, data in again if name == "event"] == missed


@pytest.mark.parametrize("last", ["", "x", "-", "1", "other-1", "other-1-2", "{run}-x", "{run}-", "{run}-" + "9" * 99])
async def test_an_id_of_another_run_or_none_at_all_begins_anew(last: str) -> None:
    source = hub()
    source.watch(event(1))
    found = await batch(source.open("home", "client", last.replace("{run}", source._run)))
    assert names(found) == ["snapshot", "guide", "heartbeat"]


async def test_an_id_ahead_of_all_events_gets_none() -> None:
    source = hub()
    source.watch(event(1))
    assert "event" not in names(await batch(source.open("home", "client", f"{source._run}-999")))


async def test_there_is_a_most_of_streams_for_each_client_and_for_all() -> None:
    source = hub(most_streams=3, most_per_client=2)
    first = source.open("home", "a")
    source.open("away", "a")
    with pytest.raises(TooManyStreamsError, match="you have 2"):
        source.open("home", "a")
    source.open("home", "b")
    with pytest.raises(TooManyStreamsError, match="3 event streams are open"):
        source.open("home", "c")
    first.close()
    first.close()
    source.open("home", "c")
    assert source.count == 3


async def test_a_client_that_does_not_read_is_dropped_and_the_others_go_on() -> None:
    source = hub()
    slow, quick = source.open("home", "slow"), source.open("home", "quick")
    received = 0
    await batch(quick)
    for number in range(300):
        source.watch(event(number))
        received += len(await batch(quick))
    assert received == 300
    assert await slow.next_batch() is None
    assert source.count == 1


async def test_what_waits_for_a_slow_client_is_bounded() -> None:
    source = hub()
    slow = source.open("home", "slow")
    for number in range(5000):
        source.watch(telemetry(number))
        source.watch(HOME)
        source.watch(device())
    assert len(slow._pending) + len(slow._telemetry) == 3


async def test_closing_the_hub_ends_every_stream() -> None:
    source = hub()
    streams = [source.open("home", str(number)) for number in range(3)]
    await asyncio.gather(*map(batch, streams))
    waiting = [asyncio.create_task(each.next_batch()) for each in streams]
    await asyncio.sleep(0)
    source.close()
    assert await asyncio.gather(*waiting) == [None] * 3


async def test_a_message_is_encoded_once_for_all() -> None:
    source = hub()
    streams = [source.open("home", str(number)) for number in range(3)]
    await asyncio.gather(*map(batch, streams))
    with mock.patch.object(Snapshot, "model_dump_json", return_value="{}") as dumped:
        source.watch(HOME)
        await asyncio.gather(*map(batch, streams))
    assert dumped.call_count == 1
