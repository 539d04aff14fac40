"""The pages as a browser without script gets them: every state, both languages, every form."""

from __future__ import annotations

import itertools
import re
from urllib.parse import urljoin

import httpx
import pytest
from markupsafe import escape

from controller.contract.about import AboutRoutine
from controller.contract.cautions import Caution
from controller.contract.commands import Reply
from controller.contract.event_data import LetDownData
from controller.contract.events import (
    DeviceView,
    Event,
    Guide,
    SessionState,
    Snapshot,
    StartDefaults,
    StepView,
    Volume,
)
from controller.contract.words import load_words
from controller.safety.limits import Limit, Reason, Trip, TripKind
from controller.web.openapi import example_about
from devices.roles import LinkState, Phase, PumpReading, Side, WarmerReading
from tests.helpers.sampling import sampled
from tests.helpers.web_client import Asked, client, parts_of
from tests.helpers.web_pages import EVIL, FORM, Markup, check, page, parts

MILK = Volume(left=11, right=12.5)
DEFAULTS = StartDefaults(station="home", routine="classic", side=Side.LEFT, comfort_vacuum_mmhg=150)
LANGUAGES = ("en", "de")
STEPS = (
    StepView(name="warm", title="Warmth", planned_seconds=300, seconds=300, outcome="done"),
    StepView(name="massage", title="Massage", planned_seconds=240, seconds=12, outcome="skipped"),
    StepView(name="express", title="Expressing", planned_seconds=900, seconds=90),
)
ALL_ACTIONS = (
    "start",
    "stop",
    "pain",
    "pause",
    "resume",
    "skip",
    "let_down",
    "vacuum_up",
    "vacuum_down",
    "answer",
    "answer_all",
)


ABOUT = example_about("1.2").model_copy(
    update={
        "routines": tuple(
            AboutRoutine(
                id=name,
                name={"en": name, "de": name},
                summary={},
                steps=("warm", "express"),
                longest_seconds=600,
                uses=(),
                needs=(),
                off=off,
            )
            for name, off in (("other", None), ("off", "limits.vibration"), ("classic", None))
        )
    }
)


def pump(side: Side = Side.LEFT, **more: object) -> DeviceView:
    reading = PumpReading(battery_percent=80, vacuum_mmhg=101, peak_vacuum_mmhg=121)
    values = {
        "station": "home",
        "device": f"{side}-pump",
        "profile": "open-pump",
        "side": side,
        "link": LinkState.CONNECTED,
    }
    return DeviceView(**{**values, "available": True, "reading": reading, **more})


def snapshot(state: SessionState = SessionState.RUNNING, **more: object) -> Snapshot:
    values = {
        "station": "home",
        "state": state,
        "session_id": "s1",
        "routine": "classic",
        "side": Side.BOTH,
        "steps": STEPS,
    }
    return Snapshot(**{**values, "step": "express", "step_index": 2, "allowed_actions": ALL_ACTIONS, **more})


def at_once(text: str) -> list[str]:
    return [str(each["data-at-once"]) for each in Markup(text).all("form") if "data-at-once" in each]


@pytest.mark.parametrize(
    ("state", "language"),
    sampled(
        itertools.product(SessionState, LANGUAGES),
        keep=lambda each: each[1] == "en" or each[0] is SessionState.RUNNING,
    ),
)
async def test_every_state_is_shown_with_stop_and_pain_enabled(state: SessionState, language: str) -> None:
    items = (
        snapshot(
            state,
            phase=Phase.EXPRESSION,
            target_vacuum_mmhg=120,
            volume_ml=Volume(left=11, right=12.5),
            let_down_seconds=80,
        ),
        Guide(station="home", step="express", title="Titel", words="Worte", picture="express", seconds_left=65),
        DEFAULTS,
        pump(),
        pump(Side.RIGHT),
    )
    text = await page(parts(None, *items, language=language))
    words = load_words(language)
    assert f'<html lang="{language}"' in text
    assert words.labels.session[state] in text
    assert at_once(text) == ["pain", "stop"]
    bar = text[text.index('<aside class="bar"') :]
    assert "disabled" not in bar
    assert words.entities.names["stop"] in bar
    assert words.entities.names["pain"] in bar
    running = not state.over
    assert ('id="b-start"' in text) is not running
    assert (">1:05<" in text) is running


