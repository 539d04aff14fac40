"""The same machine, with a controller that crashes."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.helpers.random_sessions.controls import RandomControls
from tests.helpers.random_sessions.sessions import small_commands


class RandomCrashes(RandomControls):
    """The same, with a controller that crashes."""

    @rule(lose_the_last=st.booleans(), gone=st.sampled_from([0.0, 0.1, 3.0, 12.0, 60.0, 400.0]))
    def crash(self, lose_the_last: bool, gone: float) -> None:
        async def crash_and_come_back() -> None:
            await self.in_session()
            self.expected.crash(lose_the_last=lose_the_last)
            await self.world.clock.sleep(gone)
            await self.expected.start_controller()

        self.run(crash_and_come_back())

    @rule(
        commands=st.lists(small_commands, min_size=1, max_size=3),
        turns=st.integers(0, 12),
        gone=st.sampled_from([0.0, 3.0]),
    )
    def crash_in_the_middle(self, commands: list[tuple[str, dict[str, Any]]], turns: int, gone: float) -> None:
        """Crash while commands are under way."""

        async def crash_and_come_back() -> None:
            await self.in_session()
            for action, args in commands:
                self.expected.on_sent(action, args)
                self.unanswered.append(asyncio.create_task(self.house.send(action, **args)))
            for _ in range(turns):
                await asyncio.sleep(0)
            self.expected.crash(lose_the_last=False)
            await self.world.clock.sleep(gone)
            await self.expected.start_controller()

        self.run(crash_and_come_back())
