"""Types for apps, generated as docs/mqtt.md says: they compile, and read all that a real service sends."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from controller.contract.event_data import EventType
from tests.helpers.command_line import LETDOWN, ROOT, environment
from tests.helpers.installed import node_modules, program
from tests.helpers.mosquitto import mosquitto
from tests.helpers.mqtt_listener import TOPICS, Ear, ear
from tests.helpers.service_process import ask, in_step, kinds, service, session, wait

pytestmark = pytest.mark.system

OURS = ROOT / "tests/system/client_types"
PYTHON, TYPESCRIPT = [
    block
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "docs/mqtt.md").read_text(encoding="utf-8"), re.DOTALL)
    if block.startswith("letdown schema")
]
# The type of each topic, by its end.
TYPES = {
    "about": "AboutPayload",
    "instance": "InstancePayload",
    "home/state": "StatePayload",
    "guide": "GuidePayload",
    "start_defaults": "StartDefaultsPayload",
    "home/history": "HistoryPayload",
    "home/comfort": "LearnedComfortPayload",
    "event": "EventPayload",
    "reply": "ReplyPayload",
    "pump/state": "DeviceStatePayload",
    "pad/state": "DeviceStatePayload",
    "massager/state": "DeviceStatePayload",
    "telemetry": "DeviceTelemetryPayload",
    "command": "Command",
}
PLAIN_TEXT = ("/status", "/availability", "/radio", "/recent_sessions", "/reminders", "/uploads", "/ping", "/picture")
NOT_FOR_APPS = ("homeassistant/", "/announced")


def run(command: str | list[str | Path], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    shell = isinstance(command, str)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command] if shell else command,
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both commands of the page have run."""
    folder = tmp_path_factory.mktemp("types")
    programs = folder / "programs"
    programs.mkdir()
    quoted = " ".join(f"'{each}'" for each in LETDOWN[:2])
    code = LETDOWN[2].replace('"', '\\"')
    (programs / "letdown").write_text(f'#!/bin/sh\nexec {quoted} "{code}" "$@"\n', encoding="utf-8")
    (programs / "letdown").chmod(0o755)
    generator = program("client-types", "tests/system/client_types/requirements.txt", "datamodel-codegen")
    modules = node_modules("client-types-npm", "tests/system/client_types/package.json")
    (folder / "node_modules").symlink_to(modules)
    shutil.copy(OURS / "package.json", folder)
    path = f"{programs}:{generator.parent}:{os.environ['PATH']}"
    for command in (PYTHON, TYPESCRIPT):
        done = run(command, folder, PATH=path, npm_config_offline="true")
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def types(folder: Path) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("letdown_types", folder / "letdown_types.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def tsc(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "client.ts").write_text(text, encoding="utf-8")
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
    return run([folder / "node_modules/.bin/tsc", *options, "client.ts"], folder)


def test_the_parser_of_asyncapi_accepts_the_document(folder: Path) -> None:
    done = run([*LETDOWN, "schema", "asyncapi"], folder)
    (folder / "asyncapi.json").write_text(done.stdout, encoding="utf-8")
    checked = run(["node", OURS / "validate.mjs", "asyncapi.json"], folder)
    assert checked.returncode == 0, checked.stderr
    said = json.loads(checked.stdout)
    assert said["channels"] == len(json.loads(done.stdout)["channels"])
    assert {each["code"] for each in said["found"]} <= {"asyncapi-latest-version"}

    broken = done.stdout.replace("#/components/schemas/Snapshot", "#/components/schemas/Snapshop")
    (folder / "asyncapi.json").write_text(broken, encoding="utf-8")
    assert json.loads(run(["node", OURS / "validate.mjs", "asyncapi.json"], folder).stdout)["channels"] == 0


def test_the_python_types_pass_mypy_strict(folder: Path) -> None:
    client = folder / "client.py"
    client.write_text(
        "from pydantic import TypeAdapter\n"
        "from letdown_types import EventPayload, LetDownEvent, Snapshot\n"
        "event = TypeAdapter[EventPayload](EventPayload).validate_json(b'')\n"
        "if isinstance(event, LetDownEvent):\n"
        "    seconds: float | None = event.data.seconds\n"
        "def vacuum(state: Snapshot) -> float:\n"
        "    return state.target_vacuum_mmhg or 0.0\n",
        encoding="utf-8",
    )
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", folder / "cache"]
    done = run([*mypy, "letdown_types.py", "client.py"], folder)
    assert done.returncode == 0, done.stdout
    client.write_text(client.read_text(encoding="utf-8").replace(" or 0.0", ""), encoding="utf-8")
    assert "Incompatible return value type" in run([*mypy, "client.py"], folder).stdout  # it may be null


def test_the_typescript_types_know_every_event(folder: Path) -> None:
    text = (OURS / "client.ts").read_text(encoding="utf-8")
    assert set(re.findall(r'case "(\w+)"', text)) == set(EventType)
    done = tsc(folder, text)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('    case "stop_confirmed":\n', ""),  # a type of event is forgotten
        ('case "let_down"', 'case "letdown"'),
        ("event.data.by :", "event.data.device :"),
        ("event.data.index + 1", "event.data.step + 1 + event.data.number"),
        ("event.data.seconds === null ? event.data.by : ", ""),  # it may be null
        ("telemetry.values.vacuum_mmhg", "telemetry.values.vacuum"),
        ("const id: string | null", "const id: string"),
        ('action: "answer", args: { question: "asked", value: false }', 'action: "answer", args: { value: false }'),
        ('action: "stop"', 'action: "stopp"'),
    ],
)
def test_the_typescript_types_find_mistakes(folder: Path, right: str, wrong: str) -> None:
    text = (OURS / "client.ts").read_text(encoding="utf-8")
    assert text.count(right) == 1
    assert tsc(folder, text.replace(right, wrong)).returncode != 0


