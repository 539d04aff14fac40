"""Sessions in Baby Buddy: one entry for each, whatever is lost, repeated, edited or erased on the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.helpers.baby_buddy_server import Answer, BabyBuddyServer
from tests.helpers.sampling import sampled
from tests.helpers.session_records import FIRST_BEGAN, numbered
from tests.helpers.uploading import Uploading


class PowerCutError(BaseException):
    """This process ended here."""


async def test_a_session_becomes_one_entry_with_its_sides(house: Uploading, server: BabyBuddyServer) -> None:
    await house.keep(numbered(1, left=40, right=45.5, let_down_seconds=80))
    assert (await house.send())["s1"].state == "sent"
    (entry,) = house.entries
    assert entry["amount"] == 85.5
    assert datetime.fromisoformat(entry["start"]) == FIRST_BEGAN + timedelta(hours=3)
    assert datetime.fromisoformat(entry["end"]) == FIRST_BEGAN + timedelta(hours=3, minutes=25)
    assert entry["notes"] == "L 40 mL, R 45.5 mL\nletdown:s1"
    assert entry["tags"] == ["left", "letdown", "right"]
    asked = len(server.requests)
    for _ in range(3):
        await house.send(hours=2)
    house.restart()
    await house.send(hours=2)
    assert len(house.entries) == 1
    assert len(server.requests) == asked  # nothing to do, nothing asked


async def test_what_was_before_it_was_configured_is_not_sent(house: Uploading) -> None:
    await house.keep(numbered(-2, left=40))
    await house.keep(numbered(1, left=41))
    assert set(await house.send()) == {"s1"}
    assert [each["amount"] for each in house.entries] == [41]


async def test_a_session_under_way_waits_for_its_end(house: Uploading) -> None:
    await house.keep(numbered(1, left=40, ended_at=None, outcome=None))
    assert await house.send(hours=1) == {}
    assert house.entries == []


@pytest.mark.parametrize(
    ("milk", "more", "why"),
    [
        ({}, {}, "upload_no_volume"),
        ({"left": 0.0, "right": 0.0}, {}, "upload_no_milk"),
        ({"left": 40}, {"ended_at": None}, "upload_no_end"),
    ],
)
async def test_nothing_is_made_up(house: Uploading, milk: dict[str, float], more: dict[str, Any], why: str) -> None:
    await house.keep(numbered(1, **milk, **more))
    found = (await house.send())["s1"]
    assert (found.state, found.problem and found.problem.key) == ("not_sent", why)
    assert house.server.requests == []


async def test_a_volume_that_is_entered_later_is_sent_then(house: Uploading) -> None:
    await house.keep(numbered(1))
    await house.send()
    await house.edit("s1", left_ml=30)
    assert (await house.send())["s1"].state == "sent"
    assert [each["amount"] for each in house.entries] == [30]


async def test_a_measured_zero_of_a_pump_that_ran_is_a_figure(house: Uploading) -> None:
    await house.keep(numbered(1, left=0.0, suction_seconds=600))
    await house.send()
    assert [each["amount"] for each in house.entries] == [0]


@pytest.mark.parametrize("lost_in", ["GET", "POST"])
async def test_a_lost_answer_makes_no_second_entry(house: Uploading, server: BabyBuddyServer, lost_in: str) -> None:
    await house.keep(numbered(1, left=40))

    def lose(method: str, path: str) -> None:
        if method == lost_in:
            raise httpx.ReadTimeout("lost")

    server.after = lose
    assert (await house.send())["s1"].state == "waiting"
    assert house.summaries[-1].key == "upload_timeout"
    server.after = lambda method, path: None
    assert (await house.send(hours=1))["s1"].state == "sent"
    assert len(house.entries) == 1
    assert house.summaries[-1].problem is None


@pytest.mark.parametrize("cut_in", ["POST", "PATCH", "DELETE"])
async def test_a_crash_between_sending_and_noting_makes_no_second_entry(
    house: Uploading, server: BabyBuddyServer, cut_in: str
) -> None:
    def cut(method: str, path: str) -> None:
        if method == cut_in:
            raise PowerCutError

    async def crash_and_restart() -> None:
        server.after = cut
        with pytest.raises(PowerCutError):
            await house.send(hours=1)
        server.after = lambda method, path: None
        house.restart()
        await house.send(hours=1)

    await house.keep(numbered(1, left=40))
    if cut_in == "POST":
        await crash_and_restart()
        assert len(house.entries) == 1
        return
    await house.send()
    if cut_in == "PATCH":
        await house.edit("s1", left_ml=50)
        await crash_and_restart()
        assert [each["amount"] for each in house.entries] == [50]
    else:
        await house.erase("s1")
        await crash_and_restart()
        assert house.entries == []
        assert await house.send() == {}
    assert house.count("POST") == 1


async def test_an_entry_that_is_there_already_is_found_by_its_marker(house: Uploading, server: BabyBuddyServer) -> None:
    """The tables were lost, and a backup has the session; a person has moved the entry by an hour."""
    start = FIRST_BEGAN + timedelta(hours=2)
    server.entries[7] = {
        "id": 7,
        "child": 1,
        "amount": 40.0,
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=25)).isoformat(),
        "notes": "at granny's\nletdown:s1",
        "tags": [],
    }
    await house.keep(numbered(1, left=40))
    assert (await house.send())["s1"].state == "sent"
    assert house.count("POST") == 0
    assert [each["notes"] for each in house.entries] == ["at granny's\nletdown:s1"]


async def test_an_edit_changes_the_entry_and_keeps_what_was_written_there(
    house: Uploading, server: BabyBuddyServer
) -> None:
    await house.keep(numbered(1, left=40, right=40))
    await house.send()
    number = house.entries[0]["id"]
    await house.edit("s1", left_ml=50)
    await house.send()
    assert server.entries[number]["amount"] == 90
    assert server.entries[number]["notes"] == "L 50 mL, R 40 mL\nletdown:s1"
    server.entries[number]["notes"] += "\nfell asleep"
    server.entries[number]["tags"] = ["night"]
    await house.edit("s1", left_ml=60)
    await house.send()
    assert server.entries[number]["amount"] == 100
    assert server.entries[number]["notes"].endswith("fell asleep")
    assert server.entries[number]["tags"] == ["night"]
    assert house.count("POST") == 1


async def test_a_figure_that_is_taken_back_takes_the_entry_back(house: Uploading) -> None:
    await house.keep(numbered(1))
    await house.edit("s1", left_ml=50)
    await house.send()
    assert len(house.entries) == 1
    await house.edit("s1", left_ml=None)
    found = (await house.send())["s1"]
    assert (found.state, found.problem and found.problem.key) == ("not_sent", "upload_no_volume")
    assert house.entries == []


async def test_an_erased_session_is_erased_there(house: Uploading, server: BabyBuddyServer) -> None:
    for number in (1, 2):
        await house.keep(numbered(number, left=40))
    await house.send()
    await house.erase("s1")
    server.before = lambda method, path: Answer(503, b"")
    assert (await house.send())["s1"].state == "erasing"
    server.before = lambda method, path: None
    assert set(await house.send(hours=1)) == {"s2"}
    assert [each["notes"] for each in house.entries] == ["L 40 mL\nletdown:s2"]
    assert await house.store.read("SELECT * FROM upload WHERE session_id = 's1'") == []


async def test_an_erased_session_that_was_never_sent_asks_for_nothing(
    house: Uploading, server: BabyBuddyServer
) -> None:
    await house.keep(numbered(1))
    await house.send()
    await house.erase("s1")
    assert await house.send() == {}
    assert server.requests == []


async def test_another_entry_with_the_number_of_an_erased_one_stays(house: Uploading, server: BabyBuddyServer) -> None:
    """Baby Buddy was restored from a backup, and gave the number to another entry."""
    await house.keep(numbered(1, left=40))
    await house.send()
    (entry,) = house.entries
    entry |= {"notes": "by hand", "start": "2026-03-01T01:00:00Z", "end": "2026-03-01T01:10:00Z"}
    await house.erase("s1")
    assert await house.send() == {}
    assert [each["notes"] for each in house.entries] == ["by hand"]


async def test_an_entry_that_a_person_deletes_there_stays_deleted(house: Uploading, server: BabyBuddyServer) -> None:
    await house.keep(numbered(1, left=40))
    await house.send()
    server.entries.clear()
    await house.edit("s1", left_ml=50)
    found = (await house.send())["s1"]
    assert (found.state, found.problem and found.problem.key) == ("skipped", "upload_deleted_there")
    await house.edit("s1", left_ml=60)
    await house.send(hours=5)
    assert house.entries == []
    assert await house.uploader.resolve("s1", "retry") == 1
    await house.send()
    assert [each["amount"] for each in house.entries] == [60]


def blocking(start: datetime) -> dict[str, Any]:
    end = start + timedelta(minutes=10)
    return {"id": 90, "child": 1, "start": start.isoformat(), "end": end.isoformat(), "amount": 1.0, "notes": None}


async def test_an_overlap_is_shown_and_waits_for_a_person(house: Uploading, server: BabyBuddyServer) -> None:
    server.entries[90] = blocking(FIRST_BEGAN + timedelta(hours=3, minutes=5))
    await house.keep(numbered(1, left=40))
    found = (await house.send())["s1"]
    assert found.state == "rejected"
    assert found.detail is not None
    assert "Another entry intersects" in found.detail
    assert "<" not in found.detail
    assert house.summaries[-1].rejected == 1
    assert house.summaries[-1].key == "upload_some_rejected"
    asked = len(server.requests)
    for _ in range(5):
        await house.send(hours=3)
    assert len(server.requests) == asked
    # Another session is not held up by it.
    await house.keep(numbered(7, left=10))
    assert (await house.send())["s7"].state == "sent"
    del server.entries[90]
    await house.uploader.resolve("all", "retry")
    assert (await house.send())["s1"].state == "sent"
    assert house.summaries[-1].problem is None


async def test_a_rejected_session_is_sent_again_after_an_edit_or_skipped(
    house: Uploading, server: BabyBuddyServer
) -> None:
    server.entries[90] = blocking(FIRST_BEGAN + timedelta(hours=3, minutes=5))
    await house.keep(numbered(1, left=40))
    await house.send()
    posts = house.count("POST")
    await house.edit("s1", right_ml=5)
    assert (await house.send())["s1"].state == "rejected"
    assert house.count("POST") == posts + 1
    assert await house.uploader.resolve("s1", "skip") == 1
    await house.edit("s1", right_ml=6)
    assert (await house.send(hours=2))["s1"].state == "skipped"
    assert house.count("POST") == posts + 1
    assert await house.uploader.resolve("nothing", "skip") == 0


async def test_a_server_whose_clock_is_behind_is_asked_again(house: Uploading, server: BabyBuddyServer) -> None:
    await house.keep(numbered(1, left=40))
    server.now = lambda: FIRST_BEGAN
    assert (await house.send())["s1"].state == "waiting"
    server.now = house.clock.wall
    assert (await house.send(hours=1))["s1"].state == "sent"


@pytest.mark.system
async def test_an_unreachable_server_is_asked_ever_more_rarely_and_nothing_is_lost(
    house: Uploading, server: BabyBuddyServer
) -> None:
    def refuse(method: str, path: str) -> Answer | None:
        raise httpx.ConnectError("refused")

    server.before = refuse
    for number in range(1, 9):
        await house.keep(numbered(number, left=10 * number))
    for turn in range(144):
        if turn % 17 == 0:
            house.restart()
        await house.send(hours=1 / 12)
    assert 12 <= len(server.requests) <= 12 + 7
    server.before = lambda method, path: None
    await house.send(hours=1)
    assert sorted(each["amount"] for each in house.entries) == [10 * number for number in range(1, 9)]


@pytest.mark.system
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(401, {"detail": "Invalid token."}), "upload_not_allowed"),
        (Answer(301, b"", {"location": "https://elsewhere.example/?token=x"}), "upload_redirected"),
        (Answer(200, b"<!DOCTYPE html><title>Router</title>"), "upload_not_baby_buddy"),
        (Answer(200, b'"' + b"x" * 2_000_000 + b'"'), "upload_not_baby_buddy"),
        (Answer(400, {"child": ["Select a valid choice."]}), "upload_no_child"),
        *sampled(
            [
                (Answer(403, {"detail": "You do not have permission to perform this action."}), "upload_not_allowed"),
                (Answer(404, b"<html>"), "upload_not_baby_buddy"),
                (Answer(410, {"detail": "gone"}), "upload_not_baby_buddy"),
                (Answer(200, b'{"results": [{"id": "x"}]}'), "upload_not_baby_buddy"),
                (Answer(200, b"[" * 100_000), "upload_not_baby_buddy"),
            ],
            keep=lambda _: False,
        ),
    ],
)
async def test_what_somebody_must_set_right_is_said_and_seldom_tried(
    house: Uploading, server: BabyBuddyServer, answer: Answer, why: str
) -> None:
    server.before = lambda method, path: answer
    for number in (1, 2, 3):
        await house.keep(numbered(number, left=40))
    for _ in range(20):
        await house.send(hours=1 / 20)
    assert len(server.requests) <= 4
    assert house.summaries[-1].key == why
    assert house.summaries[-1].waiting == 3
    server.before = lambda method, path: None
    await house.uploader.resolve("all", "retry")
    await house.send()
    assert len(house.entries) == 3


async def test_a_server_that_asks_to_wait_is_left_alone_for_so_long(house: Uploading, server: BabyBuddyServer) -> None:
    server.before = lambda method, path: Answer(429, {"detail": "slow down"}, {"retry-after": "7200"})
    await house.keep(numbered(1, left=40))
    await house.send()
    server.before = lambda method, path: None
    assert (await house.send(hours=1.9))["s1"].state == "waiting"
    assert (await house.send(hours=0.2))["s1"].state == "sent"


async def test_a_session_on_which_the_server_fails_holds_up_no_other(house: Uploading, server: BabyBuddyServer) -> None:
    def fail_on_the_first(method: str, path: str) -> Answer | None:
        return Answer(500, b"<html>") if method == "POST" and house.count("POST") % 2 else None

    server.before = fail_on_the_first
    await house.keep(numbered(1, left=40))
    await house.keep(numbered(2, left=50))
    states = {name: each.state for name, each in (await house.send()).items()}
    assert states == {"s1": "waiting", "s2": "sent"}


@pytest.mark.system
async def test_a_session_on_which_the_server_always_fails_ends_with_a_person(
    house: Uploading, server: BabyBuddyServer
) -> None:
    server.before = lambda method, path: Answer(500, b"<html>") if method == "POST" else None
    await house.keep(numbered(1, left=40))
    for _ in range(40):
        found = (await house.send(hours=1))["s1"]
    assert found.state == "rejected"
    assert house.count("POST") == 10


@pytest.mark.system
async def test_many_sessions_go_one_after_the_other(house: Uploading, server: BabyBuddyServer) -> None:
    for number in range(1, 61):
        await house.keep(numbered(number, left=number))
    await house.send()
    assert len(house.entries) == 50
    await house.send(hours=1 / 60)
    assert len(house.entries) == 60


async def test_a_clock_that_is_set_back_holds_nothing_up(house: Uploading, server: BabyBuddyServer) -> None:
    await house.keep(numbered(40, left=40))
    server.before = lambda method, path: Answer(503, b"")
    await house.send()
    server.before = lambda method, path: None
    server.now = lambda: FIRST_BEGAN + timedelta(days=30)
    assert (await house.send(hours=-48))["s40"].state == "sent"


async def test_a_child_is_found_by_the_name_of_its_page(tmp_path: Any) -> None:
    async with Uploading.opened(tmp_path / "history.db", child="mia-smith") as house:
        await house.keep(numbered(1, left=40))
        await house.keep(numbered(2, left=40))
        await house.send()
        assert [each["child"] for each in house.entries] == [1, 1]
        assert house.server.requests.count(("GET", "children/mia-smith/")) == 1


async def test_amounts_are_in_the_unit_of_the_settings(tmp_path: Any) -> None:
    async with Uploading.opened(tmp_path / "history.db", unit="oz") as house:
        await house.keep(numbered(1, left=59.147, right=29.5735))
        await house.send()
        assert house.entries[0]["amount"] == 3.0
        assert house.entries[0]["notes"].startswith("L 2 oz, R 1 oz")


async def test_logs_and_summaries_hold_no_secret_and_no_figure(
    house: Uploading, server: BabyBuddyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.before = lambda method, path: Answer(403, {"detail": f"no {house.server.token}"})
    await house.keep(numbered(1, left=41.5))
    await house.send()
    server.before = lambda method, path: None
    await house.send(hours=1)
    said = caplog.text + "".join(each.model_dump_json() for each in house.summaries) + repr(house.settings)
    assert house.server.token not in said
    assert "41.5" not in said
    assert "2026-03-01T" not in said
