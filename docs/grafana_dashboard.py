"""Write config/grafana/letdown.json, the dashboard of all controllers for Grafana. Run by `make docs`.

Panels are described by title, kind, queries and unit; where each one is follows from their order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).parents[1] / "config" / "grafana" / "letdown.json"

Kind = Literal["stat", "timeseries", "table", "bargauge"]

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_COLUMNS = 24  # of Grafana's grid
_ALL = '{instance=~"$controller"}'
_RATE = "[$__rate_interval]"
_RANGE = "[$__range]"


@dataclass(frozen=True)
class Query:
    """An expression of PromQL, and what its series are called. `{}` in it stands for the controllers chosen."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A panel: `width` of 24 columns, `height` in rows. `bad_from`: from this value on, it is red."""

    title: str
    kind: Kind
    queries: tuple[Query, ...]
    description: str
    width: int = 12
    height: int = 8
    unit: str = "short"
    bad_from: float | None = None


def _p(share: str, metric: str) -> Query:
    """Return a quantile of a histogram, over all controllers."""
    expression = f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{{}}{_RATE})))"
    return Query(expression, f"p{float(share) * 100:g}")


PANELS: tuple[Panel, ...] = (
    # Problems first
    Panel(
        "Stations with a problem",
        "stat",
        (Query("sum(letdown_station_problem{}) or vector(0)"),),
        "Somebody must take care of something there before anything can start.",
        width=5,
        height=4,
        bad_from=1,
    ),
    Panel(
        "Devices that may still run",
        "stat",
        (Query("sum(letdown_devices_uncertain{}) or vector(0)"),),
        "They were on and have not confirmed that they stopped. Go there and look.",
        width=5,
        height=4,
        bad_from=1,
    ),
    Panel(
        "Controllers without an answer",
        "stat",
        (Query('count(up{job="letdown"} == 0) or vector(0)'),),
        "Prometheus does not reach them; its job is to be called letdown.",
        width=5,
        height=4,
        bad_from=1,
    ),
    Panel(
        "Bluetooth does not work",
        "stat",
        (Query("count(letdown_bluetooth_working{} == 0) or vector(0)"),),
        "Controllers that receive no advertisements.",
        width=4,
        height=4,
        bad_from=1,
    ),
    Panel(
        "Sessions running",
        "stat",
        (Query("sum(letdown_session_running{})"),),
        "At all stations.",
        width=5,
        height=4,
    ),
    Panel(
        "Where somebody is needed",
        "table",
        (Query("letdown_station_problem{} == 1"), Query("letdown_devices_uncertain{} > 0")),
        "Stations with a problem or with devices that may still run.",
    ),
    Panel(
        "Stations by state",
        "timeseries",
        (Query("sum by (state) (letdown_stations{})", "{{state}}"),),
        "By the state of their latest session.",
    ),
    # What went wrong
    Panel(
        "Trips",
        "timeseries",
        (Query(f"sum by (kind) (increase(letdown_trips_total{{}}{_RATE}))", "{{kind}}"),),
        "Hard stops by the guard, by what was wrong.",
        bad_from=1,
    ),
    Panel(
        "Uncertain stops",
        "timeseries",
        (Query(f"sum by (station) (increase(letdown_uncertain_stops_total{{}}{_RATE}))", "{{station}}"),),
        "Stops that a device did not confirm, by station.",
        bad_from=1,
    ),
    Panel(
        "Link losses by role",
        "timeseries",
        (Query(f"sum by (role) (increase(letdown_link_losses_total{{}}{_RATE}))", "{{role}}"),),
        "Connections that were lost.",
    ),
    Panel(
        "Stations that lose most links",
        "bargauge",
        (Query(f"topk(10, sum by (station) (increase(letdown_link_losses_total{{}}{_RANGE})))", "{{station}}"),),
        "Over the time that is shown.",
    ),
    Panel(
        "Devices",
        "timeseries",
        (
            Query("sum by (role) (letdown_devices_connected{})", "{{role}} connected"),
            Query("sum by (role) (letdown_devices{} - letdown_devices_connected{})", "{{role}} not connected"),
        ),
        "By role.",
    ),
    Panel(
        "Devices that run and were not started here",
        "timeseries",
        (Query("sum by (station) (letdown_devices_running_outside{}) > 0", "{{station}}"),),
        "Switched on at their button, or by another app.",
    ),
    # How fast
    Panel(
        "From a stop to its confirmation",
        "timeseries",
        (
            _p("0.5", "letdown_stop_confirmation_seconds"),
            _p("0.99", "letdown_stop_confirmation_seconds"),
        ),
        "By every device that can confirm it. After 2 s, a stop is uncertain.",
        unit="s",
        bad_from=2,
    ),
    Panel(
        "Handling of commands",
        "timeseries",
        (_p("0.5", "letdown_command_handling_seconds"), _p("0.99", "letdown_command_handling_seconds")),
        "From a command to its reply, without stops.",
        unit="s",
    ),
    Panel(
        "Commands",
        "timeseries",
        (Query(f"sum by (outcome) (rate(letdown_commands_total{{}}{_RATE}))", "{{outcome}}"),),
        "By outcome.",
        unit="ops",
    ),
    Panel(
        "Event loop lag",
        "timeseries",
        (_p("0.5", "letdown_event_loop_lag_seconds"), _p("0.99", "letdown_event_loop_lag_seconds")),
        "How late a controller wakes its tasks. After 2 s, it ends itself.",
        unit="s",
        bad_from=0.5,
    ),
    # What waits, and who owns what
    Panel(
        "Queues",
        "timeseries",
        (Query("sum by (queue) (letdown_queue_length{})", "{{queue}}"),),
        "What waits for a broker or a database.",
    ),
    Panel(
        "Ownership changes",
        "timeseries",
        (Query(f"sum by (change) (increase(letdown_ownership_changes_total{{}}{_RATE}))", "{{change}}"),),
        "Stations that a controller took over, or no longer has.",
    ),
    Panel(
        "Stations of each controller",
        "timeseries",
        (Query("sum by (instance) (letdown_station_owned{})", "{{instance}}"),),
        "In a fleet.",
    ),
    Panel(
        "Stations without an owner, or with several",
        "table",
        (Query("sum by (station) (letdown_station_owned{}) != 1"),),
        "In a fleet, between two owners, for as long as a takeover lasts.",
    ),
    Panel(
        "Epochs",
        "table",
        (Query("max by (station) (letdown_station_epoch{})"),),
        "Of each station; it grows with every change of its owner.",
    ),
    Panel(
        "Sessions by outcome",
        "timeseries",
        (
            Query(
                f"sum by (outcome, reason) (increase(letdown_sessions_finished_total{{}}{_RATE}))",
                "{{outcome}}: {{reason}}",
            ),
            Query(f"sum(increase(letdown_sessions_started_total{{}}{_RATE}))", "started"),
        ),
        "What a person did or felt is `person`.",
    ),
    Panel(
        "Memory",
        "timeseries",
        (Query("process_resident_memory_bytes{}", "{{instance}}"),),
        "Of each controller.",
        unit="bytes",
    ),
    Panel(
        "Versions",
        "table",
        (Query("letdown_build_info{}"),),
        "Of each controller.",
        height=6,
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    return {
        "__inputs": [],
        "__requires": [{"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"}],
        "annotations": {"list": []},
        "description": "Letdown controllers and their stations. It shows nothing of a person.",
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [],
        "panels": _placed(),
        "refresh": "10s",
        "schemaVersion": 39,
        "tags": ["letdown"],
        "templating": {"list": [_source(), _controllers()]},
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": "Letdown",
        "uid": "letdown",
        "version": 1,
        "weekStart": "",
    }


def _placed() -> list[dict[str, Any]]:
    found, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(PANELS, start=1):
        if x + panel.width > _COLUMNS:
            x, y, height = 0, y + height, 0
        found.append(_panel(panel, number, x, y))
        x, height = x + panel.width, max(height, panel.height)
    return found


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": _options(panel.kind),
        "transformations": [{"id": "merge", "options": {}}] if panel.kind == "table" else [],
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": query.expression.replace("{}", _ALL),
                "legendFormat": query.legend or "__auto",
                "instant": panel.kind != "timeseries",
                "range": panel.kind == "timeseries",
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for at, query in enumerate(panel.queries)
        ],
    }


def _options(kind: Kind) -> dict[str, Any]:
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    match kind:
        case "stat":
            return {"colorMode": "background", "graphMode": "none", "reduceOptions": reduced, "textMode": "value"}
        case "bargauge":
            return {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": reduced}
        case "table":
            return {"showHeader": True}
        case "timeseries":
            return {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _controllers() -> dict[str, Any]:
    return {
        "name": "controller",
        "label": "Controller",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": "label_values(letdown_build_info, instance)", "refId": "controllers"},
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "refresh": 2,
        "sort": 1,
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def text() -> str:
    """Return the file as it is written."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
