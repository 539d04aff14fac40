"""Traces of a real `letdown run --virtual`: of a stop over MQTT; and a receiver that is not there delays nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.helpers.mosquitto import free_port, mosquitto
from tests.helpers.otlp_receiver import OtlpReceiver, otlp_receiver
from tests.helpers.service_process import ask, devices_are_there, ear, program, start_suction, wait

pytestmark = pytest.mark.system

OPTIONS = ("run", "--virtual", "--speed", "10")
PARTS_OF_A_STOP = {"receive command", "handle command", "stop device", "confirm stop", "write"}


async def test_a_stop_over_mqtt_arrives_at_the_receiver_with_all_its_parts(tmp_path: Path) -> None:
    with otlp_receiver() as receiver:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        async with (
            mosquitto() as broker,
            ear(broker.url) as other,
            program(tmp_path, *OPTIONS, "--broker", str(broker.url), **env) as running,
        ):
            await running.logged("commands are traced")
            await devices_are_there(other)
            await start_suction(other)
            assert (await ask(other, "stop"))["outcome"] == "accepted"
            # The exporter sends what is finished every 100 ms, so the parts of one trace arrive in several requests.
            await wait(lambda: names_beside(receiver, "confirm stop") >= PARTS_OF_A_STOP)
        assert names_beside(receiver, "confirm stop") == PARTS_OF_A_STOP


def names_beside(receiver: OtlpReceiver, name: str) -> set[str]:
    """Return the names of all spans of the first trace that has a span of this name."""
    ids = [each.trace_id for each in receiver.spans if each.name == name]
    return {each.name for each in receiver.spans if each.trace_id in ids[:1]}


async def test_a_receiver_that_is_not_there_delays_neither_a_stop_nor_the_end(tmp_path: Path) -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "60000",  # so long it tries
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    async with mosquitto() as broker, ear(broker.url) as other:
        options = (*OPTIONS, "--broker", str(broker.url))
        async with program(tmp_path, *options, complains=True, **env) as running:
            await devices_are_there(other)
            await start_suction(other)
            assert (await ask(other, "stop"))["outcome"] == "accepted"
            code, seconds = await running.end_by(signal.SIGTERM)
    assert code == 0
    assert seconds < 15