@pytest.mark.parametrize("language", LANGUAGES)
async def test_weighed_milk_is_shown_as_weighed_and_only_where_there_is_some(language: str) -> None:
    label = load_words(language).terminal["milk_weighed"]
    without = await page(parts(None, snapshot(), language=language))
    assert label not in without
    text = await page(parts(None, snapshot(weighed_ml=Volume(left=31)), language=language))
    assert f'<dt>{label}</dt><dd><span data-live="weighed">31</span>' in text


async def test_before_a_session_the_routines_can_be_chosen_with_the_defaults_first() -> None:
    text = await page(parts(None, DEFAULTS, about=ABOUT))
    assert 'value="classic" id="r-classic" checked' in text
    assert 'value="left" id="s-left" checked' in text
    assert re.findall(r'name="routine" value="(\w+)"', text) == ["classic", "other", "off"]
    assert "turn on limits.vibration" in text
    assert 'action="do/home/start"' in text


async def test_a_question_has_no_and_yes_below_it_and_says_what_yes_means() -> None:
    guide = Guide(station="home", step="check", title="How are you?", words="Is there a lump?", question="lump")
    text = await page(parts(None, snapshot(SessionState.CHECKING), guide))
    after = text[text.index("Is there a lump?") :]
    assert after.index(">No<") < after.index(">Yes<") < after.index("No heat, no vibration")
    assert 'name="question" value="lump"' in text
    assert "No to all questions" in text


async def test_the_vacuum_has_its_cap_and_says_why_it_is_limited() -> None:
    why = Reason(who="owner", key="comfort_cap", allows=150)
    limit = Limit(quantity="vacuum_mmhg", asked=200, allowed=150, reasons=(why,))
    state = snapshot(phase=Phase.EXPRESSION, target_vacuum_mmhg=150, limits=(limit,), allowed_actions=("vacuum_down",))
    text = await page(parts(None, state, DEFAULTS, pump()))
    assert "150\N{NO-BREAK SPACE}mmHg: your comfort cap" in text
    assert 'data-target="150.0" data-cap="150.0"' in text
    assert re.search(r'id="b-vacuum_up"[^>]* disabled', text)
    assert not re.search(r'id="b-vacuum_down"[^>]* disabled', text)


async def test_the_drawing_is_the_one_of_the_side_with_words_for_those_who_do_not_see_it() -> None:
    guide = Guide(station="home", step="massage", side=Side.RIGHT, title="Circles", words="Draw.", picture="spiral")
    made = parts(None, snapshot(), guide)
    text = await page(made)
    (source,) = [str(each["src"]) for each in Markup(text).all("img") if each["class"] == "picture"]
    assert re.fullmatch(
        r"\./static/pictures/spiral-right\.\w{12}\.svg|static/pictures/spiral-right\.\w{12}\.svg", source
    )
    assert "A spiral leads from there in to the nipple." in text
    async with client(made) as here:
        drawing = await here.get(urljoin("/", source))
    assert drawing.headers["content-type"] == "image/svg+xml"
    assert "matrix(-1 0 0 1 240 0)" in drawing.text


async def test_warnings_say_what_is_wrong_and_a_trip_can_be_acknowledged() -> None:
    trip = Trip(
        kind=next(iter(TripKind)),
        device="left-pump",
        words="too strong",
    )
    state = snapshot(
        SessionState.TRIPPED,
        trip=trip,
        uncertain=("warm-pad",),
        running_outside=("massager",),
        problems=("the store cannot be written",),
        allowed_actions=("stop", "pain", "acknowledge"),
    )
    text = await page(parts(None, state))
    expected = (
        "left-pump: too strong. Take everything off your breast.",
        "whether warm-pad has stopped",
        "massager is on, but",
        "cannot be written.",
    )
    for words in expected:
        assert words in text
    assert 'action="do/home/acknowledge"' in text
    assert re.search(r'id="b-start"[^>]* disabled', text)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_a_warning_says_is_not_said_again_below_it(language: str) -> None:
    words = load_words(language)
    uncertain = ("left-pump", "right-pump")
    state = snapshot(SessionState.STOPPED, uncertain=uncertain, allowed_actions=("stop", "pain", "acknowledge"))
    for repeated in (words.uncertain(uncertain), words.uncertain(uncertain[1:])):
        guide = Guide(station="home", language=language, title=words.titles["uncertain"], words=repeated)
        text = await page(parts(None, state, guide, language=language))
        assert text.count(str(escape(words.uncertain(uncertain)))) == 1
        assert 'class="words"' not in text
    other = Guide(station="home", language=language, title="x", words=words.messages["pain"])
    assert words.messages["pain"] in await page(parts(None, state, other, language=language))


