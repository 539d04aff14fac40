"""A ward of 200 stations for the page of all stations: most are ready, some run, a few have a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.contract.events import Snapshot
from controller.contract.session_state import SessionState
from controller.contract.words import languages
from controller.safety.limits import Trip, TripKind
from controller.web.board_streams import BoardStreams
from controller.web.local_board import LocalBoard
from controller.web.web_parts import WebParts
from tests.helpers.home import words
from tests.helpers.web_client import Asked, parts_of

COUNT = 200
_STEPS = ("warm", "massage", "stimulate", "express", "rest")


def bed(number: int) -> str:
    return f"bed-{number}"


def idle(number: int) -> Snapshot:
    return Snapshot(station=bed(number))


def running(number: int, **more: Any) -> Snapshot:
    ends_at = datetime.now(UTC) + timedelta(minutes=1 + number % 25)
    step = _STEPS[number % len(_STEPS)]
    return Snapshot(
        **{"station": bed(number), "state": SessionState.RUNNING, "session_id": "s", "step": step, "ends_at": ends_at}
        | more
    )


def tripped(number: int) -> Snapshot:
    trip = Trip(kind=TripKind.TEMPERATURE, device="pad", words="too warm")
    return Snapshot(station=bed(number), state=SessionState.TRIPPED, session_id="s", trip=trip)


def ward(count: int = COUNT) -> list[Snapshot]:
    """Return the stations: every third runs; of the last ones, one has tripped, and one has an uncertain pump."""
    found: Mapping[int, Snapshot] = {
        count - 3: tripped(count - 3),
        count - 5: running(count - 5, uncertain=("left-pump",)),
        count - 7: running(count - 7, state=SessionState.PAUSED, ends_at=None),
    }
    return [
        found[number] if number in found else running(number) if number % 3 == 0 else idle(number)
        for number in range(1, count + 1)
    ]


def ward_parts(
    snapshots: list[Snapshot], language: str = "en", asked: Asked | None = None
) -> tuple[WebParts, LocalBoard]:
    """Return the parts of a page of these stations, and the board to publish further snapshots to."""
    board = LocalBoard(snapshots)
    parts = parts_of((asked or Asked()).handle, *snapshots)
    about = parts.about.model_copy(update={"language": language})
    translations = {code: words(code) for code in languages()}
    more = {"board": BoardStreams(board), "words": words(language), "about": about, "translations": translations}
    return replace(parts, **more), board
