"""`/metrics` of the page: for whoever may use the page, and nobody else."""

from __future__ import annotations

from dataclasses import replace

from tests.helpers.web_client import BEARER, LAN, Asked, client, parts_of, problem


class Text:
    content_type = "text/plain; version=0.0.4; charset=utf-8"

    async def text(self) -> bytes:
        return b"letdown_stations 1\n"


async def test_this_machine_reads_them_without_a_token() -> None:
    async with client(replace(parts_of(Asked().handle), metrics=Text())) as here:
        answer = await here.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text == "letdown_stations 1\n"


async def test_others_need_the_token() -> None:
    parts = replace(parts_of(Asked().handle), metrics=Text())
    async with client(parts, LAN, peer="192.168.1.9", base="http://192.168.1.5:8080") as there:
        assert "token" in problem(await there.get("/metrics"), 401)
        assert (await there.get("/metrics", headers=BEARER)).text == "letdown_stations 1\n"


async def test_where_they_are_off_there_is_nothing() -> None:
    async with client(parts_of(Asked().handle)) as here:
        problem(await here.get("/metrics"), 404)
