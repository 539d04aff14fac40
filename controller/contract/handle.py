"""The way in for commands, as every interface is given it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from controller.contract.commands import Args, Command, Reply

# `handle(station, command, args, retained)` carries a command out and returns the reply. It never raises.
Handle = Callable[[str, Command, Args, bool], Awaitable[Reply]]
