"""Builds the server of the web page and the HTTP API, where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from controller.assembly.bridge_building import features_of
from controller.assembly.extras import serves_page
from controller.contract.device_setup import DeviceSetup
from controller.contract.device_test_view import DeviceTester
from controller.contract.events import Snapshot
from controller.contract.session_record import History
from controller.contract.stash import Stash
from controller.contract.stream import Stream
from controller.contract.uploads import Uploads
from controller.contract.words import languages, load_words
from controller.mqtt.bridge import Bridge
from controller.service.describe_node import describe_node
from controller.service.service import Service
from controller.session.routine import Routine
from controller.settings import Settings

if TYPE_CHECKING:
    from controller.metrics.controller_metrics import ControllerMetrics
    from controller.web.web_server import WebServer


async def load_web(settings: Settings) -> None:
    """Import what the page needs, where there is one, in a thread.

    On a slow machine that takes longer than the `WatchdogSec` for which systemd lets the event loop hang.
    """
    if serves_page(settings):
        await asyncio.to_thread(import_module, "controller.web.web_server")


def build_web_server(
    settings: Settings,
    service: Service,
    bridge: Bridge,
    stream: Stream,
    routines: Mapping[str, Routine],
    history: History | None,
    uploads: Uploads | None,
    stash: Stash | None,
    *,
    saved: bool,
    tester: DeviceTester,
    setup: DeviceSetup | None,
    metrics: ControllerMetrics | None,
) -> WebServer | None:
    """Build the server of the web page; `None`, and nothing of it is imported, where there is none."""
    if not serves_page(settings):
        return None
    from controller.assembly.capture_viewing import CaptureViewing
    from controller.web.board_streams import BoardStreams
    from controller.web.event_hub import EventHub
    from controller.web.local_board import LocalBoard
    from controller.web.station_commands import StationCommands
    from controller.web.web_parts import WebParts
    from controller.web.web_server import WebServer

    handle = service.handle if metrics is None else metrics.counted(service.handle)
    stations, node = list(service.stations.values()), settings.mqtt.node
    presence, shown = bridge.presence, settings.mqtt.publish_recent_sessions
    words = load_words(settings.language)
    board = LocalBoard(station.snapshot for station in stations)
    stream.subscribe(board.watch, Snapshot)
    parts = WebParts(
        hub=EventHub(station.snapshot for station in stations),
        board=BoardStreams(board),
        commands=StationCommands(handle, words, (lambda _: None) if presence is None else presence.refusal),
        about=describe_node(
            node,
            stations,
            routines,
            settings.limits,
            settings.language,
            recent_sessions=shown,
            history=history is not None and settings.mqtt.publish == "all",
        ),
        words=words,
        features=[features_of(each, settings, routines, keeps_history=history is not None) for each in stations],
        translations={code: load_words(code) for code in languages()},
        units=settings.web.units,
        history=history,
        uploads=uploads,
        stash=stash,
        tester=tester,
        setup=setup,
        captures=CaptureViewing(),
        metrics=metrics,
    )
    token_file = settings.web_token_file if saved or not settings.web.loopback_only else None
    return WebServer.of(settings.web, stream, parts, token_file)
