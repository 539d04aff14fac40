"""Spans as OpenTelemetry knows them, exported in a thread of their own."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span

from devices.support.spans import Span

_LOGGER = logging.getLogger(__name__)

_CLOSE_SECONDS = 0.5  # the whole service ends within 3 s, whatever the receiver of the traces does


class OtelTracer:
    """Follows spans, and exports them in batches. What the receiver does not take in time is dropped.

    `node`: the name of this process. All else comes from the variables `OTEL_…`, as OpenTelemetry defines them.
    """

    def __init__(self, node: str, exporter: SpanExporter) -> None:
        resource = Resource.create(
            {"service.name": "letdown", "service.version": version("letdown"), "service.instance.id": node}
        )
        # Not at the exit of the process: that would wait for a receiver that does not answer.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("letdown")

    @contextlib.contextmanager
    def span(self, name: str, attributes: Mapping[str, str], *, begins: bool) -> Iterator[Span]:
        """Follow a `with` block, in the trace that is under way. Without one, only what `begins` one is followed."""
        if not begins and not get_current_span().is_recording():
            yield _OtelSpan(None)
            return
        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind.SERVER if begins else SpanKind.INTERNAL,
            attributes={f"letdown.{key}": value for key, value in attributes.items()},
            record_exception=False,  # the words of an error may name an address
            set_status_on_exception=False,
        ) as started:
            try:
                yield _OtelSpan(started)
            except BaseException as error:
                started.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def close(self) -> None:
        """Send what waits, and end; at most half a second."""
        # A daemon: what hangs in it is left behind.
        closing = threading.Thread(target=self._provider.shutdown, name="end of the traces", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        if closing.is_alive():
            _LOGGER.info("the last traces were not taken in time")


class _OtelSpan:
    def __init__(self, span: OtelSpan | None) -> None:
        self._span = span

    def note(self, **attributes: str) -> None:
        if self._span is not None:
            self._span.set_attributes({f"letdown.{key}": value for key, value in attributes.items()})


def exporter_of(name: str) -> SpanExporter:
    """Return the exporter that `OTEL_TRACES_EXPORTER` names: `otlp` over HTTP, or `console`. Raise `ValueError`."""
    if name == "console":
        return ConsoleSpanExporter()
    if name != "otlp":
        raise ValueError(f"OTEL_TRACES_EXPORTER is {name}; Letdown knows otlp, console and none")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
