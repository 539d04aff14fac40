"""The pages for the site: generated ones are current, every page has its place, and links have their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import yaml

from docs.links import links_that_leave
from docs.profile_keys_page import profile_keys_markdown
from docs.settings_page import settings_markdown
from docs.tour import CAPTIONS, SECONDS
from tests.helpers.command_line import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SITE: Any = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
LONGEST_CAPTION = 50


def test_generated_pages_are_current() -> None:
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == settings_markdown(), "run: make docs"
    assert (DOCS / "profile-keys.md").read_text(encoding="utf-8") == profile_keys_markdown(), "run: make docs"


# The navigation


def places(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        ((_, goal),) = entry.items()
        if isinstance(goal, str):
            yield goal
        else:
            yield from places(goal)


def test_every_page_has_its_place_once() -> None:
    named = list(places(SITE["nav"]))
    assert sorted(set(named)) == sorted(named)
    assert [page.relative_to(DOCS).as_posix() for page in PAGES if page.relative_to(DOCS).as_posix() not in named] == []


def test_the_site_loads_nothing_from_elsewhere() -> None:
    assert SITE["theme"]["font"] == "false"
    assert SITE["strict"] == "true"
    assert "offline" in SITE["plugins"]
    assert "://" not in str([SITE["extra"], SITE["extra_css"], SITE["theme"]])


def test_what_builds_the_site_is_pinned() -> None:
    lines = (DOCS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines if not line.startswith("#"))


# Links; whether those inside the project lead somewhere is looked at in `test_docs`


def test_every_link_that_leaves_has_the_form_of_one() -> None:
    found = list(links_that_leave())
    assert len(found) > 5
    for page, address in found:
        parts = urlsplit(address)
        assert parts.scheme == "https", (page.name, address)
        assert re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), (page.name, address)


# The tour


def test_the_tour_is_small_tells_what_it_shows_and_stands_still_where_it_should() -> None:
    tour = (DOCS / "tour.svg").read_text(encoding="utf-8")
    assert len(tour) < 300_000
    assert f"animation: f {SECONDS}s" in tour
    assert "prefers-reduced-motion: reduce" in tour
    assert "<title" in tour
    assert "<script" not in tour
    for lines in CAPTIONS.values():
        assert all(len(line) <= LONGEST_CAPTION and line in tour.replace("&apos;", "'") for line in lines)
