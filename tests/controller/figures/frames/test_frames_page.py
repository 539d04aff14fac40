"""The page with the frames of a capture: every byte with its role, what was done beside it, and nothing that runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from controller.contract.words import load_words
from controller.figures.frames.frames_page import ROLES, frames_document, frames_style
from controller.figures.frames.frames_view import FramesView, LabelRow, NamedGroup
from devices.capture.draft import ByteRole, FrameGroup

START = FrameGroup(
    3,
    False,
    ("constant", "length", "opcode", "counter", "value", "checksum"),
    ((1000.0, bytes.fromhex("a50401000312")), (1010.0, bytes.fromhex("a50401010414"))),
    "start",
)
STATUS = FrameGroup(5, True, ("opcode", "varying"), tuple((1000.0 + n, bytes([0x81, n // 50])) for n in range(200)))
LABELS = (LabelRow(1000.2, "start", {"phase": "stimulation", "level": 3}), LabelRow(1050.0, "see", {"celsius": 38.0}))
VIEW = FramesView(
    "btsnoop_hci.log · <b>Moon</b>",
    (NamedGroup(START, "0xFFF1", ("", "", "", "", "level", "")), NamedGroup(STATUS, None, ("", ""))),
    LABELS,
    ("Packets are missing.",),
)


class Checker(HTMLParser):
    """Notes every tag, and that each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(view: FramesView = VIEW, language: str = "en") -> str:
    return frames_document(view, load_words(language), "main {}")


def test_it_needs_nothing_else_and_nothing_in_it_runs() -> None:
    checker = Checker()
    checker.feed(page())
    assert checker.open == []
    names = {tag for tag, _ in checker.tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "a", "form"})
    assert not any(name.startswith("on") or name in ("src", "href") for _, attrs in checker.tags for name in attrs)
    assert "url(" not in frames_style()


def test_what_others_wrote_is_no_html() -> None:
    assert "&lt;b&gt;Moon&lt;/b&gt;" in page()
    assert "<b>Moon" not in page()


def test_every_byte_has_its_role_and_every_role_a_letter_and_a_line() -> None:
    text = page()
    for role, octet in zip(START.roles, START.frames[0][1], strict=True):
        assert f'<td class="octet r-{role}">{octet:02x}</td>' in text
    assert get_args(ByteRole) == ROLES
    letters = [load_words("en").frames[f"letter_{role}"] for role in ROLES]
    assert len(set(letters)) == len(ROLES)
    for role in ROLES:
        rule = re.search(rf"\.r-{role} {{([^}}]*)}}", frames_style())
        assert rule is not None
        assert role == "constant" or "border-block" in rule[1] or "underline" in rule[1]


def test_names_of_values_are_above_their_bytes() -> None:
    assert '<th scope="colgroup" colspan="1">level</th>' in page()
    both = NamedGroup(STATUS, None, ("level", "level"))
    assert '<th scope="colgroup" colspan="2">level</th>' in page(FramesView("x", (both,)))


def test_what_was_done_is_beside_what_the_app_sent_for_it() -> None:
    done = page().split('<ol class="done">')[1].split("</ol>")[0]
    start, seen = done.split("<p>")[1:]
    assert "start: phase stimulation, level 3" in start
    assert start.count("<code>") == 1  # what came ten seconds later belongs to nothing
    assert "shown: celsius 38<" in seen
    assert "nothing sent" in seen


def test_repeated_frames_are_counted_and_of_many_the_first_are_shown() -> None:
    text = page()
    assert text.count("\N{MULTIPLICATION SIGN}50") == 4
    frames = tuple((1000.0 + n, bytes([n])) for n in range(100))
    many = NamedGroup(FrameGroup(5, True, ("varying",), frames), None, ("",))
    assert "60 of 100 frames are shown" in page(FramesView("x", (many,)))


def test_problems_and_an_empty_capture_are_said() -> None:
    assert "Packets are missing." in page()
    assert "There are no frames in this capture." in page(FramesView("x", ()))


@pytest.mark.parametrize(("language", "said"), [("en", "not understood"), ("de", "nicht verstanden")])
def test_it_is_in_the_language_that_was_asked_for(language: str, said: str) -> None:
    assert f'<html lang="{language}">' in page(language=language)
    assert said in page(language=language)


def test_the_look_is_that_of_the_page() -> None:
    own = set(re.findall(r"var\((--[a-z]+),", frames_style()))
    root = Path(__file__).parents[4]
    assert all(f"{name}:" in (root / "controller/web/static/page.css").read_text(encoding="utf-8") for name in own)
    assert {"--card", "--soft", "--line"} <= own
