"""The web interface over a history: in a file, or unreachable."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from controller.contract.commands import Args, Command, Reply
from controller.contract.replies import reply
from controller.contract.session_record import (
    EditConflictError,
    History,
    HistoryError,
    SessionDetails,
    SessionEdit,
    SessionRecord,
)
from controller.contract.units import Units
from controller.contract.words import languages, load_words
from controller.database.database import Database, Statement
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords, save
from controller.safety.message import message
from controller.web.preferences import LANGUAGE_COOKIE, UNITS_COOKIE
from controller.web.web_parts import WebParts
from tests.helpers.session_records import details as invented
from tests.helpers.web_client import client

texts = functools.cache(load_words)
_AT_ONCE = 500
BERLIN = ZoneInfo("Europe/Berlin")


def _batched(sessions: Sequence[SessionRecord], size: int) -> Iterator[Sequence[SessionRecord]]:
    for at in range(0, len(sessions), size):
        yield sessions[at : at + size]


class Editing:
    """Stands for the service: carries out `edit_session` alone, as it does."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.commands: list[Command] = []

    async def handle(self, station: str, command: Command, args: Args, retained: bool) -> Reply:
        self.commands.append(command)
        assert isinstance(args, SessionEdit)
        words = texts("en")
        try:
            await self._history.edit(args)
        except KeyError:
            return reply(words, command, "refused", message("no_such_session"))
        except EditConflictError:
            return reply(words, command, "refused", message("edited_meanwhile"))
        except HistoryError as error:
            return reply(words, command, "failed", message("history_unreachable"), detail=str(error))
        return reply(words, command, "accepted")


@dataclass
class Kept:
    """The web interface over a history. `put` keeps sessions; `parts` may be replaced."""

    store: HistoryStore
    history: SessionRecords
    service: Editing
    parts: WebParts

    async def put(self, *sessions: SessionRecord) -> None:
        await self.store.write(*(each for session in sessions for each in save(session)))

    async def run(self, sql: str) -> None:
        await self.store.write(Statement(sql))

    def client(
        self, language: str = "en", units: Units | None = None, chosen_language: str | None = None
    ) -> httpx.AsyncClient:
        """Return a browser. `language`: of the settings. `units`, `chosen_language`: what it has chosen for itself."""
        parts = replace(
            self.parts,
            words=texts(language),
            translations={code: texts(code) for code in languages()},
            about=self.parts.about.model_copy(update={"language": language}),
        )
        chosen = {UNITS_COOKIE: units, LANGUAGE_COOKIE: chosen_language}
        cookie = "; ".join(f"{name}={value}" for name, value in chosen.items() if value)
        return client(parts, headers={"cookie": cookie} if cookie else None)


@contextlib.asynccontextmanager
async def history_of(
    path: Path, *sessions: SessionRecord, database: Database | None = None
) -> AsyncIterator[HistoryStore]:
    """Open a history with these sessions. `database`: in place of a file."""
    async with HistoryStore.opened(path, database) as store:
        for some in _batched(sessions, _AT_ONCE):  # a write has to be over within seconds
            await store.write(*(each for session in some for each in save(session)))
        yield store


class Unreachable:
    """A history whose database does not answer."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def fail(*_: object, **__: object) -> None:
            raise HistoryError("connection refused")

        return fail


class WithCurves(SessionRecords):
    """A history whose sessions all have the invented steps, let-down and curves of `session_records.details`."""

    async def details(self, session_id: str) -> SessionDetails | None:
        found = await super().details(session_id)
        return found and invented(found.record)
