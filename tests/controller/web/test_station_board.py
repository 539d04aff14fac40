"""All stations at a glance: order, filters, and a stream that hundreds of stations cannot flood."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.contract.events import Snapshot
from controller.contract.session_state import SessionState
from controller.contract.station_board import StationTile, Trouble, tile_of
from controller.contract.stream import Stream
from controller.safety.limits import Trip, TripKind
from controller.web import board_view as shown
from controller.web.board_streams import (
    BATCH_SECONDS,
    MOST_STREAMS_PER_CLIENT,
    BoardStream,
    BoardStreams,
)
from controller.web.event_hub import TooManyStreamsError
from controller.web.local_board import LocalBoard
from tests.helpers.home import words
from tests.helpers.web_client import Asked, client, messages, parts_of, problem
from tests.helpers.web_pages import EVIL, Markup, page

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAMES = [f"bed-{number}" for number in range(1, 201)]
TRIP = Trip(kind=TripKind.TEMPERATURE, device="pad", words="too warm")


def running(station: str, **more: Any) -> Snapshot:
    return Snapshot(station=station, state=SessionState.RUNNING, session_id="s", step="express", **more)


def board_of(*snapshots: Snapshot) -> LocalBoard:
    return LocalBoard(snapshots)


async def batch(stream: BoardStream, seconds: float = 5.0) -> list[tuple[str, Any]]:
    async with asyncio.timeout(seconds):
        received = await stream.next_batch()
    assert received is not None
    return messages(received.decode())


def stations_in(found: list[tuple[str, Any]]) -> list[str]:
    return [tile["station"] for name, data in found if name == "stations" for tile in data]


def test_a_tile_says_why_somebody_should_go_there() -> None:
    tile = tile_of(running("a", uncertain=("pump",), trip=TRIP, running_outside=("pad",), problems=("no disk",)))
    assert tile.troubles == (Trouble.UNCERTAIN, Trouble.TRIPPED, Trouble.RUNS_OUTSIDE, Trouble.BLOCKED)
    assert tile_of(running("a")).troubles == ()


def test_a_session_that_is_over_has_no_step_and_no_end() -> None:
    over = Snapshot(station="a", state=SessionState.COMPLETED, step="rest", ends_at=NOW)
    assert tile_of(over) == StationTile(station="a", state=SessionState.COMPLETED)


def test_problems_come_first_then_what_runs_each_by_name() -> None:
    snapshots = (Snapshot(station="bed-10"), Snapshot(station="Bed-2"), running("z"), Snapshot(station="y", trip=TRIP))
    assert [each.station for each in shown.in_order(map(tile_of, snapshots))] == ["y", "z", "Bed-2", "bed-10"]


def test_of_the_problems_the_worst_comes_first_and_what_nothing_serves_comes_last() -> None:
    tiles = [
        StationTile(station="gone", state=None),
        StationTile(station="off", state=None, troubles=(Trouble.UNREACHABLE,)),
        StationTile(station="free", state=SessionState.IDLE),
        StationTile(station="hurt", state=SessionState.STOPPED, troubles=(Trouble.PAIN,)),
        StationTile(station="runs", state=SessionState.RUNNING),
        StationTile(station="hot", state=SessionState.TRIPPED, troubles=(Trouble.TRIPPED, Trouble.BLOCKED)),
        StationTile(station="open", state=SessionState.STOPPED, troubles=(Trouble.UNCERTAIN, Trouble.TRIPPED)),
    ]
    names = [each.station for each in shown.in_order(tiles)]
    assert names == ["open", "hot", "hurt", "off", "runs", "free", "gone"]
    assert shown.counts(tiles) == {"all": 7, "problem": 4, "running": 1, "idle": 1, "away": 1}


def test_stations_can_be_filtered_by_controller() -> None:
    tiles = [StationTile(station=f"bed-{at}", state=SessionState.IDLE, controller=f"node-{at}") for at in (10, 2, 1)]
    tiles.append(StationTile(station="bed-0", state=None))
    chosen = shown.filter_of({"controller": "node-1"})
    assert [each.station for each in tiles if chosen.fits(each)] == ["bed-1"]
    assert shown.controllers_of(tiles) == ["node-1", "node-2", "node-10"]


def test_what_is_unknown_is_shown_as_unknown_with_its_age() -> None:
    since = NOW - timedelta(minutes=3, seconds=20)
    lost = StationTile(station="a", state=None, troubles=(Trouble.SESSION_LOST,), silent_since=since)
    tile = shown.shown_tile(lost, words(), shown.filter_of({}), NOW)
    assert (tile.state, tile.left, tile.is_running, tile.group) == ("Unknown", "3 min ago", False, "problem")
    away = shown.shown_tile(StationTile(station="a", state=None), words(), shown.filter_of({}), NOW)
    assert (away.state, away.left, away.group) == ("Not served", "", "away")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"a-1", "a-2", "b-1", "b-2"}),
        ({"show": "problem"}, {"a-1", "b-1"}),
        ({"show": "running"}, {"a-1", "a-2"}),
        ({"show": "idle"}, {"b-2"}),
        ({"show": "nonsense"}, {"a-1", "a-2", "b-1", "b-2"}),
        ({"show": "all", "name": " B-"}, {"b-1", "b-2"}),
        ({"show": "problem", "name": "a"}, {"a-1"}),
        ({"name": "x"}, set()),
    ],
)
def test_filters(query: dict[str, str], names: set[str]) -> None:
    idle = (Snapshot(station="b-1", trip=TRIP), Snapshot(station="b-2"))
    tiles = map(tile_of, (running("a-1", trip=TRIP), running("a-2"), *idle))
    chosen = shown.filter_of(query)
    assert {each.station for each in tiles if chosen.fits(each)} == names


def test_the_counts_are_what_each_filter_shows() -> None:
    tiles = [tile_of(each) for each in (running("a", trip=TRIP), running("b"), Snapshot(station="c"))]
    assert shown.counts(tiles) == {"all": 3, "problem": 1, "running": 2, "idle": 1, "away": 0}


@pytest.mark.parametrize(
    ("seconds", "left"), [(None, ""), (61, "2 min left"), (60, "1 min left"), (1, "1 min left"), (-5, "0 min left")]
)
def test_the_time_left_is_in_minutes(seconds: float | None, left: str) -> None:
    ends_at = None if seconds is None else NOW + timedelta(seconds=seconds)
    tile = StationTile(station="a", state=SessionState.RUNNING, ends_at=ends_at)
    assert shown.shown_tile(tile, words(), shown.filter_of({}), NOW).left == left


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_state_and_trouble_has_words(language: str) -> None:
    texts = shown.texts(words(language))
    assert set(texts["state"]) == set(SessionState)
    assert set(texts["trouble"]) == set(Trouble)
    assert list(texts["trouble"]) == list(Trouble)  # the script takes their order from here
    assert all(text for kind in texts.values() for text in kind.values())


async def test_a_stream_begins_with_all_stations_and_goes_on_with_those_that_change() -> None:
    board = board_of(Snapshot(station="a"), Snapshot(station="b"))
    stream = BoardStreams(board).open("tablet")
    first = await batch(stream)
    assert [name for name, _ in first] == ["heartbeat", "stations"]
    assert stations_in(first) == ["a", "b"]
    board.watch(running("b"))
    changed = StationTile(station="b", state=SessionState.RUNNING, step="express")
    assert await batch(stream) == [("stations", [changed.model_dump(mode="json")])]
    assert changed.model_dump(mode="json") == {
        "station": "b",
        "state": "running",
        "step": "express",
        "ends_at": None,
        "troubles": [],
        "controller": None,
        "silent_since": None,
    }


async def test_numbers_that_tick_send_nothing() -> None:
    board = board_of(running("a"))
    stream = BoardStreams(board).open("tablet")
    await batch(stream)
    for left in range(100):
        board.watch(running("a", step_seconds_left=float(left), progress=left / 100))
    assert [name for name, _ in await batch(stream)] == ["heartbeat"]


async def test_two_hundred_stations_cannot_flood_a_tablet() -> None:
    """200 stations that change their state ten times a second each: at most two batches, each station once."""
    stream_of_all = Stream()
    board = LocalBoard(Snapshot(station=each) for each in NAMES)
    stream_of_all.subscribe(board.watch, Snapshot)
    stream = BoardStreams(board).open("tablet")
    loop = asyncio.get_running_loop()
    first = await stream.next_batch()
    assert first is not None
    assert len(stations_in(messages(first.decode()))) == 200
    assert len(first) < 40_000
    received: list[bytes] = []

    async def read() -> None:
        while (found := await stream.next_batch()) is not None:
            received.append(found)

    reading, began, publishing_seconds = asyncio.create_task(read()), loop.time(), 0.0
    for turn in range(20):
        before = time.perf_counter()
        for name in NAMES:
            stream_of_all.publish(running(name) if turn % 2 else Snapshot(station=name, trip=TRIP))
        publishing_seconds += time.perf_counter() - before
        await asyncio.sleep(0.1)
    took_seconds = loop.time() - began
    await asyncio.sleep(BATCH_SECONDS + 0.2)
    stream.close()
    await reading
    batches = [each for each in received if b"event: stations" in each]
    assert 1 <= len(batches) <= took_seconds / BATCH_SECONDS + 2
    assert sum(map(len, received)) / took_seconds < 100_000  # bytes a second
    for each in batches:
        names = stations_in(messages(each.decode()))
        assert len(names) == len(set(names)) <= 200
    assert publishing_seconds / 4000 < 0.002  # for each snapshot


async def test_streams_are_bounded_and_leave_nothing_behind() -> None:
    board = board_of(Snapshot(station="a"))
    streams = BoardStreams(board)
    found = [streams.open("tablet") for _ in range(MOST_STREAMS_PER_CLIENT)]
    with pytest.raises(TooManyStreamsError, match="close some"):
        streams.open("tablet")
    streams.open("another")
    streams.close()
    assert await found[0].next_batch() is None
    assert board._callbacks == []
    streams.open("tablet")


async def test_the_first_paint_of_two_hundred_stations_is_small_and_quick() -> None:
    made = parts_of(Asked().handle, *(running(each, ends_at=NOW) for each in NAMES))
    await page(made)
    began = time.perf_counter()
    text = await page(made, "/stations")
    assert time.perf_counter() - began < 3.0
    assert len(text) < 260_000
    assert text.count('<li class="tile"') == 200
    assert text.index('data-station="bed-2"') < text.index('data-station="bed-10"')


async def test_the_page_filters_without_a_script() -> None:
    made = parts_of(Asked().handle, running("bed-1", trip=TRIP), running("bed-2"), Snapshot(station="cot-3"))
    tiles = Markup(await page(made, "/stations?show=running&name=bed-2")).all("li")
    assert {str(each["data-station"]): "hidden" in each for each in tiles} == {
        "bed-1": True, "bed-2": False, "cot-3": True}  # fmt: skip
    assert '<p id="none" hidden>' not in await page(made, "/stations?name=nobody")


@pytest.mark.parametrize(
    ("language", "problems", "left"), [("en", "Problems", "min left"), ("de", "Probleme", "noch ")]
)
async def test_the_page_is_in_the_language_of_the_browser(language: str, problems: str, left: str) -> None:
    ends_at = datetime.now(UTC) + timedelta(minutes=5)
    made = replace(parts_of(Asked().handle, running("bed-1", ends_at=ends_at)), words=words(language))
    text = await page(made, "/stations")
    assert problems in text
    assert left in text


async def test_a_stop_from_here_leads_back_here_and_says_what_became_of_it() -> None:
    made = parts_of(Asked().handle, Snapshot(station="bed-1"), Snapshot(station="bed-2"))
    async with client(made) as here:
        answer = await here.post(
            "/api/v1/stations/bed-2/stop?back=stations",
            headers={"accept": "text/html", "content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 303
        location = answer.headers["location"]
        assert location.endswith("stations?station=bed-2&action=stop&outcome=accepted")
        text = (await here.get("/" + location.rpartition("../")[2])).text
    assert "bed-2: Confirmed." in text


async def test_a_stop_that_was_not_sent_is_shown_as_such_without_a_script() -> None:
    made = parts_of(Asked().handle, Snapshot(station="bed-1"), Snapshot(station="bed-2"))
    text = await page(made, "/stations?station=bed-2&action=stop&outcome=failed&why=not_sent")
    assert "bed-2: It was not sent" in text
    assert "use the pump&#39;s own button" in text


async def test_nothing_of_a_query_gets_into_the_page_as_it_is() -> None:
    made = parts_of(Asked().handle, Snapshot(station="bed-1"), Snapshot(station="bed-2"))
    for query in (f"name={EVIL}", f"show={EVIL}", f"station={EVIL}&action=stop&outcome=accepted"):
        assert "<script>alert" not in await page(made, f"/stations?{query}")


async def test_the_board_is_behind_the_token_and_bounded() -> None:
    made = parts_of(Asked().handle, Snapshot(station="b"), running("c"))
    async with client(made) as here:
        assert [each["station"] for each in (await here.get("/api/v1/board")).json()] == ["c", "b"]
        opened = [made.board.open("127.0.0.1") for _ in range(MOST_STREAMS_PER_CLIENT)]
        assert "close some" in problem(await here.get("/api/v1/board/events"), 429)
        assert len(opened) == MOST_STREAMS_PER_CLIENT
    async with client(made, peer="192.168.1.9", base="http://localhost:8080") as there:
        problem(await there.get("/api/v1/board"), 401)
