"""How many commands may be under way: what waits for a hung database keeps no lowering out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from controller.contract.commands import ABOUT_RECORDS, ALWAYS, Action
from controller.contract.commands_under_way import MOST_COMMANDS, CommandsUnderWay, TooManyCommandsError


class UnderWay(CommandsUnderWay[None]):
    """Commands that last until the end of the test."""

    def begin(self, action: Action, times: int = 1) -> None:
        for _ in range(times):
            self.start(action, asyncio.sleep(60))


@pytest.fixture
async def under_way() -> AsyncIterator[UnderWay]:
    made = UnderWay()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_corrections_that_wait_keep_no_other_command_out(under_way: UnderWay) -> None:
    under_way.begin(Action.EDIT_SESSION, MOST_COMMANDS)
    for action in ABOUT_RECORDS:
        with pytest.raises(TooManyCommandsError):
            under_way.begin(action)
    for action in set(Action) - ABOUT_RECORDS:
        under_way.begin(action)


async def test_only_stop_and_pain_are_never_refused(under_way: UnderWay) -> None:
    under_way.begin(Action.SKIP, MOST_COMMANDS)
    with pytest.raises(TooManyCommandsError):
        under_way.begin(Action.START)
    for action in ALWAYS:
        under_way.begin(action, MOST_COMMANDS + 1)


async def test_what_has_ended_makes_room(under_way: UnderWay) -> None:
    under_way.begin(Action.STASH, MOST_COMMANDS - 1)
    await under_way.start(Action.STASH, asyncio.sleep(0))
    under_way.begin(Action.STASH)


async def test_only_stop_and_pain_go_on_after_a_cancellation(under_way: UnderWay) -> None:
    for action in Action:
        under_way.begin(action)
    under_way.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert {task.get_name() for task in under_way.tasks} == {f"command {action.value}" for action in ALWAYS}
