"""Signing in a phone with a one-time link."""

from __future__ import annotations

import re

import pytest

from controller.web.access_token import AccessToken
from controller.web.web_settings import WebSettings
from tests.helpers.web_client import LAN, TOKEN, Asked, client, parts_of, problem

BASE = "http://192.168.1.5:8080"
TLS = WebSettings(host="192.168.1.5", certificate="a.pem", key="b.pem")


async def test_a_link_signs_a_browser_in_once() -> None:
    token = AccessToken(TOKEN)
    code = token.link_code()
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base=BASE, token=token) as phone:
        for _ in range(3):  # a preview of the link uses nothing up
            page = await phone.get(f"/sign-in?code={code}")
            assert page.status_code == 200
        (shown,) = re.findall(r'name="code" value="([^"]+)"', page.text)
        answer = await phone.post("/sign-in", data={"code": shown}, headers={"origin": BASE})
        assert (answer.status_code, answer.headers["location"]) == (303, "./")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie
        assert TOKEN not in cookie
        assert (await phone.get("/")).status_code == 200
        assert (await phone.get("/api/v1/about")).status_code == 200
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.10", base=BASE, token=token) as other:
        answer = await other.post("/sign-in", data={"code": code})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert "letdown web link" in answer.text
        problem(await other.get("/api/v1/about"), 401)


async def test_over_tls_the_cookie_is_for_tls_alone() -> None:
    token = AccessToken(TOKEN)
    async with client(
        parts_of(Asked().handle), TLS, peer="192.168.1.9", base="https://192.168.1.5:8080", token=token
    ) as phone:
        answer = await phone.post("/sign-in", data={"code": token.link_code()})
        assert answer.headers["set-cookie"].startswith("__Host-letdown-")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert (await phone.get("/api/v1/about")).status_code == 200


@pytest.mark.parametrize("code", ["", "x", TOKEN, "<script>alert(1)</script>", "a" * 20_000])
async def test_what_is_no_code_gets_no_cookie_and_is_shown_as_text(code: str) -> None:
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base=BASE) as other:
        answer = await other.post("/sign-in", data={"code": code})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert "<script" not in (await other.get("/sign-in", params={"code": code[:1000]})).text


async def test_wrong_codes_are_limited_and_right_ones_never() -> None:
    token = AccessToken(TOKEN)
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base=BASE, token=token) as other:
        statuses = [(await other.post("/sign-in", data={"code": "x"})).status_code for _ in range(12)]
        assert statuses == [403] * 10 + [429] * 2
        assert (await other.post("/sign-in", data={"code": token.link_code()})).status_code == 303


async def test_a_page_of_another_site_cannot_sign_a_browser_in() -> None:
    token = AccessToken(TOKEN)
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base=BASE, token=token) as phone:
        evil = {"origin": "https://evil.example"}
        problem(await phone.post("/sign-in", data={"code": token.link_code()}, headers=evil), 403)
