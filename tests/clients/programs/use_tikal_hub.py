"""tikal's high-level part, told what to do by a test: its hub, which has a thread of its own, and one toy of it."""

from __future__ import annotations

import asyncio
import inspect
import queue
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from on_bumble import public, serve
from tikal.high_level import ToyController, ToyHub
from use_tikal import SCAN_SECONDS, described

_ANSWER_SECONDS = 20.0


class Hub:
    """What the client offers, under its own names; what JSON has no word for is made here."""

    def __init__(self) -> None:
        self.events: list[list[Any]] = []
        self.updates: list[Any] = []
        self._hub = ToyHub(toy_cache_path=Path(tempfile.mkdtemp()) / "toys.json")
        self._found: list[Any] = []
        self._toy: ToyController | None = None

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the hub or to the toy: in a thread, and with the answer that comes by a callback."""
        found = getattr(self._hub if name in public(ToyHub) else self._toy, name)
        if not callable(found):
            return found
        has_callback = "callback" in inspect.signature(found).parameters

        async def run(*args: Any) -> Any:
            if has_callback:
                return await self._answered(lambda answer: found(*args, callback=answer))
            return await asyncio.to_thread(found, *args)

        return run

    async def _answered(self, ask: Callable[[Callable[[Any], None]], Any]) -> Any:
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        await asyncio.to_thread(ask, answers.put)
        answer = await asyncio.to_thread(answers.get, True, _ANSWER_SECONDS)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def operations(self) -> list[str]:
        """Return the names of all that it offers."""
        return public(ToyHub, ToyController)

    def listen(self) -> list[str]:
        """Keep what it tells by each of its callbacks; return their names."""
        names = [
            name
            for name in public(ToyHub)
            if list(inspect.signature(getattr(ToyHub, name)).parameters)[1:] == ["callback"]
        ]
        for name in names:
            getattr(self._hub, name)(lambda *told, name=name: self.events.append([name, *map(str, told)]))
        return names

    async def discover_toys_blocking(self) -> list[dict[str, str]]:
        """Look for toys."""
        self._found = await asyncio.to_thread(self._hub.discover_toys_blocking, SCAN_SECONDS)
        return described(self._found)

    async def discover_toys_callback(self) -> list[dict[str, str]]:
        """Do the same by the other way."""
        self._found = await self._answered(lambda answer: self._hub.discover_toys_callback(answer, SCAN_SECONDS))
        return described(self._found)

    async def start_discovery(self) -> None:
        """Keep looking for toys, and keep what is told of them."""
        await asyncio.to_thread(self._hub.start_discovery, lambda toys: self.updates.append(described(toys)))

    async def connect_toys_blocking(self, model: str) -> None:
        """Connect to the toy that was found, as a model; raise what the client returns."""
        self._found[0].model_name = model
        self._keep(await asyncio.to_thread(self._hub.connect_toys_blocking, self._found))

    async def connect_toys_callback(self, model: str) -> None:
        """Do the same by the other way."""
        self._found[0].model_name = model
        self._keep(await self._answered(lambda answer: self._hub.connect_toys_callback(self._found, answer)))

    def _keep(self, made: list[Any]) -> None:
        if isinstance(made[0], BaseException):
            raise made[0]
        self._toy = made[0]

    async def disconnect_toys_blocking(self) -> list[Any]:
        """Let go of the toy."""
        return list(await asyncio.to_thread(self._hub.disconnect_toys_blocking, [self._toy.toy_id]))

    async def disconnect_toys_callback(self) -> list[Any]:
        """Do the same by the other way."""
        ids = [self._toy.toy_id]
        return list(await self._answered(lambda answer: self._hub.disconnect_toys_callback(ids, answer)))

    async def update_model_name(self, model: str) -> str:
        """Say which model it is; raise what the client returns."""
        made = await asyncio.to_thread(self._hub.update_model_name, self._toy.toy_id, model)
        if isinstance(made, BaseException):
            raise made
        return str(made.model_name)


if __name__ == "__main__":
    serve(Hub)
