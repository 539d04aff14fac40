"""The pages of the history as a browser without script gets them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urlencode

import httpx
import pytest

from controller.contract.events import SessionState, Snapshot
from controller.contract.session_record import SessionEdit
from controller.contract.units import Units
from controller.web.event_hub import EventHub
from devices.roles import Side
from tests.helpers.kept_history import Kept, Unreachable
from tests.helpers.session_records import days_of_sessions, record

NOW = datetime.now(UTC)
FORM = {"content-type": "application/x-www-form-urlencoded"}
EVIL = '<script>alert("x")</script>'
TAGS = re.compile(r"<[^>]+>")


def text(page: httpx.Response) -> str:
    """Return what is read on a page, on one line."""
    main = page.text[page.text.index("<main") : page.text.index("</main>")]
    return re.sub(r"\s+", " ", unescape(TAGS.sub(" ", main))).replace("\u00a0", " ")


def fields(page: httpx.Response) -> dict[str, str]:
    """Return the form that corrects a session, as a browser would send it."""
    form = page.text[page.text.index("/edit_session") :]
    form = form[: form.index("</form>")]
    found = dict.fromkeys(re.findall(r'<input[^>]* name="(\w+)"', form), "")
    found |= {
        name: unescape(value)
        for name, value in re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', form, re.DOTALL)
    }
    note = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", form, re.DOTALL)
    return found | {"note": unescape(note[1]) if note else ""}


async def send(browser: httpx.AsyncClient, form: dict[str, str]) -> httpx.Response:
    """Send the form, and return the page that is shown then."""
    body = urlencode({name: value.replace("\n", "\r\n") for name, value in form.items()})
    answer = await browser.post("/do/home/edit_session", content=body, headers=FORM)
    assert answer.status_code == 303
    return await browser.get(str(httpx.URL("http://localhost:8080/do/home/x").join(answer.headers["location"])))


async def test_today_first_then_the_latest_sessions_and_the_charts(kept: Kept) -> None:
    now = datetime.now(UTC)
    noon = now.astimezone(kept.parts.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    await kept.put(
        record("a", now - timedelta(minutes=1, seconds=30), minutes=1, left=40.0, right=30.5, note=None),
        record("b", noon - timedelta(minutes=30), left=10.0),
        record("c", noon - timedelta(days=9), left=10.0),
    )
    async with kept.client() as browser:
        page = await browser.get("/history")
        shown = text(page)
        assert page.status_code == 200
        assert shown.index("Today") < shown.index("Latest sessions") < shown.index("By day") < shown.index("Let-down")
        assert re.search(r"Since the last session \d+ min", shown)
        assert "71 mL left 40, right 31 1 session" in shown or "81 mL left 50, right 31 2 sessions" in shown
        assert "71 mL left 40, right 31 classic · 1 min" in shown
        assert page.text.count("<svg") == 3
        assert re.search(r'src="\.?/?static/page\.\w+\.js"', page.text)
        week, month = [len(re.findall(r'scope="row"', (await browser.get(f"/history?days={n}")).text)) for n in (7, 30)]
        assert month - week == 23
    async with kept.client("de", Units.OZ) as browser:
        shown = text(await browser.get("/history"))
        assert "2,4 oz links 1,4, rechts 1,0" in shown
        assert "Gestern" in shown


async def test_a_session_without_a_figure_is_unknown_and_counted(kept: Kept) -> None:
    now = datetime.now(UTC)
    await kept.put(
        record("a", now - timedelta(seconds=9), minutes=0.1), record("b", now - timedelta(hours=1), left=9.0)
    )
    async with kept.client() as browser:
        shown = text(await browser.get("/history"))
    assert "9 mL left 9 1 of 2 sessions have a figure" in shown
    assert re.search(r"Since the last session 0 min .{0,30}, no figure", shown)


@pytest.mark.system
async def test_an_empty_an_unreachable_and_no_history(kept: Kept) -> None:
    async with kept.client() as browser:
        assert "There are no sessions yet" in text(await browser.get("/history"))
        assert "There are no sessions yet" in text(await browser.get("/history/sessions"))
    for history, words in ((Unreachable(), "cannot be read right now"), (None, "No history is kept here")):
        kept.parts = replace(kept.parts, history=history)  # type: ignore[arg-type]
        async with kept.client() as browser:
            for path in ("/history", "/history/sessions", "/history/session/s1"):
                page = await browser.get(path)
                assert page.status_code == 503
                assert words in text(page)
                assert 'class="stop"' in page.text
            assert (await browser.get("/")).status_code == 200


async def test_all_sessions_page_by_page(kept: Kept) -> None:
    await kept.put(*days_of_sessions(NOW, 18))
    seen: list[str] = []
    async with kept.client() as browser:
        path = "/history/sessions"
        for _ in range(9):
            page = await browser.get(path)
            assert len(page.content) < 60_000
            seen += re.findall(r'href="\.\./history/session/([^"?]+)', page.text)
            older = re.search(r'rel="next" href="\.\.([^"]+)"', page.text)
            if older is None:
                break
            path = unescape(older[1])
        assert "There are no older sessions" in text(await browser.get("/history/sessions?until=2001-01-01T00:00:00Z"))
        for odd in ("never", "2026-03-01", "\u0000"):
            assert (await browser.get("/history/sessions", params={"until": odd})).status_code == 200
    assert seen == [each.id for each in await kept.history.sessions()]
    assert len(seen) > 100


async def test_the_first_page_is_small(kept: Kept) -> None:
    await kept.put(*days_of_sessions(NOW, 90))
    async with kept.client("de") as browser:
        page = await browser.get("/history")
        shown = re.sub(r'<link rel="apple-touch-icon"[^>]*>', "", page.text)  # not loaded with a page
        assets = re.findall(r'(?:src|href)="((?:\./)?static/[^"]+)"', shown)
        sizes = [len((await browser.get("/" + each)).content) for each in assets]
    assert len(assets) + 1 <= 7
    assert len(page.content) + sum(sizes) < 100_000


async def test_one_session_with_what_is_known_of_it(kept: Kept) -> None:
    night = datetime(2026, 3, 1, 23, 40, tzinfo=UTC)
    await kept.put(
        record(
            "a", night, left=61.2, let_down_seconds=85, let_down_by="tap", peak_vacuum_mmhg=151.0, suction_seconds=700
        )
    )
    async with kept.client() as browser:
        shown = text(await browser.get("/history/session/a"))
    assert "Mon, 2 Mar" in shown
    assert "00:40" in shown
    assert "Left breast 61 mL Right breast \N{EN DASH} mL" in shown
    assert "1:25" in shown
    assert "measured: 61 mL" in shown
    assert "No curves were kept" in shown


async def test_a_session_is_corrected_and_gets_a_note(kept: Kept) -> None:
    await kept.put(record("a", left=61.2, right=50.0))
    async with kept.client() as browser:
        form = fields(await browser.get("/history/session/a"))
        assert (form["left_ml"], form["right_ml"], form["note"], form["revision"]) == ("", "", "", "0")
        page = await send(browser, {**form, "left_ml": "58,5", "note": 'Half asleep.\n"Good."'})
        assert "Done" in text(page)
        form = fields(page)
        assert (form["left_ml"], form["note"], form["revision"]) == ("58.5", 'Half asleep.\n"Good."', "1")
        # Only what was changed is sent: neither milk nor the lines of the note.
        page = await send(browser, {**form, "right_ml": "49"})
        assert kept.service.commands[-1].args == {"session_id": "a", "revision": 1, "right_ml": 49.0}
        form = fields(page)
        page = await send(browser, form)  # nothing was changed: no command
        assert len(kept.service.commands) == 2
        page = await send(browser, {**form, "left_ml": "", "note": ""})
    (after,) = await kept.history.sessions()
    assert (after.volume_ml.left, after.volume_ml.right, after.note) == (61.2, 49.0, None)


async def test_a_correction_in_ounces_changes_nothing_else(kept: Kept) -> None:
    await kept.put(record("a", left=61.2))
    async with kept.client(units=Units.OZ) as browser:
        form = fields(await browser.get("/history/session/a"))
        page = await send(browser, {**form, "left_oz": "2"})
        (after,) = await kept.history.sessions()
        assert after.volume_ml.left == pytest.approx(59.147, abs=0.05)
        form = fields(page)
        assert form["left_oz"] == "2"
        await send(browser, {**form, "note": "hm"})
        (again,) = await kept.history.sessions()
    assert again.volume_ml.left == after.volume_ml.left


async def test_what_was_typed_in_ounces_stays_so_when_the_browser_has_chosen_otherwise_meanwhile(kept: Kept) -> None:
    await kept.put(record("a", left=61.2))
    async with kept.client(units=Units.OZ) as browser:
        form = fields(await browser.get("/history/session/a"))
    await kept.history.edit(SessionEdit(session_id="a", note="newer"))
    async with kept.client() as browser:
        page = await send(browser, {**form, "left_oz": "2"})
        assert "Left breast, oz" in text(page)
        form = fields(page)
        assert form["left_oz"] == "2"
        await send(browser, form)
        (after,) = await kept.history.sessions()
        assert after.volume_ml.left == pytest.approx(59.147, abs=0.05)
        await send(browser, {**fields(await browser.get("/history/session/a")), "left_ml": "60", "left_oz": "3"})
    (again,) = await kept.history.sessions()
    assert again == after, "two figures for one breast: neither counts"


async def test_the_history_speaks_the_language_that_the_browser_has_chosen(kept: Kept) -> None:
    await kept.put(record("a", NOW - timedelta(hours=1), left=61.2))
    async with kept.client("en", Units.OZ, "de") as browser:
        shown = text(await browser.get("/history"))
        assert "2,1 oz" in shown
        assert "Letzte 24 Stunden" in shown
        page = await browser.get("/history/session/a")
        assert '<html lang="de"' in page.text
        assert "gemessen: 2,1 oz" in text(page)
        page = await send(browser, {**fields(page), "revision": "9", "note": "meins"})
        assert "inzwischen" in text(page)
        assert "nicht (mehr) im Verlauf" in text(await browser.get("/history/session/none"))
        assert (await browser.get("/manifest.webmanifest")).json()["lang"] == "de"
        assert '<html lang="de"' in (await browser.get("/no-contact")).text


async def test_after_a_conflict_both_see_the_newer_values_and_what_they_typed(kept: Kept) -> None:
    await kept.put(record("a", left=61.0, right=50.0))
    async with kept.client() as browser:
        mine = fields(await browser.get("/history/session/a"))
        await kept.history.edit(SessionEdit(session_id="a", left_ml=44, right_ml=33))
        page = await send(browser, {**mine, "left_ml": "58", "note": EVIL})
        shown = text(page)
        assert "It was changed meanwhile" in shown
        assert "now: 44" in shown
        assert EVIL not in page.text
        form = fields(page)
        # What I did not touch is as it is now; what I typed is still there, and can be sent again.
        assert (form["left_ml"], form["right_ml"], form["note"], form["revision"]) == ("58", "33", EVIL, "1")
        await send(browser, form)
    (after,) = await kept.history.sessions()
    assert (after.volume_ml.left, after.volume_ml.right, after.note) == (58, 33, EVIL)


@pytest.mark.parametrize("wrong", ["much", "-1", "2000", "1e400", "nan"])
async def test_a_wrong_number_is_explained_and_kept(kept: Kept, wrong: str) -> None:
    await kept.put(record("a", left=61.0))
    async with kept.client() as browser:
        page = await send(
            browser, {**fields(await browser.get("/history/session/a")), "left_ml": wrong, "note": "mine"}
        )
        assert "left_ml" in text(page)
        form = fields(page)
        assert (form["left_ml"], form["note"]) == (wrong, "mine")
    (after,) = await kept.history.sessions()
    assert after.revision == 0


async def test_what_was_typed_outlives_an_erased_session_and_an_unreachable_history(kept: Kept) -> None:
    await kept.put(record("a", left=61.0), record("b"))
    async with kept.client() as browser:
        form = fields(await browser.get("/history/session/a"))
        await kept.run("DELETE FROM session WHERE id = 'a'")
        page = await send(browser, {**form, "note": "my words"})
        assert page.status_code == 404
        assert "not in the history (any more)" in text(page)
        assert fields(page)["note"] == "my words"
        form = fields(await browser.get("/history/session/b"))
        await kept.run("ALTER TABLE session RENAME TO gone")
        page = await send(browser, {**form, "note": "my words"})
        assert page.status_code == 503
        assert fields(page)["note"] == "my words"
        await kept.run("ALTER TABLE gone RENAME TO session")
        page = await send(browser, fields(page))
        assert page.status_code == 200
    assert (await kept.history.sessions())[0].note == "my words"


async def test_a_session_of_another_station_is_not_shown_here(kept: Kept) -> None:
    await kept.put(record("a").model_copy(update={"station": "attic"}))
    async with kept.client() as browser:
        assert (await browser.get("/history/session/a")).status_code == 404
        assert "There are no sessions yet" in text(await browser.get("/history"))


async def test_after_a_session_its_screen_takes_a_note(kept: Kept) -> None:
    over = Snapshot(station="home", state=SessionState.COMPLETED, session_id="a", routine="classic", side=Side.BOTH)
    await kept.put(record("a", left=61.0))
    kept.parts = replace(kept.parts, hub=EventHub([over]))
    async with kept.client() as browser:
        page = await browser.get("/")
        assert (
            'href="./history/session/a?station=home"' in page.text
            or 'href="history/session/a?station=home"' in page.text
        )
        page = await send(browser, {**fields(page), "note": "at dawn"})
        assert fields(page)["note"] == "at dawn"
        # A conflict is shown where there is room for it.
        stale = {**fields(page), "revision": "0", "note_was": "", "note": "mine"}
        page = await send(browser, stale)
        assert "now: at dawn" in text(page)
        assert fields(page)["note"] == "mine"
    kept.parts = replace(kept.parts, history=Unreachable())  # type: ignore[arg-type]
    async with kept.client() as browser:
        page = await browser.get("/")
    assert page.status_code == 200
    assert "edit_session" not in page.text


@pytest.mark.parametrize("language", ["en", "de"])
async def test_what_came_from_elsewhere_is_only_text(kept: Kept, language: str) -> None:
    await kept.put(
        record("a", NOW - timedelta(hours=1), routine=EVIL, note=EVIL, reason="?", reason_words=EVIL, left=1.0)
    )
    await kept.history.edit(SessionEdit(session_id="a", note=EVIL))
    async with kept.client(language) as browser:
        for path in ("/history", "/history/sessions", "/history/session/a"):
            page = await browser.get(path)
            assert page.status_code == 200
            assert EVIL not in page.text
            assert "&lt;script&gt;" in page.text
            assert "style=" not in page.text
