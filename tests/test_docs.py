"""The documents match the code: each limit, setting, place and link in them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from controller.safety import limits
from controller.safety.limits import OwnerLimits, TripKind
from controller.session.routine import ExpressStep, MassageStep, RestStep, StimulateStep, WarmStep
from tests.helpers.markdown_tables import section, table

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SAFETY = (DOCS / "safety.md").read_text()
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]

MADE_BY_THE_READER = {"config/guides/XX.yaml"}


# Limits

CONSTANTS = {name: value for name, value in vars(limits).items() if name.isupper() and isinstance(value, int | float)}
NOT_LIMITS = {
    "LOWEST_STEP_MMHG",  # how a wish is rounded
    "MASSAGE_SECONDS",  # hands are not held to anything
}


def number(text: str) -> float:
    """Read `30 min` as seconds, `1/3` and `150 mmHg` as they are."""
    amount, _, unit = text.partition(" ")
    return float(Fraction(amount)) * (60 if unit == "min" else 1)


def hard_limits() -> list[list[str]]:
    return table(section(SAFETY, "## Hard limits"), "what", "limit", "constant")


@pytest.mark.parametrize("row", hard_limits(), ids=lambda row: row[2].strip("`"))
def test_every_hard_limit_is_the_constant_in_the_code(row: list[str]) -> None:
    assert number(row[1]) == pytest.approx(CONSTANTS[row[2].strip("`")])
    assert row[3]


def test_no_hard_limit_is_left_out() -> None:
    assert {row[2].strip("`") for row in hard_limits()} == set(CONSTANTS) - NOT_LIMITS


def test_every_source_that_is_cited_is_listed_and_the_other_way_round() -> None:
    text, sources = SAFETY.split("\n## Sources\n")
    assert set(re.findall(r"\[(\d+)\]", text)) == set(re.findall(r"^(\d+)\. ", sources, re.MULTILINE))


MODELS: dict[str, type[BaseModel]] = {
    "limits": OwnerLimits,
    "warm": WarmStep,
    "massage": MassageStep,
    "stimulate": StimulateStep,
    "express": ExpressStep,
    "rest": RestStep,
}
NEEDED = {"massage": {"techniques": ("stroke",)}, "rest": {"minutes": 1}}


def settings() -> list[list[str]]:
    return table(section(SAFETY, "## What you may set, and what a routine may ask"), "what", "where")


@pytest.mark.parametrize("row", settings(), ids=lambda row: row[1].strip("`"))
def test_every_setting_has_the_default_and_the_range_that_it_says(row: list[str]) -> None:
    kind, key = row[1].strip("`").split(".")
    model, needed = MODELS[kind], NEEDED.get(kind, {})
    if row[2]:
        default = yaml.safe_load(row[2])
        assert model.model_fields[key].default == (None if default == "none" else default)
    if not row[3]:
        return
    low, high = (float(Fraction(end)) for end in row[3].split(" to "))
    for value in (low, high):
        model.model_validate({**needed, key: value})
    for value in (low - 0.01, high + 0.01):
        with pytest.raises(ValidationError):
            model.model_validate({**needed, key: value})


def test_every_limit_that_an_owner_may_set_is_listed() -> None:
    said = {row[1].strip("`") for row in settings() if row[1].startswith("`limits.")}
    assert said == {f"limits.{name}" for name in OwnerLimits.model_fields}


def test_every_kind_of_trip_is_listed_with_its_thresholds() -> None:
    rows = {row[0].strip("`"): row[1] for row in table(section(SAFETY, "## Trips"), "trip", "when")}
    assert set(rows) == {kind.value for kind in TripKind}
    for kind, thresholds in {
        "vacuum": (limits.VACUUM_TRIP_AT_ONCE_MMHG, limits.VACUUM_TRIP_MMHG),
        "no_release": (limits.RELEASE_MMHG, limits.RELEASE_SECONDS, limits.RELEASE_UNSEEN_SECONDS),
        "temperature": (limits.HEAT_TRIP_AT_ONCE_CELSIUS, limits.HEAT_TRIP_CELSIUS, limits.HEAT_TRIP_SECONDS),
        "stale": (
            *(limits.STALE_SECONDS, limits.WARMING_GAP_CELSIUS, limits.WARMING_CELSIUS, limits.WARMING_SECONDS),
            *(limits.FINE_STILL_SECONDS, limits.RESTLESS_STILL_SECONDS),
            *(limits.RESTLESS_TURNS, limits.RESTLESS_SECONDS),
        ),
        "implausible": (
            *(limits.OVERPRESSURE_MMHG, limits.COLDEST_CELSIUS),
            *(limits.JUMP_CELSIUS, limits.JUMP_SECONDS),
        ),
    }.items():
        assert [float(found) for found in re.findall(r"\d+", rows[kind])] == list(thresholds)


def test_every_question_of_the_check_is_listed() -> None:
    guide = yaml.safe_load((ROOT / "config/guides/en.yaml").read_text())
    assert [row[0].strip("`") for row in table(SAFETY, "question", "asks about")] == list(guide["questions"])


# Places and links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:config|controller|devices|docs|tests)/[\w/-]+\.\w+)`", page.read_text())
    assert [name for name in named if name not in MADE_BY_THE_READER and not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_folder_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:config|controller|devices|docs|tests)(?:/[\w-]+)*)/?`", page.read_text())
    assert [name for name in named if not (ROOT / name).is_dir()] == []


def test_every_test_that_contributors_are_told_to_run_is_there() -> None:
    commands = re.findall(r"-m pytest ([^`#\n]+)", (ROOT / "CONTRIBUTING.md").read_text())
    paths = [part for command in commands for part in command.split() if part.startswith("tests/")]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_beside_its_file_is_defined_there(page: Path) -> None:
    """Such as "`controller/mqtt/bridge.py`: `Bridge`"."""
    missing = []
    for file, name in re.findall(r"`([\w/]+\.py)`:\s`(\w+)`", page.read_text()):
        if not re.search(rf"^\s*(?:class |(?:async )?def )?{name}\b", (ROOT / file).read_text(), re.MULTILINE):
            missing.append(f"{file}: {name}")
    assert missing == []


def links() -> Iterator[tuple[Path, str]]:
    for page in [*PAGES, *sorted(DOCS.glob("*/*.md"))]:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"[a-z]+:", target):
                yield page, target


@functools.cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    goal = (page.parent / path).resolve() if path else page
    return goal.exists() and (not anchor or anchor in anchors(goal))


def test_every_link_leads_somewhere() -> None:
    found = set(links())
    assert len(found) > 100
    assert [(page.name, target) for page, target in sorted(found) if not leads_somewhere(page, target)] == []


def test_every_budget_is_the_one_in_the_code() -> None:
    rows = table(section(SAFETY, "## Budgets of a body"), "energy", "at most", "in any")
    told = [(row[0], number(row[1]), number(row[2])) for row in rows]
    known = [(name, each.most_seconds, each.in_seconds) for name, windows in limits.BUDGETS.items() for each in windows]
    assert told == known
