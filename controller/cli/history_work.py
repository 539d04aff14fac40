"""What the commands about past sessions do: read the history of the settings, and print."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from controller.cli.command_settings import read_settings
from controller.cli.history_details import detail_lines
from controller.cli.history_list import (
    Recent,
    list_data,
    marked,
    recent_lines,
    recent_since,
    session_data,
    session_lines,
)
from controller.cli.history_opening import Chosen, check_station, choose, find_session, opened_history
from controller.cli.standard_streams import print_json
from controller.contract.session_record import EditConflictError, HistoryError, SessionDetails, SessionEdit
from controller.contract.words import Words, load_words

_SHOWN = 20
_MOST_ML = 1000.0
_MOST_NOTE = 2000
_MOST_IDS = 5


async def list_sessions(
    config: Path | None,
    station: str | None,
    since: str | None,
    until: str | None,
    last: int | None,
    language: str | None,
    *,
    as_json: bool,
) -> None:
    """Print the totals of today and of 24 hours, and the sessions."""
    settings = read_settings(config, named=False)
    words, now = load_words(language or settings.language), datetime.now(UTC)
    chosen = choose(station, since, until, now)
    if last is None and chosen.since is None:
        last = _SHOWN
    async with opened_history(settings) as history:
        await check_station(settings, chosen, history)
        found = await chosen.sessions(history, None if last is None else last + 1)
        records = found[:last]
        recent = await Chosen(station, recent_since(now)).sessions(history)
        if not recent:
            recent = await Chosen(station).sessions(history, 1)
    if as_json:
        print_json(list_data(Recent.of(recent, now), records))
        return
    console = Console(highlight=False, markup=False)
    if not recent:
        nothing = words.listing["nothing"] if station is None else words.listing["nothing_at"].format(station=station)
        console.print(nothing, soft_wrap=True)
        return
    for line in recent_lines(Recent.of(recent, now), words, console.width):
        console.print(line, soft_wrap=True)
    console.print()
    if not records:
        console.print(words.listing["nothing_then"], soft_wrap=True)
        return
    for line in session_lines(records, words, console.width):
        console.print(line, soft_wrap=True)
    if len(found) > len(records):
        console.print(words.listing["not_shown"], style="dim", soft_wrap=True)
    if marked(records):
        console.print()
        console.print(words.listing["entered_mark"], style="dim")


async def show_session(config: Path | None, session: str, language: str | None, *, as_json: bool) -> None:
    """Print one session."""
    settings = read_settings(config, named=False)
    words = load_words(language or settings.language)
    async with opened_history(settings) as history:
        record = await find_session(history, session)
        details = None if history is None else await history.records.details(record.id)
    if details is None:
        raise HistoryError(f"{record.id} was erased meanwhile")
    if as_json:
        print_json({**details.model_dump(mode="json"), "record": session_data(details.record)})
    else:
        _print_details(details, words)


def _print_details(details: SessionDetails, words: Words) -> None:
    console = Console(highlight=False, markup=False)
    for line in detail_lines(details, words, console.width):
        console.print(line, soft_wrap=False)


async def edit_session(
    config: Path | None,
    session: str,
    left: str | None,
    right: str | None,
    note: str | None,
    revision: int | None,
    language: str | None,
    *,
    as_json: bool,
) -> None:
    """Correct one session, and print it."""
    given: dict[str, object] = {}
    if left is not None:
        given["left_ml"] = _millilitres("--left", left)
    if right is not None:
        given["right_ml"] = _millilitres("--right", right)
    if note is not None:
        given["note"] = _note(note)
    if not given:
        raise ValueError("say what to change: --left, --right or --note")
    settings = read_settings(config, named=False)
    words = load_words(language or settings.language)
    async with opened_history(settings) as history:
        record = await find_session(history, session)
        if history is None:
            return
        revision = record.revision if revision is None else revision
        edit = SessionEdit.model_validate({"session_id": record.id, "revision": revision, **given})
        try:
            await history.records.edit(edit)
        except KeyError:
            raise HistoryError(f"{record.id} was erased meanwhile") from None
        except EditConflictError as error:
            shown = "" if error.record is None else f" (revision {error.record.revision})"
            raise HistoryError(f"{record.id} is not changed: {error}{shown}") from error
        details = await history.records.details(record.id)
    if details is None:
        raise HistoryError(f"{record.id} was erased meanwhile")
    if as_json:
        print_json(session_data(details.record))
    else:
        _print_details(details.model_copy(update={"steps": (), "curves": ()}), words)


def _millilitres(option: str, text: str) -> float | None:
    words = text.strip().lower()
    if words in ("none", "keine"):
        return None
    with contextlib.suppress(ValueError):
        value = float(words.removesuffix("ml").strip().replace(",", "."))
        if 0 <= value <= _MOST_ML:
            return value
    raise ValueError(f"{option}: {text!r} is no amount; 0 to {_MOST_ML:g} would fit, in mL, or none")


def _note(text: str) -> str | None:
    if len(text) > _MOST_NOTE:
        raise ValueError(f"--note has {len(text)} characters; {_MOST_NOTE} would fit")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("--note has a character that cannot be stored")
    return text if text.strip() else None


async def import_file(config: Path | None, file: Path, *, replace: bool, as_json: bool) -> int:
    """Import the sessions of a file, and print what became of them. Return 1 where some differ and were left out."""
    from controller.history.exports.json_import import read_sessions
    from controller.history.session_import import import_sessions

    settings = read_settings(config, named=False)
    for _ in read_sessions(file):  # a file with an error creates no history
        pass
    async with opened_history(settings, create=True) as history:
        if history is None:
            return 1
        done = await import_sessions(history.store, read_sessions(file), replace=replace)
    if as_json:
        print_json({"added": done.added, "replaced": done.replaced, "same": done.same, "different": done.different})
    else:
        console = Console(highlight=False, markup=False)
        summary = f"{len(done.added)} imported, {len(done.replaced)} replaced, {len(done.same)} were here already"
        console.print(summary, soft_wrap=True)
        if done.different:
            ids = ", ".join(done.different[:_MOST_IDS]) + (" …" if len(done.different) > _MOST_IDS else "")
            differ = f"{len(done.different)} here differ from the file and stay as they are: {ids}"
            console.print(f"{differ}; --replace takes those of the file", soft_wrap=True)
    return 1 if done.different else 0
