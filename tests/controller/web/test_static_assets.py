"""The files of the page: addresses that never go stale, and lead nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.web.page_templates import relative_url
from controller.web.static_assets import StaticAssets
from tests.helpers.web_client import Asked, client, parts_of, problem

HOSTILE = [
    "../web_app.py",
    "..%2fweb_app.py",
    "%2e%2e/web_app.py",
    "%2e%2e%2fweb_app.py",
    "..%5cweb_app.py",
    "....//web_app.py",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "..%252f..%252fetc/passwd",
    "%00",
    ".gitkeep",
    "x" * 5000,
    "",
]


def test_an_address_changes_with_the_content_alone(tmp_path: Path) -> None:
    (tmp_path / "page.css").write_text("a {}")
    (tmp_path / "LICENSE").write_text("free")
    (tmp_path / ".hidden").write_text("x")
    first = StaticAssets({"": tmp_path})
    assert first.names == ("LICENSE", "page.css")
    assert first.path("page.css").startswith("static/page.")
    assert first.path("page.css") == StaticAssets({"": tmp_path}).path("page.css")
    (tmp_path / "page.css").write_text("b {}")
    assert first.path("page.css") != StaticAssets({"": tmp_path}).path("page.css")
    with pytest.raises(KeyError):
        first.path("other.css")


def test_a_folder_can_be_missing_and_names_can_have_a_beginning(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "hand.svg").write_text("<svg/>")
    assert StaticAssets({"": tmp_path / "none", "pictures/": tmp_path}).names == ("pictures/deep/hand.svg",)


async def test_a_file_is_kept_by_the_browser_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.js").write_text("export {};")
    monkeypatch.setattr("controller.web.app_frame._STATIC", tmp_path)
    async with client(parts_of(Asked().handle)) as here:
        answer = await here.get("/" + StaticAssets({"": tmp_path}).path("page.js"))
        problem(await here.get("/static/page.js"), 404)
    assert answer.text == "export {};"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", HOSTILE)
async def test_no_path_leads_anywhere_else(path: str) -> None:
    async with client(parts_of(Asked().handle)) as here:
        problem(await here.get(f"/static/{path}"), 404)


@pytest.mark.parametrize(
    ("here", "path", "found"),
    [("/", "", "./"), ("/", "a/b", "a/b"), ("/sign-in", "", "./"), ("/stations/home", "static/x", "../static/x")],
)
def test_addresses_are_relative_so_that_the_page_works_below_any_path(here: str, path: str, found: str) -> None:
    assert relative_url(here, path) == found
