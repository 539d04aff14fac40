"""A receiver of traces over OTLP/HTTP on this machine, which keeps what it is sent."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, OtlpReceiver)
        assert self.path == "/v1/traces"
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class OtlpReceiver(http.server.HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Any] = []

    @property
    def endpoint(self) -> str:
        """What `OTEL_EXPORTER_OTLP_ENDPOINT` names."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Any]:
        """All spans that came."""
        resources = [each for request in self.requests for each in request.resource_spans]
        return [each for resource in resources for scope in resource.scope_spans for each in scope.spans]

    @property
    def services(self) -> set[str]:
        """The names of the services that they came from."""
        resources = [each.resource for request in self.requests for each in request.resource_spans]
        return {each.value.string_value for one in resources for each in one.attributes if each.key == "service.name"}


@contextlib.contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """Receive traces for the block."""
    server = OtlpReceiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
