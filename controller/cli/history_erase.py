"""`letdown history erase`: says what will go, asks, and erases it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from controller.cli.command_settings import read_settings
from controller.cli.history_list import session_lines
from controller.cli.history_opening import Chosen, OpenedHistory, check_station, choose, find_session, opened_history
from controller.cli.line_reader import EndOfInputError, LineReader
from controller.contract.session_record import SessionRecord
from controller.contract.words import Words, load_words
from controller.database.sqlite_database import scrub
from controller.history.earlier_file import copy_uploads, delete_file, earlier_file, erase_from_file, opened_earlier
from controller.history.erasing import HistoryFiles, copies_of, erase_sessions, overwrite_traces, uploads_of
from controller.history.session_records import SessionRecords
from controller.journal.store_files import in_use
from controller.settings import Settings

_MOST_SHOWN = 20
_NOT_ERASED = 1


class EraseOptions(NamedTuple):
    """What is to be erased, beside a range of time; and whether to ask."""

    sessions: tuple[str, ...]
    everything: bool
    traces: bool
    yes: bool


async def erase(
    config: Path | None,
    station: str | None,
    since: str | None,
    until: str | None,
    language: str | None,
    options: EraseOptions,
) -> int:
    """Erase what the options choose. Return 0, or 1 where the person did not agree."""
    ranged = since is not None or until is not None or station is not None
    if sum((bool(options.sessions), options.everything, options.traces, ranged)) != 1:
        raise ValueError("say what to erase: ids of sessions, or --since, --until and --station, or --all")
    settings = read_settings(config, named=False)
    words = load_words(language or settings.language)
    console = Console(highlight=False, markup=False)
    chosen = choose(station, since, until, datetime.now(UTC))
    async with opened_history(settings) as history, _opened_earlier(settings) as earlier:
        await check_station(settings, chosen, history)
        if options.traces:
            if history is not None:
                await overwrite_traces(history.store)
            if earlier is not None:
                scrub(settings.store.history_file)
            return 0
        records = await _records(history, earlier, chosen, options)
        if history is None or not (records or options.everything):
            console.print(words.listing["nothing_then" if ranged else "nothing"], soft_wrap=True)
            return 0
        _check_over(settings, records)
        await _show(console, words, settings, history, records)
        if not await _agreed(console, words, options):
            console.print(words.listing["erase_not"], soft_wrap=True)
            return _NOT_ERASED
        ids = [each.id for each in records]
        if earlier is not None:
            await copy_uploads(earlier.store, history.store)
            erase_from_file(settings.store.history_file, ids)
        await erase_sessions(
            history.store,
            ids,
            files=_files(settings),
            everything=options.everything,
        )
    if earlier is not None and options.everything:
        delete_file(settings.store.history_file)
    console.print(words.listing["erase_done"].format(count=len(records)), soft_wrap=True)
    return 0


@contextlib.asynccontextmanager
async def _opened_earlier(settings: Settings) -> AsyncIterator[OpenedHistory | None]:
    """Yield the history in the file from before the settings named a database; `None` where there is none."""
    file = earlier_file(settings.store.history_file, settings.history.database())
    if file is None:
        yield None
        return
    async with opened_earlier(file) as store:
        yield OpenedHistory(store, SessionRecords(store))


async def _records(
    history: OpenedHistory | None, earlier: OpenedHistory | None, chosen: Chosen, options: EraseOptions
) -> list[SessionRecord]:
    """Return the sessions that are to go, the latest first; each once, also where both have it."""
    if options.sessions:
        records = [await _find(history, earlier, text) for text in options.sessions]
    else:
        records = [*await chosen.sessions(earlier), *await chosen.sessions(history)]
    return sorted({each.id: each for each in records}.values(), key=lambda record: record.began_at, reverse=True)


async def _find(history: OpenedHistory | None, earlier: OpenedHistory | None, text: str) -> SessionRecord:
    try:
        return await find_session(history, text)
    except ValueError:
        if earlier is None:
            raise
        return await find_session(earlier, text)


def _check_over(settings: Settings, records: Sequence[SessionRecord]) -> None:
    """Raise `ValueError` for a session that is under way: it would be recorded again."""
    running = [each for each in records if each.outcome is None]
    if running and in_use(settings.store.file):
        raise ValueError(f"{running[0].id} is under way; stop it first, or erase it once it has ended")


def _files(settings: Settings) -> HistoryFiles:
    return HistoryFiles(settings.store.file, settings.store.history_file)


async def _show(
    console: Console, words: Words, settings: Settings, history: OpenedHistory, records: Sequence[SessionRecord]
) -> None:
    """Print what will go."""
    text = words.listing
    console.print(text["erase_these"], style="bold", soft_wrap=True)
    if records:
        first, last = (f"{each.began_at.astimezone():%Y-%m-%d %H:%M}" for each in (records[-1], records[0]))
        what = text["erase_one"] if len(records) == 1 else text["erase_count"]
        console.print(f"- {what.format(count=len(records), first=first, last=last)}", soft_wrap=True)
    if uploads := await uploads_of(history.store, [each.id for each in records]):
        console.print(f"- {text['erase_uploads'].format(count=uploads)}", soft_wrap=True)
    if copies := copies_of(_files(settings)):
        console.print(f"- {text['erase_backups'].format(count=len(copies))}", soft_wrap=True)
    if (file := earlier_file(settings.store.history_file, settings.history.database())) is not None:
        console.print(f"- {text['erase_earlier'].format(file=file)}", soft_wrap=True)
    if records:
        console.print()
        for line in session_lines(records[:_MOST_SHOWN], words, console.width):
            console.print(line, soft_wrap=True)
        if len(records) > _MOST_SHOWN:
            console.print(f"… {len(records) - _MOST_SHOWN}")
        console.print()


async def _agreed(console: Console, words: Words, options: EraseOptions) -> bool:
    """Return whether the person agrees; for everything, they type it out."""
    text = words.listing
    if options.yes and not options.everything:
        return True
    wanted = text["erase_word"] if options.everything else text["erase_yes"]
    question = text["erase_confirm_all"].format(word=wanted) if options.everything else text["erase_confirm"]
    console.print(f"{question} ", end="", soft_wrap=True)
    try:
        typed = await LineReader().line()
    except EndOfInputError:
        console.print()
        return False
    return " ".join(typed.lower().split()) in {wanted, *(() if options.everything else ("y", "j"))}
