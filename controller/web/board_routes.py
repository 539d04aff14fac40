"""The page of all stations, and what it follows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from controller.contract.commands import Reply
from controller.contract.station_board import StationTile
from controller.web import board_view as shown
from controller.web.event_hub import TooManyStreamsError
from controller.web.event_stream_response import EventStreamResponse
from controller.web.page_templates import PageTemplates
from controller.web.preferences import preferences_of
from controller.web.problems import ProblemError
from controller.web.role import Role
from controller.web.session_view import stop_words
from controller.web.web_parts import API, BoardParts

BOARD_PATH = f"{API}/board"
BOARD_EVENTS_PATH = f"{API}/board/events"


def add_board_routes(router: APIRouter, parts: BoardParts) -> None:
    """Add the endpoints."""

    @router.get(BOARD_PATH, tags=["stations"])
    async def get_board() -> list[StationTile]:
        """Get all stations at a glance, problems first."""
        return shown.in_order(parts.board.tiles.values())

    @router.get(BOARD_EVENTS_PATH, response_class=Response, tags=["stations"])
    async def follow_board(request: Request) -> Response:
        """Follow all stations: server-sent events, all of them first, then those that change, twice a second at most.

        Each `stations` is a list of tiles, and there is a `heartbeat` every 2 s.
        """
        try:
            return EventStreamResponse(parts.board.open(request.state.caller.key))
        except TooManyStreamsError as error:
            raise ProblemError(429, str(error), headers={"retry-after": "5"}) from None


async def board_page(request: Request, parts: BoardParts, templates: PageTemplates) -> Response:
    """Show all stations, filtered by the query. In a thread: hundreds of them take longer than a stop may wait."""
    return await asyncio.to_thread(_render, request, parts, templates, dict(parts.board.tiles))


def _render(
    request: Request, parts: BoardParts, templates: PageTemplates, tiles: Mapping[str, StationTile]
) -> Response:
    words = preferences_of(request, parts).words
    chosen = shown.filter_of(request.query_params)
    groups = [each for each in ("all", *shown.GROUPS) if each != "away" or parts.is_fleet]
    return templates.render(
        request,
        "stations.html",
        tiles=[shown.shown_tile(each, words, chosen) for each in shown.in_order(tiles.values())],
        chosen=chosen,
        groups=groups,
        controllers=shown.controllers_of(tiles.values()),
        is_fleet=parts.is_fleet,
        may_stop=request.state.role.covers(Role.OPERATE),
        no_broker=not parts.board.in_contact,
        counts=shown.counts(tiles.values()),
        texts=json.dumps(shown.texts(words), ensure_ascii=False),
        notice=_notice(request, parts),
        is_there=any(map(chosen.fits, tiles.values())),
    )


def _notice(request: Request, parts: BoardParts) -> str:
    """Return what became of the stop that led here."""
    query = request.query_params
    if query.get("action") not in ("stop", "pain") or query.get("outcome") not in ("accepted", "failed"):
        return ""
    station = query.get("station", "")
    if station not in parts.board.tiles:
        return ""
    words = preferences_of(request, parts).words
    reply = Reply(outcome="accepted" if query["outcome"] == "accepted" else "failed")
    why = shown.undelivered(words).get(query.get("why", ""))
    return f"{station}: {why or stop_words(reply, words)}"
