"""docs/monitoring.md names every metric and every span, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from controller.metrics.metric_families import MetricFamilies
from tests.helpers.command_line import ROOT

PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(letdown_\w+)` \| (\w+) \| (.*?) \|", PAGE, re.MULTILINE)
CODE = [*(ROOT / "controller").rglob("*.py"), *(ROOT / "devices").rglob("*.py")]


def test_every_metric_stands_there_with_its_kind_and_labels() -> None:
    families: list[MetricWrapperBase] = list(vars(MetricFamilies(CollectorRegistry())).values())
    found = {
        family._name + ("_total" if family._type == "counter" else ""): (family._type, tuple(family._labelnames))
        for family in families
    }
    assert {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROWS} == found


def test_every_span_stands_there() -> None:
    table = PAGE.partition("## Traces")[2].partition("## ")[0]
    spans = {found for file in CODE for found in re.findall(r'\bspan\("([^"]+)"', Path(file).read_text("utf-8"))}
    assert spans == set(re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE))
