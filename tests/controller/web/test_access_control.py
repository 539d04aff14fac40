"""Who may do what: on this machine, in the network, behind Home Assistant, and from a page of another site."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from controller.contract.events import Snapshot
from controller.web.access_control import PUBLIC_PATHS, cookie_name
from controller.web.access_token import AccessToken
from controller.web.caller import own_names
from controller.web.problems import ProblemError
from controller.web.role_tokens import RoleTokens
from controller.web.static_assets import StaticAssets, drawings
from controller.web.web_app import web_app
from controller.web.web_settings import WebSettings
from tests.helpers.web_client import BEARER, LAN, LOCAL, TOKEN, Asked, client, parts_of, problem

STATIC = Path(__file__).parents[3] / "controller/web/static"
INGRESS = WebSettings(host="0.0.0.0", ingress="172.30.32.2")
STOP, STATE = "/api/v1/stations/home/stop", "/api/v1/stations/home"
BASE = "http://192.168.1.5:8080"
EVERY_PATH = [
    "/",
    "/static/x.js",
    "/api/v1/openapi.json",
    "/nothing",
    "/sign-in/",
    "/api/v1/health/",
    "//api/v1/health",
    *(f"/api/v1/{each}" for each in ("stations", "devices", "routines", "questions", "features", "languages", "about")),
    STATE,
    f"{STATE}/events",
]


# On this machine


async def test_this_machine_needs_no_token() -> None:
    async with client(parts_of(Asked().handle)) as here:
        assert (await here.get(STATE)).status_code == 200
        assert (await here.post(STOP)).status_code == 200


@pytest.mark.parametrize(
    ("peer", "base", "headers"),
    [
        ("192.168.1.9", "http://localhost:8080", {}),
        ("192.168.1.9", "http://127.0.0.1:8080", {}),
        ("127.0.0.1", "http://localhost:8080", {"x-forwarded-for": "192.168.1.9"}),
        ("127.0.0.1", "http://localhost:8080", {"forwarded": "for=192.168.1.9"}),
        ("127.0.0.1", "http://localhost:8080", {"via": "1.1 proxy"}),
    ],
)
async def test_what_only_seems_to_be_this_machine_needs_the_token(
    peer: str, base: str, headers: dict[str, str]
) -> None:
    async with client(parts_of(Asked().handle), peer=peer, base=base, headers=headers) as other:
        problem(await other.get(STATE), 401)


async def test_a_page_that_is_reachable_from_the_network_asks_this_machine_too() -> None:
    settings = WebSettings(host="0.0.0.0")
    async with client(parts_of(Asked().handle), settings) as here:
        problem(await here.get(STATE), 401)


# The token


@pytest.mark.parametrize("path", EVERY_PATH)
async def test_nothing_is_readable_without_the_token(path: str) -> None:
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base=BASE) as other:
        answer = await other.get(path)
        assert "home" not in problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        problem(await other.post(path), 401)


async def test_without_the_token_health_says_only_that_it_runs() -> None:
    assert frozenset({"/api/v1/health", "/sign-in"}) == PUBLIC_PATHS
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base=BASE) as other:
        answer = await other.get("/api/v1/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert (await other.head("/api/v1/health")).status_code == 200


async def test_without_the_token_the_page_that_signs_in_has_its_looks_and_nothing_else_became_readable() -> None:
    made = parts_of(Asked().handle)
    assets = StaticAssets({"": STATIC}, drawings())
    public = {f"/{assets.path(name)}" for name in ("page.css", "icon.svg")}
    async with client(made, LAN, peer="192.168.1.9", base=BASE) as other:
        shown = (await other.get("/sign-in")).text
        named = set(re.findall(r'(?:href|src)="([^"]+)"', shown))
        assert {urljoin("/sign-in", each) for each in named} == public
        for name in assets.names:
            path = f"/{assets.path(name)}"
            answer = await other.get(path)
            assert (answer.status_code == 200) is (path in public), path
        for path in public:
            assert "home" not in (await other.get(path)).text
            for near in (f"{path}/", f"/{path}", path.upper(), f"{path}/../page.js"):
                assert (await other.get(near)).status_code in (401, 404), near
            problem(await other.post(path), 405)
            assert (await other.get(path, headers={"host": "evil.example"})).status_code == 421
        for route in web_app(made, LAN, RoleTokens.of(AccessToken(TOKEN)))._app.routes:
            path = re.sub(r"\{[^}]+\}", "home", route.path)
            if path not in PUBLIC_PATHS:
                assert (await other.get(path)).status_code == 401, path


@pytest.mark.parametrize(
    "authorization",
    [
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN} {TOKEN}",
        "Bearer {cookie}",
    ],
)
async def test_a_wrong_token_is_refused(authorization: str) -> None:
    authorization = authorization.format(cookie=AccessToken(TOKEN).cookie())
    asked = Asked()
    async with client(parts_of(asked.handle), LAN, peer="192.168.1.9", base=BASE) as other:
        problem(await other.post(STOP, headers={"authorization": authorization}), 401)
    assert asked.actions == []


async def test_the_token_opens_everything_as_bearer_and_as_cookie() -> None:
    asked, token = Asked(), AccessToken(TOKEN)
    async with client(parts_of(asked.handle), LAN, peer="192.168.1.9", base=BASE, token=token) as other:
        assert (await other.get(STATE, headers=BEARER)).status_code == 200
        cookie = {"cookie": f"theme=dark; {cookie_name(LAN, 8080)}={token.cookie()}"}
        assert (await other.post(STOP, headers=cookie)).status_code == 200
        problem(await other.post(STOP, headers={"cookie": f"{cookie_name(LAN, 8081)}={token.cookie()}"}), 401)


async def test_wrong_tokens_are_limited_and_right_ones_never() -> None:
    asked = Asked()
    async with client(parts_of(asked.handle), LAN, peer="192.168.1.9", base=BASE) as other:
        for _ in range(10):
            problem(await other.post(STOP, headers={"authorization": "Bearer no"}), 401)
        answer = await other.post(STOP, headers={"authorization": "Bearer no"})
        assert "too many" in problem(answer, 429)
        assert answer.headers["retry-after"] == "60"
        for _ in range(100):
            assert (await other.post(STOP, headers=BEARER)).status_code == 200
    assert asked.actions == ["stop"] * 100


@pytest.mark.parametrize(("path", "location"), [("/", "sign-in"), ("/stations/home", "../sign-in")])
async def test_a_browser_without_the_token_is_told_what_it_needs(path: str, location: str) -> None:
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base=BASE) as phone:
        answer = await phone.get(path, headers={"accept": "text/html,*/*;q=0.8"})
        assert (answer.status_code, answer.headers["location"]) == (303, location)
        shown = await phone.get("/sign-in", headers={"accept": "text/html"})
        assert "letdown web link" in shown.text
        assert "home" not in shown.text
        problem(await phone.get("/api/v1/stations", headers={"accept": "text/html"}), 401)


# Names: DNS rebinding


@pytest.mark.parametrize(
    "host", ["evil.example", "192.168.1.5.nip.io", "localhost.evil.example", "192.168.1.6", "xn--l-hga.example"]
)
async def test_a_name_that_is_not_ours_is_refused_even_with_the_token(host: str) -> None:
    asked = Asked()
    for settings, peer in ((LOCAL, "127.0.0.1"), (LAN, "192.168.1.9")):
        async with client(parts_of(asked.handle), settings, peer=peer, base=f"http://{host}:8080") as other:
            assert "allowed_hosts" in problem(await other.get(STATE, headers=BEARER), 421)
            problem(await other.post(STOP, headers=BEARER), 421)
            problem(await other.get("/api/v1/health"), 421)
    assert asked.actions == []


async def test_a_browser_at_a_name_that_is_not_ours_is_shown_why_in_a_page_that_loads_nothing() -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}
    async with client(parts_of(Asked().handle), LAN, peer="192.168.1.9", base="http://pump.elsewhere:8080") as phone:
        answer = await phone.get("/", headers=browser)
        assert (answer.status_code, answer.headers["content-type"]) == (421, "text/html; charset=utf-8")
        assert "allowed_hosts" in answer.text
        assert "use its own button" in answer.text
        assert not re.search("href|src|style|home|elsewhere", answer.text)
        problem(await phone.get("/api/v1/stations", headers=browser), 421)
        problem(await phone.post("/", headers=browser), 421)


async def test_the_words_of_a_refusal_are_text_in_its_page() -> None:
    answer = ProblemError(400, "<b>no</b>").page()
    assert b"<p>&lt;b&gt;no&lt;/b&gt;.</p>" in answer.body


@pytest.mark.parametrize("host", ["192.168.1.5", "pump.example.org", "PUMP.example.org.", *own_names(), "127.0.0.1"])
async def test_our_own_names_are_accepted(host: str) -> None:
    settings = LAN.model_copy(update={"allowed_hosts": ("pump.example.org",)})
    async with client(parts_of(Asked().handle), settings, peer="192.168.1.9", base=f"http://{host}") as other:
        assert (await other.get(STATE, headers=BEARER)).status_code == 200


@pytest.mark.parametrize("host", ["", "a b", "localhost:x", "localhost:8080:1", "user@localhost", "[::1", "[x]", "/"])
async def test_a_host_that_is_none_is_refused(host: str) -> None:
    async with client(parts_of(Asked().handle)) as here:
        problem(await here.get(STATE, headers={"host": host}), 400)


async def test_two_hosts_are_refused() -> None:
    async with client(parts_of(Asked().handle)) as here:
        problem(await here.get(STATE, headers=[("host", "localhost"), ("host", "evil.example")]), 400)


# Pages of other sites


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "http://localhost:8080.evil.example"},
        {"origin": "file://"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost:8080"},
        {"referer": "https://evil.example/page"},
    ],
)
async def test_a_page_of_another_site_can_neither_change_nor_read_anything(headers: dict[str, str]) -> None:
    asked = Asked()
    async with client(parts_of(asked.handle)) as browser:
        for path in (STOP, "/api/v1/stations/home/pain", "/api/v1/stations/home/commands", "/sign-in"):
            problem(await browser.post(path, headers=headers, json={"action": "start"}), 403)
        if "referer" not in headers:
            problem(await browser.get(f"{STATE}/events", headers=headers), 403)
            problem(await browser.get(STATE, headers=headers), 403)
    assert asked.actions == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:8080"},
        {"origin": "http://localhost:8080", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"referer": "http://localhost:8080/"},
        {},
    ],
)
async def test_the_page_itself_and_programs_may(headers: dict[str, str]) -> None:
    async with client(parts_of(Asked().handle)) as browser:
        assert (await browser.post(STOP, headers=headers)).status_code == 200
        assert (await browser.get(STATE, headers=headers)).status_code == 200


async def test_a_link_on_another_site_leads_to_the_page() -> None:
    async with client(parts_of(Asked().handle)) as browser:
        answer = await browser.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
        assert answer.status_code == 200


# Behind Home Assistant


FORWARDED = {
    "x-ingress-path": "/api/hassio_ingress/aBc-_9",
    "x-remote-user-id": "5f0c",
    "x-forwarded-host": "ha.local:8123",
    "x-forwarded-for": "192.168.1.9",
}


async def test_the_ingress_needs_no_token_and_is_trusted_only_from_its_address() -> None:
    asked, base = Asked(), "http://a0d7-letdown:8099"
    async with client(parts_of(asked.handle), INGRESS, peer="172.30.32.2", base=base, headers=FORWARDED) as ingress:
        assert (await ingress.post(STOP, headers={"origin": "https://ha.local:8123"})).status_code == 200
        problem(await ingress.post(STOP, headers={"origin": "https://evil.example"}), 403)
        assert (await ingress.get(STATE)).status_code == 200
    for peer in ("172.30.32.3", "192.168.1.9", "127.0.0.1"):
        async with client(
            parts_of(asked.handle), INGRESS, peer=peer, base="http://127.0.0.1:8099", headers=FORWARDED
        ) as other:
            problem(await other.post(STOP), 401)
    for settings in (LOCAL, LAN):
        async with client(
            parts_of(asked.handle), settings, peer="172.30.32.2", base="http://127.0.0.1:8099", headers=FORWARDED
        ) as other:
            problem(await other.post(STOP), 401)
    assert asked.actions == ["stop"]


# Headers


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", STATE), ("GET", "/nothing"), ("POST", STOP)])
async def test_every_answer_has_the_headers_that_keep_other_pages_out(method: str, path: str) -> None:
    async with client(parts_of(Asked().handle)) as here:
        answer = await here.request(method, path)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["frame-ancestors"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers


async def test_an_error_of_the_program_is_answered_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    parts = parts_of(Asked().handle)
    parts.hub.views["home"] = Broken(Snapshot(station="home"))  # type: ignore[assignment]
    async with client(parts) as here:
        assert "secret" not in problem(await here.get("/api/v1/stations"), 500)
    assert "secret" in caplog.text


class Broken:
    def __init__(self, snapshot: Snapshot) -> None:
        self.kept = snapshot

    @property
    def snapshot(self) -> Snapshot:
        raise RuntimeError("a secret")


async def test_an_unknown_peer_is_not_this_machine() -> None:
    from controller.web.web_app import web_app

    app = web_app(parts_of(Asked().handle), LOCAL, RoleTokens.of(AccessToken(TOKEN)))

    async def without_peer(scope, receive, send):  # type: ignore[no-untyped-def]
        await app({**scope, "client": None, "server": None}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(without_peer), base_url="http://localhost") as nobody:
        problem(await nobody.get(STATE), 401)
