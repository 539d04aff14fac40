"""What the commands about stored milk do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from controller.cli.command_settings import read_settings
from controller.cli.history_opening import opened_history
from controller.cli.printing import print_rows
from controller.contract.stash import Container, MovementKind, Place, StashArgs
from controller.contract.words import Words, load_words
from controller.history.stash.stash_keeper import StashKeeper
from controller.history.stash.stash_model import StashError
from controller.safety.message import NotAllowedError, message
from devices.support.closest import unknown


async def show(config: Path | None, station: str | None, *, as_json: bool = False) -> None:
    """Print stored milk. Raise `ValueError` for an unknown station, else `HistoryError`."""
    async with _opened(config, station) as (stash, name, words):
        _print([] if stash is None else await stash.containers(name), words, as_json=as_json)


async def move(
    config: Path | None,
    station: str | None,
    container: str,
    kind: Literal["stored", "moved", "thawed", "used", "discarded"],
    *,
    ml: float | None = None,
    place: Literal["room", "fridge", "freezer"] | None = None,
    expressed: datetime | None = None,
) -> None:
    """Note a movement, and print what there is then. `expressed`: in the local time zone.

    Raise `ValueError` where it does not fit what is there.
    """
    args = StashArgs(
        container=container,
        kind=MovementKind(kind),
        ml=ml,
        place=place and Place(place),
        expressed_at=expressed and expressed.astimezone(UTC),
    )
    async with _opened(config, station, create=args.kind is MovementKind.STORED) as (stash, name, words):
        try:
            if stash is None:
                raise StashError(message("stash_empty"))
            _print(await stash.move(name, args), words)
        except NotAllowedError as error:
            raise ValueError(f"{args.container}: {words.reason(error.message)}") from None


@contextlib.asynccontextmanager
async def _opened(
    config: Path | None, station: str | None, *, create: bool = False
) -> AsyncIterator[tuple[StashKeeper | None, str, Words]]:
    """Yield the stored milk, or `None` where there is no history yet; the station; and the words of its language."""
    settings = read_settings(config, named=False)
    name = station or next(iter(settings.stations))
    if name not in settings.stations:
        raise ValueError(unknown("station", name, settings.stations))
    async with opened_history(settings, create=create) as history:
        yield history and StashKeeper(history.store), name, load_words(settings.language)


def _print(kept: Sequence[Container], words: Words, *, as_json: bool = False) -> None:
    now, texts = datetime.now(UTC), words.stash
    if as_json:
        rows = [each.model_dump(mode="json") for each in kept]
    else:
        rows = [
            {
                texts["name"]: each.name,
                texts["amount"]: f"{each.ml:.0f} mL",
                texts["place"]: texts["thawed"] if each.thawed else texts[each.place],
                texts["expressed"]: _local(each.expressed_at),
                texts["best_before"]: texts["over"] if each.best_before < now else _local(each.best_before),
            }
            for each in kept
        ]
    print_rows(rows, as_json, texts["nothing"])


def _local(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M")
