"""Two controllers for one body, as processes on a real broker: the second is refused, the first is left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.mqtt.instance import read_instance
from tests.helpers.controlled import Service, service_under_test, witness
from tests.helpers.mosquitto import free_port, mosquitto
from tests.helpers.mqtt_listener import TOPICS, ear
from tests.helpers.service_process import STATUS, Program, program, wait

pytestmark = pytest.mark.system

INSTANCE = TOPICS.instance()


def second(service: Service, *more: str, name: str = "second") -> tuple[str, ...]:
    """Return the arguments of another controller of the same devices, with a store of its own."""
    config = service.folder / f"{name}.yaml"
    text = service.config.read_text(encoding="utf-8").replace(str(service.store), str(service.folder / f"{name}.db"))
    config.write_text(text, encoding="utf-8")
    return ("run", "--config", str(config), *more)


def announced(payloads: list[str]) -> str:
    found = read_instance(payloads[-1].encode()) if payloads else None
    return found.instance if found is not None else ""


async def ended(running: Program) -> tuple[int | None, str]:
    await wait(lambda: running.process.returncode is not None)
    return running.process.returncode, running.log


@pytest.mark.parametrize("node", [TOPICS.node, "bedroom"])
async def test_a_second_one_is_refused_while_a_session_runs_and_nothing_is_lost(tmp_path: Path, node: str) -> None:
    async with service_under_test(tmp_path / "home") as service, service.running(complains=True) as first:
        await service.ready(first)
        await service.start_and_run("warm")
        async with program(tmp_path, *second(service), LETDOWN_MQTT__NODE=node) as other:
            code, log = await ended(other)
        assert code == 2
        for words in ("another controller already serves the station home", f"node {TOPICS.node}", "--take-over"):
            assert words in " ".join(log.split())
        assert service.seen.on
        assert service.seen.of("disconnected") == []
        assert set(service.other.payloads(STATUS)) == {"online"}


async def test_after_a_crash_it_is_not_in_its_own_way(tmp_path: Path) -> None:
    async with service_under_test(tmp_path / "home") as service:
        async with service.running() as process:
            await service.ready(process)
            before = announced(service.other.payloads(INSTANCE))
            await process.kill()
        async with service.running() as process:  # at once, as systemd does; the broker has the will to come yet
            await service.ready(process)
            await wait(lambda: announced(service.other.payloads(INSTANCE)) not in ("", before))
            assert "refused" not in process.log


async def test_a_clean_end_leaves_nothing_behind(tmp_path: Path) -> None:
    async with service_under_test(tmp_path / "home") as service:
        async with service.running() as process:
            await service.ready(process)
            process.process.terminate()
            await process.process.wait()
        await wait(lambda: service.other.payloads(STATUS)[-1] == "offline")
        assert service.other.payloads(INSTANCE)[-1] == ""


async def test_two_that_started_without_a_broker_notice_each_other_when_it_comes(tmp_path: Path) -> None:
    port = free_port()
    async with witness() as seen:
        async with mosquitto(port) as broker, ear(broker.url) as other:
            service = Service(tmp_path / "home", broker, seen, other)
        async with service.running(complains=True) as first:
            await first.logged("serving home")
            other_one = program(tmp_path, *second(service), complains=True, LETDOWN_MQTT__NODE="bedroom")
            async with other_one as later:
                await later.logged("serving home")
                async with mosquitto(port):
                    await first.logged("another controller serves the station home, too")
                    await later.logged("this one starts no session there")
                    assert "this one starts no session there" not in first.log


async def test_beside_one_that_takes_over_the_first_starts_nothing_more_and_is_not_thrown_out(tmp_path: Path) -> None:
    async with service_under_test(tmp_path / "home") as service, service.running(complains=True) as first:
        await service.ready(first)
        async with program(tmp_path, *second(service, "--take-over"), complains=True) as taking:
            await first.logged("this one starts no session there")
            await taking.logged("connected to the broker")
            reply = await ask_first(service)
            assert "Another controller serves home: " in reply
            assert first.process.returncode is None
            assert service.seen.of("disconnected") == []
            assert "was lost" not in first.log


async def ask_first(service: Service) -> str:
    """Ask both for a session, and return why one of them refused."""
    await service.other.command({"id": "start", "action": "start", "args": {"routine": "warm", "no_symptoms": True}})
    await wait(lambda: any(each["outcome"] == "refused" and each["reasons"] for each in service.other.replies()))
    return str([each["reasons"] for each in service.other.replies()])
