"""Raising the comfort cap on the page: asked twice, without script, and never beyond the owner's settings."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin

import pytest

from controller.contract.events import StartDefaults
from controller.contract.features.feature import StationFeatures
from controller.contract.features.station_features import station_features
from controller.safety.limits import OwnerLimits
from controller.web.comfort_raise import ComfortCap
from controller.web.web_parts import WebParts
from devices.roles import Side
from tests.helpers.web_client import Asked, client
from tests.helpers.web_pages import Markup, page, parts

CAP = ComfortCap(100, 60, 150)
FORM = "/do/home/set_start_defaults"


def made(asked: Asked, cap_mmhg: float = 100) -> WebParts:
    """A page of an owner who allows 150 mmHg."""
    defaults = StartDefaults(station="home", routine="classic", side=Side.LEFT, comfort_vacuum_mmhg=cap_mmhg)
    features = station_features(OwnerLimits(comfort_vacuum_mmhg=150), ())
    return replace(parts(asked, defaults), features=(StationFeatures(name="home", features=features, devices=()),))


@pytest.mark.parametrize(
    ("wanted", "comes_to"), [(100, None), (99, None), (101, 101), (150, 150), (240, 150), (float("nan"), None)]
)
def test_a_raise_is_what_is_more_than_now_and_what_the_owner_allows(wanted: float, comes_to: float | None) -> None:
    assert CAP.raised_to(wanted) == comes_to
    assert ComfortCap(150, 60, 150).raised_to(wanted) is None


async def test_lowering_and_other_defaults_need_no_second_question() -> None:
    asked = Asked()
    async with client(made(asked)) as here:
        for form in ({"comfort_vacuum_mmhg": "90"}, {"comfort_vacuum_mmhg": "100"}, {"routine": "classic"}):
            answer = await here.post(FORM, data={**form, "page": "settings"})
            assert urljoin(FORM, answer.headers["location"]).startswith("/settings?")
    assert [args.comfort_vacuum_mmhg for _, _, args in asked.commands] == [90, 100, None]


@pytest.mark.parametrize(("wanted", "shown"), [("140", "140"), ("240", "150"), ("140,5", "140.5")])
async def test_raising_asks_once_more_with_a_box_to_tick_and_then_does_it(wanted: str, shown: str) -> None:
    asked = Asked()
    both = made(asked)
    async with client(both) as here:
        answer = await here.post(FORM, data={"comfort_vacuum_mmhg": wanted, "page": "settings"})
    assert asked.commands == []
    question = urljoin(FORM, answer.headers["location"])
    text = await page(both, question)
    assert f"From 100\N{NO-BREAK SPACE}mmHg to {shown}\N{NO-BREAK SPACE}mmHg" in text
    markup = Markup(text)
    (box,) = [each for each in markup.all("input") if each.get("type") == "checkbox"]
    assert "required" in box
    assert "checked" not in box
    fields = {str(each["name"]): str(each["value"]) for each in markup.all("input") if each.get("type") == "hidden"}
    async with client(both) as here:
        answer = await here.post(FORM, data={**fields, "sure": "yes"})
    ((_, command, args),) = asked.commands
    assert (command.action, args.comfort_vacuum_mmhg) == ("set_start_defaults", float(shown))
    assert urljoin(FORM, answer.headers["location"]).startswith("/settings?station=home&reply=")


@pytest.mark.parametrize(
    "more",
    [
        {"from": "100"},  # without the tick
        {"from": "100", "sure": "no"},
        {"sure": "yes"},  # without saying from where
        {"from": "120", "sure": "yes"},  # somebody lowered it since it was asked
    ],
)
async def test_an_incomplete_confirmation_changes_nothing_and_says_so(more: dict[str, str]) -> None:
    asked = Asked()
    async with client(made(asked)) as here:
        answer = await here.post(FORM, data={"comfort_vacuum_mmhg": "140", "page": "settings", **more})
        shown = await here.get(urljoin(FORM, answer.headers["location"]))
    assert asked.commands == []
    assert "confirmed once more. Nothing was changed" in shown.text


async def test_a_script_cannot_skip_the_question() -> None:
    asked = Asked()
    async with client(made(asked)) as here:
        answer = await here.post(FORM, data={"comfort_vacuum_mmhg": "140"}, headers={"accept": "application/json"})
    assert answer.json()["keys"] == ["raise_unconfirmed"]
    assert asked.commands == []


async def test_while_the_cap_is_unknown_every_one_counts_as_a_raise() -> None:
    asked = Asked()
    async with client(parts(asked)) as here:
        await here.post(FORM, data={"comfort_vacuum_mmhg": "70"})
    assert asked.commands == []


@pytest.mark.parametrize("query", ["comfort=90", "comfort=much", "comfort=nan", ""])
async def test_there_is_nothing_to_confirm_where_nothing_is_raised(query: str) -> None:
    assert 'name="sure"' not in await page(made(Asked()), f"/confirm?station=home&{query}")


async def test_the_settings_show_the_range_that_the_owner_allows() -> None:
    assert "60 to 150\N{NO-BREAK SPACE}mmHg." in await page(made(Asked()), "/settings")