async def test_after_a_session_no_step_is_still_to_come() -> None:
    state = snapshot(SessionState.STOPPED, step=None, step_index=None)
    text = await page(parts(None, state))
    assert "not begun" in text
    assert "not yet" not in text


async def test_the_time_since_the_let_down_is_shown() -> None:
    happened = Event.of("home", "s1", LetDownData(by="tap", seconds=80))
    text = await page(parts(None, snapshot(let_down_seconds=80, phase=Phase.EXPRESSION), happened))
    assert 'data-live="ago" data-seconds="0">0:00<' in text


@pytest.mark.parametrize("path", ["/", "/devices", "/settings"])
async def test_names_and_texts_are_escaped(path: str) -> None:
    items = (
        snapshot(uncertain=(EVIL,), running_outside=(EVIL,), problems=(EVIL,), routine=EVIL),
        Guide(station="home", title=EVIL, words=EVIL),
        pump(device=EVIL, cautions=(Caution.GOES_ON_ALONE,)),
    )
    text = await page(parts(None, *items), path)
    assert "<script>" not in text
    assert len(Markup(text).all("script")) == 3


@pytest.mark.parametrize("language", LANGUAGES)
async def test_devices_and_settings_are_shown(language: str) -> None:
    warmer = pump(device="warm-pad", reading=WarmerReading(surface_celsius=30), available=False, link=LinkState.LOST)
    made = parts(None, pump(cautions=(Caution.GOES_ON_ALONE,)), warmer, DEFAULTS, language=language)
    words = load_words(language)
    text = await page(made, "/devices?station=home")
    assert "80\N{NO-BREAK SPACE}%" in text
    assert words.message("caution_goes_on_alone", device="left-pump") in text
    assert words.labels.link[LinkState.LOST] in text
    assert words.web["unknown"] in text
    settings = await page(made, "/settings")
    assert 'name="comfort_vacuum_mmhg"' in settings
    assert "<code>letdown setup</code>" in settings
    assert not [line for line in (text + settings).splitlines() if "`" in line]


PLAIN = ["skip", "pause", "resume", "let_down", "vacuum_up", "vacuum_down", "not_yet", "start_suction", "acknowledge"]
FORMS = [
    ("start", {"routine": "classic", "side": "left"}, {"routine": "classic", "side": "left"}),
    ("answer", {"question": "lump", "value": "yes"}, {"question": "lump", "value": True}),
    ("answer", {"question": "all", "value": "no"}, {"question": "all", "value": False}),
    ("log_volume", {"left_ml": "40,5", "right_ml": ""}, {"left_ml": 40.5, "right_ml": None}),
    ("set_start_defaults", {"comfort_vacuum_mmhg": "140"}, {"comfort_vacuum_mmhg": 140}),
    *((action, {}, {}) for action in PLAIN),
]


@pytest.mark.parametrize(("action", "fields", "args"), FORMS)
async def test_every_form_is_carried_out_and_leads_back_to_the_page(
    action: str, fields: dict[str, str], args: dict[str, object]
) -> None:
    asked = Asked()
    asked.outcome = "refused"
    async with client(parts(asked, DEFAULTS)) as here:
        answer = await here.post(f"/do/home/{action}", data={**fields, "session": "s1"})
        assert answer.status_code == 303
        back = urljoin(f"/do/home/{action}", answer.headers["location"])
        shown = await here.get(back)
    ((_, command, carried),) = asked.commands
    assert (command.action, command.session) == (action, "s1")
    assert {name: value for name, value in carried.model_dump().items() if name in args} == args
    assert back.startswith("/?station=home&reply=")
    assert '<p class="notice">Not done</p>' in shown.text


async def test_a_form_behind_a_proxy_leads_back_below_its_path() -> None:
    async with client(parts()) as here:
        answer = await here.post("/do/home/pause", headers=FORM)
    assert urljoin("https://proxy/letdown/do/home/pause", answer.headers["location"]).startswith(
        "https://proxy/letdown/?"
    )


