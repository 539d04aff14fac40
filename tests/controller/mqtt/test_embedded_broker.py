"""The embedded broker: where it listens, how it ends, and what it says when it cannot run."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import warnings

import aiomqtt
import pytest

from controller.mqtt.embedded_broker import BrokerError, embedded_broker
from tests.helpers.mqtt_listener import ear
from tests.helpers.patience import until


async def test_a_client_finds_what_was_retained_before_it_came() -> None:
    async with embedded_broker(0) as broker:
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.publish("letdown/x", "kept", 1, retain=True)
        async with ear(broker) as listener:
            await listener.until("letdown/x", "kept")


async def test_it_listens_on_this_machine_only() -> None:
    async with embedded_broker(0) as broker:
        assert broker.host == "127.0.0.1"
        for family, *_, address in socket.getaddrinfo(socket.gethostname(), broker.port, type=socket.SOCK_STREAM):
            if not str(address[0]).startswith("127."):
                with socket.socket(family) as elsewhere, pytest.raises(OSError, match=r"."):
                    elsewhere.connect(address)


async def test_it_says_nothing_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with embedded_broker(0) as broker, ear(broker) as listener:
        await listener.client.publish("letdown/x", "1")
        await until(lambda: bool(listener.heard))
        await asyncio.sleep(0.1)
        assert [message.topic.value for message in listener.heard] == ["letdown/x"]  # no $SYS
    assert [record for record in caplog.records if record.name.startswith(("amqtt", "transitions"))] == []


async def test_it_ends_at_once_even_with_clients_that_do_not_go() -> None:
    loop = asyncio.get_running_loop()
    async with embedded_broker(0) as broker:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)  # says nothing
        async with ear(broker):
            begin = loop.time()
            await asyncio.sleep(0)
            task = asyncio.current_task()
    assert loop.time() - begin < 1
    assert await reader.read() == b""
    writer.close()
    assert asyncio.all_tasks() == {task}


async def test_the_port_is_free_again_afterwards() -> None:
    async with embedded_broker(0) as first:
        port = first.port
    async with embedded_broker(port) as second:
        assert second.port == port


async def test_a_port_in_use_is_answered_with_the_remedy() -> None:
    async with embedded_broker(0) as broker:
        with pytest.raises(BrokerError, match=rf"set mqtt.brokers: \[mqtt://127.0.0.1:{broker.port}\]"):
            async with embedded_broker(broker.port):
                pass


async def test_without_amqtt_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    with pytest.raises(BrokerError, match=r'pip install "letdown\[demo\]", or name a broker'):
        async with embedded_broker(0):
            pass


async def test_it_can_be_cancelled_at_any_moment_of_its_start() -> None:
    async def start() -> None:
        async with embedded_broker(0):
            await asyncio.sleep(60)

    for turns in range(12):
        task = asyncio.create_task(start())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
    assert len(asyncio.all_tasks()) == 1


async def test_nothing_of_it_is_deprecated() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with embedded_broker(0) as broker, ear(broker):
            pass
