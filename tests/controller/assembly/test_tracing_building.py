"""When commands are traced, and that nothing which prevents it is an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.assembly.tracing_building import traced, wanted_exporter
from devices.support import spans
from devices.support.spans import span
from tests.helpers.otlp_receiver import OtlpReceiver, otlp_receiver

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        ({}, None),
        ({ENDPOINT: ""}, None),
        ({ENDPOINT: "http://127.0.0.1:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "Console"}, "console"),
        ({ENDPOINT: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({ENDPOINT: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_SERVICE_NAME": "letdown"}, None),
    ],
)
def test_the_environment_decides(environment: dict[str, str], exporter: str | None) -> None:
    assert wanted_exporter(environment) == exporter


def test_without_the_extra_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("controller.assembly.tracing_building.find_spec", lambda _: None)
    with traced("attic", {ENDPOINT: "http://127.0.0.1:4318"}):
        assert spans._tracer is None
    assert [each.getMessage() for each in caplog.records] == [
        "OTEL_… asks for traces, and these need an extra: pip install 'letdown[fleet]'"
    ]


def test_an_exporter_that_is_not_known_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with traced("attic", {"OTEL_TRACES_EXPORTER": "jaeger"}):
        assert spans._tracer is None
    assert "jaeger" in caplog.text


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as found:
        yield found


def test_a_receiver_gets_the_spans_over_http(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {ENDPOINT: receiver.endpoint}
    monkeypatch.setenv(ENDPOINT, environment[ENDPOINT])  # the library reads it itself
    monkeypatch.setattr("controller.tracing.otel_tracer._CLOSE_SECONDS", 10.0)
    with traced("attic", environment), span("receive command", begins=True, station="home"):
        pass
    (found,) = receiver.spans
    assert found.name == "receive command"
    assert receiver.services == {"letdown"}
    assert spans._tracer is None
