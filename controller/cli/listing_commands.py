"""The commands about profiles, routines and interfaces: `profiles`, `routines`, `schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.examples import examples
from controller.cli.options import ConfigFile, Json, Language
from controller.cli.process import command
from controller.cli.upload_commands import uploads_app

profiles_app = typer.Typer(
    invoke_without_command=True, help="List the device profiles, or check one.", epilog=examples("profiles")
)
history_app = typer.Typer(
    invoke_without_command=True,
    help="List past sessions, or what was sent to Baby Buddy.",
    epilog=examples("history"),
)
history_app.add_typer(uploads_app, name="uploads")
schema_app = typer.Typer(
    no_args_is_help=True, help="Print machine-readable descriptions of the interfaces.", epilog=examples("schema")
)


@profiles_app.callback()
@command()
async def profiles(
    context: typer.Context,  # noqa: ARG001 - read by `command`
    *,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """List the device profiles, what their devices can do, and where their facts come from."""
    from controller.cli.command_settings import read_settings
    from controller.cli.listings import profile_rows
    from controller.cli.printing import print_rows
    from devices.profiles.catalog import Catalog

    catalog = Catalog.load(*read_settings(config, named=False).profiles)
    columns = None if as_json else ("id", "name", "roles", "confidence")
    rows = [{key: row[key] for key in columns or row} for row in profile_rows(catalog)]
    print_rows(rows, as_json, "There are no profiles.")


@profiles_app.command("check", epilog=examples("profiles check"))
@command()
async def profiles_check(
    file: Annotated[Path, typer.Argument(help="A profile, in YAML.")], *, as_json: Json = False
) -> int:
    """Check a profile of your own and its examples, and warn of what defeats a safety check. Warnings exit with 0."""
    from controller.cli.printing import print_rows
    from controller.cli.profile_check import CHECKED, check_rows, print_checks, warning_rows
    from devices.driver.registry import driver_of, load_model
    from devices.profiles.catalog import id_problem
    from devices.support.yaml_file import read_document

    model, document = load_model(file), read_document(file)
    if problem := id_problem(model.id, file):
        raise document.error("id", problem)
    driver = driver_of(model)
    findings = driver.check_examples(model)
    rows = check_rows(findings, document.lines) + warning_rows(driver.warnings(model, CHECKED), document.lines)
    if as_json:
        print_rows(rows, as_json, "")
    else:
        print_checks(file, model.name, rows, model.encrypted)
    return 1 if any(each.state == "fails" for each in findings) else 0


@command()
async def routines(
    *,
    config: ConfigFile = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """List the routines."""
    from controller.cli.command_settings import read_settings
    from controller.cli.listings import routine_rows
    from controller.cli.printing import print_rows, routine_card

    settings = read_settings(config)
    rows = routine_rows(settings, language or settings.language)
    print_rows(rows, as_json, "There are no routines.", routine_card)


@schema_app.command("asyncapi", epilog=examples("schema asyncapi"))
def schema_asyncapi() -> None:
    """Print the AsyncAPI 3 document of the MQTT topics."""
    from importlib.metadata import version

    from controller.cli.standard_streams import print_json
    from controller.mqtt.asyncapi import asyncapi

    print_json(asyncapi(version("letdown")))


@schema_app.command("openapi", epilog=examples("schema openapi"))
@command()
async def schema_openapi() -> None:
    """Print the OpenAPI 3.1 document of the HTTP API."""
    from controller.cli.openapi_document import openapi_document
    from controller.cli.standard_streams import print_json

    print_json(openapi_document())


@schema_app.command("messages", epilog=examples("schema messages"))
def schema_messages() -> None:
    """Print the JSON schema of all messages on MQTT."""
    from importlib.metadata import version

    from controller.cli.standard_streams import print_json
    from controller.mqtt.asyncapi import asyncapi, json_schema

    print_json(json_schema(asyncapi(version("letdown"))))


@schema_app.command("profile", epilog=examples("schema profile"))
def schema_profile() -> None:
    """Print the JSON schema of device profiles, for your editor."""
    _print_editor_schema("profile")


@schema_app.command("routine", epilog=examples("schema routine"))
def schema_routine() -> None:
    """Print the JSON schema of routines, for your editor."""
    _print_editor_schema("routine")


@schema_app.command("settings", epilog=examples("schema settings"))
def schema_settings() -> None:
    """Print the JSON schema of the settings file, for your editor."""
    _print_editor_schema("settings")


def _print_editor_schema(name: str) -> None:
    from controller.cli.editor_schemas import SCHEMAS
    from controller.cli.standard_streams import print_json

    print_json(SCHEMAS[name]())
