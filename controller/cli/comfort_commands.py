"""The commands about learned comfort: `comfort`, `comfort accept`, `comfort reset`, `comfort on`, `comfort off`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.examples import examples
from controller.cli.options import ConfigFile, Json
from controller.cli.process import command

if TYPE_CHECKING:
    from controller.contract.comfort import ComfortAdvice
    from controller.contract.words import Words
    from controller.history.history_store import HistoryStore

comfort_app = typer.Typer(
    invoke_without_command=True,
    help="Show what was learned of your comfort: where suction begins, and what is usual for you.",
    epilog=examples("comfort"),
)

Station = Annotated[str | None, typer.Option(help="Which station, where there are several.")]
Change = Callable[["HistoryStore", "ComfortAdvice"], Awaitable[None]]


@comfort_app.callback()
@command()
async def comfort(
    context: typer.Context,  # noqa: ARG001 - read by `command`
    *,
    config: ConfigFile = None,
    station: Station = None,
    as_json: Json = False,
) -> None:
    """Show what was learned of your comfort: where suction begins, and what is usual for you."""
    await _run(config, station, as_json=as_json)


@comfort_app.command("accept", epilog=examples("comfort accept"))
@command()
async def accept(*, config: ConfigFile = None, station: Station = None) -> None:
    """Let suction begin at what is suggested. Your comfort cap and all other limits still hold."""
    from controller.history.comfort.comfort_state import accept as save

    async def change(store: HistoryStore, advice: ComfortAdvice) -> None:
        if not advice.suggestions:
            raise ValueError(f"nothing is suggested for {advice.station}, so there is nothing to accept")
        await save(store, advice.station, advice.suggestions, datetime.now(UTC))

    await _run(config, station, change)


@comfort_app.command("reset", epilog=examples("comfort reset"))
@command()
async def reset(*, config: ConfigFile = None, station: Station = None) -> None:
    """Forget what was learned, and learn anew from now on. The sessions stay."""
    from controller.history.comfort import comfort_state

    await _run(config, station, lambda store, advice: comfort_state.reset(store, advice.station, datetime.now(UTC)))


@comfort_app.command("off", epilog=examples("comfort off"))
@command()
async def off(*, config: ConfigFile = None, station: Station = None) -> None:
    """Do not use what is learned. Nothing is forgotten."""
    await _turn(config, station, on=False)


@comfort_app.command("on", epilog=examples("comfort on"))
@command()
async def on(*, config: ConfigFile = None, station: Station = None) -> None:
    """Use what is learned again."""
    await _turn(config, station, on=True)


async def _turn(config: ConfigFile, station: str | None, *, on: bool) -> None:
    from controller.history.comfort import comfort_state

    await _run(config, station, lambda store, advice: comfort_state.turn(store, advice.station, on=on))


async def _run(config: ConfigFile, station: str | None, change: Change | None = None, *, as_json: bool = False) -> None:
    """Change something, if asked for, and show what is learned then. A running service uses it from its next start."""
    from controller.assembly.station_building import stations_of_same_body
    from controller.cli.command_settings import read_settings
    from controller.cli.history_opening import opened_history
    from controller.cli.standard_streams import print_json
    from controller.contract.comfort import ComfortAdvice
    from controller.contract.words import load_words
    from controller.history.comfort.comfort_learner import advice
    from devices.support.closest import unknown

    settings = read_settings(config, named=False)
    name = station or next(iter(settings.stations))
    if name not in settings.stations:
        raise ValueError(unknown("station", name, settings.stations))
    same_body = stations_of_same_body(settings)[name]
    found = ComfortAdvice(station=name)
    async with opened_history(settings, create=change is not None) as history:
        if history is not None:
            found = await advice(history.store, name, same_body)
            if change is not None:
                await change(history.store, found)
                found = await advice(history.store, name, same_body)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        print("\n".join(_lines(found, load_words(settings.language))))  # noqa: T201 - what was asked for


def _lines(advice: ComfortAdvice, words: Words) -> Iterator[str]:
    """Yield what is learned, suggested and usual, and which command changes it."""
    from controller.figures.comfort_sentences import learned_sentences, suggested_sentences, usual_sentences

    if not advice.learning:
        yield f"{words.comfort['off']} (letdown comfort on)"
    yield from learned_sentences(advice, words)
    yield from suggested_sentences(advice, words)
    if advice.suggestions:
        yield "letdown comfort accept"
    yield from usual_sentences(advice, words)
