"""The rules of Baby Buddy that the sending relies on, as the server of these tests and the real one have them.

With BABY_BUDDY_URL, BABY_BUDDY_TOKEN and BABY_BUDDY_CHILD in the environment, the same cases are tried on a real one,
in entries of the year 2001, which are deleted afterwards. docs/baby-buddy.md says how.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.history.baby_buddy.baby_buddy_api import BabyBuddyApi, RejectedError, SetUpError
from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.history.baby_buddy.pumping_entry import PumpingEntry
from tests.helpers.baby_buddy_server import CHILD, TOKEN, BabyBuddyServer

REAL = os.environ.get("BABY_BUDDY_URL")
START = datetime(2001, 3, 1, 2, 30, 0, 123456, tzinfo=UTC)


def settings(url: str, **more: Any) -> BabyBuddySettings:
    known = os.environ if url == REAL else {}
    token, child = known.get("BABY_BUDDY_TOKEN", TOKEN), int(known.get("BABY_BUDDY_CHILD", CHILD))
    return BabyBuddySettings.model_validate({"url": url, "child": child, "token": token} | more)


@pytest.fixture(params=["ours", *(["real"] if REAL else [])])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "ours":
            yield await stack.enter_async_context(BabyBuddyServer().serving())
        else:
            yield str(REAL)


@pytest.fixture
async def api(url: str) -> AsyncIterator[BabyBuddyApi]:
    async with BabyBuddyApi(settings(url)) as opened:
        yield opened
        for each in await opened.near(START):
            await opened.delete(each.id)


def entry(minutes: float = 0, **more: Any) -> PumpingEntry:
    start = START + timedelta(minutes=minutes)
    values: dict[str, Any] = {
        "start": start,
        "end": start + timedelta(minutes=25),
        "amount": 85.5,
        "notes": "L 40 mL\nletdown:abc",
        "tags": ("left", "letdown"),
    }
    return PumpingEntry(**values | more)


async def test_an_entry_comes_back_as_it_was_sent_to_the_microsecond(api: BabyBuddyApi) -> None:
    made = await api.create(entry())
    assert made.start == START
    assert (made.amount, made.notes, sorted(made.tags)) == (85.5, "L 40 mL\nletdown:abc", ["left", "letdown"])
    assert await api.entry(made.id) == made
    assert await api.near(START + timedelta(hours=23)) == [made]
    assert await api.near(START + timedelta(hours=25)) == []


async def test_an_overlap_is_rejected_and_touching_is_none(api: BabyBuddyApi) -> None:
    await api.create(entry())
    with pytest.raises(RejectedError) as caught:
        await api.create(entry(minutes=5))
    assert caught.value.fields == {"non_field_errors"}
    assert caught.value.detail
    assert "<" not in caught.value.detail
    await api.create(entry(minutes=25))
    assert len(await api.near(START)) == 2


async def test_a_start_in_the_future_is_rejected_by_its_field(api: BabyBuddyApi) -> None:
    start = datetime.now(UTC) + timedelta(days=2)
    with pytest.raises(RejectedError) as caught:
        await api.create(entry(start=start, end=start + timedelta(minutes=5)))
    assert caught.value.fields == {"start"}


@pytest.mark.parametrize("seconds", [-60, 24 * 3600 + 60])
async def test_an_end_before_the_start_or_a_day_later_is_rejected(api: BabyBuddyApi, seconds: float) -> None:
    with pytest.raises(RejectedError):
        await api.create(entry(end=START + timedelta(seconds=seconds)))


async def test_one_field_can_be_changed_and_the_rest_stays(api: BabyBuddyApi) -> None:
    made = await api.create(entry())
    changed = await api.change(made.id, {"amount": 90.0, "tags": ["right"]})
    assert changed is not None
    assert (changed.amount, changed.tags, changed.notes, changed.start) == (90, ("right",), made.notes, START)


async def test_a_change_may_not_overlap_either_but_itself_is_no_overlap(api: BabyBuddyApi) -> None:
    made = await api.create(entry())
    await api.create(entry(minutes=60))
    later = (START + timedelta(minutes=10)).isoformat()
    assert await api.change(made.id, {"start": later}) is not None
    with pytest.raises(RejectedError):
        await api.change(made.id, {"end": (START + timedelta(minutes=65)).isoformat()})


async def test_what_is_deleted_is_gone_and_can_be_deleted_again(api: BabyBuddyApi) -> None:
    made = await api.create(entry())
    await api.delete(made.id)
    await api.delete(made.id)
    assert await api.entry(made.id) is None
    assert await api.change(made.id, {"amount": 1.0}) is None


async def test_the_children_are_known_by_number_and_name(api: BabyBuddyApi, url: str) -> None:
    number, name = next(iter((await api.children()).items()))
    async with BabyBuddyApi(settings(url, child=name)) as by_name:
        assert await by_name.child() == number


@pytest.mark.parametrize("child", [987654, "nobody-here"])
async def test_an_unknown_child_is_a_matter_of_the_settings(url: str, child: int | str) -> None:
    async with BabyBuddyApi(settings(url, child=child)) as api:
        with pytest.raises(SetUpError) as caught:
            await api.near(START)
        assert caught.value.message.key == "upload_no_child"


async def test_a_wrong_token_is_a_matter_of_the_settings(url: str) -> None:
    async with BabyBuddyApi(settings(url, token="0" * 40)) as api:
        for request in (api.near(START), api.create(entry())):
            with pytest.raises(SetUpError) as caught:
                await request
            assert caught.value.message.key == "upload_not_allowed"