async def a_whole_session(other: Ear) -> None:
    """Run a session to its end, with refusals, limits and a pause; then one that ends with pain."""
    await ask(other, "set_start_defaults", comfort_vacuum_mmhg=100)
    await ask(other, "resume")
    await ask(other, "shout")
    assert (await ask(other, "start", routine="classic", side="both"))["outcome"] == "accepted"
    await in_step(other, "express")
    await ask(other, "set_vacuum", mmhg=250)
    await ask(other, "vacuum_down")
    await ask(other, "pause")
    await wait(lambda: session(other)["state"] == "paused")
    await ask(other, "resume")
    await wait(lambda: session(other)["state"] == "running")
    await ask(other, "skip")
    await wait(lambda: "session_finished" in kinds(other))
    await ask(other, "log_volume", left_ml=60)
    await ask(other, "start", routine="warmth", no_symptoms=True)
    await in_step(other, "warm")
    await ask(other, "pain")
    await wait(lambda: kinds(other).count("session_finished") == 2)


async def test_the_python_types_read_all_that_a_service_sends(types: ModuleType, tmp_path: Path) -> None:
    kept = {"LETDOWN_STORE__PATH": str(tmp_path / "letdown.db")}  # then it has a history, too
    async with mosquitto() as broker, ear(broker.url) as other, service(tmp_path, broker, speed=120, **kept):
        await a_whole_session(other)
        heard = list(other.heard)
    adapters = {end: TypeAdapter(getattr(types, name)) for end, name in TYPES.items()}
    read: dict[str, list[Any]] = {end: [] for end in TYPES}
    for message in heard:
        topic, payload = message.topic.value, bytes(message.payload)
        if topic.endswith(PLAIN_TEXT) or any(each in topic for each in NOT_FOR_APPS):
            continue
        (end,) = [each for each in TYPES if topic.endswith(each)]
        if end == "command" and b"shout" in payload:
            continue
        read[end].append(adapters[end].validate_json(payload))
    assert not [end for end, values in read.items() if not values]
    assert {each.type for each in read["event"]} >= {
        *("session_started", "step_started", "step_finished", "let_down", "limited"),
        *("paused", "resumed", "pain", "volume_logged", "session_finished"),
    }
    assert {each.outcome for each in read["reply"]} >= {"accepted", "limited", "refused"}
    assert type(read["event"][0].data).__name__ == "SessionStartedData"
    assert {each["type"] for each in other.values(TOPICS.event("home"))} == {each.type for each in read["event"]}


def test_the_python_types_ignore_later_fields_and_refuse_wrong_ones(types: ModuleType) -> None:
    event = TypeAdapter(types.EventPayload)
    known = {"id": "1", "time": "2026-01-01T12:00:00Z", "station": "home", "session_id": None, "type": "uncertain"}
    known["epoch"] = None
    assert event.validate_python({**known, "data": {"device": "pump", "later": 1}, "later": 2}).data.device == "pump"
    with pytest.raises(ValidationError):
        event.validate_python({**known, "data": {}})
    with pytest.raises(ValidationError):
        event.validate_python({**known, "type": "unheard_of", "data": {}})
