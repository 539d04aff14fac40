"""What a controller publishes about itself: it follows the settings, and goes with it; sessions only on request."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.controlled import Service, service_under_test, write_routine
from tests.helpers.mqtt_listener import TOPICS
from tests.helpers.service_process import HOME, STATUS, refused, wait

pytestmark = pytest.mark.system

ABOUT, RECENT = TOPICS.about(), TOPICS.recent_sessions(HOME)


def about(service: Service) -> dict[str, Any]:
    """Return what it said last about itself; nothing where that was removed."""
    payload = (service.other.payloads(ABOUT) or [""])[-1]
    return json.loads(payload) if payload else {"routines": ()}


def shown(service: Service, device: str) -> dict[str, Any]:
    """Return what is retained of a device."""
    view: dict[str, Any] = service.other.values(TOPICS.device_state(HOME, device))[-1]
    return view


def routines(service: Service) -> set[str]:
    return {each["id"] for each in about(service)["routines"]}


def publish_sessions(service: Service, on: bool) -> None:
    text = service.config.read_text(encoding="utf-8").replace(", publish_recent_sessions: true", "")
    more = ", publish_recent_sessions: true" if on else ""
    service.config.write_text(text.replace("]}\nstore", f"]{more}}}\nstore"), encoding="utf-8")


async def test_it_follows_the_settings_and_goes_with_the_controller(tmp_path: Path) -> None:
    async with service_under_test(tmp_path) as service, service.running() as process:
        await service.ready(process)
        (station,) = about(service)["stations"]
        assert station["name"] == HOME
        assert {each["profile"] for each in station["devices"]} >= {"open-pump", "open-warm-pad"}
        assert {"classic", "warm", "express"} <= routines(service)
        assert "brand-new" not in routines(service)
        assert await refused(service.other, "start", routine="brand-new")

        write_routine(tmp_path / "more", "brand-new", "express: {minutes: 2}")
        service.configure(comfort=60, routines=[tmp_path / "more"])
        process.process.send_signal(signal.SIGHUP)
        await wait(lambda: "brand-new" in routines(service))
        await service.ready(process, rounds=2)
        await process.end_by(signal.SIGTERM)
        await wait(lambda: service.other.payloads(STATUS)[-1] == "offline")
        assert service.other.payloads(ABOUT)[-1] == ""


async def test_no_device_looks_connected_after_the_end(tmp_path: Path) -> None:
    async with service_under_test(tmp_path) as service, service.running() as process:
        await service.ready(process)
        await service.start_and_run("warm")
        await wait(lambda: shown(service, "warm-pad")["reading"]["run_state"] == "running")
        await process.end_by(signal.SIGTERM)
        await wait(lambda: service.other.payloads(STATUS)[-1] == "offline")
        for device in ("left-pump", "right-pump", "warm-pad", "massager"):
            last = shown(service, device)
            assert (last["available"], last["link"]) == (False, "closed"), device
            assert {value for name, value in last["reading"].items() if name != "role"} <= {None, "unknown"}, device
            assert service.other.payloads(TOPICS.device_availability(HOME, device))[-1] == "offline", device


async def test_past_sessions_are_published_only_where_the_owner_wants_it(tmp_path: Path) -> None:
    async with service_under_test(tmp_path) as service:
        async with service.running() as process:
            await service.ready(process)
            await service.start_and_run("express")
            await service.other.command("stop")
            await wait(lambda: bool(service.events("session_finished")))
            assert set(service.other.payloads(RECENT)) <= {""}
            assert about(service)["recent_sessions"] is False
            await process.end_by(signal.SIGTERM)

        publish_sessions(service, True)
        async with service.running() as process:
            await service.ready(process)
            await wait(lambda: bool(service.other.payloads(RECENT)))
            (earlier,) = service.other.values(RECENT)[-1]["sessions"]
            assert (earlier["routine"], earlier["outcome"]) == ("express", "stopped")
            id_ = await service.start_and_run("warm")
            await wait(lambda: len(service.other.values(RECENT)[-1]["sessions"]) == 2)
            assert service.other.values(RECENT)[-1]["sessions"][0]["session_id"] == id_
            await service.other.command("stop")
            await wait(lambda: service.other.values(RECENT)[-1]["sessions"][0]["outcome"] == "stopped")
            await process.end_by(signal.SIGTERM)

        publish_sessions(service, False)
        async with service.running() as process:
            await service.ready(process)
            await wait(lambda: service.other.payloads(RECENT) == [""])
