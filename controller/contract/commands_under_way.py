"""The commands that an interface has under way, each in a task of its own, and how many there may be."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from controller.contract.commands import ABOUT_RECORDS, ALWAYS, Action

MOST_COMMANDS = 32  # of each kind, not counting stop and pain

T = TypeVar("T")


class TooManyCommandsError(Exception):
    """Too many commands are under way."""


class CommandsUnderWay(Generic[T]):
    """Stop and pain are never refused.

    Those about records, which wait for a database, have a limit of their own: however many of them wait for one that
    hangs, none that lowers or pauses is refused.
    """

    def __init__(self) -> None:
        self._stops: set[asyncio.Task[T]] = set()
        self._records: set[asyncio.Task[T]] = set()
        self._others: set[asyncio.Task[T]] = set()

    def start(self, action: Action, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin carrying out a command. Raise `TooManyCommandsError`."""
        tasks = self._kind(action)
        if tasks is not self._stops and len(tasks) >= MOST_COMMANDS:
            work.close()
            raise TooManyCommandsError
        task = asyncio.create_task(work, name=f"command {action.value}")
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def _kind(self, action: Action) -> set[asyncio.Task[T]]:
        if action in ALWAYS:
            return self._stops
        return self._records if action in ABOUT_RECORDS else self._others

    @property
    def tasks(self) -> set[asyncio.Task[T]]:
        """What is being carried out."""
        return self._stops | self._records | self._others

    def cancel(self) -> None:
        """Cancel what is under way; stop and pain are carried out to their end."""
        for task in self._records | self._others:
            task.cancel()
