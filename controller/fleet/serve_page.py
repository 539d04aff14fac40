"""The page of a fleet as a process: it watches all stations over MQTT, and the cluster where it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from controller.assembly.extras import SetupError
from controller.contract.words import languages, load_words
from controller.fleet.cluster_knowledge import ClusterKnowledge
from controller.fleet.fleet_board import FleetBoard
from controller.fleet.remote_commands import RemoteCommands
from controller.mqtt.fleet_client import FleetClient
from controller.service.kept_running import KeptRunning
from controller.settings import Settings
from controller.web.board_streams import BoardStreams
from controller.web.fleet_app import fleet_app
from controller.web.page_address import ADDRESS_FILE
from controller.web.role import Role
from controller.web.station_commands import StationCommands
from controller.web.web_parts import BoardParts
from controller.web.web_server import WebServer


async def serve_page(settings: Settings, most: Role, ready: Callable[[str], None]) -> None:
    """Serve until cancelled, and call `ready` with the address. `most`: the highest role that anybody has here.

    Raise `SetupError` where no broker is named, or the page cannot be served.
    """
    if settings.mqtt.embedded:
        raise SetupError("the page of a fleet needs its broker: name it in mqtt.brokers")
    knowledge = ClusterKnowledge(settings)
    board = FleetBoard(knowledge)
    client = FleetClient(settings.mqtt, board)
    # In a thread: on a slow machine it takes longer than the event loop may hang.
    translations = await asyncio.to_thread(lambda: {code: load_words(code) for code in languages()})
    words = translations[settings.language]
    parts = BoardParts(
        board=BoardStreams(board),
        commands=StationCommands(RemoteCommands(client, words).handle, words),
        words=words,
        translations=translations,
        fleet=knowledge,
    )
    token_file = settings.web_token_file
    server = WebServer(
        settings.web,
        parts,
        token_file=token_file,
        address_file=token_file.with_name(ADDRESS_FILE),
        build=partial(fleet_app, parts, settings.web),
        roles=most.and_lower,
    )
    watching = [asyncio.create_task(KeptRunning(each).run()) for each in (client, board, knowledge)]
    serving = asyncio.create_task(server.run(), name="web server")
    try:
        await server.settled()
        if server.address is None:
            raise SetupError(server.problem or "the page cannot be served")
        ready(server.address)
        await serving
    finally:
        for task in (*watching, serving):
            task.cancel()
        await asyncio.gather(*watching, serving, return_exceptions=True)
