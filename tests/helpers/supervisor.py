"""A stub of the API of Home Assistant's Supervisor, and an add-on that runs as the Supervisor would run it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.helpers.command_line import environment
from tests.helpers.service_process import Program

TOKEN = "token-of-the-supervisor"
NONE = {"result": "error", "message": "Service not enabled"}


@contextmanager
def supervisor(status: int, answer: Any) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Serve its API. Yield its address, and what it was asked for with which authorization."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["authorization"]))
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.asynccontextmanager
async def addon(folder: Path, options: dict[str, Any], url: str, ingress: str, port: int) -> AsyncIterator[Program]:
    """Run the add-on for the block, with its folders below `folder`. `url`: of the Supervisor's API."""
    (folder / "options.json").write_text(json.dumps(options), encoding="utf-8")
    places = f"Path('options.json'), Path('state').resolve(), Path('config/letdown.yaml').resolve(), {url!r}"
    code = f"main(Places({places}, {ingress!r}, {port}))"
    imports = "from pathlib import Path; from controller.container.addon import Places, main"
    log = folder / "log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"{imports}; {code}"),
            cwd=folder,
            env=environment(SUPERVISOR_TOKEN=TOKEN),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    running = Program(process, log)
    try:
        yield running
    finally:
        if process.returncode is None:
            await running.kill()
        print(running.log)  # noqa: T201 - pytest shows it when the test fails
    assert "Traceback" not in running.log
    assert " ERROR " not in running.log
