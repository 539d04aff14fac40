"""What the page of all stations shows: pure functions of the tiles."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args

from controller.contract.station_board import StationTile, Trouble
from controller.contract.words import Words, first_upper

Group = Literal["problem", "running", "idle"]
GROUPS: tuple[Group, ...] = get_args(Group)

_LONGEST_NAME = 64


class ShownTile(NamedTuple):
    """A tile in words. `hidden`: by the filters."""

    name: str
    group: Group
    is_running: bool
    state: str
    step: str
    left: str
    troubles: tuple[str, ...]
    hidden: bool


class BoardFilter(NamedTuple):
    """Which stations to show: those of a group, or all; and those with these words in their name."""

    group: Group | None
    name: str

    def fits(self, tile: StationTile) -> bool:
        """Return whether a station is to be shown. One that runs and has a problem is in both groups."""
        in_group = {"problem": bool(tile.troubles), "running": not tile.state.over, "idle": group_of(tile) == "idle"}
        return (self.group is None or in_group[self.group]) and self.name.lower() in tile.station.lower()


def filter_of(query: Mapping[str, str]) -> BoardFilter:
    """Return the filter in the query of an address; what makes no sense filters nothing."""
    group = next((each for each in GROUPS if each == query.get("show")), None)
    return BoardFilter(group, query.get("name", "").strip()[:_LONGEST_NAME])


def group_of(tile: StationTile) -> Group:
    """Return where a station stands in the order: problems first."""
    if tile.troubles:
        return "problem"
    return "idle" if tile.state.over else "running"


def in_order(tiles: Iterable[StationTile]) -> list[StationTile]:
    """Return the stations in the order of the page: problems, then what runs, then the rest; each by name."""
    return sorted(tiles, key=lambda tile: (GROUPS.index(group_of(tile)), _natural(tile.station)))


def counts(tiles: Iterable[StationTile]) -> dict[str, int]:
    """Return how many stations each filter shows."""
    found = list(tiles)
    return {"all": len(found), **{group: sum(map(BoardFilter(group, "").fits, found)) for group in GROUPS}}


def shown_tile(tile: StationTile, words: Words, chosen: BoardFilter, now: datetime | None = None) -> ShownTile:
    """Return a tile in words."""
    step = words.steps[tile.step].title if tile.step in words.steps else ""
    return ShownTile(
        tile.station,
        group_of(tile),
        not tile.state.over,
        "" if Trouble.TRIPPED in tile.troubles else first_upper(words.labels.session[tile.state]),
        step,
        _left(tile, words, now or datetime.now(UTC)),
        tuple(trouble_words(words)[each] for each in tile.troubles),
        not chosen.fits(tile),
    )


def trouble_words(words: Words) -> dict[str, str]:
    """Return the words for each trouble."""
    titles = words.titles
    return {
        Trouble.UNREACHABLE: words.web["board_unreachable"],
        Trouble.UNCERTAIN: titles["uncertain"],
        Trouble.TRIPPED: titles["tripped"],
        Trouble.RUNS_OUTSIDE: titles["runs_outside"],
        Trouble.BLOCKED: titles["store_trouble"],
    }


def texts(words: Words) -> dict[str, dict[str, str]]:
    """Return the words that the script of the page puts in, by the values in the stream."""
    return {
        "state": {state.value: first_upper(label) for state, label in words.labels.session.items()},
        "step": {name: step.title for name, step in words.steps.items()},
        "trouble": trouble_words(words),
    }


def _left(tile: StationTile, words: Words, now: datetime) -> str:
    if tile.ends_at is None:
        return ""
    minutes = max(0, math.ceil((tile.ends_at - now).total_seconds() / 60))
    return words.web["board_left"].format(minutes=minutes)


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return a key by which bed-2 comes before bed-10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.lower()))
