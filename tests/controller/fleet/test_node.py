"""Nodes of a fleet around one home: who serves it, and that no pump runs on when that changes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.fleet.fleet_config import assign, drain, undrain
from controller.safety.limits import Trip, TripKind
from devices.virtual.transports import Air
from tests.helpers.fleet_nodes import BAD, HOME, FleetAtHome, fleet_at_home
from tests.helpers.patience import until

pytestmark = pytest.mark.system

TTL_SECONDS = 6.0  # the least that an owner may set


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[FleetAtHome]:
    async with fleet_at_home(tmp_path) as found:
        yield found


async def test_only_a_node_in_range_of_a_unit_takes_it(fleet: FleetAtHome) -> None:
    far = await fleet.node("far", air=Air())
    await asyncio.sleep(2)
    assert not far.serves()
    assert far.node.reach() == ()
    near = await fleet.node("near")
    await until(lambda: near.connected, 20)
    assert not far.serves()
    assert near.node.reach() == ("home",)


async def test_of_two_nodes_in_range_one_serves_a_unit_for_as_long_as_it_runs(fleet: FleetAtHome) -> None:
    one, other = await fleet.node("one"), await fleet.node("other")
    await until(lambda: one.serves() or other.serves(), 20)
    for _ in range(int(2 * TTL_SECONDS / 0.1)):
        await asyncio.sleep(0.1)
        assert one.serves() != other.serves()
    epochs = {each["epoch"] for each in fleet.other.values("letdown/home/state")}
    assert len(epochs) == 1


async def test_a_node_that_loses_the_cluster_stops_its_pumps_before_another_one_takes_over(
    fleet: FleetAtHome,
) -> None:
    loop = asyncio.get_running_loop()
    first = await fleet.node("first")
    session = await fleet.pumping(first)
    before = first.epoch()
    second = await fleet.node("second")
    await asyncio.sleep(1)
    blocked_at = loop.time()
    first.network.open.clear()
    await until(lambda: not fleet.on, 10)
    stopped_seconds = loop.time() - blocked_at
    assert not second.node.served  # the key is still there
    assert stopped_seconds < TTL_SECONDS * 2 / 3 + 1
    await until(second.serves, 20)
    assert loop.time() - blocked_at < TTL_SECONDS + 6
    assert second.epoch() > before
    await until(lambda: second.connected, 20)
    await until(lambda: fleet.finished(session)[-1:] and fleet.finished(session)[-1]["epoch"] == second.epoch(), 10)
    assert fleet.finished(session)[-1]["data"]["reason"] == "cut_off"
    assert fleet.finished(session)[-1]["data"]["outcome"] == "failed"
    await asyncio.sleep(1)
    assert not fleet.on  # nothing is resumed
    first.network.open.set()
    await asyncio.sleep(2)
    assert second.serves()
    assert not first.serves()
    assert not fleet.on


async def test_after_a_loss_a_start_is_refused_for_a_while_and_then_works(fleet: FleetAtHome) -> None:
    first = await fleet.node("first")
    await fleet.pumping(first)
    second = await fleet.node("second")
    first.network.open.clear()
    await until(lambda: second.connected, 30)
    refused = await fleet.ask("start", routine="express", side="both", no_symptoms=True)
    assert refused["outcome"] == "refused"
    assert "controller that was lost" in str(refused)
    assert refused["epoch"] == second.epoch()
    assert not fleet.on
    app = second.node.served["home"].app
    assert app is not None
    station = app.stations["home"]
    await until(lambda: station.reporter.problem is None, 15)
    if station.body.to_acknowledge:
        await fleet.ask("acknowledge")
    await until(lambda: "start" in station.snapshot.allowed_actions, 10)
    await fleet.pumping(second)


async def test_a_node_that_ends_stops_and_releases_and_the_next_one_takes_over_at_once(fleet: FleetAtHome) -> None:
    loop = asyncio.get_running_loop()
    fleet.ttl_seconds = 20.0
    first = await fleet.node("first")
    session = await fleet.pumping(first)
    second = await fleet.node("second")
    await asyncio.sleep(1.5)
    began = loop.time()
    await first.end()
    assert not fleet.on
    assert loop.time() - began < 4
    await until(second.serves, 15)
    assert [each["data"]["reason"] for each in fleet.finished(session)] == ["shut_down"]
    await fleet.pumping(second)  # without an embargo


async def test_a_node_that_is_drained_releases_a_unit_when_its_session_has_ended(fleet: FleetAtHome) -> None:
    first = await fleet.node("first")
    session = await fleet.pumping(first)
    second = await fleet.node("second")
    await drain(first.cluster.config, "first")
    await until(lambda: first.node.shared.draining)
    await asyncio.sleep(TTL_SECONDS)
    assert first.serves()
    assert fleet.on == {"left-pump", "right-pump"}
    assert (await fleet.ask("stop"))["outcome"] == "accepted"
    await until(second.serves, 15)
    assert not first.node.served
    assert [each["data"]["reason"] for each in fleet.finished(session)] == ["stop"]
    await until(lambda: second.connected, 20)
    await drain(second.cluster.config, "second")
    await until(lambda: not second.node.served, 15)
    await undrain(first.cluster.config, "first")
    await until(lambda: first.connected, 20)


async def test_a_unit_that_cannot_be_built_is_tried_again_and_does_not_disturb_the_others(
    fleet: FleetAtHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("controller.fleet.node._FIRST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr("controller.fleet.reception.Reception.receives", lambda *_: True)
    node = await fleet.node("only", {**HOME, "broken": BAD})
    await until(lambda: node.connected, 20)
    await until(lambda: caplog.text.count("broken cannot be served here") >= 4, 20)
    assert node.serves()
    times = [each.created for each in caplog.records if "broken cannot be served here" in each.message]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[-1] > 0.6  # the third: four times the first
    await fleet.pumping(node)


async def test_a_trip_on_one_node_is_latched_on_the_next_with_the_budgets_and_the_answers(fleet: FleetAtHome) -> None:
    first = await fleet.node("first")
    await fleet.pumping(first)
    assert (await fleet.ask("answer", question="lump", value=True))["outcome"] in ("accepted", "refused")
    await fleet.ask("stop")
    await until(lambda: not fleet.on, 5)
    app = first.node.served["home"].app
    assert app is not None
    body = app.stations["home"].body
    trip = Trip(kind=TripKind.VACUUM, device="left-pump", detail="310 mmHg")
    body.persistence.save_trip(trip)
    saved = body.persistence.state()
    assert saved.energy_uses
    assert saved.answers.values
    second = await fleet.node("second")
    await first.end()
    await until(lambda: second.connected, 20)
    later = second.node.served["home"].app
    assert later is not None
    found = later.stations["home"].body
    assert found.guard.trip is not None
    assert found.guard.trip.kind is TripKind.VACUUM
    assert found.persistence.saved.answers.values == saved.answers.values
    assert found.persistence.saved.answers.day_left_seconds < saved.answers.day_left_seconds
    assert len(found.persistence.saved.energy_uses) == len(saved.energy_uses)
    for use, before in zip(found.persistence.saved.energy_uses, saved.energy_uses, strict=True):
        assert use.began_seconds_ago >= before.began_seconds_ago
    refused = await fleet.ask("start", routine="express", side="both", no_symptoms=True)
    assert refused["outcome"] == "refused"
    assert not fleet.on


async def test_a_unit_that_is_assigned_to_a_node_goes_there_after_its_session(
    fleet: FleetAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.fleet.reception.RECEIVED_SECONDS", 2.0)
    nodes = {name: await fleet.node(name) for name in ("first", "second")}
    await until(lambda: any(node.connected for node in nodes.values()), 20)
    (here,) = [name for name, node in nodes.items() if node.connected]
    (there,) = nodes.keys() - {here}
    for _ in range(30):  # a device that is connected falls silent, and is in reach all the same
        await asyncio.sleep(0.1)
        nodes[there].node.reach()
    assert nodes[there].node.reach() == ("home",)
    await fleet.pumping(nodes[here])
    await assign(nodes[here].cluster.config, "home", there)
    await asyncio.sleep(TTL_SECONDS)
    assert nodes[here].serves()
    assert fleet.on == {"left-pump", "right-pump"}
    await fleet.ask("stop")
    await until(nodes[there].serves, 20)
    await assign(nodes[here].cluster.config, "home", "unknown")  # then any node may have it, and nothing changes
    await asyncio.sleep(1.5)
    assert nodes[there].serves()
