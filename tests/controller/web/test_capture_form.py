"""A capture that is uploaded on the page: read part by part, shown as a page that can do nothing, and not kept."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from controller.contract.capture_pages import CaptureRefusedError, UploadProblem
from controller.contract.events import SessionState, Snapshot
from controller.web.file_upload import uploaded_file
from controller.web.problems import ProblemError
from controller.web.web_parts import WebParts
from tests.helpers.home import words
from tests.helpers.web_client import client
from tests.helpers.web_pages import Markup, page, parts

PAGE = "<!doctype html><title>frames</title>"
BOUNDARY = "----WebKitFormBoundaryabc123"


class AskedPages:
    """Notes what was uploaded, and answers with a page or a refusal."""

    def __init__(self, problem: UploadProblem | None = None) -> None:
        self.problem = problem
        self.content = b""
        self.language = ""

    async def page(self, content: AsyncIterator[bytes], language: str) -> str:
        if self.problem is not None:
            raise CaptureRefusedError(self.problem, "<b>no capture</b>")
        self.content = b"".join([part async for part in content])
        self.language = language
        return PAGE


def made(pages: AskedPages | None, language: str = "en", **more: object) -> WebParts:
    return replace(parts(language=language, **more), captures=pages)  # type: ignore[arg-type]


async def test_the_form_is_there_where_captures_can_be_shown() -> None:
    text = await page(made(AskedPages()), "/add-device")
    (form,) = [each for each in Markup(text).all("form") if each.get("enctype") == "multipart/form-data"]
    assert urljoin("/add-device", form["action"]) == "/capture"
    assert form["target"] == "_blank"  # the page with Stop stays open
    assert "My device is not in the list" in text
    assert 'type="file"' not in await page(made(None), "/add-device")


@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_capture_is_shown_as_a_page_that_can_do_nothing(language: str) -> None:
    pages = AskedPages()
    content = b"btsnoop\0\r\n--" + bytes(range(256)) * 50
    async with client(made(pages, language)) as here:
        answer = await here.post("/capture", files={"capture": ("../x.log", content)})
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert pages.content == content
    assert pages.language == language
    (policy,) = answer.headers.get_list("content-security-policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; form-action 'none'")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("problem", ["busy", "large", "slow", "unreadable"])
async def test_a_refusal_is_said_on_the_page_that_led_here(problem: UploadProblem) -> None:
    here_parts = made(AskedPages(problem))
    async with client(here_parts) as here:
        answer = await here.post("/capture", files={"capture": b"x"})
        assert answer.status_code == 303
        shown = await here.get(urljoin("/capture", answer.headers["location"]))
    said = words().frames[f"upload_{problem}"].partition("{")[0].replace('"', "&#34;")
    assert said in shown.text
    assert "<b>no capture" not in shown.text


async def test_nothing_is_read_during_a_session() -> None:
    pages = AskedPages()
    running = Snapshot(station="home", state=SessionState.RUNNING)
    async with client(replace(parts(None, running), captures=pages)) as here:
        answer = await here.post("/capture", files={"capture": b"x"})
    assert answer.status_code == 303
    assert pages.language == ""


async def test_what_is_no_form_with_a_file_is_refused() -> None:
    async with client(made(AskedPages())) as here:
        assert (await here.post("/capture", content=b"x")).status_code == 415
        cut = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        assert (await here.post("/capture", content=b"--no end", headers=cut)).status_code == 400
    async with client(made(None)) as here:
        assert (await here.post("/capture", files={"capture": b"x"})).status_code == 404


def request(chunks: list[bytes]) -> Request:
    left = list(chunks)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": left.pop(0) if left else b"", "more_body": bool(left)}

    kind = f"multipart/form-data; boundary={BOUNDARY}".encode()
    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}, receive)


@given(st.binary(max_size=300), st.lists(st.integers(0, 600), max_size=8))
async def test_the_content_is_the_same_however_the_form_is_cut_into_pieces(content: bytes, cuts: list[int]) -> None:
    head = b'Content-Disposition: form-data; name="capture"; filename="a"\r\n\r\n'
    form = f"--{BOUNDARY}\r\n".encode() + head + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    places = sorted({0, len(form), *(each % len(form) for each in cuts)})
    pieces = [form[begin:end] for begin, end in itertools.pairwise(places)]
    assert b"".join([part async for part in uploaded_file(request(pieces))]) == content


async def test_a_head_without_end_is_refused_and_not_held() -> None:
    with pytest.raises(ProblemError):
        _ = [part async for part in uploaded_file(request([b"x" * 5000] * 3))]


def test_every_problem_has_a_text() -> None:
    assert {each for each in words().frames if re.fullmatch(r"upload_(busy|large|session|slow|unreadable)", each)} == {
        f"upload_{each}" for each in ("busy", "large", "session", "slow", "unreadable")
    }
