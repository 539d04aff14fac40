"""Traces of commands, where the environment asks for them: with `OTEL_…`, as every program that OpenTelemetry knows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from devices.support.spans import follow

_LOGGER = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


@contextlib.contextmanager
def traced(node: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Have commands traced for the block. What prevents it is a warning, never an error."""
    exporter = wanted_exporter(environment)
    if exporter is None:
        yield
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        _LOGGER.warning("OTEL_… asks for traces, and these need an extra: pip install 'letdown[fleet]'")
        yield
        return
    protocol = next((environment[each] for each in _PROTOCOLS if environment.get(each)), "http/protobuf")
    if protocol != "http/protobuf":
        _LOGGER.warning("traces are sent as http/protobuf; %s is not known here", protocol)
    from controller.tracing.otel_tracer import OtelTracer, exporter_of

    try:
        tracer = OtelTracer(node, exporter_of(exporter))
    except Exception as error:  # noqa: BLE001 - of a value in the environment, whatever the library makes of it
        _LOGGER.warning("there are no traces: %s", error)
        yield
        return
    follow(tracer)
    _LOGGER.info("commands are traced, to %s", exporter)
    try:
        yield
    finally:
        follow(None)
        tracer.close()


def wanted_exporter(environment: Mapping[str, str]) -> str | None:
    """Return the exporter that the environment names; `None` where no traces are wanted."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if named:
        return None if named == "none" else named
    return "otlp" if any(environment.get(each, "").strip() for each in _ENDPOINTS) else None
