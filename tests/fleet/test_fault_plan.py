"""The plan of faults: reproducible, complete, and never two faults of one target at once."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import pytest

from tests.fleet.fault_plan import OF_CONTROLLERS, SHARES, Fault, plan

CONTROLLERS, NODES = [f"c{number}" for number in range(1, 7)], ["n1", "n2", "n3"]


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan(7, 50, CONTROLLERS, NODES) == plan(7, 50, CONTROLLERS, NODES)
    assert plan(7, 50, CONTROLLERS, NODES) != plan(8, 50, CONTROLLERS, NODES)


@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_faults_are_of_every_kind_and_take_less_than_eight_minutes(seed: int) -> None:
    made = plan(seed, 200, CONTROLLERS, NODES)
    assert len(made) == 200
    assert made == sorted(made)
    assert Counter(each.kind for each in made) == {kind: 2 * share for kind, share in SHARES.items()}
    assert max(each.at_seconds + each.seconds for each in made) < 480
    cuts = [each for each in made if each.kind == "cut"]
    assert {each.direction for each in cuts} == {"both", "in", "out"}
    assert {len(each.nodes) for each in cuts} == {1, 2, 3}


@pytest.mark.parametrize("seed", range(20))
def test_no_target_has_two_faults_at_once(seed: int) -> None:
    by_target: dict[str, list[Fault]] = defaultdict(list)
    for each in plan(seed, 200, CONTROLLERS, NODES):
        is_node = each.kind not in (*OF_CONTROLLERS, "kill_database")
        by_target["nodes" if is_node else each.target or each.kind].append(each)
    for faults in by_target.values():
        for before, after in itertools.pairwise(faults):
            assert before.at_seconds + before.seconds < after.at_seconds


def test_some_controllers_are_always_left_alone() -> None:
    made = [each for each in plan(3, 200, CONTROLLERS, NODES) if each.kind in OF_CONTROLLERS]
    at_once = [
        sum(other.at_seconds <= each.at_seconds < other.at_seconds + other.seconds for other in made) for each in made
    ]
    assert max(at_once) <= 4


@pytest.mark.parametrize("count", [1, 3, 10, 37])
def test_fewer_faults_are_possible(count: int) -> None:
    assert len(plan(1, count, CONTROLLERS[:2], NODES)) == count
