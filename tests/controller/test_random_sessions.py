"""Random commands, mishaps and times over whole sessions, and every promise looked at after each step.

`make test` takes a few dozen steps, the same each time. The long way (`make test-system`) takes 600 on each machine,
or as many as LETDOWN_TEST_STEPS says, of which LETDOWN_TEST_SEED chooses the order:

    LETDOWN_TEST_STEPS=20000 LETDOWN_TEST_SEED=7 python -m pytest -q -m system tests/controller/test_random_sessions.py

What was found this way has a test of its own in `test_found_by_chance`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.controller.random_controls import HandsOn
from tests.controller.random_lives import Lives
from tests.controller.random_sessions import Sessions

STEPS_OF_ONE_WORLD = 60
PHASES = (Phase.generate, Phase.shrink)


def run_random(machine: type[Sessions], steps: int, *, long: bool, phases: Sequence[Phase] = PHASES) -> None:
    profile = settings(
        max_examples=max(1, steps // STEPS_OF_ONE_WORLD),
        stateful_step_count=STEPS_OF_ONE_WORLD,
        deadline=None,
        derandomize=not long,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    if long:
        machine = seed(int(os.environ.get("LETDOWN_TEST_SEED", "1")))(machine)
    run_state_machine_as_test(machine, settings=profile)


@pytest.mark.parametrize("machine", [HandsOn, Lives])
def test_every_promise_is_kept_in_some_random_sessions(machine: type[Sessions]) -> None:
    run_random(machine, 60, long=False)


@pytest.mark.system
@pytest.mark.parametrize("machine", [HandsOn, Lives])
def test_every_promise_is_kept_for_an_hour_of_trouble(machine: type[Sessions]) -> None:
    run_random(machine, int(os.environ.get("LETDOWN_TEST_STEPS", "600")), long=True)
