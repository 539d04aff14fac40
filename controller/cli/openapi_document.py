"""The OpenAPI document of the HTTP API, without a running service."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from controller.assembly.extras import serves_page
from controller.contract.commands import Args, Command, Reply
from controller.contract.words import load_words
from controller.settings import Settings
from controller.web.web_settings import WebSettings


def openapi_document() -> dict[str, Any]:
    """Return the document. Raise `SetupError` where the extra `web` is missing."""
    serves_page(Settings(web=WebSettings(enabled=True)))
    from controller.web.board_streams import BoardStreams
    from controller.web.event_hub import EventHub
    from controller.web.local_board import LocalBoard
    from controller.web.openapi import example_about
    from controller.web.station_commands import StationCommands
    from controller.web.web_app import bare_app
    from controller.web.web_parts import WebParts

    async def handle(_: str, command: Command, __: Args, ___: bool) -> Reply:
        return Reply(id=command.id, action=command.action, outcome="refused")

    words = load_words("en")
    board, commands = BoardStreams(LocalBoard(())), StationCommands(handle, words)
    parts = WebParts(
        hub=EventHub(()), board=board, commands=commands, about=example_about(version("letdown")), words=words
    )
    return bare_app(parts).openapi()
