"""The HTTP API as others use it: the examples of its page, a generated client, and a program that tries everything."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from controller.cli.openapi_document import openapi_document
from tests.helpers.command_line import ROOT
from tests.helpers.kept_history import history_of
from tests.helpers.session_records import record
from tests.helpers.web_client import TOKEN
from tests.helpers.web_service import web_service

pytestmark = pytest.mark.system

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BASE = "http://127.0.0.1:8080"
SESSION = "20260101T120000-5f0c1a"
ENDLESS = 28  # curl: the time is over
NODE_MODULES = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "letdown-tests/typescript/node_modules"
)


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


async def run(*command: str, cwd: Path, seconds: float = 120.0) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(seconds):
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode(errors="replace")


async def test_every_example_of_the_page_works(tmp_path: Path) -> None:
    async with history_of(tmp_path / "h.db", record(SESSION)) as history, web_service(history=history) as (_, port):
        for example in EXAMPLES:
            words = shlex.split(example.replace("\\\n", " ").replace(BASE, f"http://127.0.0.1:{port}"))
            assert words[0] == "curl"
            code, out = await run(*(each.replace("$TOKEN", TOKEN) for each in words), cwd=tmp_path)
            if "--max-time" in words:
                assert code == ENDLESS
                assert out.startswith("retry: 1000\n")
                names = ("stations",) if "/board/" in example else ("snapshot", "guide")
                assert {f"event: {each}" for each in (*names, "heartbeat")} <= set(out.splitlines())
            else:
                assert code == 0, f"{example}: {out}"
                assert json.loads(out) is not None


def test_the_page_has_an_example_of_every_endpoint() -> None:
    operations = {
        (
            method.upper(),
            path.replace("{station}", "home").replace("{session_id}", SESSION).replace("{device}", "left-pump"),
        )
        for path, item in openapi_document()["paths"].items()
        for method in item
    }
    tried = set()
    for example in EXAMPLES:
        (path,) = re.findall(rf"{BASE}(/[^\s\"?]*)", example)
        method = re.search(r"-X (\w+)", example)
        tried.add((method[1] if method else "GET", path))
    assert operations <= tried


async def test_schemathesis_finds_no_failure(tmp_path: Path) -> None:
    async with history_of(tmp_path / "h.db", record(SESSION)) as history, web_service(history=history) as (app, port):
        code, out = await run(
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"http://127.0.0.1:{port}/api/v1/openapi.json",
            "--exclude-path-regex=events$",  # it has no end
            "--checks=all",
            "--exclude-checks=negative_data_rejection",  # a stop is a stop, whatever is wrong around it
            "--max-examples=10",
            "--max-time=60",
            "--request-timeout=10",
            "--seed=1",
            "--suppress-health-check=all",
            "--no-color",
            cwd=tmp_path,
        )
        assert app.web is not None
        assert app.web.problem is None
    assert code == 0, out
    assert re.search(r"Tested: +24", out), out


PROGRAM = """
import type { components, paths } from "./api";

type Schemas = components["schemas"];
type Start = paths["/api/v1/stations/{station}/commands"]["post"]["requestBody"]["content"]["application/json"];

export const start: Start = { action: "start", args: { routine: "classic", side: "both", no_symptoms: false } };

export async function stop(base: string, station: string): Promise<Schemas["Reply"]> {
    const answer = await fetch(`${base}api/v1/stations/${station}/stop`, { method: "POST" });
    if (answer.status === 200 || answer.status === 502) return await answer.json() as Schemas["Reply"];
    const problem = await answer.json() as Schemas["ProblemDetails"];
    throw new Error(problem.detail);
}

export function follow(base: string, station: string, show: (shown: Schemas["Snapshot"]) => void): EventSource {
    const source = new EventSource(`${base}api/v1/stations/${station}/events`);
    source.addEventListener("snapshot", (message: MessageEvent<string>) => show(JSON.parse(message.data)));
    return source;
}

export function milk(snapshot: Schemas["Snapshot"]): number {
    return snapshot.volume_total_ml ?? 0;
}

export async function correct(base: string, id: string, seen: Schemas["HistorySession"]): Promise<number | null> {
    const body: Schemas["SessionCorrection"] = { revision: seen.revision, left_ml: 60, note: null };
    const answer = await fetch(`${base}api/v1/stations/home/history/${id}`, {
        method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (answer.status === 409) return ((await answer.json()) as Schemas["ProblemDetails"]).session?.revision ?? null;
    return ((await answer.json()) as Schemas["HistorySession"]).volume_total_ml;
}

export function vacuum(details: Schemas["HistoryDetails"]): (number | null)[] {
    return details.curves.filter((curve) => curve.quantity === "vacuum_mmhg").flatMap((curve) => curve.values);
}
"""


async def test_a_client_in_typescript_is_generated_and_compiles(tmp_path: Path) -> None:
    assert NODE_MODULES.is_dir(), "tests/system/install installs it"
    assert shutil.which("node"), "tests/system/install installs it"
    (tmp_path / "openapi.json").write_text(json.dumps(openapi_document()))
    (tmp_path / "program.ts").write_text(PROGRAM)
    commands: tuple[tuple[str, ...], ...] = (
        ("openapi-typescript", "openapi.json", "-o", "api.d.ts"),
        ("tsc", "--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom", "program.ts", "api.d.ts"),
    )
    for name, *arguments in commands:
        code, out = await run(str(NODE_MODULES / ".bin" / name), *arguments, cwd=tmp_path)
        assert code == 0, out
