"""The terminal of a service in this process: its keys go the way of every command, and Ctrl+C stops everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from pydantic import JsonValue

from controller.app import App
from controller.cli.terminal.parent_terminal import ParentTerminal, Send, confirmations
from controller.cli.terminal.view_state import ViewState
from controller.contract.commands import Action, BadCommandError, Reply, command_for
from controller.contract.events import EndReason
from controller.contract.words import Words
from controller.service.service import Service
from controller.service.station import Station

_STOP_SECONDS = 3.0


def sender(service: Service, station: str) -> Send:
    """Return what carries out commands at a station of this process, as those from MQTT are."""

    async def send(action: Action, args: Mapping[str, JsonValue]) -> Reply | None:
        try:
            command, parsed = command_for(action, dict(args))
        except BadCommandError as error:
            return error.reply
        return await service.handle(station, command, parsed)

    return send


async def stop_everything(station: Station) -> dict[str, str]:
    """Stop every device of a station, and return what each confirmed within three seconds."""
    results: dict[str, str] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            results = dict(await station.stop(EndReason.SHUT_DOWN))
    connected = {role.name for role in station.roles if role.connected}
    return results or dict.fromkeys(sorted(connected), "uncertain")


def interruption(words: Words, results: Mapping[str, str]) -> list[str]:
    """Return the lines that say what became of the devices after Ctrl+C."""
    if not results or all(result == "unreachable" for result in results.values()):
        return [words.terminal["interrupted_nothing"]]
    return [words.terminal["interrupted"], *(f"  {line}" for line in confirmations(words, results))]


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def run_shown(app: App, station: Station, words: Words, on_press: Callable[[], None]) -> None:
    """Run a service until it ends or is cancelled, and show one station of it meanwhile.

    When it is cancelled, everything is stopped, and what each device confirmed is printed.
    """
    state = ViewState(words, f"MQTT {app.broker}", may_start=True)
    terminal = ParentTerminal(state, sender(app.service, station.name), on_press=on_press)
    unsubscribe = app.stream.subscribe(terminal.take)
    confirmed: dict[str, str] = {}
    try:
        with terminal.shown():
            running = asyncio.create_task(app.run())
            try:
                await asyncio.wait({running})
                running.result()
            except asyncio.CancelledError:
                confirmed = await stop_everything(station)
                raise
            finally:
                await end(running)
    except asyncio.CancelledError:
        for line in interruption(words, confirmed):
            print(line)  # noqa: T201 - to the person at this terminal
        raise
    finally:
        unsubscribe()
