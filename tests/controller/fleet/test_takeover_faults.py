"""Takeovers with a fault in each: answers that are lost, states that are out of date, and pumps that must not start."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from controller.contract import commands, events
from controller.service import body as body_module
from controller.service.body import Body
from controller.session import session, session_progress, step_context
from devices.roles import Side
from tests.helpers.fleet_nodes import FleetAtHome, RunningNode, fleet_at_home
from tests.helpers.patience import until
from tests.helpers.stores import TRIP

pytestmark = pytest.mark.system

UNIT = "home"
BOTH = {"left-pump", "right-pump"}


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[FleetAtHome]:
    async with fleet_at_home(tmp_path) as found:
        found.ttl_seconds = 12.0  # on a busy machine, a shorter lease is lost without a fault of the test
        yield found
        assert [key for key, saved in found.starts if not saved] == []  # whatever the test was about


def body_of(node: RunningNode) -> Body:
    app = node.node.served[UNIT].app
    assert app is not None
    return app.stations[UNIT].body


def problem_of(node: RunningNode) -> str:
    """Return why nothing may start at a station; empty where something may."""
    return body_of(node).persistence.problem or ""


async def document(node: RunningNode) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await node.state.latest(UNIT)).data or b"")
    return found


async def refused(fleet: FleetAtHome) -> str:
    """Ask for a session, see that it is refused and that no device is on, and return why."""
    before = len(fleet.starts)
    reply = await fleet.ask("start", routine="express", side="both", no_symptoms=True)
    assert reply["outcome"] == "refused", reply
    assert not fleet.on
    assert len(fleet.starts) == before
    return str(reply)


async def with_history(fleet: FleetAtHome, node: RunningNode) -> None:
    """Pump, answer a question with yes, which ends the session, and let a pump trip."""
    await fleet.pumping(node)
    assert (await fleet.ask("answer", question="lump", value=True))["outcome"] in ("accepted", "refused")
    await fleet.ask("stop")
    await until(lambda: not fleet.on)
    body_of(node).persistence.save_trip(TRIP)
    await until(lambda: node.state.confirmed[-1]["states"][UNIT]["trip"] is not None)


async def test_a_takeover_whose_answers_are_lost_starts_nothing_before_one_comes(fleet: FleetAtHome) -> None:
    first = await fleet.node("first")
    await fleet.pumping(first)
    second = await fleet.node("second")
    second.state.lost_answers = 2
    starts = len(fleet.starts)
    first.network.open.clear()
    await until(lambda: not fleet.on, 20)
    await until(lambda: second.state.lost_answers == 0, 40)
    assert not second.serves()  # it has been written, but it does not know
    assert second.state.confirmed == []
    await until(second.serves, 60)
    assert second.state.confirmed[0]["epoch"] == second.epoch()
    assert "controller that was lost" in problem_of(second)  # though the state that it found is its own
    await until(lambda: not problem_of(second), 30)
    assert len(fleet.starts) == starts
    await until(lambda: second.connected, 40)
    if body_of(second).to_acknowledge:
        await fleet.ask("acknowledge")
    await fleet.pumping(second)
    assert len(fleet.starts) == starts + 2


async def test_a_start_that_the_cluster_has_but_never_confirms_is_none(fleet: FleetAtHome) -> None:
    node = await fleet.node("only")
    await until(lambda: node.connected, 40)
    node.state.lost_answers = 2
    node.state.loses = lambda document: document["states"][UNIT]["running"]
    reply = await fleet.ask("start", routine="express", side="both", no_symptoms=True)
    assert reply["outcome"] == "accepted"
    await until(lambda: fleet.finished(reply["session_id"]), 40)
    assert node.state.lost_answers < 2
    node.state.lost_answers = 0
    assert fleet.starts == []
    async with asyncio.timeout(20):  # the cluster has that write, and then the next one
        while (await document(node))["states"][UNIT]["running"]:  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.05)
    if body_of(node).to_acknowledge:
        await fleet.ask("acknowledge")
    await fleet.pumping(node)


async def test_a_successor_that_reads_an_old_state_honours_the_latest(fleet: FleetAtHome) -> None:
    first = await fleet.node("first")
    await until(lambda: first.connected, 40)
    old = await first.state.latest(UNIT)
    await with_history(fleet, first)
    saved = body_of(first).persistence.state()
    second = await fleet.node("second")
    second.state.stale_reads = [old, None, old]  # before it writes, after that was refused, and for the age
    await first.end()
    await until(lambda: second.connected, 40)
    assert second.state.stale_reads == []
    found = body_of(second)
    assert found.guard.trip is not None
    assert found.guard.trip.kind is TRIP.kind
    assert found.answers.symptoms == {"lump"}
    assert found.answers.values == saved.answers.values
    assert len(found.persistence.saved.energy_uses) == len(saved.energy_uses) > 0
    for use, before in zip(found.persistence.saved.energy_uses, saved.energy_uses, strict=True):
        assert use.ended_seconds_ago - use.began_seconds_ago == pytest.approx(
            before.ended_seconds_ago - before.began_seconds_ago
        )
    await refused(fleet)


async def test_a_node_whose_view_of_the_owners_is_out_of_date_takes_nothing(
    fleet: FleetAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await fleet.node("first"), await fleet.node("second")
    await until(lambda: first.connected or second.connected, 40)
    owner, other = (first, second) if first.connected else (second, first)
    await fleet.pumping(owner)
    asked: list[str] = []
    view = other.node._owners

    def is_free(name: str) -> bool:
        return True

    def note_owned(name: str) -> None:
        asked.append(name)

    monkeypatch.setattr(view, "is_free", is_free)
    monkeypatch.setattr(view, "note_owned", note_owned)
    monkeypatch.setattr(other.node._reception, "receives", lambda name: True)
    await until(lambda: len(asked) >= 5, 40)
    assert fleet.on == BOTH
    assert owner.serves()
    assert not other.serves()
    assert other.state.confirmed == []
    assert len(fleet.starts) == 2


async def test_a_trip_that_the_former_owner_saves_during_the_takeover_is_latched_at_the_successor(
    fleet: FleetAtHome,
) -> None:
    first = await fleet.node("first")
    await fleet.pumping(first)
    second = await fleet.node("second")

    async def written_late() -> None:
        found = await first.state.latest(UNIT)
        content = json.loads(found.data or b"")
        content["states"][UNIT]["trip"] = TRIP.model_dump(mode="json")
        await second.state.bucket.update(UNIT, json.dumps(content).encode(), last=found.seq)

    first.network.open.clear()
    await until(lambda: not fleet.on, 20)
    first.state.bucket = second.state.bucket  # the way of the test, not of the former owner
    second.state.before_write = written_late
    await until(lambda: second.connected, 40)
    assert second.state.before_write is None
    trip = body_of(second).guard.trip
    assert trip is not None
    assert trip.kind is TRIP.kind
    await refused(fleet)
    assert (await document(second))["states"][UNIT]["trip"]["kind"] == TRIP.kind


@pytest.mark.parametrize(("what", "reason"), [("stop", "stop"), ("trip", "trip")])
async def test_what_stops_at_the_former_owner_while_it_loses_the_station_stops_at_once_and_for_good(
    fleet: FleetAtHome, what: str, reason: str
) -> None:
    first = await fleet.node("first")
    session_id = await fleet.pumping(first)
    second = await fleet.node("second")
    starts = len(fleet.starts)
    first.network.open.clear()
    if what == "stop":
        assert (await fleet.ask("stop"))["outcome"] == "accepted"
    else:
        fleet.home.pumps[Side.LEFT].suction.overpressure = 300.0
    await until(lambda: fleet.finished(session_id), 20)
    assert not fleet.on
    assert fleet.finished(session_id)[0]["data"]["reason"] == reason  # it did not wait for the end of the lease
    fleet.home.pumps[Side.LEFT].suction.overpressure = 0.0
    await until(second.serves, 60)
    assert "controller that was lost" in problem_of(second)
    await until(lambda: second.connected, 40)
    first.network.open.set()
    await until(lambda: first.cluster.reachable, 20)
    assert not first.serves()
    assert not fleet.on
    assert len(fleet.starts) == starts


async def test_a_wall_clock_that_is_wrong_by_hours_frees_nothing(
    fleet: FleetAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await fleet.node("first")
    await with_history(fleet, first)
    before = body_of(first).persistence.state()
    last = first
    for hours in (7, -31):
        moved = clock_that_is_wrong(timedelta(hours=hours))
        for module in (body_module, commands, events, session, session_progress, step_context):
            monkeypatch.setattr(module, "datetime", moved)
        node = await fleet.node(f"{hours}-hours-off")
        await last.end()
        await until(lambda node=node: node.connected, 40)
        found = body_of(node)
        assert found.guard.trip is not None
        assert found.guard.trip.kind is TRIP.kind
        await refused(fleet)
        assert "lump" in found.answers.symptoms
        saved = found.persistence.saved
        assert 0 < before.answers.day_left_seconds - saved.answers.day_left_seconds < 600
        for use, earlier in zip(saved.energy_uses, before.energy_uses, strict=True):
            assert 0 <= use.began_seconds_ago - earlier.began_seconds_ago < 600
        last, before = node, found.persistence.state()


def clock_that_is_wrong(by: timedelta) -> type[datetime]:
    """Return a `datetime` whose `now` is wrong."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + by

    return Moved
