"""The screens of devices as a browser without script gets them: devices, search, add, test."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import pytest

from controller.contract.about import AboutDevice, AboutStation
from controller.contract.cautions import Caution
from controller.contract.device_setup import SetupView
from controller.contract.device_test_view import DeviceTestStages, DeviceTestStep, DeviceTestView
from controller.contract.events import DeviceView, SessionState, Snapshot
from controller.contract.limits_view import LimitsView
from controller.safety.ceilings import Ceiling
from controller.safety.limits import Reason
from controller.safety.message import message
from controller.web.device_view import ago_words, reading_words, signal_words
from controller.web.openapi import example_about
from controller.web.web_parts import WebParts
from devices.roles import (
    ButtonReading,
    Capability,
    LinkState,
    MassagerReading,
    PressEvent,
    PumpReading,
    RunState,
    ScaleReading,
    Side,
    WarmerReading,
)
from tests.helpers.home import words
from tests.helpers.web_client import client
from tests.helpers.web_devices import UNVERIFIED, AskedSetup, AskedTester, fitting, found
from tests.helpers.web_pages import EVIL, Markup, page, parts

LANGUAGES = ("en", "de")
NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)
ABOUT = example_about("1.2").model_copy(
    update={
        "stations": (
            AboutStation(
                name="home",
                body="home",
                devices=tuple(
                    AboutDevice(
                        name=name,
                        role="pump",
                        model="Open pump",
                        profile="open-pump",
                        confidence="verified",
                        side=Side.LEFT,
                        capabilities=can,
                    )
                    for name, can in (
                        ("left-pump", (Capability.START, Capability.REPORTS_BATTERY)),
                        ("watched", (Capability.REPORTS_BATTERY,)),
                    )
                ),
            ),
        )
    }
)
CAP = Reason(who="owner", allows=140, key="comfort_cap")
HARD = Reason(who="hard", allows=250, key="limit_expression")
LIMITS = LimitsView(
    station="home",
    limits=(),
    devices={"left-pump": (Ceiling(id="expression_vacuum", quantity="vacuum_mmhg", allows=140, reasons=(CAP, HARD)),)},
    budgets=(),
)


def device(name: str = "left-pump", **more: Any) -> DeviceView:
    values: dict[str, Any] = {
        "station": "home",
        "device": name,
        "profile": "open-pump",
        "side": Side.LEFT,
        "link": LinkState.CONNECTED,
        "available": True,
        "reading": PumpReading(battery_percent=80, run_state=RunState.STOPPED),
    }
    return DeviceView(**values | more)


def made(*items: Any, setup: AskedSetup | None = None, tester: AskedTester | None = None, **more: Any) -> WebParts:
    return replace(parts(None, *items, **{"about": ABOUT, **more}), setup=setup, tester=tester)


# The devices


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_device_is_shown_with_signal_last_report_limits_and_cautions(language: str) -> None:
    shown = device(rssi_dbm=-82, reported_at=datetime.now(UTC), cautions=(Caution.GOES_ON_ALONE,))
    text = await page(made(shown, LIMITS, language=language, tester=AskedTester()), "/devices")
    web = words(language).web
    assert f"{web['signal_weak']} (\N{MINUS SIGN}82\N{NO-BREAK SPACE}dBm)" in text
    assert web["ago_now"] in text
    assert f'<strong>140 mmHg</strong> <span class="why">{words(language).reasons["comfort_cap"]}' in text
    assert web["layer_owner"] in text
    assert f"<li>250\N{NO-BREAK SPACE}mmHg: {words(language).reasons['limit_expression']}</li>" in text
    assert words(language).message("caution_goes_on_alone", device="left-pump") in text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_button_shows_how_it_was_pressed_and_no_limits(language: str) -> None:
    reading = ButtonReading(last_press=PressEvent.DOUBLE_PRESS, battery_percent=70)
    shown = device("chair", link=LinkState.HEARD, reading=reading)
    text = await page(made(shown, LIMITS, language=language), "/devices")
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", text))
    names, web = words(language).entities.names, words(language).web
    assert facts[names["press_event"]] == web["pressed_double_press"]
    assert facts[web["connection"]] == words(language).labels.link[LinkState.HEARD]
    assert names["run_state"] not in facts
    assert web["limits_of_device"] not in text
    unknown = await page(made(device("chair", reading=ButtonReading()), language=language), "/devices")
    assert f"<dt>{names['press_event']}</dt><dd>{web['unknown']}</dd>" in unknown


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_scale_shows_its_weight_and_no_limits(language: str) -> None:
    shown = device("scale", reading=ScaleReading(weight_g=81.26, battery_percent=70))
    text = await page(made(shown, LIMITS, language=language), "/devices")
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", text))
    weight = "81,3 g" if language == "de" else "81.3 g"
    assert facts[words(language).entities.names["weight"]] == weight
    assert words(language).entities.names["run_state"] not in facts
    assert words(language).web["limits_of_device"] not in text
    unknown = await page(made(device("scale", reading=ScaleReading()), language=language), "/devices")
    assert (
        dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", unknown))[words(language).entities.names["weight"]]
        == words(language).web["unknown"]
    )


async def test_what_was_not_read_is_shown_as_unknown() -> None:
    text = await page(made(device(reading=PumpReading(), available=False, link=LinkState.SEARCHING)), "/devices")
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", text))
    assert facts["Signal strength"] == facts["Battery"] == facts["State"] == "unknown"
    assert facts["Last report"] == "never"
    assert facts["Reports now"] == "no, nothing fresh"
    assert "Nothing can be set from here" in text


def test_the_signal_has_words_and_the_number() -> None:
    assert signal_words(None, words()) == "unknown"
    assert [signal_words(dbm, words()).partition(" (")[0] for dbm in (-60, -61, -75, -76)] == [
        "strong",
        "good",
        "good",
        "weak, move it closer",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "just now"),
        (19, "just now"),
        (20, "1 min ago"),
        (150, "2 min ago"),
        (3599, "60 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 d ago"),
        (-3600, "just now"),
    ],
)
def test_the_time_of_the_last_report_is_said_roughly(seconds: float, shown: str) -> None:
    assert ago_words(NOW - timedelta(seconds=seconds), NOW, words()) == shown


async def test_only_what_can_be_started_can_be_tried() -> None:
    views = (device(), device("watched"), device("unknown to about"))
    text = await page(made(*views, tester=AskedTester()), "/devices")
    assert re.findall(r"test-device\?station=home&amp;device=([\w-]+)", text) == ["left-pump"]
    assert "test-device" not in await page(made(*views), "/devices")


async def test_without_set_up_from_here_the_page_says_how_it_is_done() -> None:
    text = await page(made(device()), "/devices")
    assert "letdown setup" in text
    assert "add-device" not in text
    assert "letdown setup" in await page(made(), "/add-device")
    assert "<button" not in (await page(made(), "/add-device")).partition('<aside class="bar"')[0].partition("<main")[2]


# Search and add


async def test_a_search_is_begun_shown_and_its_devices_can_be_chosen() -> None:
    setup = AskedSetup()
    both = made(setup=setup)
    assert 'id="b-scan"' in await page(both, "/add-device")
    async with client(both) as here:
        answer = await here.post("/device/home/scan")
    assert (answer.status_code, setup.scans) == (303, 1)
    assert urljoin("/device/home/scan", answer.headers["location"]) == "/add-device?station=home"
    setup.view = SetupView(state="scanning", seconds_left=3.2, received=4)
    text = await page(both, "/add-device")
    assert "4 s left, 4 received" in text
    assert 'data-poll="1000"' in text
    assert 'http-equiv="refresh" content="2"' in text
    assert "b-scan" not in text
    setup.view = SetupView(state="done", received=3, found=(found(), found(id="x", name=None, configured_as="old")))
    text = await page(both, "/add-device")
    assert "F0…01" in text
    assert "Set up already, as old" in text
    assert "1 other Bluetooth devices" in text
    assert re.findall(r'"add-device\?station=home&amp;device=(\w+)"', text.replace("./", "")) == ["abc"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_device_is_added_with_side_name_and_consent(language: str) -> None:
    setup = AskedSetup(SetupView(state="done", received=1, found=(found(UNVERIFIED),)))
    both = made(setup=setup, language=language)
    text = await page(both, "/add-device?station=home&device=abc")
    markup = Markup(text)
    sides = [each for each in markup.all("input") if each.get("name") == "side"]
    assert [(each["value"], "checked" in each) for each in sides] == [("left", True), ("right", False)]
    assert words(language).setup["consent"].strip() in text
    (consent,) = [each for each in markup.all("input") if each.get("name") == "allow_unverified"]
    assert "checked" not in consent
    form = {"found": "abc", "profile": "kind", "side": "right", "name": "mine", "allow_unverified": "yes"}
    async with client(both) as here:
        answer = await here.post("/device/home/add", data=form)
        shown = await here.get(urljoin("/device/home/add", answer.headers["location"]))
        await here.post("/device/home/add", data={**form, "allow_unverified": "perhaps"})
    (station, device), (_, without) = setup.added
    assert (station, device.side, device.name, device.allow_unverified) == ("home", Side.RIGHT, "mine", True)
    assert not without.allow_unverified
    assert words(language).web["added"].format(name="mine") in shown.text


@pytest.mark.system
async def test_of_several_models_one_is_chosen_first_and_what_needs_keys_is_left_to_the_terminal() -> None:
    view = SetupView(state="done", found=(found(fitting(), fitting(id="tuya", name="Keyed", needs_more=True)),))
    both = made(setup=AskedSetup(view))
    text = await page(both, "/add-device?device=abc")
    assert "Which model is it?" in text
    assert 'name="side"' not in text
    assert 'name="side"' in await page(both, "/add-device?device=abc&profile=open-pump")
    keyed = await page(both, "/add-device?device=abc&profile=tuya")
    assert "letdown setup" in keyed
    assert 'name="side"' not in keyed
    assert "Which model is it?" in await page(both, "/add-device?device=abc&profile=other")


async def test_a_device_that_is_gone_or_set_up_leads_back_to_the_search() -> None:
    view = SetupView(state="done", found=(found(configured_as="old"),))
    for query in ("device=abc", "device=gone"):
        assert 'id="b-scan"' in await page(made(setup=AskedSetup(view)), f"/add-device?{query}")


async def test_why_it_is_not_possible_now_is_said_and_the_form_stays() -> None:
    setup = AskedSetup(SetupView(state="done", found=(found(),)))
    setup.why = message("setup_name_taken")
    both = made(setup=setup)
    form = {"found": "abc", "profile": "open-pump", "side": "left", "name": "x"}
    async with client(both) as here:
        answer = await here.post("/device/home/add", data=form)
        shown = await here.get(urljoin("/device/home/add", answer.headers["location"]))
        wrong = await here.post("/device/home/add", data={**form, "side": "middle"})
        explained = await here.get(urljoin("/device/home/add", wrong.headers["location"]))
    assert "Not done: Another device is called that." in shown.text
    assert 'name="side"' in shown.text
    assert "Not done: side:" in explained.text
    setup.why = message("setup_in_session")
    text = await page(both, "/add-device")
    assert "A session is running." in text
    assert "b-scan" not in text
    assert setup.added == []


@pytest.mark.parametrize("path", ["/device/home/scan", "/device/home/add", "/device/home/test"])
async def test_a_page_of_another_site_can_do_nothing_and_no_other_station(path: str) -> None:
    setup, tester = AskedSetup(SetupView(found=(found(),))), AskedTester()
    form = {
        "found": "abc",
        "profile": "open-pump",
        "side": "left",
        "name": "x",
        "device": "a",
        "nobody_attached": "yes",
    }
    async with client(made(setup=setup, tester=tester)) as here:
        assert (await here.post(path, data=form, headers={"origin": "https://evil.example"})).status_code == 403
        assert (await here.post(path.replace("home", "else"), data=form)).status_code == 404
    assert (setup.scans, setup.added, tester.started) == (0, [], [])


# Test


@pytest.mark.parametrize("given", [{}, {"nobody_attached": "no"}, {"nobody_attached": ""}])
async def test_nothing_runs_before_the_person_says_that_nobody_is_attached(given: dict[str, str]) -> None:
    tester = AskedTester()
    both = made(device(), tester=tester)
    text = await page(both, "/test-device?device=left-pump")
    (box,) = [each for each in Markup(text).all("input") if each.get("name") == "nobody_attached"]
    assert "required" in box
    assert "checked" not in box
    async with client(both) as here:
        answer = await here.post("/device/home/test", data={"device": "left-pump", **given})
        shown = await here.get(urljoin("/device/home/test", answer.headers["location"]))
    assert tester.started == []
    assert "First say that nobody is attached" in shown.text


async def test_more_is_tried_only_where_it_is_ticked_and_what_it_finds_is_shown() -> None:
    tester = AskedTester()
    both = made(device(), tester=tester)
    text = await page(both, "/test-device?device=left-pump")
    boxes = {each.get("name"): each for each in Markup(text).all("input") if each.get("type") == "checkbox"}
    assert set(boxes) == {"nobody_attached", "repeated_stop", "link_loss", "own_timer"}
    assert not any("checked" in box for box in boxes.values())
    form = {"device": "left-pump", "nobody_attached": "yes", "link_loss": "yes", "own_timer": "yes"}
    async with client(both) as here:
        await here.post("/device/home/test", data=form)
    assert tester.stages == [DeviceTestStages(link_loss=True, own_timer_minutes=30)]
    steps = (
        DeviceTestStep(kind="link_loss", role="left-pump", profile_line="on_link_loss: stops", seconds=2.5),
        DeviceTestStep(kind="waits", role="left-pump", seconds=1740),
        DeviceTestStep(kind="not_tried", role="left-pump", why=message("test_timer_is_sent", device="left-pump")),
    )
    both.hub.watch(DeviceTestView(station="home", device="left-pump", state="running", steps=steps))
    text = await page(both, "/test-device?station=home&device=left-pump")
    assert "For its profile: on_link_loss: stops." in text
    assert "for 29 more minutes at most" in text
    assert "Not tried: left-pump is sent a time with each start" in text


async def test_a_test_is_started_and_shown_step_by_step_with_stop_at_hand() -> None:
    tester = AskedTester()
    both = made(device(), tester=tester)
    async with client(both) as here:
        answer = await here.post("/device/home/test", data={"device": "left-pump", "nobody_attached": "yes"})
    assert tester.started == [("home", "left-pump")]
    assert tester.stages == [DeviceTestStages()]
    back = urljoin("/device/home/test", answer.headers["location"])
    assert back == "/test-device?station=home&device=left-pump"
    reading = PumpReading(run_state=RunState.RUNNING, peak_vacuum_mmhg=38.4)
    steps = (
        DeviceTestStep(kind="runs", role="left-pump", reading=reading),
        DeviceTestStep(kind="not_adjusted", role="left-pump", why=message("device_refused", device="left-pump")),
        DeviceTestStep(kind="caution", role="left-pump", caution=Caution.NOT_CONFIRMED),
    )
    test = DeviceTestView(station="home", device="left-pump", state="running", steps=steps)
    both.hub.watch(test)
    text = await page(both, back)
    assert "It ran: on, peak 38\N{NO-BREAK SPACE}mmHg." in text
    assert "It cannot be changed while it runs: left-pump did not accept that." in text
    assert words().message("caution_not_confirmed", device="left-pump") in text
    assert 'http-equiv="refresh" content="5"' in text
    assert 'id="b-test"' not in text
    assert 'data-at-once="stop"' in text
    off = DeviceTestStep(kind="off", role="left-pump", stopped="uncertain")
    both.hub.watch(test.model_copy(update={"state": "failed", "steps": (*steps, off)}))
    text = await page(both, back)
    assert "Not everything worked." in text
    assert "Stopped: did not confirm that it stopped." in text
    assert "Try it again" in text


async def test_a_test_that_is_refused_says_why() -> None:
    tester = AskedTester()
    tester.why = message("session_running")
    both = made(device(), Snapshot(station="home", state=SessionState.RUNNING, session_id="s"), tester=tester)
    form = {"device": "left-pump", "nobody_attached": "yes"}
    async with client(both) as here:
        answer = await here.post("/device/home/test", data=form)
        shown = await here.get(urljoin("/device/home/test", answer.headers["location"]))
        other = await here.post("/device/home/test", data={**form, "device": "nothing"})
    assert "A session is running. Stop it first." in shown.text
    assert re.search(r'id="b-test" disabled', shown.text)
    assert urljoin("/device/home/test", other.headers["location"]).startswith("/devices?")


async def test_another_controller_of_the_station_keeps_a_test_from_starting() -> None:
    refusal = message("other_controller", station="home", node="n", host="h")
    tester = AskedTester()
    async with client(made(device(), tester=tester, refusal=refusal)) as here:
        await here.post("/device/home/test", data={"device": "left-pump", "nobody_attached": "yes"})
    assert tester.started == []


async def test_the_result_of_another_device_is_not_shown_here_and_an_unknown_one_is_a_404() -> None:
    test = DeviceTestView(station="home", device="right-pump", state="passed")
    both = made(device(), test, tester=AskedTester())
    assert "It went well." not in await page(both, "/test-device?device=left-pump")
    async with client(both) as here:
        assert (await here.get("/test-device?device=nothing")).status_code == 404


def test_a_reading_says_what_is_known_and_nothing_else() -> None:
    assert reading_words(None, words()) == ""
    assert reading_words(PumpReading(), words()) == "nothing yet"
    assert reading_words(PumpReading(level=2, battery_percent=40.4), words()) == "level 2, battery 40 %"
    assert reading_words(WarmerReading(surface_celsius=31.26), words("de")) == "31,3 °C"
    assert reading_words(MassagerReading(intensity=0.1, run_state=RunState.RUNNING), words()) == "on, 10 %"


@pytest.mark.parametrize("path", ["/devices", "/add-device", "/add-device?device=abc", "/test-device?device=EVIL"])
async def test_names_are_escaped(path: str) -> None:
    setup = AskedSetup(SetupView(state="done", found=(found(fitting(name=EVIL, free_name=EVIL), name=EVIL),)))
    test = DeviceTestView(station="home", device=EVIL, state="running")
    both = made(device(EVIL), test, setup=setup, tester=AskedTester())
    text = await page(both, path.replace("EVIL", "%3Cscript%3Ealert(%22x%22)%3C/script%3E"))
    assert "<script>" not in text
    assert len(Markup(text).all("script")) == 3


async def test_a_device_that_nobody_can_use_is_named_with_the_reason() -> None:
    why = message("device_encrypted", device="Sealed 1", why="its app exchanges a key")
    setup = AskedSetup(SetupView(state="done", received=3, found=(found(),), refused=(why,)))
    text = await page(made(setup=setup), "/add-device")
    assert "Sealed 1 cannot be used: its protocol is encrypted (its app exchanges a key)." in text
    assert "1 other Bluetooth devices are nearby" in text
