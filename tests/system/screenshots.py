"""Pictures of every screen of the page: dark and light, phone and desktop, each language. `make screenshots` runs it.

They are there to be looked at. The pictures of the documentation are among them: `--docs` renews them.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, expect

from controller.contract.session_record import SessionEdit
from controller.contract.stash import MovementKind, Place, StashArgs
from controller.contract.words import languages
from controller.database.database import Statement
from controller.history.session_records import SessionRecords
from controller.history.stash.stash_keeper import StashKeeper
from tests.helpers.air_losses import add_losses
from tests.helpers.body_controls import add_controls
from tests.helpers.browser import browser
from tests.helpers.command_line import ROOT
from tests.helpers.fleet_page import fleet_page
from tests.helpers.kept_history import history_of
from tests.helpers.learned_comfort import add_learned_comfort
from tests.helpers.made_ward import made_ward
from tests.helpers.many_stations import bed, ward
from tests.helpers.mosquitto import mosquitto
from tests.helpers.page_pictures import Screens, upload
from tests.helpers.served_home import TROUBLES, TWO_STATIONS, served_home
from tests.helpers.session_records import days_of_sessions
from tests.helpers.web_service import setup_service, web_service

SPEED = 4.0
CAPTURE = ROOT / "tests/devices/captures/open-pump/extract.btsnoop"


async def a_session(started: Browser, language: str, folder: Path) -> None:
    """Go through a session, to the end of the service."""
    async with web_service(SPEED, language=language) as (_, port):
        screens = Screens(port, language, folder)
        await screens.open(started)
        await screens.take("01-start")
        await screens.command("start", routine="classic", side="both")
        await screens.take("02-question")
        await screens.command("answer", question="all", value=False)
        await screens.take("03-warmth")
        await screens.command("skip")
        await screens.take("04-massage")
        title = screens.pages["phone-dark"].locator("#guide-title")
        while not await screens.pages["phone-dark"].locator("#b-start_suction").count():
            shown = str(await title.text_content())
            await screens.command("skip")
            await expect(title).not_to_have_text(shown, timeout=20_000)
        await screens.take("05-flange")
        await screens.command("start_suction")
        await screens.until("#b-let_down")
        await screens.take("06-stimulation")
        await screens.command("let_down")
        await asyncio.sleep(14)
        await screens.command("vacuum_down")
        await asyncio.sleep(12)
        await screens.take("07-expression")
        await screens.command("pause")
        await screens.take("08-paused")
        await screens.pages["phone-dark"].locator(".bar .pain").click()
        await screens.take("09-pain")
        await screens.take("10-devices", "/devices")
        await screens.take("11-settings", "/settings")
        await screens.command("set_start_defaults", comfort_vacuum_mmhg=110)
        await screens.take("11-settings-raise", "/confirm?station=home&comfort=140")
    await asyncio.sleep(3)
    await screens.take("12-no-contact")
    await screens.take("13-no-contact-page", "/no-contact")
    await screens.close()


async def the_history(started: Browser, language: str, folder: Path) -> None:
    """Show the history of a month of invented sessions, and an empty one."""
    now = datetime.now(UTC)
    sessions = list(days_of_sessions(now, 60))
    with tempfile.TemporaryDirectory() as made:
        async with (
            history_of(Path(made) / "history.db", *sessions) as history,
            web_service(SPEED, language=language, history=history, curves=True) as (_, port),
        ):
            latest = next(each for each in sessions if each.milk)
            note = "Half asleep. The left one was slow today."
            edit = SessionEdit(session_id=latest.id, left_ml=58, note=note)
            await SessionRecords(history).edit(edit)
            await store_milk(StashKeeper(history), now)
            screens = Screens(port, language, folder)
            await screens.open(started)
            await screens.take("30-history", "/history", whole=True)
            await screens.take("30-store", "/history?stash=new#stash")
            await screens.take("31-month", "/history?days=30", whole=True)
            await screens.take("32-sessions", "/history/sessions")
            await screens.take("33-session", f"/history/session/{latest.id}", whole=True)
            await screens.take("34-erased", "/history/session/none")
            await screens.command("start", routine="soften-for-latch", side="left")
            await screens.command("stop")
            await screens.until("#note")
            await screens.take("35-after", whole=True)
            await screens.close()
        async with (
            history_of(Path(made) / "empty.db") as history,
            web_service(SPEED, language=language, history=history) as (_, port),
        ):
            screens = Screens(port, language, folder)
            await screens.open(started)
            await screens.take("36-empty", "/history")
            await history.write(Statement("DROP TABLE session"))
            await screens.take("37-unreachable", "/history")
            await screens.close()


async def store_milk(stash: StashKeeper, now: datetime) -> None:
    """Store a bottle that is past its time, one to be used next, and bags in the freezer, one of them thawed."""
    for name, ml, place, hours in (
        ("blue bottle", 90, Place.FRIDGE, 30),
        ("bottle by the bed", 45, Place.ROOM, 5),
        ("bag 12", 120, Place.FREEZER, 24 * 40),
        ("bag 13", 150, Place.FREEZER, 24 * 12),
    ):
        expressed_at = now - timedelta(hours=hours)
        stored = StashArgs(container=name, kind=MovementKind.STORED, ml=ml, place=place, expressed_at=expressed_at)
        await stash.move("home", stored)
    await stash.move("home", StashArgs(container="bag 12", kind=MovementKind.THAWED, place=Place.FRIDGE))


async def devices_of(started: Browser, language: str, folder: Path) -> None:
    """Go through finding, adding and testing a device, and the page that signs in."""
    async with setup_service(folder / "letdown.yaml", SPEED, configured=1, language=language) as (_, port, _):
        screens = Screens(port, language, folder)
        await screens.open(started)
        phone = screens.pages["phone-dark"]
        await screens.take("20-add", "/add-device")
        await phone.goto(f"http://127.0.0.1:{port}/add-device")
        await phone.locator("#b-scan").click()
        await screens.until("ul.found")
        await screens.take("21-found", "/add-device")
        await phone.goto(f"http://127.0.0.1:{port}/add-device")
        address = await phone.locator(".found a").first.get_attribute("href")
        await screens.take("22-chosen", f"/{address}")
        await screens.take("23-test", "/test-device?device=left-pump")
        await phone.goto(f"http://127.0.0.1:{port}/test-device?device=left-pump")
        await phone.locator("#off-body").check()
        await phone.locator("#b-test").click()
        await screens.until(".test-steps li:nth-child(2)")
        await screens.take("24-testing", "/test-device?device=left-pump")
        await phone.goto(f"http://127.0.0.1:{port}/test-device?device=left-pump")
        await screens.until("#b-test")
        await screens.take("25-tested", "/test-device?device=left-pump")
        await screens.take("26-sign-in", "/sign-in?code=example")
        await screens.take("27-needs-link", "/sign-in")
    (folder / "letdown.yaml").unlink()
    await screens.close()


async def what_goes_wrong(started: Browser, language: str, folder: Path) -> None:
    """Show what has to be acknowledged, and what is not certain to be off; then what is said of an acknowledgement."""
    for trouble in TROUBLES:
        async with served_home(language=language) as home:
            screens = Screens(home.port, language, folder)
            await screens.open(started)
            await trouble.happen(home)
            await screens.until(trouble.shows)
            await screens.take(trouble.name, whole=True)
            if trouble.devices:
                await screens.take(f"{trouble.name}-devices", "/devices", whole=True)
            phone = screens.pages["phone-dark"]
            await phone.locator(".bar .stop").click()
            await screens.take(f"{trouble.name}-stop")
            if await phone.locator("#b-acknowledge").count():
                await phone.locator("#b-acknowledge").click()
                await screens.take(f"{trouble.name}-acknowledged")
            await screens.close()


async def learned_comfort(started: Browser, language: str, folder: Path) -> None:
    """Show what is learned of comfort, and what is asked twice."""
    with tempfile.TemporaryDirectory() as made:
        async with history_of(Path(made) / "history.db") as history:
            await add_learned_comfort(history, datetime.now(UTC))
            async with web_service(SPEED, language=language, history=history) as (_, port):
                screens = Screens(port, language, folder)
                await screens.open(started)
                await screens.take("60-comfort", "/settings", whole=True)
                for what in ("accept", "off", "reset"):
                    await screens.take(f"61-comfort-{what}", f"/confirm?what={what}", whole=True)
                await screens.close()


async def captures(started: Browser, language: str, folder: Path) -> None:
    """Upload a Bluetooth capture, and a file that is none."""
    none = folder / "holiday.txt"
    none.write_text("Dear diary", encoding="utf-8")
    async with setup_service(folder / "letdown.yaml", SPEED, configured=1, language=language) as (_, port, _):
        screens = Screens(port, language, folder)
        await screens.open(started)
        for name, file in (("70-capture", CAPTURE), ("71-no-capture", none)):
            await screens.take_of(name, lambda page, file=file: upload(page, screens.base, file))  # type: ignore[misc]
        await screens.close()
    for each in (none, folder / "letdown.yaml"):
        each.unlink()


async def other_pages(started: Browser, language: str, folder: Path) -> None:
    """Show the page of several stations, and that a page does not exist."""
    async with served_home(language=language, stations=TWO_STATIONS) as home:
        screens = Screens(home.port, language, folder)
        await screens.open(started)
        await screens.take("80-stations", "/")
        await screens.take("81-one-of-them", "/?station=Kitchen")
        await screens.take("82-missing", "/nothing")
        await screens.close()


async def a_fleet(started: Browser, language: str, folder: Path) -> None:
    """Show all stations of a fleet, of which some have a problem; and that the broker is lost."""
    with tempfile.TemporaryDirectory() as made:
        async with (
            mosquitto() as broker,
            made_ward(broker.url, ward(60)) as beds,
            fleet_page(Path(made), broker.url, language=language) as port,
        ):
            await beds.vanish(bed(9))
            await beds.vanish(bed(10))
            await beds.release(bed(11))
            await beds.device(bed(15), "left-pump", "offline")
            screens = Screens(port, language, folder)
            await screens.open(started)
            await screens.until('[data-group="problem"]')
            await screens.take("90-fleet", "/stations")
            await screens.take("91-fleet-settings", "/settings")
            await broker.stop()
            await screens.take("92-fleet-no-broker")
            await screens.close()


GROUPS: dict[str, Callable[[Browser, str, Path], Awaitable[None]]] = {
    "session": a_session,
    "devices": devices_of,
    "history": the_history,
    "troubles": what_goes_wrong,
    "comfort": learned_comfort,
    "captures": captures,
    "others": other_pages,
    "fleet": a_fleet,
}


async def take_all(folder: Path, wanted: str, groups: list[str]) -> None:
    """Take all pictures of some groups."""
    async with browser() as started:
        for language in languages():
            if re.fullmatch(wanted, language):
                for group in groups:
                    await GROUPS[group](started, language, folder)


# In docs/, by which of the pictures.
PICTURES = {"page-phone.png": "en-07-expression-phone-dark.png", "page-fleet.png": "en-90-fleet-desktop-light.png"}


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put them")
    parser.add_argument("--language", default=".*", help="of which languages")
    parser.add_argument("--of", nargs="+", choices=GROUPS, default=list(GROUPS), help="of which screens alone")
    parser.add_argument("--docs", action="store_true", help="renew the pictures of the documentation")
    given = parser.parse_args()
    add_controls()
    add_losses()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_all(given.folder, given.language, given.of))
    if given.docs:
        for name, picture in PICTURES.items():
            (ROOT / "docs" / name).write_bytes((given.folder / picture).read_bytes())


if __name__ == "__main__":
    main()
