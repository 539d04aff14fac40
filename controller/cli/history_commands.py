"""The commands about past sessions: `history`, and to show, correct, export, import and erase them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from controller.cli.examples import examples
from controller.cli.options import ConfigFile, Json, Language
from controller.cli.process import command
from controller.cli.upload_commands import uploads_app

history_app = typer.Typer(
    invoke_without_command=True,
    help="List past sessions; show, correct, export, import or erase them.",
    epilog=examples("history"),
)
history_app.add_typer(uploads_app, name="uploads")

StationName = Annotated[str | None, typer.Option("--station", help="Only sessions of this station.")]
Since = Annotated[
    str | None,
    typer.Option("--since", help="From a day on: 2026-03-01, today, yesterday, or so long ago: 7d, 12h, 4w."),
]
Until = Annotated[str | None, typer.Option("--until", help="Up to the end of a day, written in the same way.")]
SessionId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of a session, its beginning or its end; or `latest`.")
]
Notes = Annotated[bool, typer.Option("--notes", help="fhir, html: with the notes; csv and json always have them.")]


@history_app.callback()
@command()
async def history(
    context: typer.Context,  # noqa: ARG001 - read by `command`
    *,
    config: ConfigFile = None,
    station: StationName = None,
    since: Since = None,
    until: Until = None,
    last: Annotated[int | None, typer.Option(min=1, help="How many, the latest first; 20 without --since.")] = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """List past sessions: when, how each ended, and how much milk was collected; above them today and 24 hours."""
    from controller.cli.history_work import list_sessions

    await list_sessions(config, station, since, until, last, language, as_json=as_json)


@history_app.command("show", epilog=examples("history show"))
@command()
async def history_show(
    session: SessionId, *, config: ConfigFile = None, language: Language = None, as_json: Json = False
) -> None:
    """Show one session with its milk, its steps and its curves."""
    from controller.cli.history_work import show_session

    await show_session(config, session, language, as_json=as_json)


@history_app.command("edit", epilog=examples("history edit"))
@command()
async def history_edit(
    session: SessionId,
    *,
    left: Annotated[
        str | None, typer.Option("--left", help="Milk of the left breast in mL, by hand; `none` removes the entry.")
    ] = None,
    right: Annotated[str | None, typer.Option("--right", help="The same of the right breast.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="Your own words; an empty text removes them.")] = None,
    revision: Annotated[
        int | None, typer.Option("--revision", min=0, help="Only if it is still of this revision (see --json).")
    ] = None,
    config: ConfigFile = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Correct the milk or the note of a session, also while the service runs. What was measured is kept beside it."""
    from controller.cli.history_work import edit_session

    await edit_session(config, session, left, right, note, revision, language, as_json=as_json)


@history_app.command("export", epilog=examples("history export"))
@command()
async def history_export(
    *,
    form: Annotated[
        Literal["csv", "json", "fhir", "html"] | None,
        typer.Option(
            "--format", help="csv; json: everything, to import again; fhir: a bundle; html: a report. By default csv."
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    station: StationName = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write, for you only; by default the output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    notes: Notes = False,
    name: Annotated[str | None, typer.Option("--name", help="html: a name for the head of the report.")] = None,
    units: Annotated[
        Literal["mL", "oz"], typer.Option("--units", help="csv, html: of milk; oz: US fluid ounces.")
    ] = "mL",
    patient: Annotated[str | None, typer.Option("--patient", help="fhir: whom it is about, as in Patient/123.")] = None,
    language: Language = None,
    config: ConfigFile = None,
) -> None:
    """Write sessions as CSV, JSON, a FHIR bundle, or a report to print."""
    from controller.cli.history_export import ExportOptions, export_sessions
    from controller.contract.units import Units

    options = ExportOptions(form, output, force=force, notes=notes, name=name, patient=patient, units=Units(units))
    await export_sessions(config, station, since, until, language, options)


@history_app.command("import", epilog=examples("history import"))
@command()
async def history_import(
    file: Annotated[Path, typer.Argument(help="A JSON export of Letdown.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Where a session here differs, take that of the file.")
    ] = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> int:
    """Read the sessions of a JSON export; those that are here already stay as they are. All of it, or nothing."""
    from controller.cli.history_work import import_file

    return await import_file(config, file, replace=replace, as_json=as_json)


@history_app.command("move", epilog=examples("history move"))
@command()
async def history_move(
    *,
    keep_file: Annotated[bool, typer.Option("--keep-file", help="Only copy: the file stays as it is.")] = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> int:
    """Move the history from its file into the database that the settings name since. Then the file is deleted."""
    from controller.cli.history_move import move

    return await move(config, keep_file=keep_file, as_json=as_json)


@history_app.command("erase", epilog=examples("history erase"))
@command()
async def history_erase(
    sessions: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of sessions, or their beginnings or ends.")
    ] = None,
    *,
    since: Since = None,
    until: Until = None,
    station: StationName = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything: all sessions, the stash, and what was learned. Asks for words.")
    ] = False,
    traces: Annotated[
        bool, typer.Option("--traces", help="Only overwrite traces of what was erased while a file was in use.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Not with --all.")] = False,
    language: Language = None,
    config: ConfigFile = None,
) -> int:
    """Erase sessions for good, with all copies and what is still to be sent of them. Shows first what will go."""
    from controller.cli.history_erase import EraseOptions, erase

    options = EraseOptions(tuple(sessions or ()), everything=everything, traces=traces, yes=yes)
    return await erase(config, station, since, until, language, options)
