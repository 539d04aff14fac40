"""How soon a lost broker is tried again."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from controller.contract.events import SessionState
from controller.mqtt import reconnect
from controller.mqtt.bridge import V311
from controller.mqtt.connection import _ANSWER_SECONDS, connection
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.reconnect import SESSION_SECONDS, Reconnect
from tests.helpers.mqtt_listener import bridge_to, guide, snapshot, task_of
from tests.helpers.patience import until

IDLE, RUNNING = snapshot(SessionState.IDLE), snapshot(SessionState.RUNNING)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, without waiting for it."""
    waited: list[float] = []
    now = 0.0

    class Timeout:
        def __init__(self, seconds: float) -> None:
            self.seconds = seconds

        async def __aenter__(self) -> None:
            nonlocal now
            waited.append(self.seconds)
            now += self.seconds
            raise TimeoutError

        async def __aexit__(self, *_: object) -> None: ...

    class Loop:
        def time(self) -> float:
            return now

    monkeypatch.setattr(reconnect.asyncio, "timeout", Timeout)
    monkeypatch.setattr(reconnect.asyncio, "get_running_loop", Loop)
    return waited


async def test_without_a_session_the_pause_grows_after_each_round_of_all_brokers(pauses: list[float]) -> None:
    pace = Reconnect(2, 0.5, 30.0)
    pace.watch(IDLE)
    pace.watch(guide())
    for _ in range(16):
        await pace.wait(3.0)
    assert pauses == [each for each in (0.5, 1, 2, 4, 8, 16, 30, 30) for _ in range(2)]
    pace.reset()
    await pace.wait(3.0)
    assert pauses[-1] == 0.5


@pytest.mark.parametrize(("brokers", "each"), [(1, 2.0), (2, 1.0), (5, 1.0)])
async def test_while_a_session_runs_no_broker_is_waited_for_longer(
    pauses: list[float], brokers: int, each: float
) -> None:
    pace = Reconnect(brokers, 0.5, 30.0)
    for _ in range(40):
        await pace.wait(0.0)
    assert pace.attempt_seconds is None
    pace.watch(RUNNING)
    assert pace.attempt_seconds == each
    pauses.clear()
    for took in (0.0, each / 2, each, 3 * each):
        await pace.wait(took)
    assert pauses == [each, each / 2]  # the other two had taken that long already
    pace.watch(snapshot(SessionState.COMPLETED))
    assert pace.attempt_seconds is None


async def test_one_station_that_runs_is_enough(pauses: list[float]) -> None:
    pace = Reconnect(1, 30.0, 30.0)
    pace.watch(RUNNING)
    pace.watch(IDLE.model_copy(update={"station": "office"}))
    await pace.wait(0.0)
    assert pauses == [SESSION_SECONDS]


async def test_a_session_that_starts_cuts_the_wait_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "SESSION_SECONDS", 0.0)
    monkeypatch.setattr(reconnect, "_SHORTEST_ATTEMPT_SECONDS", 0.0)
    pace = Reconnect(1, 3600.0, 3600.0)
    waiting = asyncio.create_task(pace.wait(0.0))
    await asyncio.sleep(0)
    pace.watch(IDLE)
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.watch(RUNNING)
    async with asyncio.timeout(5):
        await waiting


@pytest.fixture
def silence() -> Iterator[BrokerUrl]:
    """An address where a connection is accepted and nothing is ever said."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        yield BrokerUrl(host="127.0.0.1", port=door.getsockname()[1])


async def test_a_broker_that_says_nothing_holds_up_the_next_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch, silence: BrokerUrl, broker: BrokerUrl
) -> None:
    monkeypatch.setattr(reconnect, "SESSION_SECONDS", 0.2)
    monkeypatch.setattr(reconnect, "_SHORTEST_ATTEMPT_SECONDS", 0.1)
    bridge = bridge_to(silence, broker)
    bridge.watch(RUNNING)
    began = time.monotonic()
    with task_of(bridge):
        await until(lambda: bridge.connected)
    assert time.monotonic() - began < _ANSWER_SECONDS / 2


async def test_once_it_is_open_a_connection_is_as_patient_as_ever(broker: BrokerUrl) -> None:
    settings = MqttSettings(brokers=(broker,))
    async with connection(broker, settings, identifier="a", protocol=V311, open_seconds=1.0) as client:
        assert client.timeout == _ANSWER_SECONDS
        assert client._client.connect_timeout == 1.0
