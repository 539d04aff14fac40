"""What is due, and what Baby Buddy did not take, on the pages and in the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.contract.events import Snapshot
from controller.contract.reminders import Reminders
from controller.contract.session_record import HistoryError
from controller.contract.session_state import SessionState
from controller.contract.uploads import Resolution, ResolveUploadArgs, Upload, UploadSummary
from controller.contract.words import load_words
from controller.safety.message import message
from controller.web.web_parts import WebParts
from tests.helpers.web_client import Asked, client, parts_of

FORM = {"content-type": "application/x-www-form-urlencoded"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DUE = Reminders(
    station="home",
    next_session_at=NOON,
    next_session_due=True,
    parts_to_clean=True,
    battery_low=True,
    low_batteries=("left-pump",),
)
REJECTED = Upload(
    session_id="s1",
    station="home",
    began_at=NOON,
    state="rejected",
    problem=message("upload_rejected"),
    detail='400 <b>Another entry</b> intersects "it"',
)
SUMMARY = UploadSummary(station="home", waiting=0, rejected=1, problem="Baby Buddy did not accept a session.", key="x")


class Open:
    """Uploads, as a test says that they are."""

    def __init__(self, *uploads: Upload) -> None:
        self.found = uploads
        self.broken = False

    async def uploads(self, station: str | None = None, *, last: int = 100) -> Sequence[Upload]:
        if self.broken:
            raise HistoryError("the disk is full")
        return self.found

    async def resolve(self, session_id: str, how: Resolution, station: str | None = None) -> int:
        raise NotImplementedError


def parts(
    asked: Asked, *items: object, uploads: Open | None = None, language: str = "en", running: bool = False
) -> WebParts:
    state = SessionState.RUNNING if running else SessionState.IDLE
    allowed = ("stop", "pain", "parts_clean", "resolve_upload")
    made = parts_of(asked.handle, Snapshot(station="home", state=state, allowed_actions=allowed))
    for item in items:
        made.hub.watch(item)
    return replace(made, words=load_words(language), uploads=uploads)


@pytest.mark.parametrize(
    ("language", "clean", "time"),
    [("en", "Parts are clean", "The time for the next session"), ("de", "Teile sind sauber", "Es wäre Zeit für die")],
)
async def test_what_is_due_is_on_the_page_and_one_tap_says_that_it_is_clean(
    language: str, clean: str, time: str
) -> None:
    asked = Asked()
    async with client(parts(asked, DUE, language=language)) as here:
        page = (await here.get("/")).text
        assert clean in page
        assert time in page
        assert "left-pump" in page
        answer = await here.post("/do/home/parts_clean", headers=FORM, content="")
    assert answer.status_code == 303
    assert asked.actions == ["parts_clean"]


async def test_during_a_session_nothing_of_it_is_shown() -> None:
    async with client(parts(Asked(), DUE, SUMMARY, running=True)) as here:
        page = (await here.get("/")).text
    assert "Parts are clean" not in page
    assert "did not accept" not in page


async def test_where_it_is_off_there_is_nothing_of_it() -> None:
    async with client(parts(Asked())) as here:
        assert "Baby Buddy" not in (await here.get("/settings")).text
        assert "Parts are clean" not in (await here.get("/")).text
        assert (await here.get("/api/v1/stations/home/uploads")).json() == {"uploads": []}
        state = (await here.get("/api/v1/stations/home")).json()
    assert (state["reminders"], state["uploads"]) == (None, None)


async def test_a_rejected_session_is_shown_with_what_baby_buddy_said_and_can_be_resolved() -> None:
    asked = Asked()
    async with client(parts(asked, SUMMARY, uploads=Open(REJECTED))) as here:
        assert SUMMARY.problem is not None
        assert SUMMARY.problem in (await here.get("/")).text
        page = (await here.get("/settings")).text
        assert "Often another entry is at the same time" in page
        assert "&lt;b&gt;Another entry&lt;/b&gt;" in page
        assert "<b>" not in page
        for how in ("retry", "skip"):
            form = f"session_id=s1&how={how}&page=settings"
            answer = await here.post("/do/home/resolve_upload", headers=FORM, content=form)
            assert answer.headers["location"].partition("?")[0].endswith("settings")
    assert [args for _, _, args in asked.commands] == [
        ResolveUploadArgs(session_id="s1", how="retry"),
        ResolveUploadArgs(session_id="s1", how="skip"),
    ]


async def test_a_history_that_cannot_be_read_leaves_the_page_as_it_is_and_the_api_says_so() -> None:
    uploads = Open(REJECTED)
    uploads.broken = True
    async with client(parts(Asked(), SUMMARY, uploads=uploads)) as here:
        assert (await here.get("/settings")).status_code == 200
        assert (await here.get("/api/v1/stations/home/uploads")).status_code == 503


async def test_the_api_lists_what_became_of_each_session() -> None:
    async with client(parts(Asked(), DUE, SUMMARY, uploads=Open(REJECTED))) as here:
        (found,) = (await here.get("/api/v1/stations/home/uploads")).json()["uploads"]
        state = (await here.get("/api/v1/stations/home")).json()
    assert (found["session_id"], found["state"], found["problem"]["key"]) == ("s1", "rejected", "upload_rejected")
    assert state["reminders"]["parts_to_clean"] is True
    assert state["uploads"]["rejected"] == 1
