"""Health data stays where it belongs: in no log, and nowhere once it is erased, also while the service runs."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import letdown, printed
from tests.helpers.controlled import write_routine
from tests.helpers.mosquitto import mosquitto
from tests.helpers.mqtt_listener import Ear, ear
from tests.helpers.service_process import EVENT, ask, devices_are_there, program, session, start, wait

pytestmark = pytest.mark.system

NOTE = "Zq-private-words-of-a-night"
ENTERED_ML = 61.379
ROUTINE = "stimulate: {at_most_seconds: 60}\n  - express: {minutes: 2}"
SPEED = 30


def configure(folder: Path) -> Path:
    """Write the settings of a service that keeps a history, with a short routine."""
    write_routine(folder / "routines", "short", ROUTINE)
    settings = {"store": {"path": str(folder / "letdown.db")}, "routines": [str(folder / "routines")]}
    (folder / "letdown.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return folder / "letdown.yaml"


async def run_session(other: Ear) -> str:
    """Run a session to its end, enter milk and a note; return its id."""
    await start(other, "short")
    id_ = str(session(other)["session_id"])
    await wait(lambda: id_ in {each["session_id"] for each in finished(other)})
    for action, args in (
        ("log_volume", {"left_ml": ENTERED_ML}),
        ("edit_session", {"session_id": id_, "note": f"{NOTE} {id_}"}),
    ):
        reply = await ask(other, action, **args)
        assert reply["outcome"] == "accepted", reply
    return id_


def kept_in(folder: Path) -> dict[str, bytes]:
    """Return the content of the files of the store, by their names."""
    return {each.name: each.read_bytes() for each in folder.iterdir() if ".db" in each.name}


def finished(other: Ear) -> list[dict[str, Any]]:
    return [each for each in other.values(EVENT) if each["type"] == "session_finished"]


async def test_no_note_and_no_milk_is_in_any_log_and_what_is_erased_is_gone(tmp_path: Path) -> None:
    config = configure(tmp_path)
    said = ""

    async def command(*arguments: str) -> Any:
        nonlocal said
        done = await asyncio.to_thread(letdown, "history", *arguments, "--config", str(config), cwd=tmp_path)
        said += done.stderr
        assert done.returncode == 0, done.stderr
        return done

    options = ("run", "--virtual", "--verbose", "--speed", str(SPEED), "--config", str(config))
    async with mosquitto() as broker, ear(broker.url) as other:
        async with program(tmp_path, *options, "--broker", str(broker.url)) as service:
            await devices_are_there(other)
            first, second = [await run_session(other), await run_session(other)]
            rows = printed(await command("--json"))["sessions"]
            assert [(row["id"], row["note"]) for row in rows] == [(id_, f"{NOTE} {id_}") for id_ in (second, first)]
            await command("show", second)
            await command("edit", second, "--right", "47.113", "--note", f"{NOTE} {second}, again")
            await command("export", "-o", str(tmp_path / "all.json"))
            await command("erase", first, "--yes")
            await command("import", str(tmp_path / "all.json"))  # it is what was exported, also of the erased one
            await command("erase", first, "--yes")
            assert [row["id"] for row in printed(await command("--json"))["sessions"]] == [second]
            third = await run_session(other)  # nothing is in the way of the next one
            code, _ = await service.end_by(signal.SIGTERM)
            assert code == 0
            log = service.log
        (tmp_path / "all.json").unlink()
        measured = [ml for each in finished(other) for ml in each["data"]["volume_ml"].values() if ml]
    assert " DEBUG " in log
    for words in (NOTE, str(ENTERED_ML), "47.113", *(f"{ml:.2f}" for ml in measured)):
        assert words not in log + said
    content = kept_in(tmp_path)
    assert {name for name, data in content.items() if first.encode() in data} == set()
    assert any(third.encode() in data for data in content.values())