async def test_a_reply_can_be_had_as_json_with_the_id_of_the_command() -> None:
    async with client(parts()) as here:
        answer = await here.post("/do/home/skip", data={"id": "tap-1"}, headers={"accept": "application/json"})
    assert Reply.model_validate_json(answer.content) == Reply(id="tap-1", action="skip", outcome="accepted")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/do/home/explode", ""),
        ("/do/home/answer", "question=lump&value=perhaps"),
        ("/do/home/start", "side=middle"),
        ("/do/home/log_volume", "left_ml=-5"),
        ("/do/home/log_volume", "left_ml=nan"),
        ("/do/home/set_start_defaults", "comfort_vacuum_mmhg=much"),
    ],
)
async def test_a_form_that_makes_no_sense_does_nothing_and_says_so(path: str, body: str) -> None:
    asked = Asked()
    async with client(parts(asked)) as here:
        answer = await here.post(path, content=body, headers=FORM)
        shown = await here.get(urljoin(path, answer.headers["location"]))
    assert answer.status_code == 303
    assert asked.commands == []
    assert "Not done: " in shown.text


async def test_a_form_of_another_site_or_for_another_station_is_refused() -> None:
    asked = Asked()
    async with client(parts(asked)) as here:
        assert (await here.post("/do/home/start", headers={"origin": "https://evil.example"})).status_code == 403
        assert (await here.post("/do/elsewhere/start", headers=FORM)).status_code == 404
        assert (await here.post("/do/home/start", content=b"x" * 20_000, headers=FORM)).status_code == 413
    assert asked.commands == []


@pytest.mark.parametrize(
    ("state", "action"),
    sampled(
        itertools.product(SessionState, ("stop", "pain")),
        keep=lambda each: each[1] == "stop" or each[0] in (SessionState.IDLE, SessionState.RUNNING),
    ),
)
async def test_stop_as_a_form_works_in_every_state_and_says_what_became_of_it(state: SessionState, action: str) -> None:
    asked = Asked()
    async with client(parts(asked, snapshot(state))) as here:
        forms = Markup((await here.get("/")).text).all("form")
        (target,) = [str(each["action"]) for each in forms if each.get("data-at-once") == action]
        answer: httpx.Response = await here.post(urljoin("/", target), headers={**FORM, "accept": "text/html"})
        shown = await here.get(urljoin(urljoin("/", target), answer.headers["location"]))
    assert answer.status_code == 303
    assert asked.actions == [action]
    assert '<p class="notice">Confirmed.</p>' in shown.text


async def test_several_stations_are_listed_each_with_its_own_stop() -> None:
    made = parts_of(Asked().handle, Snapshot(station="bed 1"), Snapshot(station="bed-2"))
    text = await page(made)
    assert 'action="api/v1/stations/bed%201/stop?back=stations"' in text
    assert "bed-2" in await page(made, "/?station=bed-2")
    async with client(made) as here:
        assert (await here.get("/?station=elsewhere")).status_code == 404


async def test_the_first_view_is_small_and_everything_it_names_is_there() -> None:
    async with client(parts(None, pump())) as here:
        first = await here.get("/")
        markup = Markup(first.text)
        named = {
            str(each.get("href") or each.get("src")) for tag in ("link", "script", "img") for each in markup.all(tag)
        }
        answers = [await here.get(urljoin("/", each)) for each in named]
        manifest = (await here.get("/manifest.webmanifest")).json()
        icons = [await here.get("/" + each["src"]) for each in manifest["icons"]]
    assert {each.status_code for each in (*answers, *icons)} == {200}
    assert len(named) + 1 <= 10
    assert sum(len(each.content) for each in (first, *answers)) < 100_000


async def test_a_page_that_does_not_exist_is_a_page_with_stop_and_pain_and_for_a_program_a_problem() -> None:
    async with client(parts()) as here:
        for path in ("/no-such-page", "/?station=elsewhere", "/history/sessions/2026"):
            answer = await here.get(path, headers={"accept": "text/html,*/*;q=0.8"})
            assert answer.status_code == 404
            assert "There is no such page" in answer.text
            assert [each in answer.text for each in ("/home/stop", "/home/pain")] == [True, True]
            check(answer.text)
        for path, accept in (("/no-such-page", "*/*"), ("/api/v1/nothing", "text/html")):
            answer = await here.get(path, headers={"accept": accept})
            assert (answer.status_code, answer.json()["detail"]) == (404, "there is nothing at this path")
