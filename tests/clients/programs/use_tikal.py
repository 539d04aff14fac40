"""tikal's low-level part, told what to do by a test: its connection builder, and one Lovense toy."""

from __future__ import annotations

import asyncio
from typing import Any

from on_bumble import public, serve
from tikal.low_level import ConnectionBuilder, LovenseToy, Toy, ToyData

SCAN_SECONDS = 0.5


def described(toys: list[ToyData]) -> list[dict[str, str]]:
    """Return what is known of each toy."""
    return [{key: getattr(toy, key) for key in ("name", "toy_id", "model_name", "brand")} for toy in toys]


class Toys:
    """What the client offers, under its own names; what JSON has no word for is made here."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.updates: list[Any] = []
        self._found: list[ToyData] = []
        self._toy: Toy | None = None
        self._builder = ConnectionBuilder(self._note("disconnected"), self._note("powered off"), "tikal")

    def _note(self, event: str) -> Any:
        return lambda toy_id: self.events.append((event, toy_id))

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the toy, or to the builder."""
        return getattr(self._builder if name in public(ConnectionBuilder) else self._toy, name)

    def operations(self) -> list[str]:
        """Return the names of all that it offers."""
        return public(ConnectionBuilder, LovenseToy)

    async def discover_toys(self) -> list[dict[str, str]]:
        """Look for toys."""
        self._found = await self._builder.discover_toys(timeout=SCAN_SECONDS)
        return described(self._found)

    async def start_continuous(self) -> None:
        """Keep looking for toys, and keep what is told of them."""
        await self._builder.start_continuous(lambda toys: self.updates.append(described(toys)))

    async def retrieve_continuous(self) -> list[dict[str, str]]:
        """Return the toys that are heard now."""
        return described(await self._builder.retrieve_continuous())

    async def create_toy(self, model: str) -> None:
        """Connect to the toy that was found, as a model; raise what the client returns."""
        self._found[0].model_name = model
        self._keep(await self._builder.create_toy(self._found[0]))

    async def create_toys(self, model: str) -> None:
        """Do the same by the other way."""
        self._found[0].model_name = model
        for made in await self._builder.create_toys(self._found):
            self._keep(made)

    def _keep(self, made: Toy | BaseException) -> None:
        if isinstance(made, BaseException):
            raise made
        self._toy = made

    async def together(self, *commands: tuple[str, int]) -> list[Any]:
        """Give several commands at once."""
        return list(await asyncio.gather(*(getattr(self._toy, name)(level) for name, level in commands)))


if __name__ == "__main__":
    serve(Toys)
