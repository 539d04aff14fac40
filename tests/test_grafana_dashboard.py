"""The dashboard for Grafana: made of metrics that there are, and as Grafana's schema wants it."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controller.contract.events import Snapshot
from controller.contract.stream import Stream
from controller.metrics.controller_metrics import ControllerMetrics
from docs.grafana_dashboard import FILE, text

DASHBOARD = json.loads(text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
# What Prometheus itself adds, and what its client says of every process.
OTHERS = {"up", "process_resident_memory_bytes"}
NAME = re.compile(r"\b(?:letdown|process)_[a-z_]+|\bup(?=\{)")


def expressions() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


async def offered() -> set[str]:
    """Return the names of all series, those that begin with their first event included."""
    metrics, stream = ControllerMetrics("attic", "1"), Stream()
    with metrics.followed(stream, [Snapshot(station="home")], {}):
        families = list(text_string_to_metric_families((await metrics.text()).decode()))
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {each.name + ending for each in families for ending in endings.get(each.type, ("",))} | OTHERS


def test_the_file_is_the_one_that_is_described() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "make docs"


async def test_every_metric_that_it_names_is_there() -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(named) > 20
    assert named <= await offered()


async def test_every_metric_that_there_is_has_a_panel() -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    plain = {
        re.sub(r"_(sum|count|bucket)$", "_bucket", each) for each in await offered() if each.startswith("letdown_")
    }
    assert plain <= named


def test_it_has_what_the_schema_of_grafana_requires() -> None:
    required = {
        "annotations", "editable", "fiscalYearStartMonth", "graphTooltip", "id", "links", "panels", "refresh",
        "schemaVersion", "tags", "templating", "time", "timepicker", "timezone", "title", "uid", "version", "weekStart",
    }  # fmt: skip
    assert required <= set(DASHBOARD)
    assert DASHBOARD["id"] is None  # Grafana gives it one
    assert len(DASHBOARD["uid"]) <= 40
    for panel in PANELS:
        assert {"id", "type", "title", "datasource", "gridPos", "targets", "fieldConfig", "options"} <= set(panel)
        assert panel["description"]


def test_ids_are_unique_in_each_panel_and_among_all() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_is_in_the_grid(panel: dict[str, Any]) -> None:
    place = panel["gridPos"]
    assert 0 <= place["x"] < place["x"] + place["w"] <= 24


def test_no_panel_covers_another() -> None:
    def covers(one: dict[str, int], other: dict[str, int]) -> bool:
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        return not (beside or below)

    assert not any(covers(one["gridPos"], other["gridPos"]) for one, other in combinations(PANELS, 2))


@pytest.mark.parametrize("expression", expressions())
def test_every_expression_is_closed_and_for_the_controllers_that_are_chosen(expression: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)
    assert "{}" not in expression
    for name in NAME.findall(expression):
        chosen = '{job="letdown"}' if name == "up" else '{instance=~"$controller"}'
        assert f"{name}{chosen}" in expression


def test_problems_come_first() -> None:
    first = [panel["title"] for panel in PANELS if panel["gridPos"]["y"] == 0]
    assert first[:2] == ["Stations with a problem", "Devices that may still run"]
    for wanted in ("Stations by state", "Trips", "Uncertain stops", "From a stop to its confirmation", "Queues"):
        assert wanted in {panel["title"] for panel in PANELS}
