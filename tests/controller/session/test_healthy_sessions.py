"""Healthy sessions with every device, routine and comfort cap: nothing trips, and each goes to its end.

`LETDOWN_TEST_SESSIONS=500` runs so many; `LETDOWN_TEST_SEED=7` draws others.
"""

from __future__ import annotations

import os

import pytest

from tests.helpers.healthy_sessions import Plan, run_session, sampled

COUNT = int(os.environ.get("LETDOWN_TEST_SESSIONS", "16"))
SEED = int(os.environ.get("LETDOWN_TEST_SEED", "1"))


@pytest.mark.system
@pytest.mark.parametrize("plan", list(sampled(COUNT, SEED)), ids=str)
async def test_nothing_trips(plan: Plan) -> None:
    outcome = await run_session(plan)
    assert outcome.healthy, outcome
