"""The API about devices: search, add, test; the same rules as for everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from controller.contract.device_setup import SetupView
from controller.contract.device_test_view import DeviceTestStages
from controller.contract.limits_view import LimitsView
from controller.safety.message import message
from controller.web.web_parts import WebParts
from devices.roles import Side
from tests.helpers.web_client import BEARER, LAN, client, problem
from tests.helpers.web_devices import AskedSetup, AskedTester, found
from tests.helpers.web_pages import parts

DEVICE = {"found": "abc", "profile": "open-pump", "side": "left", "name": "mine"}
ADD, TEST = "/api/v1/stations/home/devices", "/api/v1/stations/home/devices/left-pump/test"
PATHS: dict[str, Any] = {"/api/v1/setup/scan": None, ADD: DEVICE, TEST: {"nobody_attached": True}}
BASE = "http://192.168.1.5:8080"


def made(setup: AskedSetup | None = None, tester: AskedTester | None = None) -> WebParts:
    return replace(parts(), setup=setup, tester=tester)


async def test_the_latest_search_can_be_read() -> None:
    setup = AskedSetup(SetupView(state="done", received=1, found=(found(),)))
    async with client(made(setup)) as here:
        answer = (await here.get("/api/v1/setup")).json()
    assert SetupView.model_validate(answer) == setup.view
    async with client(made()) as here:
        assert (await here.get("/api/v1/setup")).json()["state"] == "idle"


async def test_each_is_handed_on_and_answered() -> None:
    setup, tester = AskedSetup(), AskedTester()
    async with client(made(setup, tester)) as here:
        answers = [await here.post(path, json=body) for path, body in PATHS.items()]
    assert [each.status_code for each in answers] == [202, 201, 202]
    assert {each.json()["outcome"] for each in answers} == {"accepted"}
    ((station, device),) = setup.added
    assert (station, device.side, device.allow_unverified) == ("home", Side.LEFT, False)
    assert (setup.scans, tester.started) == (1, [("home", "left-pump")])


async def test_a_refusal_is_a_reply_with_its_key() -> None:
    setup, tester = AskedSetup(), AskedTester()
    setup.why = message("setup_in_session")
    tester.why = message("session_running")
    async with client(made(setup, tester)) as here:
        answers = [await here.post(path, json=body) for path, body in PATHS.items()]
    assert {each.status_code for each in answers} == {409}
    assert [each.json()["keys"] for each in answers] == [["setup_in_session"]] * 2 + [["session_running"]]
    async with client(made()) as here:
        answers = [await here.post(path, json=body) for path, body in PATHS.items()]
    assert [each.json()["keys"] for each in answers] == [["setup_not_here"]] * 2 + [["no_such_device"]]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (TEST, {}, 422),
        (TEST, {"nobody_attached": "yes"}, 422),
        (TEST, {"nobody_attached": 1}, 422),
        (ADD, {**DEVICE, "side": "middle"}, 422),
        (ADD, {**DEVICE, "address": "F0:1E:7D:00:00:02"}, 422),
        (ADD, {**DEVICE, "allow_unverified": "yes"}, 422),
        (ADD, [], 422),
        (ADD, {**DEVICE, "name": "x" * 65}, 422),
        (ADD.replace("home", "else"), DEVICE, 404),
        (TEST.replace("home", "else"), {"nobody_attached": True}, 404),
    ],
)
async def test_what_does_not_fit_does_nothing(path: str, body: Any, status: int) -> None:
    setup, tester = AskedSetup(), AskedTester()
    async with client(made(setup, tester)) as here:
        problem(await here.post(path, json=body), status)
    assert (setup.added, tester.started) == ([], [])


async def test_more_is_tried_only_where_it_is_asked_for() -> None:
    tester = AskedTester()
    stages = {"repeated_stop": True, "own_timer_minutes": 5}
    async with client(made(tester=tester)) as here:
        await here.post(TEST, json={"nobody_attached": True, "stages": stages})
        problem(await here.post(TEST, json={"nobody_attached": True, "stages": {"own_timer_minutes": 61}}), 422)
    assert tester.stages == [DeviceTestStages.model_validate(stages)]


async def test_nothing_runs_without_the_word_that_nobody_is_attached() -> None:
    tester = AskedTester()
    async with client(made(tester=tester)) as here:
        answer = await here.post(TEST, json={"nobody_attached": False})
    assert (answer.status_code, answer.json()["keys"]) == (409, ["not_off_the_body"])
    assert tester.started == []


async def test_only_json_of_a_bounded_length_is_read() -> None:
    setup, tester = AskedSetup(), AskedTester()
    async with client(made(setup, tester)) as here:
        for path in (ADD, TEST):
            problem(await here.post(path, data={"nobody_attached": "true"}), 415)
            problem(await here.post(path, content=b"x" * 20_000, headers={"content-type": "application/json"}), 413)
    assert (setup.added, tester.started) == ([], [])


@pytest.mark.parametrize("path", PATHS)
async def test_from_elsewhere_each_needs_the_token_and_no_other_site_may_ask(path: str) -> None:
    setup, tester = AskedSetup(), AskedTester()

    async def post(here: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
        return await here.post(path, json=PATHS[path], headers=headers)

    async with client(made(setup, tester), LAN, peer="192.168.1.9", base=BASE) as other:
        problem(await post(other, {}), 401)
        problem(await post(other, {**BEARER, "origin": "https://evil.example"}), 403)
        assert (setup.scans, setup.added, tester.started) == (0, [], [])
        assert (await post(other, BEARER)).status_code in (201, 202)
    async with client(made(setup, tester)) as here:
        problem(await post(here, {"sec-fetch-site": "cross-site"}), 403)


async def test_a_station_has_its_limits_and_the_latest_test() -> None:
    both = parts()
    async with client(both) as here:
        state = (await here.get("/api/v1/stations/home")).json()
        assert (state["limits"], state["device_test"]) == (None, None)
        both.hub.watch(LimitsView(station="home", limits=(), devices={}, budgets=()))
        assert (await here.get("/api/v1/stations/home")).json()["limits"]["station"] == "home"
