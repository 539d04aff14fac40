"""What a browser has chosen for itself: its language, and the units of milk; and what that changes, and what not."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from urllib.parse import urljoin

import pytest

from controller.contract.commands import Reply
from controller.contract.events import EndReason, Guide, SessionState, Snapshot, StartDefaults, StepView, Volume
from controller.contract.units import ML_PER_OZ, Units
from controller.contract.uploads import UploadSummary
from controller.contract.words import first_upper, languages
from controller.safety.limits import Limit, Reason, Trip, TripKind
from controller.safety.message import message
from controller.web.preferences import LANGUAGE_COOKIE, UNITS_COOKIE
from controller.web.translation import Translation
from controller.web.web_settings import WebSettings
from devices.roles import Side
from tests.helpers.home import words
from tests.helpers.web_client import Asked, client
from tests.helpers.web_pages import page, parts

GERMAN = {LANGUAGE_COOKIE: "de"}
OUNCES = {UNITS_COOKIE: "oz"}
DEFAULTS = StartDefaults(station="home", routine="classic", side=Side.LEFT, comfort_vacuum_mmhg=150)
AFTER = Snapshot(
    station="home",
    state=SessionState.STOPPED,
    session_id="s1",
    routine="classic",
    side=Side.BOTH,
    reason=EndReason.PAIN,
    reason_words="it hurt",
    volume_ml=Volume(left=59.147, right=30),
    allowed_actions=("log_volume",),
)
TO_GERMAN = Translation(words("en"), words("de"))


# Choosing


async def test_a_choice_is_kept_in_cookies_of_this_site_alone() -> None:
    async with client(parts()) as here:
        answer = await here.post("/preferences", data={"language": "de", "units": "oz", "station": "home"})
        shown = await here.get(urljoin("/preferences", answer.headers["location"]))
    assert answer.status_code == 303
    for cookie in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie
    assert '<html lang="de"' in shown.text
    assert '<option value="oz" selected>' in shown.text


async def test_over_https_the_cookies_are_for_https_alone() -> None:
    settings = WebSettings(port=0, certificate="cert.pem", key="key.pem")
    async with client(parts(), settings, base="https://localhost:8080") as here:
        answer = await here.post("/preferences", data={"units": "mL"})
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("form", [{"language": "xx", "units": "pints"}, {"language": "../de"}, {}])
async def test_a_choice_that_there_is_not_changes_nothing(form: dict[str, str]) -> None:
    async with client(parts()) as here:
        answer = await here.post("/preferences", data=form)
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("value", ["xx", "", "de;x", "\xe4", "d" * 4000])
async def test_cookies_that_make_no_sense_count_as_none(value: str) -> None:
    async with client(parts()) as here:
        cookie = f"{LANGUAGE_COOKIE}={value}; {UNITS_COOKIE}={value}".encode("latin-1")
        answer = await here.get("/settings", headers={b"cookie": cookie})
    assert '<html lang="en"' in answer.text or value == "de;x"
    assert '<option value="mL" selected>' in answer.text


async def test_a_page_of_another_site_cannot_choose() -> None:
    async with client(parts()) as here:
        answer = await here.post("/preferences", data={"units": "oz"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


async def test_the_settings_decide_where_a_browser_has_not_chosen() -> None:
    made = replace(parts(None, AFTER), units=Units.OZ)
    assert "oz" in await page(made)
    assert "<small>mL</small>" in await page(made, cookies={UNITS_COOKIE: "mL"})


# Units


def test_an_ounce_is_what_the_clinical_facts_say() -> None:
    assert ML_PER_OZ == 29.5735
    assert Units.OZ.from_ml(59.147) == pytest.approx(2)
    assert Units.OZ.from_ml(None) is None
    assert Units.ML.from_ml(40.4) == Units.ML.to_ml(40.4) == 40.4


@pytest.mark.parametrize("ml", range(0, 400, 7))
def test_what_a_field_is_filled_with_comes_back_as_the_same_volume(ml: int) -> None:
    shown = round(Units.OZ.from_ml(ml) or 0.0, Units.OZ.entry_digits)
    assert Units.OZ.to_ml(shown) == pytest.approx(ml, abs=0.2)


async def test_milk_is_shown_and_entered_in_ounces() -> None:
    text = await page(parts(None, AFTER, DEFAULTS), cookies=OUNCES)
    assert re.search(r'data-live="milk-left">2\.0</span> <small>oz</small>', text)
    assert re.search(r'data-live="milk-right">1\.0</span> <small>oz</small>', text)
    assert 'name="left_oz" id="left-oz"' in text
    assert 'id="left-oz" inputmode="decimal" autocomplete="off" pattern="[0-9]{1,4}([.,][0-9]*)?" value="2"' in text
    assert "Left breast, oz" in text
    assert 'data-ml-each="29.5735" data-milk-digits="1"' in text
    assert "_ml" not in text


@pytest.mark.parametrize(
    ("fields", "ml"),
    [
        ({"left_oz": "2", "right_oz": "1,5"}, (59.1, 44.4)),
        ({"left_oz": "0", "right_oz": ""}, (0.0, None)),
        ({"left_ml": "60", "right_ml": "44,4"}, (60.0, 44.4)),
        ({"left_ml": "60", "right_oz": "1"}, (60.0, 29.6)),
    ],
)
@pytest.mark.parametrize("cookies", [{}, OUNCES])
async def test_ounces_become_millilitres_once_whatever_the_browser_prefers_by_then(
    fields: dict[str, str], ml: tuple[float, float | None], cookies: dict[str, str]
) -> None:
    asked = Asked()
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
    async with client(parts(asked), headers=headers) as here:
        await here.post("/do/home/log_volume", data=fields)
    ((_, _, args),) = asked.commands
    assert (args.left_ml, args.right_ml) == ml


@pytest.mark.parametrize("fields", [{"left_oz": "34"}, {"left_oz": "-1"}, {"left_oz": "nan"}, {"left_oz": "much"}])
async def test_ounces_that_make_no_sense_are_refused(fields: dict[str, str]) -> None:
    asked = Asked()
    async with client(parts(asked)) as here:
        answer = await here.post("/do/home/log_volume", data=fields)
        shown = await here.get(urljoin("/do/home/log_volume", answer.headers["location"]))
    assert asked.commands == []
    assert "Not done" in shown.text


async def test_the_same_milk_in_two_units_is_refused() -> None:
    asked = Asked()
    async with client(parts(asked)) as here:
        await here.post("/do/home/log_volume", data={"left_ml": "60", "left_oz": "2"})
    assert asked.commands == []


# Another language than that of the settings


@pytest.mark.parametrize("path", ["/", "/devices", "/settings", "/add-device"])
async def test_every_page_speaks_the_language_of_the_browser(path: str) -> None:
    text = await page(parts(None, AFTER, DEFAULTS), path, GERMAN)
    assert '<html lang="de"' in text
    assert words("de").entities.names["stop"] in text
    assert words("de").web["settings"] in text


async def test_what_has_a_key_is_shown_in_the_language_of_the_browser() -> None:
    why = Reason(who="owner", key="comfort_cap", allows=150, words="your comfort cap")
    running = Snapshot(
        station="home",
        state=SessionState.RUNNING,
        session_id="s1",
        steps=(StepView(name="warm", title="Warmth", planned_seconds=300),),
        step_index=0,
        phase="expression",
        target_vacuum_mmhg=150,
        limits=(Limit(quantity="vacuum_mmhg", asked=200, allowed=150, reasons=(why,)),),
        trip=Trip(kind=TripKind.VACUUM, device="p", words="the vacuum was too high"),
        problems=("Nothing can be saved.",),
        allowed_actions=("pause",),
    )
    german = words("de")
    text = await page(parts(None, running, DEFAULTS), cookies=GERMAN)
    assert f"150\N{NO-BREAK SPACE}mmHg: {german.reasons['comfort_cap']}" in text
    assert german.steps["warm"].title in text
    assert f"p: {german.reasons['trip_vacuum']}." in text
    assert "the vacuum was" not in text
    assert "Nothing can be saved" not in text
    text = await page(parts(None, AFTER, DEFAULTS), cookies=GERMAN)
    assert first_upper(german.labels.reason[EndReason.PAIN]) in text


@pytest.mark.parametrize("language", [each for each in languages() if each != "en"])
def test_every_fixed_text_of_a_guide_is_found_in_the_other_language(language: str) -> None:
    source, target = words("en"), words(language)
    translation = Translation(source, target)
    for name, step in source.steps.items():
        guide = Guide(station="home", title=step.title, words=step.with_device, language="en")
        template = guide.model_copy(update={"template": step.with_device}) if "{" in step.with_device else guide
        shown = translation.guide(template)
        assert shown.title == target.steps[name].title
        assert shown.words == target.name_controls(target.steps[name].with_device)
        assert shown.language == language


def test_a_question_is_asked_by_its_key_and_what_is_unknown_keeps_its_language() -> None:
    asked = Guide(station="home", title="How are you?", words="Anything", question="lump", language="en")
    assert TO_GERMAN.guide(asked).words == words("de").questions["lump"].ask
    other = Guide(station="home", title="Mine", words="Put the warm pad on.", language="en")
    assert TO_GERMAN.guide(other) == other
    assert Translation(words("en"), words("en")).guide(other) is other


async def test_what_the_history_and_baby_buddy_say_is_in_the_language_of_the_browser() -> None:
    english, german = words("en"), words("de")
    waits, unreachable = message("history_waits"), message("upload_unreachable")
    over = AFTER.model_copy(update={"notices": (english.sentence(waits),)})
    summary = UploadSummary(
        station="home", waiting=1, rejected=0, problem=english.sentence(unreachable), key=unreachable.key
    )
    made = parts(None, over, summary)
    for path in ("/", "/settings"):
        text = unescape(await page(made, path, cookies=GERMAN))
        assert german.sentence(waits) in text
        assert german.sentence(unreachable) in text
        assert english.sentence(waits) not in text
        assert english.sentence(unreachable) not in text
    unknown = summary.model_copy(update={"key": None, "problem": "It is away."})
    assert TO_GERMAN.uploads(unknown) == unknown


async def test_a_text_that_stays_in_another_language_is_marked_for_screen_readers() -> None:
    guide = Guide(station="home", title="Mine", words="Put it on.", language="en")
    text = await page(parts(None, guide, AFTER.model_copy(update={"state": SessionState.RUNNING})), cookies=GERMAN)
    assert '<p class="words" lang="en">Put it on.</p>' in text
    text = await page(parts(None, guide, AFTER.model_copy(update={"state": SessionState.RUNNING})))
    assert '<p class="words">Put it on.</p>' in text


def test_a_reply_is_translated_by_its_keys_as_far_as_they_have_no_values() -> None:
    reply = Reply(
        outcome="limited",
        reasons=("150 mmHg: your comfort cap", "No session is running.", "It goes in 7 s."),
        keys=("comfort_cap", "no_session", "pace_level"),
    )
    german = words("de")
    assert TO_GERMAN.reply(reply).reasons == (
        f"150 mmHg: {german.reasons['comfort_cap']}",
        german.sentence(message("no_session")),
        "It goes in 7 s.",
    )


async def test_a_refused_command_is_explained_in_the_language_of_the_browser() -> None:
    asked = Asked()
    asked.outcome = "refused"

    async def refuse(*_: object) -> Reply:
        return Reply(outcome="refused", reasons=("No session is running.",), keys=("no_session",))

    asked.handle = refuse  # type: ignore[method-assign]
    headers = {"cookie": f"{LANGUAGE_COOKIE}=de"}
    async with client(parts(asked), headers=headers) as here:
        answer = await here.post("/do/home/skip")
        shown = await here.get(urljoin("/do/home/skip", answer.headers["location"]))
        as_json = await here.post("/do/home/skip", headers={"accept": "application/json"})
    expected = words("de").sentence(message("no_session"))
    assert expected in shown.text
    assert as_json.json()["reasons"] == [expected]
