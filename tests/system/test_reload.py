"""New settings, taken over without an end: on SIGHUP, and never while a session is under way."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.helpers.controlled import Service, service_under_test, write_routine
from tests.helpers.service_process import PUMPS, Program, ask, refused, session, wait

pytestmark = pytest.mark.system

TAKEN = "the new settings take effect as soon as no session is running"
NOT_TAKEN = "the new settings are not used: "
SPEED = 4  # the vacuum is raised step by step


def hang_up(process: Program) -> None:
    """Tell it to read its settings again."""
    process.process.send_signal(signal.SIGHUP)


async def times(process: Program, words: str, number: int) -> None:
    """Wait until it has logged these words so often."""
    await wait(lambda: process.log.count(words) == number)


async def target(service: Service, mmhg: float) -> None:
    """Wait until both pumps aim at a vacuum."""
    await wait(lambda: [service.seen.target(pump) for pump in PUMPS] == [mmhg, mmhg])


async def end_session(service: Service) -> None:
    """Let the one step of the session be over."""
    assert (await ask(service.other, "skip"))["outcome"] == "accepted"
    await wait(lambda: [each["data"]["outcome"] for each in service.events("session_finished")] == ["completed"])


async def test_new_settings_wait_for_the_end_of_the_session(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, speed=SPEED) as service, service.running() as process:
        await service.ready(process)
        id_ = await service.start_and_run("express")
        await target(service, 100)
        write_routine(tmp_path / "more", "brand-new", "express: {minutes: 2}")
        service.configure(comfort=60, routines=[tmp_path / "more"])
        hang_up(process)
        await process.logged(TAKEN)

        reason = await refused(service.other, "start", routine="brand-new", no_symptoms=True)
        assert reason.startswith("new_settings: ")
        assert (await ask(service.other, "set_vacuum", mmhg=90))["outcome"] == "accepted"
        await target(service, 90)  # as the old settings allow
        assert session(service.other)["state"] == "running"
        assert session(service.other)["session_id"] == id_
        assert process.log.count("serving home") == 1
        await end_session(service)

        await service.ready(process, rounds=2)
        await service.start_and_run("brand-new")
        await target(service, 60)
        limited = await ask(service.other, "set_vacuum", mmhg=90)
        assert limited["outcome"] == "limited"
        assert limited["reasons"][0].startswith("60 mmHg: your comfort cap")
        code, _ = await process.end_by(signal.SIGTERM)
        assert code == 0
        assert not service.seen.on


async def test_settings_that_are_wrong_change_nothing_and_the_log_says_where(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, speed=SPEED) as service, service.running(complains=True) as process:
        await service.ready(process)
        id_ = await service.start_and_run("express")
        await target(service, 100)

        service.config.write_text("limits: {comfort_vacuum_mmhg: 60\nmqtt: {}\n", encoding="utf-8")
        hang_up(process)
        await times(process, f"{NOT_TAKEN}{service.config}:2: ", 1)
        service.configure(comfort=300)
        hang_up(process)
        await times(process, f"{NOT_TAKEN}{service.config}:5: limits.comfort_vacuum_mmhg: ", 1)
        service.configure(pump="no-such-pump")
        hang_up(process)
        await times(process, f"{NOT_TAKEN}{service.config}:10: stations.home.devices.0.profile: unknown profile ", 1)
        assert process.log.count(NOT_TAKEN) == 3
        assert TAKEN not in process.log
        assert "Traceback" not in process.log

        assert session(service.other)["session_id"] == id_
        assert (await ask(service.other, "set_vacuum", mmhg=90))["outcome"] == "accepted"
        await target(service, 90)
        await end_session(service)
        await service.start_and_run("express")  # also the next session is under the old ones
        await target(service, 100)
        assert process.log.count("serving home") == 1

        service.configure(comfort=60)  # put right
        hang_up(process)
        await process.logged(TAKEN)
        assert (await ask(service.other, "stop"))["outcome"] == "accepted"
        await service.ready(process, rounds=2)
        await service.start_and_run("express")
        await target(service, 60)


async def test_new_settings_are_taken_over_at_once_when_nothing_is_under_way(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, speed=SPEED) as service, service.running() as process:
        await service.ready(process)
        service.configure(comfort=60)
        hang_up(process)
        await service.ready(process, rounds=2)
        await service.start_and_run("express")
        await target(service, 60)
        code, _ = await process.end_by(signal.SIGTERM)
        assert code == 0
        assert not service.seen.on


async def test_of_settings_that_change_twice_in_mid_session_the_last_count(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, speed=SPEED) as service, service.running() as process:
        await service.ready(process)
        await service.start_and_run("express")
        for comfort in (80, 60):
            service.configure(comfort=comfort)
            hang_up(process)
            await times(process, TAKEN, 1 if comfort == 80 else 2)
        await end_session(service)
        await service.ready(process, rounds=2)
        await service.start_and_run("express")
        await target(service, 60)


async def test_of_settings_that_change_again_while_they_are_taken_over_the_last_count(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, speed=SPEED) as service, service.running() as process:
        await service.ready(process)
        service.configure(comfort=80)
        hang_up(process)
        await process.logged(TAKEN)
        service.configure(comfort=60)
        hang_up(process)
        await times(process, TAKEN, 2)
        await wait(lambda: process.log.rfind("serving home") > process.log.rfind(TAKEN))
        await service.ready(process)
        await service.start_and_run("express")
        await target(service, 60)
