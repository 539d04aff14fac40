"""Random commands, faults and times over whole sessions; every invariant is checked after each step.

`make test` takes a few dozen steps, the same each time. The long way (`make test-system`) takes 600 on each machine,
or as many as LETDOWN_TEST_STEPS says, of which LETDOWN_TEST_SEED chooses the order:

    LETDOWN_TEST_STEPS=20000 LETDOWN_TEST_SEED=7 pytest -q -m system tests/controller/safety/test_random_sessions.py

What was found this way has a test of its own in `test_random_session_findings`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.helpers.random_sessions.controls import RandomControls
from tests.helpers.random_sessions.random_crashes import RandomCrashes
from tests.helpers.random_sessions.sessions import RandomSessions
from tests.helpers.sampling import sampled

STEPS_OF_ONE_WORLD = 60
PHASES = (Phase.generate, Phase.shrink)


def run_random(machine: type[RandomSessions], steps: int, *, long: bool, phases: Sequence[Phase] = PHASES) -> None:
    profile = settings(
        max_examples=1 + max(1, steps // STEPS_OF_ONE_WORLD),  # in Hypothesis' first, nothing ever happens
        stateful_step_count=min(steps, STEPS_OF_ONE_WORLD),
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


@pytest.mark.system
@pytest.mark.parametrize(
    "machine",
    sampled(
        [RandomControls, RandomCrashes], keep=lambda machine: machine is RandomCrashes
    ),  # the second has all of both
)
def test_every_invariant_holds_in_some_random_sessions(machine: type[RandomSessions]) -> None:
    run_random(machine, 30, long=False)


@pytest.mark.system
@pytest.mark.parametrize("machine", [RandomControls, RandomCrashes])
def test_every_invariant_holds_for_an_hour_of_faults(machine: type[RandomSessions]) -> None:
    run_random(machine, int(os.environ.get("LETDOWN_TEST_STEPS", "600")), long=True)
