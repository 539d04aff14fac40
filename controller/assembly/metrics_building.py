"""Builds the metrics where the settings ask for them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from controller.assembly.extras import SetupError
from controller.history.history_store import HistoryStore
from controller.mqtt.outbox import Outbox
from controller.settings import Settings

if TYPE_CHECKING:
    from controller.metrics.controller_metrics import ControllerMetrics, QueueLength
    from controller.metrics.metrics_server import MetricsServer


def check_metrics(settings: Settings) -> None:
    """Raise `SetupError` where metrics are wanted and their extra is missing."""
    if settings.metrics.enabled and find_spec("prometheus_client") is None:
        raise SetupError("metrics need an extra: pip install 'letdown[fleet]'; or set metrics.enabled to false")


def build_metrics(settings: Settings) -> ControllerMetrics | None:
    """Build the metrics; `None`, and nothing of them is imported, where they are off. Raise `SetupError`."""
    if not settings.metrics.enabled:
        return None
    check_metrics(settings)
    from controller.metrics.controller_metrics import ControllerMetrics

    return ControllerMetrics(settings.mqtt.node, version("letdown"))


def build_metrics_server(settings: Settings, metrics: ControllerMetrics, *, has_page: bool) -> MetricsServer | None:
    """Build the server of the metrics; `None` where the page alone serves them."""
    if has_page and settings.metrics.port is None:
        return None
    from controller.metrics.metrics_server import MetricsServer

    return MetricsServer(settings.metrics, metrics)


def queues_of(outbox: Outbox, history: HistoryStore | None) -> dict[str, QueueLength]:
    """Return the queues of a service, and how to learn their lengths."""

    def at_once(length: Callable[[], int]) -> QueueLength:
        async def measured() -> int:
            return length()

        return measured

    queues = {
        "mqtt_outbox": at_once(lambda: outbox.waiting),
        "event_backlog": at_once(lambda: outbox.unacknowledged_events),
    }
    return queues if history is None else {**queues, "history": history.waiting}
