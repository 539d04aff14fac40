"""One version everywhere, a changelog that begins with it, and deprecations with dates."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parent.parent
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
HEADINGS = re.findall(
    r"^## (\d+\.\d+\.\d+), (unreleased|\d{4}-\d{2}-\d{2})$",
    (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
DEPRECATIONS = (ROOT / "docs/deprecations.md").read_text(encoding="utf-8")


def test_the_changelog_begins_with_the_version() -> None:
    assert HEADINGS[0][0] == VERSION


def test_versions_fall_and_only_the_first_is_unreleased() -> None:
    versions = [Version(number) for number, _ in HEADINGS]
    assert versions == sorted(set(versions), reverse=True)
    assert len(HEADINGS) == (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").count("\n## ")
    days = [date.fromisoformat(day) for _, day in HEADINGS if day != "unreleased"]
    assert len(days) >= len(HEADINGS) - 1
    assert days == sorted(days, reverse=True)


def test_what_is_installed_has_the_version() -> None:
    assert version("letdown") == VERSION, "the environment is older: `make lint` renews it"


@pytest.mark.system
def test_the_version_is_written_nowhere_else() -> None:
    files = [path for folder in ("controller", "devices", "config") for path in (ROOT / folder).rglob("*.*")]
    texts = [path for path in files if path.suffix in {".py", ".yaml", ".json", ".html", ".js", ".service"}]
    lines = [(path.name, line) for path in texts for line in path.read_text(encoding="utf-8").splitlines()]
    of_others = "bindingVersion"  # of AsyncAPI
    found = [(name, line) for name, line in lines if f'"{VERSION}"' in line and of_others not in line]
    assert found == []


def test_every_deprecation_has_a_version_a_date_and_what_replaces_it() -> None:
    lines = [line for line in DEPRECATIONS.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    assert rows
    known = {number for number, _ in HEADINGS}
    for what, since, until, instead in rows:
        assert what
        assert since in known
        assert date.fromisoformat(until)
        assert instead
