"""The health check: it finds what hangs, and never has a controller restarted that works."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.container import health
from controller.container.health import problem
from controller.web.page_address import ADDRESS_FILE

RUNNING = "Name:\tletdown\nState:\tS (sleeping)\n"
WELL = b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"status":"ok"}'


@contextmanager
def page(answer: bytes | None) -> Iterator[int]:
    """Answer one request; `None` never answers. Yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                if answer is None:
                    connection.recv(1)  # until it has given up
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def checked(folder: Path, port: int | None, status: str = RUNNING, address: str = "http://127.0.0.1/") -> str | None:
    process = folder / "status"
    process.write_text(status, encoding="utf-8")
    if port is not None:
        (folder / ADDRESS_FILE).write_text(json.dumps({"address": address, "port": port}), encoding="utf-8")
    return problem(folder, process)


def test_it_looks_where_the_page_notes_its_address() -> None:
    assert health.ADDRESS_FILE == ADDRESS_FILE


def test_a_page_that_answers_is_healthy(tmp_path: Path) -> None:
    with page(WELL) as port:
        assert checked(tmp_path, port) is None


def test_a_page_that_does_not_answer_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_ANSWER_SECONDS", 0.05)
    with page(None) as port:
        assert "does not answer" in str(checked(tmp_path, port))


def test_another_program_is_not(tmp_path: Path) -> None:
    with page(WELL.replace(b'"ok"', b'"OK"')) as port:
        assert checked(tmp_path, port) == "the page answers wrongly"
    with page(b"SSH-2.0\r\n") as port:
        assert "does not answer" in str(checked(tmp_path, port))


def test_without_a_page_a_controller_is_healthy(tmp_path: Path) -> None:
    assert checked(tmp_path, None) is None
    (tmp_path / ADDRESS_FILE).write_text("{", encoding="utf-8")
    assert checked(tmp_path, None) is None


def test_the_address_of_a_page_that_is_gone_is_no_problem(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert checked(tmp_path, port) is None


@pytest.mark.parametrize("state", ["T (stopped)", "Z (zombie)"])
def test_a_process_that_is_stopped_is_not_healthy(state: str, tmp_path: Path) -> None:
    assert checked(tmp_path, None, f"Name:\tletdown\nState:\t{state}\n") == "it is stopped"


def test_a_process_that_cannot_be_seen_is_no_problem(tmp_path: Path) -> None:
    assert problem(tmp_path, tmp_path / "missing") is None
