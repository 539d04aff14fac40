"""A command as a trace: from the interface to the bytes, and to what the device confirmed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from controller.contract.commands import Action, Command, StartArgs
from controller.tracing.otel_tracer import OtelTracer, exporter_of
from controller.web.station_commands import StationCommands
from devices.roles import Side
from devices.support.spans import follow, span
from tests.helpers.home import STATION, running_home, words


class Traced:
    """A tracer, and what it exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer = OtelTracer("attic", self.exporter)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        self.tracer._provider.force_flush()
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [each for each in self.spans if each.name == name]

    def parent(self, found: ReadableSpan) -> ReadableSpan:
        assert found.parent is not None
        return next(each for each in self.spans if each.context.span_id == found.parent.span_id)


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    follow(made.tracer)
    yield made
    follow(None)
    made.tracer.close()


async def test_a_stop_is_followed_to_what_each_pump_confirmed(traced: Traced) -> None:
    async with running_home() as home:
        await home.reach("express")
        traced.exporter.clear()
        commands = StationCommands(home.service.handle, words())
        reply = await commands.stop(STATION, Action.PAIN)
    assert reply.outcome == "accepted"
    (received,) = traced.named("receive command")
    assert received.parent is None
    assert received.attributes == {
        "letdown.interface": "http", "letdown.station": STATION, "letdown.action": "stop"}  # fmt: skip
    (handled,) = traced.named("handle command")
    assert traced.parent(handled) is received
    assert handled.attributes is not None
    assert handled.attributes["letdown.outcome"] == "accepted"
    stopped = {str((each.attributes or {})["letdown.device"]): each for each in traced.named("stop device")}
    assert {"left-pump", "right-pump"} <= set(stopped)
    for pump in ("left-pump", "right-pump"):
        assert (stopped[pump].attributes or {})["letdown.result"] == "stopped"
        assert traced.parent(stopped[pump]) is handled
        (confirmed,) = [e for e in traced.named("confirm stop") if (e.attributes or {})["letdown.device"] == pump]
        assert traced.parent(confirmed) is stopped[pump]
        writes = [e for e in traced.named("write") if (e.attributes or {})["letdown.device"] == pump]
        assert {(e.attributes or {})["letdown.acknowledged"] for e in writes} == {"false", "true"}
        assert all(traced.parent(each) is confirmed for each in writes)
    assert {each.context.trace_id for each in traced.spans} == {received.context.trace_id}


async def test_what_a_session_does_by_itself_is_no_part_of_its_command(traced: Traced) -> None:
    async with running_home() as home:
        args = StartArgs(routine="everything", side=Side.BOTH, no_symptoms=True)
        reply = await StationCommands(home.service.handle, words()).carry_out(
            STATION, Command(action=Action.START), args
        )
        assert reply.outcome == "accepted"
        await home.skip_to("express")
        await home.flange_on()
        await home.until(lambda: home.on, within_seconds=60)
        await home.elapse(10)
        (received,) = traced.named("receive command")
        assert all((each.end_time or 0) <= (received.end_time or 0) for each in traced.spans)
        assert home.starts > 0


@pytest.mark.system
async def test_nothing_of_a_person_and_no_address_is_in_a_trace(traced: Traced) -> None:
    async with running_home() as home:
        await home.reach("express")
        await StationCommands(home.service.handle, words()).stop(STATION, Action.PAIN)
    keys = {key for each in traced.spans for key in each.attributes or {}}
    assert keys <= {
        f"letdown.{each}"
        for each in ("interface", "station", "action", "outcome", "device", "role", "result", "acknowledged")
    }
    values = {str(value) for each in traced.spans for value in (each.attributes or {}).values()}
    assert "pain" not in values
    assert not any(":" in value for value in values)
    assert traced.spans[0].resource.attributes["service.instance.id"] == "attic"


def test_an_error_is_marked_without_its_words(traced: Traced) -> None:
    with pytest.raises(OSError, match="AA:BB"), span("receive command", begins=True):
        raise OSError("AA:BB:CC:DD:EE:FF is gone")
    (failed,) = traced.spans
    assert failed.status.description == "OSError"
    assert not failed.events


class Hanging(SpanExporter):
    """A receiver that takes nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        time.sleep(30)
        return SpanExportResult.FAILURE


@pytest.mark.system
async def test_a_receiver_that_hangs_delays_nothing() -> None:
    tracer = OtelTracer("attic", Hanging())
    follow(tracer)
    began = time.perf_counter()
    try:
        for _ in range(5000):  # more than the queue holds
            with span("receive command", begins=True), span("write"):
                pass
        took_seconds = time.perf_counter() - began
        await asyncio.sleep(0)
    finally:
        follow(None)
    assert took_seconds < 5
    began = time.perf_counter()
    tracer.close()
    assert time.perf_counter() - began < 1.5


@pytest.mark.parametrize("name", ["jaeger", "prometheus", ""])
def test_an_unknown_exporter_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="otlp, console and none"):
        exporter_of(name)
