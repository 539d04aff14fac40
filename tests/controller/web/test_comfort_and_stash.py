"""Learned comfort and stored milk on the pages and in the API: asked twice where suction may rise, in own units."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest

from controller.contract.comfort import ComfortAdvice, ComfortArgs, LearnedVacuum, VacuumSuggestion
from controller.contract.session_record import HistoryError
from controller.contract.stash import Container, MovementKind, Place, StashArgs
from controller.contract.units import ML_PER_OZ
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.mqtt.message_examples import COMFORT
from controller.web.preferences import LANGUAGE_COOKIE, UNITS_COOKIE
from controller.web.web_parts import WebParts
from devices.roles import Phase, Side
from tests.helpers.web_client import Asked, client
from tests.helpers.web_pages import EVIL, Markup, page, parts

NOW = datetime.now(UTC)
DO_COMFORT, DO_STASH = "/do/home/comfort", "/do/home/stash"


class Kept:
    """Stored milk, as a test says that it is."""

    def __init__(self, *found: Container) -> None:
        self.found = found
        self.broken = False

    async def containers(self, station: str) -> Sequence[Container]:
        assert station == "home"
        if self.broken:
            raise HistoryError("the disk is full")
        return self.found

    async def move(self, station: str, args: StashArgs) -> Sequence[Container]:
        raise NotImplementedError


def bag(name: str, place: Place, *, days: float = 1, thawed: bool = False, ml: float = 90) -> Container:
    best_before = NOW + timedelta(days=days)
    return Container(name=name, ml=ml, place=place, thawed=thawed, expressed_at=NOW, best_before=best_before)


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[SessionRecords]:
    async with HistoryStore.opened(tmp_path / "history.db") as store:
        yield SessionRecords(store)


def buttons(text: str) -> list[str]:
    return [str(each.get("id")) for each in Markup(text).all("button")]


# Learned comfort


@pytest.mark.parametrize(
    ("language", "why"), [("en", "it hurt at a higher vacuum before"), ("de", "tat es schon einmal weh")]
)
async def test_the_settings_show_what_is_learned_why_and_what_is_suggested(language: str, why: str) -> None:
    text = await page(parts(Asked(), COMFORT, language=language), "/settings")
    assert why in text
    assert "130\u00a0mmHg" in text
    assert "170\u00a0mmHg" in text
    assert {"b-comfort-accept", "b-comfort-off", "b-comfort-reset"} <= set(buttons(text))
    assert "b-comfort-on" not in buttons(text)


async def test_where_nothing_is_learned_there_is_nothing_to_accept_or_to_forget() -> None:
    text = await page(parts(Asked(), ComfortAdvice(station="home", learning=False)), "/settings")
    assert "Nothing is learned yet" in text
    assert [each for each in buttons(text) if "comfort" in each] == ["b-comfort-on"]
    assert "b-comfort" not in await page(parts(Asked()), "/settings")


@pytest.mark.parametrize("what", ["accept", "off", "reset"])
async def test_what_may_raise_where_suction_begins_is_asked_twice(what: str) -> None:
    asked = Asked()
    made = parts(asked, COMFORT)
    async with client(made) as here:
        answer = await here.post(DO_COMFORT, data={"what": what, "page": "settings"})
        assert asked.commands == []
        assert answer.status_code == 303
        confirm = urljoin(DO_COMFORT, answer.headers["location"])
    text = await page(made, confirm)
    markup = Markup(text)
    (box,) = (each for each in markup.all("input") if each.get("name") == "sure")
    assert "required" in box
    assert "checked" not in box
    fields = {str(each["name"]): str(each["value"]) for each in markup.all("input") if each.get("type") == "hidden"}
    async with client(made) as here:
        await here.post(DO_COMFORT, data=fields)  # without the tick
        assert asked.commands == []
        answer = await here.post(DO_COMFORT, data={**fields, "sure": "yes"})
    assert [args for _, _, args in asked.commands] == [ComfortArgs.model_validate({"what": what})]
    assert "settings?" in answer.headers["location"]


async def test_a_confirmation_counts_for_what_was_seen_and_a_script_cannot_skip_it() -> None:
    asked = Asked()
    made = parts(asked, COMFORT)
    async with client(made) as here:
        confirm = await here.get("/confirm?station=home&what=accept")
        inputs = [each for each in Markup(confirm.text).all("input") if each.get("type") == "hidden"]
        fields = {str(each["name"]): str(each["value"]) for each in inputs}
        higher = VacuumSuggestion(side=Side.RIGHT, phase=Phase.EXPRESSION, mmhg=210, sessions=8)
        made.hub.watch(COMFORT.model_copy(update={"suggestions": (higher,)}))
        await here.post(DO_COMFORT, data={**fields, "sure": "yes"})
        answer = await here.post(DO_COMFORT, data={"what": "accept"}, headers={"accept": "application/json"})
    assert answer.json()["keys"] == ["comfort_unconfirmed"]
    assert asked.commands == []


async def test_what_cannot_raise_needs_no_second_question() -> None:
    asked = Asked()
    accepted = LearnedVacuum(side=Side.LEFT, phase=Phase.EXPRESSION, mmhg=150, because="accepted", since=NOW)
    lowered = accepted.model_copy(update={"because": "pain"})
    for learned, what in ((accepted, "off"), (lowered, "on")):
        async with client(parts(asked, ComfortAdvice(station="home", learned=(learned,)))) as here:
            await here.post(DO_COMFORT, data={"what": what})
    assert len(asked.commands) == 2


@pytest.mark.parametrize("query", ["what=on", "what=everything", "what="])
async def test_there_is_nothing_to_confirm_where_nothing_rises(query: str) -> None:
    assert 'name="sure"' not in await page(parts(Asked(), COMFORT), f"/confirm?station=home&{query}")


async def test_the_api_has_what_is_learned_and_says_where_nothing_can_be(history: SessionRecords) -> None:
    url = "/api/v1/stations/home/comfort"
    async with client(parts(Asked(), COMFORT)) as here:
        found = (await here.get(url)).json()
        assert (await here.get("/api/v1/stations/nowhere/comfort")).status_code == 404
    assert found["learned"][0]["mmhg"] == found["expression_mmhg"] == 130
    async with client(parts(Asked())) as here:
        assert (await here.get(url)).status_code == 503
    async with client(replace(parts(Asked()), history=history)) as here:  # not published yet
        assert (await here.get(url)).headers["retry-after"] == "5"


# Stored milk


def made(history: SessionRecords, asked: Asked, *found: Container, language: str = "en") -> WebParts:
    return replace(parts(asked, language=language), history=history, stash=Kept(*found))


async def test_until_something_is_stored_there_is_one_link_alone(history: SessionRecords) -> None:
    text = await page(made(history, Asked()), "/history")
    assert 'id="store-milk"' in text
    assert 'id="stash"' not in text
    text = await page(made(history, Asked()), "/history?station=home&stash=new")
    assert "b-stash-store" in buttons(text)
    assert 'id="store-milk"' not in text
    assert 'id="stash' not in await page(replace(parts(Asked()), history=history), "/history?stash=new")


@pytest.mark.parametrize(("language", "over"), [("en", "past its time"), ("de", "Zeit abgelaufen")])
async def test_each_has_what_can_be_done_with_it(history: SessionRecords, language: str, over: str) -> None:
    found = (
        bag(EVIL, Place.FRIDGE, days=-1),
        bag("fresh", Place.ROOM),
        bag("thawed", Place.FRIDGE, thawed=True),
        bag("frozen", Place.FREEZER, days=90),
    )
    text = await page(made(history, Asked(), *found, language=language), "/history")
    assert text.count(over) == 1
    assert "<script>alert" not in text
    assert [each.removeprefix("b-stash-") for each in buttons(text) if each.startswith("b-stash-")] == [
        *("1-used", "1-moved-room", "1-discarded"),
        *("2-used", "2-moved-fridge", "2-moved-freezer", "2-discarded"),
        *("3-used", "3-moved-room", "3-discarded"),
        *("4-used", "4-thawed-fridge", "4-discarded"),
        "store",
    ]
    labels = [str(each.get("aria-label")) for each in Markup(text).all("button") if "aria-label" in each]
    assert len(labels) == len(set(labels)), "a screen reader tells them apart"


async def test_a_form_is_in_the_units_of_the_browser_and_is_converted_once(history: SessionRecords) -> None:
    asked = Asked()
    parts_ = made(history, asked, bag("blue", Place.FRIDGE, ml=3 * ML_PER_OZ))
    text = await page(parts_, "/history", {UNITS_COOKIE: "oz"})
    assert "3.0\N{NO-BREAK SPACE}oz" in text
    assert 'name="milk_oz"' in text
    assert 'name="milk_ml"' not in text
    forms = (
        {
            "kind": "stored",
            "container": "new",
            "milk_oz": "2,5",
            "place": "freezer",
            "expressed_at": "2026-03-01T06:30",
        },
        {"kind": "used", "container": "blue", "milk_ml": ""},
        {"kind": "moved", "container": "blue", "place": "room"},
    )
    async with client(parts_) as here:
        for form in forms:
            answer = await here.post(DO_STASH, data={**form, "page": "history"})
            assert urljoin(DO_STASH, answer.headers["location"]).startswith("/history?station=home&reply=")
        both = await here.post(DO_STASH, data={**forms[0], "milk_ml": "70"}, headers={"accept": "application/json"})
    assert both.json()["outcome"] == "refused"
    stored, used, moved = (args for _, _, args in asked.commands)
    assert stored == StashArgs(
        kind=MovementKind.STORED,
        container="new",
        ml=73.9,
        place=Place.FREEZER,
        expressed_at=datetime.fromisoformat("2026-03-01T06:30").astimezone(),
    )
    assert used == StashArgs(kind=MovementKind.USED, container="blue")
    assert moved == StashArgs(kind=MovementKind.MOVED, container="blue", place=Place.ROOM)


async def test_a_refused_form_keeps_what_was_typed(history: SessionRecords) -> None:
    asked = Asked()
    asked.outcome = "refused"
    form = {"kind": "stored", "container": EVIL, "milk_ml": "70", "place": "freezer", "page": "history"}
    async with client(made(history, asked)) as here:
        answer = await here.post(DO_STASH, data=form)
        shown = await here.get(urljoin(DO_STASH, answer.headers["location"]))
    fields = {each.get("name"): each.get("value") for each in Markup(shown.text).all("input")}
    assert (fields["container"], fields["milk_ml"]) == (EVIL, "70")
    assert '<option value="freezer" selected>' in shown.text


async def test_a_wrong_form_is_refused_with_a_reason(history: SessionRecords) -> None:
    asked = Asked()
    wrong = (
        {"kind": "drunk", "container": "blue"},
        {"kind": "stored", "container": "blue", "milk_ml": "much"},
        {"kind": "stored", "container": "blue", "milk_ml": "2000", "place": "fridge"},
        {"kind": "stored", "container": "blue", "milk_ml": "50", "place": "cellar"},
        {"kind": "stored", "container": "blue", "milk_ml": "50", "place": "fridge", "expressed_at": "today"},
        {"kind": "used"},
    )
    async with client(made(history, asked)) as here:
        for form in wrong:
            answer = await here.post(DO_STASH, data=form, headers={"accept": "application/json"})
            assert (answer.json()["outcome"], answer.json()["keys"]) == ("refused", ["bad_command"]), form
    assert asked.commands == []


async def test_in_the_language_of_the_browser(history: SessionRecords) -> None:
    text = await page(made(history, Asked(), bag("blau", Place.FREEZER)), "/history", {LANGUAGE_COOKIE: "de"})
    assert "Eingelagerte Milch" in text
    assert "Im Kühlschrank auftauen: blau" in text


async def test_the_api_lists_it_and_says_where_it_cannot(history: SessionRecords) -> None:
    url = "/api/v1/stations/home/stash"
    parts_ = made(history, Asked(), bag("blue", Place.FRIDGE), bag("bag 2", Place.FREEZER, ml=60))
    async with client(parts_) as here:
        found = (await here.get(url)).json()
        assert (await here.get("/api/v1/stations/nowhere/stash")).status_code == 404
        assert isinstance(parts_.stash, Kept)
        parts_.stash.broken = True
        assert (await here.get(url)).status_code == 503
        assert (await here.get("/history")).status_code == 503
    assert [each["name"] for each in found["containers"]] == ["blue", "bag 2"]
    assert found["total_ml"] == 150
    async with client(parts(Asked())) as here:
        assert (await here.get(url)).status_code == 503
