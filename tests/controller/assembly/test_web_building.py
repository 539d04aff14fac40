"""The page is imported beside the event loop: systemd ends a service whose event loop hangs, also while it starts."""

from __future__ import annotations

import threading

import pytest

from controller.assembly import web_building
from controller.settings import Settings


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return what is imported from now on, and in which thread."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(web_building, "import_module", lambda name: found.append((name, threading.get_ident())))
    return found


async def test_the_page_is_imported_in_a_thread(
    imported: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETDOWN_WEB__ENABLED", "true")
    await web_building.load_web(Settings())
    ((name, thread),) = imported
    assert name == "controller.web.web_server"
    assert thread != threading.get_ident()


async def test_without_a_page_nothing_of_it_is_imported(imported: list[tuple[str, int]]) -> None:
    await web_building.load_web(Settings())  # tests have none, see conftest.py
    assert imported == []
