"""Where there is no page, nothing of it is loaded: neither its modules nor the libraries that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.assembly.extras import SetupError, serves_page
from controller.settings import Settings
from controller.web.web_settings import WebSettings
from tests.helpers.loaded_modules import loaded

LIBRARIES = ("fastapi", "starlette", "uvicorn", "jinja2", "h11", "segno")


def test_without_the_page_none_of_it_is_loaded(tmp_path: Path) -> None:
    has_page, modules = loaded(tmp_path, LETDOWN_WEB__ENABLED="false")
    assert not has_page
    assert {each for each in modules if each.startswith("controller.web.")} == {"controller.web.web_settings"}
    assert modules.isdisjoint(LIBRARIES)


@pytest.mark.system
def test_with_the_page_all_of_it_is(tmp_path: Path) -> None:
    has_page, modules = loaded(tmp_path)
    assert has_page
    assert {"fastapi", "uvicorn", "jinja2", "controller.web.web_server"} <= modules


def test_a_page_that_is_wanted_and_not_installed_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")
    monkeypatch.setattr("controller.assembly.extras.find_spec", lambda _: None)
    assert not serves_page(Settings())
    with pytest.raises(SetupError, match=r"letdown\[web\]"):
        serves_page(Settings(web=WebSettings(enabled=True)))
