"""The service and the virtual devices in processes of their own, either of which may die."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

import pytest

from tests.helpers.mosquitto import free_port, mosquitto
from tests.helpers.mqtt_listener import TOPICS, ear
from tests.helpers.patience import until
from tests.helpers.service_process import (
    DEVICES,
    HOME,
    PUMPS,
    STATUS,
    ask,
    availability,
    in_order,
    in_step,
    kinds,
    publish,
    refused,
    remote_service,
    reply_to,
    run_states,
    session,
    start_without_questions,
    virtual_devices,
    wait,
)

pytestmark = pytest.mark.system


async def test_devices_in_another_process_are_led_through_a_session(tmp_path: Path) -> None:
    port = free_port()
    async with (
        mosquitto() as broker,
        virtual_devices(tmp_path, port),
        remote_service(tmp_path, broker, port),
        ear(broker.url) as other,
    ):
        await start_without_questions(other, "classic")
        await in_step(other, "warm")
        await wait(lambda: run_states(other, "warm-pad") == ["running"])
        await ask(other, "skip")
        await in_step(other, "massage")
        await wait(lambda: run_states(other, "warm-pad") == ["stopped"])
        await ask(other, "stop")
        await wait(lambda: session(other)["state"] == "stopped")

        await start_without_questions(other, "power-pumping")
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
        began = time.monotonic()
        await publish(broker, "-t", TOPICS.command(HOME), "-m", '{"id": "hurts", "action": "pain"}')
        reply = await reply_to(other, "hurts")
        assert time.monotonic() - began < 1
        assert reply["devices"] == dict.fromkeys(DEVICES, "stopped")
        await wait(lambda: run_states(other, *DEVICES) == ["stopped"] * 4)


async def test_devices_stop_by_themselves_when_the_service_dies(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto() as broker, virtual_devices(tmp_path, port):
        async with remote_service(tmp_path, broker, port) as running, ear(broker.url) as other:
            await start_without_questions(other, "power-pumping")
            await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
            await running.kill()
            await wait(lambda: other.payloads(STATUS)[-1] == "offline")
        async with remote_service(tmp_path, broker, port), ear(broker.url) as other:
            await wait(lambda: run_states(other, *DEVICES) == ["stopped"] * 4)
            assert session(other)["state"] == "failed"  # it was broken off, and is told so


async def test_a_session_ends_when_the_devices_die_and_the_service_lives_on(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto() as broker, contextlib.AsyncExitStack() as stack:
        virtual = await stack.enter_async_context(virtual_devices(tmp_path, port))
        running = await stack.enter_async_context(remote_service(tmp_path, broker, port))
        other = await stack.enter_async_context(ear(broker.url))
        await start_without_questions(other, "power-pumping")
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
        await virtual.kill()
        await wait(lambda: session(other)["state"] == "tripped")
        assert session(other)["trip"]["kind"] == "link_lost"
        await wait(lambda: in_order(kinds(other), "trip", "session_finished"))
        await wait(lambda: availability(other) == ["offline"] * 4)
        await wait(lambda: run_states(other, *DEVICES) == ["unknown"] * 4)
        assert "stopped_by_trip" in await refused(other, "start", no_symptoms=True)
        assert (await ask(other, "acknowledge"))["outcome"] == "accepted"
        assert running.process.returncode is None


async def test_a_service_whose_bluetooth_controller_is_gone_still_ends_in_time(tmp_path: Path) -> None:
    port = free_port()
    async with (
        mosquitto() as broker,
        virtual_devices(tmp_path, port) as virtual,
        remote_service(tmp_path, broker, port) as running,
        ear(broker.url) as other,
    ):
        await wait(lambda: availability(other) == ["online"] * 4)
        await virtual.kill()
        await wait(lambda: availability(other) == ["offline"] * 4)
        code, seconds = await running.end_by(signal.SIGTERM)
        assert code == 0
        assert seconds < 3


async def test_devices_that_come_back_are_found_again(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto() as broker, contextlib.AsyncExitStack() as stack:
        virtual = await stack.enter_async_context(virtual_devices(tmp_path, port))
        await stack.enter_async_context(remote_service(tmp_path, broker, port))
        other = await stack.enter_async_context(ear(broker.url))
        await wait(lambda: availability(other) == ["online"] * 4)
        await virtual.kill()
        await wait(lambda: availability(other) == ["offline"] * 4)
        await stack.enter_async_context(virtual_devices(tmp_path, port))
        await until(lambda: availability(other) == ["online"] * 4, 15)
