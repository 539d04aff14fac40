"""What a device needs to put the page on its home screen: manifest, icons, worker, and the page without contact."""

from __future__ import annotations

import re
import struct

import httpx
import pytest

from controller.contract.words import languages
from controller.web.access_control import CONTENT_SECURITY_POLICY
from controller.web.web_settings import WebSettings
from tests.helpers.web_client import Asked, client, parts_of


async def got(path: str, settings: WebSettings = WebSettings(port=0), **more: str) -> httpx.Response:  # noqa: B008
    async with client(parts_of(Asked().handle), settings, headers=more) as here:
        answer = await here.get(path)
    assert answer.status_code == 200
    return answer


async def test_the_icons_of_the_manifest_have_the_sizes_that_it_says() -> None:
    manifest = (await got("/manifest.webmanifest")).json()
    assert {each["purpose"] for each in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        answer = await got("/" + icon["src"])
        assert answer.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            assert answer.content.startswith(b"\x89PNG\r\n")
            assert "{}x{}".format(*struct.unpack(">2I", answer.content[16:24])) == icon["sizes"]


async def test_the_worker_is_another_one_when_a_file_or_a_word_is_another_one() -> None:
    first = await got("/service-worker.js")
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["cache-control"] == "no-store"
    assert (await got("/service-worker.js")).text == first.text
    version = re.search(r'name="letdown-version" content="([0-9a-f]+)"', (await got("/")).text)
    assert version is not None
    assert f"{version[1]}-" in first.text
    files = re.search(r"new Set\((\[.*?\])", first.text)
    assert files is not None
    assert set(re.findall(r'"([^"]+)"', files[1])) >= set(re.findall(r'"(static/[^"]+)"', (await got("/")).text))
    assert not re.search(r'"[^"]*(api/|do/|\?)', files[1])


async def test_the_page_without_contact_says_what_to_do_and_asks_for_nothing() -> None:
    text = (await got("/no-contact")).text
    assert "use the pump&#39;s own button" in text
    assert "<form" not in text
    assert "<script" not in text
    assert 'content="5;url=./"' in text


def test_the_policy_allows_the_worker_and_the_manifest_of_the_page_alone() -> None:
    allowed = dict(each.split(" ", 1) for each in CONTENT_SECURITY_POLICY.split("; "))
    assert allowed["worker-src"] == allowed["manifest-src"] == allowed["script-src"] == "'self'"
    assert allowed["default-src"] == "'none'"


async def test_behind_the_ingress_no_worker_is_installed() -> None:
    assert "data-worker" in (await got("/")).text
    settings = WebSettings(port=0, ingress="127.0.0.1")
    text = (await got("/", settings, **{"x-ingress-path": "/api/hassio_ingress/abc"})).text
    assert "data-worker" not in text


@pytest.mark.parametrize("language", languages())
def test_it_is_said_in_every_language(language: str) -> None:
    from controller.contract.words import load_words

    web = load_words(language).web
    assert "{time}" in web["stop_arrived"]
    assert "https" in web["screen_goes_dark"]
