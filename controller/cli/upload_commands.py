"""The commands about what is sent to Baby Buddy: `history uploads`, and what to do with a session that was not sent."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.examples import examples
from controller.cli.options import ConfigFile, Json
from controller.cli.process import command

if TYPE_CHECKING:
    from controller.history.baby_buddy.upload_table import UploadTable

uploads_app = typer.Typer(
    invoke_without_command=True,
    help="List what was sent to Baby Buddy, and decide about what was not.",
    epilog=examples("history uploads"),
)
_NOTHING = "Nothing was sent to Baby Buddy yet."


@uploads_app.callback()
@command()
async def uploads(
    context: typer.Context,  # noqa: ARG001 - read by `command`
    *,
    config: ConfigFile = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many: first those that are open.")] = 20,
    as_json: Json = False,
) -> None:
    """List what became of the latest sessions: first what waits or was not accepted, and why."""
    from controller.cli.printing import print_line, print_rows
    from controller.contract.words import load_words

    async with _table(config) as (table, language):
        found, problem = await table.uploads(last=last), await table.problem()
    if as_json:
        print_rows([each.model_dump(mode="json") for each in found], as_json, _NOTHING)
        return
    words = load_words(language)
    if problem is not None:
        print_line(words.sentence(problem.why) + (f" ({problem.detail})" if problem.detail else ""))
    rows = [
        {
            "session": each.session_id,
            "began": "" if each.began_at is None else f"{each.began_at.astimezone():%Y-%m-%d %H:%M}",
            "state": words.labels.upload[each.state],
            "why": " ".join(
                filter(None, ("" if each.problem is None else words.sentence(each.problem), each.detail or ""))
            ),
        }
        for each in found
    ]
    print_rows(rows, as_json, _NOTHING)


@uploads_app.command("retry", epilog=examples("history uploads retry"))
@command()
async def retry(
    session: Annotated[str, typer.Argument(help="A session of the list; without it, all that wait.")] = "all",
    *,
    config: ConfigFile = None,
) -> int:
    """Send a session again: within a minute, by the service that runs."""
    return await _resolve(config, session, retries=True)


@uploads_app.command("skip", epilog=examples("history uploads skip"))
@command()
async def skip(
    session: Annotated[str, typer.Argument(help="A session of the list, or `all` that wait.")],
    *,
    config: ConfigFile = None,
) -> int:
    """Do not send a session. It stays in the history here."""
    return await _resolve(config, session, retries=False)


async def _resolve(config: Path | None, session: str, *, retries: bool) -> int:
    from controller.cli.printing import print_line

    async with _table(config) as (table, _):
        count = await table.resolve(session, "retry" if retries else "skip")
    if not count and session != "all":
        raise ValueError(f"{session} is not among the sessions for Baby Buddy; see `letdown history uploads`")
    print_line(f"{'Sent again' if retries else 'Skipped'}: {count}")
    return 0


@contextlib.asynccontextmanager
async def _table(config: Path | None) -> AsyncIterator[tuple[UploadTable, str]]:
    """Open the table of what is sent, also beside a running service. Yield it, and the language of the settings."""
    from controller.cli.command_settings import read_settings
    from controller.history.baby_buddy.upload_table import UploadTable
    from controller.history.history_store import HistoryStore

    settings = read_settings(config)
    if settings.baby_buddy is None:
        raise ValueError("nothing is sent to Baby Buddy: baby_buddy is not in the settings; see docs/baby-buddy.md")
    file, database = settings.store.history_file, settings.history.database()
    if database is None and not file.exists():
        raise ValueError(f"there is no history yet ({file}): it is created on the first `letdown run`")
    async with HistoryStore.opened(file, database) as store:
        yield UploadTable(store, settings.baby_buddy.target), settings.language
