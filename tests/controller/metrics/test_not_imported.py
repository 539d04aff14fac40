"""Where the metrics are off, nothing of them is loaded: neither their modules nor their library."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.app import check
from controller.assembly.extras import SetupError
from controller.assembly.metrics_building import build_metrics
from controller.metrics.metrics_settings import MetricsSettings
from controller.settings import Settings
from devices.support.clock import RealClock
from tests.helpers.loaded_modules import loaded

FLEET = ("prometheus_client", "opentelemetry", "controller.tracing", "nats", "google.protobuf", "requests")


def test_a_home_without_metrics_loads_nothing_of_them(tmp_path: Path) -> None:
    _, modules = loaded(tmp_path, LETDOWN_WEB__ENABLED="false")
    assert {each for each in modules if each.startswith("controller.metrics.")} == {
        "controller.metrics.metrics_settings"
    }
    assert modules.isdisjoint(FLEET)


@pytest.mark.system
def test_with_metrics_they_are_loaded(tmp_path: Path) -> None:
    _, modules = loaded(tmp_path, LETDOWN_WEB__ENABLED="false", LETDOWN_METRICS__ENABLED="true")
    assert {"prometheus_client", "controller.metrics.metrics_server"} <= modules


async def test_metrics_that_are_wanted_and_not_installed_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.assembly.metrics_building.find_spec", lambda _: None)
    assert build_metrics(Settings()) is None
    wanted = Settings(metrics=MetricsSettings(enabled=True))
    with pytest.raises(SetupError, match=r"letdown\[fleet\]"):
        build_metrics(wanted)
    with pytest.raises(SetupError, match=r"letdown\[fleet\]"):
        check(wanted, RealClock())
