"""A history that cannot be written is shown, and prevents nothing."""

from __future__ import annotations

import pytest

from controller.safety.message import message
from tests.helpers.home import MILK, running_home


@pytest.mark.system
async def test_it_is_shown_while_it_lasts_and_a_session_starts_all_the_same() -> None:
    async with running_home(parent=True) as house:
        reporter = house.station.reporter
        problem: str | None = "the history at x cannot be written; make room on its disk"
        reporter._history_problem = lambda: problem
        await house.clock.sleep(2)
        snapshot = house.station.snapshot
        assert snapshot.notices == (house.words.sentence(message("history_waits")),)
        assert snapshot.problem_details == (problem,)
        assert (snapshot.problems, snapshot.problem) == ((), False)
        assert "start" in snapshot.allowed_actions
        await house.start(MILK.id)
        assert (await house.finished()).notices == snapshot.notices
        problem = None
        await house.clock.sleep(2)
        assert (house.station.snapshot.notices, house.station.snapshot.problem_details) == ((), ())
