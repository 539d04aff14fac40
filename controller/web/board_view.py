"""What the page of all stations shows: pure functions of the tiles."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args

from controller.contract.station_board import StationTile, Trouble
from controller.contract.words import Words, first_upper
from controller.safety.message import message

Group = Literal["problem", "running", "idle", "away"]
GROUPS: tuple[Group, ...] = get_args(Group)
_TROUBLES = tuple(Trouble)

_LONGEST_NAME = 64
# What the script of the page says by itself.
_OF_THE_PAGE = {
    "left": "board_left",
    "ago": "board_ago",
    "unknown": "board_unknown",
    "away": "board_away_state",
    "no_contact": "no_contact",
    "no_broker": "board_no_broker",
    "sending": "sending",
    "confirmed": "stop_confirmed",
    "not_confirmed": "stop_not_confirmed",
    "may_not": "board_may_not",
}


class ShownTile(NamedTuple):
    """A tile in words. `left`: time left, or since when it is silent. `hidden`: by the filters."""

    name: str
    group: Group
    is_running: bool
    state: str
    step: str
    left: str
    troubles: tuple[str, ...]
    controller: str
    hidden: bool


class BoardFilter(NamedTuple):
    """Which stations to show: of a group, or all; with these words in their name; of a controller, or of all."""

    group: Group | None
    name: str
    controller: str = ""

    def fits(self, tile: StationTile) -> bool:
        """Return whether a station is to be shown. One that runs and has a problem is in both groups."""
        in_group = tile.running if self.group == "running" else self.group in (None, group_of(tile))
        here = self.controller in ("", tile.controller)
        return in_group and here and self.name.lower() in tile.station.lower()


def filter_of(query: Mapping[str, str]) -> BoardFilter:
    """Return the filter in the query of an address; what makes no sense filters nothing."""
    group = next((each for each in GROUPS if each == query.get("show")), None)
    return BoardFilter(
        group, query.get("name", "").strip()[:_LONGEST_NAME], query.get("controller", "")[:_LONGEST_NAME]
    )


def group_of(tile: StationTile) -> Group:
    """Return where a station stands in the order: problems first, and last those that nothing serves."""
    if tile.troubles:
        return "problem"
    if tile.state is None:
        return "away"
    return "running" if tile.running else "idle"


def in_order(tiles: Iterable[StationTile]) -> list[StationTile]:
    """Return the stations in the order of the page: the worst problems, then what runs, then the rest; each by name."""
    return sorted(tiles, key=lambda tile: (GROUPS.index(group_of(tile)), _worst(tile), _natural(tile.station)))


def counts(tiles: Iterable[StationTile]) -> dict[str, int]:
    """Return how many stations each filter shows."""
    found = list(tiles)
    return {"all": len(found), **{group: sum(map(BoardFilter(group, "").fits, found)) for group in GROUPS}}


def controllers_of(tiles: Iterable[StationTile]) -> list[str]:
    """Return the controllers that serve a station, by name; none outside of a fleet."""
    return sorted({each.controller for each in tiles if each.controller is not None}, key=_natural)


def shown_tile(tile: StationTile, words: Words, chosen: BoardFilter, now: datetime | None = None) -> ShownTile:
    """Return a tile in words."""
    step = words.steps[tile.step].title if tile.step in words.steps else ""
    return ShownTile(
        tile.station,
        group_of(tile),
        tile.running,
        _state(tile, words),
        step,
        _left(tile, words, now or datetime.now(UTC)),
        tuple(trouble_words(words)[each] for each in tile.troubles),
        tile.controller or "",
        not chosen.fits(tile),
    )


def trouble_words(words: Words) -> dict[str, str]:
    """Return the words for each trouble."""
    titles, web = words.titles, words.web
    return {
        Trouble.UNCERTAIN: titles["uncertain"],
        Trouble.TRIPPED: titles["tripped"],
        Trouble.PAIN: web["board_pain"],
        Trouble.SESSION_LOST: web["board_session_lost"],
        Trouble.DEVICE_LOST: web["board_device_lost"],
        Trouble.RUNS_OUTSIDE: titles["runs_outside"],
        Trouble.BLOCKED: titles["store_trouble"],
        Trouble.UNREACHABLE: web["board_unreachable"],
        Trouble.UNOWNED: web["board_unowned"],
    }


def undelivered(words: Words) -> dict[str, str]:
    """Return the words for a command that did not reach its controller, by the key of the reply."""
    found = {"not_sent": message("not_sent"), "unanswered": message("unanswered")}
    return {key: first_upper(words.sentence(each)) for key, each in found.items()}


def texts(words: Words) -> dict[str, dict[str, str]]:
    """Return the words that the script of the page puts in, by the values in the stream."""
    return {
        "state": {state.value: first_upper(label) for state, label in words.labels.session.items()},
        "step": {name: step.title for name, step in words.steps.items()},
        "trouble": trouble_words(words),
        "stop": {state: first_upper(label) for state, label in words.labels.stop.items()},
        "page": {key: words.web[name] for key, name in _OF_THE_PAGE.items()} | undelivered(words),
    }


def _state(tile: StationTile, words: Words) -> str:
    if Trouble.TRIPPED in tile.troubles:
        return ""  # the trouble says so
    if tile.state is None:
        return words.web["board_unknown" if tile.troubles else "board_away_state"]
    return first_upper(words.labels.session[tile.state])


def _left(tile: StationTile, words: Words, now: datetime) -> str:
    if tile.silent_since is not None:
        minutes = max(0, int((now - tile.silent_since).total_seconds() / 60))
        return words.web["board_ago"].format(minutes=minutes)
    if tile.ends_at is None:
        return ""
    minutes = max(0, math.ceil((tile.ends_at - now).total_seconds() / 60))
    return words.web["board_left"].format(minutes=minutes)


def _worst(tile: StationTile) -> int:
    """Return the rank of the worst trouble."""
    return _TROUBLES.index(tile.troubles[0]) if tile.troubles else 0


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return a key by which bed-2 comes before bed-10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.lower()))
