"""Pages as a browser without script gets them: their parts, their markup, and what every one of them must keep."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from controller.contract.words import languages
from controller.web.web_parts import WebParts
from tests.helpers.home import words
from tests.helpers.web_client import Asked, client, parts_of

EVIL = '<script>alert("x")</script>'
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Markup(HTMLParser):
    """All elements of a page, and whether every one is closed."""

    VOID = frozenset({"meta", "link", "img", "input", "br", "line", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is not the one that is open"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def parts(asked: Asked | None = None, *items: Any, language: str = "en", **more: Any) -> WebParts:
    """Return the parts of a page in a language, which has taken in these items of the stream."""
    made = parts_of((asked or Asked()).handle, **more)
    about = made.about.model_copy(update={"language": language})
    for item in items:
        made.hub.watch(item)
    translations = {code: words(code) for code in languages()}
    return replace(made, words=words(language), about=about, translations=translations)


async def page(made: WebParts, path: str = "/", cookies: dict[str, str] | None = None) -> str:
    """Return a page, checked."""
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())}
    async with client(made) as here:
        answer = await here.get(path, headers=headers if cookies else {})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    check(answer.text)
    return answer.text


def check(text: str) -> None:
    """Hold what every page must keep: closed elements, no inline script or style, relative addresses, labels."""
    markup = Markup(text)
    assert markup.open == []
    assert markup.all("style") == []
    ids = [attributes["id"] for _, attributes in markup.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name, attributes in markup.elements:
        assert not {each for each in attributes if each.startswith("on") or each == "style"}, (name, attributes)
        for key in ("href", "src", "action"):
            assert not re.match(r"/|\w+:", attributes.get(key) or "x"), (name, attributes)
    for image in markup.all("img"):
        assert "alt" in image
        assert {"width", "height"} <= set(image)
    assert len(markup.all("h1")) == 1
