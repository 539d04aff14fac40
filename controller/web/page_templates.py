"""Jinja templates, with addresses that work below any path: behind a proxy, or Home Assistant's ingress."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from controller.web.preferences import preferences_of
from controller.web.static_assets import StaticAssets, drawing_name
from controller.web.web_parts import BoardParts

_UNIT = re.compile(r"(?<=\d) (?=mmHg|mL|oz|°C|%|dBm|g\b|s\b|min\b|h\b)")
_BACKTICKS = re.compile("`([^`]+)`")
_FOLDER = Path(__file__).parent / "templates"


class PageTemplates:
    """Renders templates.

    Each has `url` (an address), `asset` (that of a file), `drawing` (that of a drawing for a side), `version` (of all
    files), what the browser prefers (`words`, `language`, `units`), and own values.
    """

    def __init__(self, assets: StaticAssets, parts: BoardParts, folder: Path = _FOLDER) -> None:
        self._assets = assets
        self.version = assets.version
        self._parts = parts
        self._jinja = _environment(folder)

    @property
    def asset_names(self) -> tuple[str, ...]:
        """The names of all files."""
        return self._assets.names

    def asset_path(self, name: str) -> str:
        """Return the path of a file, without a leading slash."""
        return self._assets.path(name)

    def language_of(self, request: Request) -> str:
        """Return the code of the language of a browser."""
        return preferences_of(request, self._parts).language

    def render(
        self, request: Request, template: str, status: int = 200, *, media_type: str = "text/html", **values: Any
    ) -> Response:
        """Answer a request with a page, or with another text that is made of a template."""

        def url(path: str = "") -> str:
            return relative_url(request.url.path, path)

        preferred = preferences_of(request, self._parts)
        text = self._jinja.get_template(template).render(
            url=url,
            asset=lambda name: url(self._assets.path(name)),
            drawing=lambda name, side="left": url(self._assets.path(drawing_name(name, side))),
            version=self.version,
            words=preferred.words,
            language=preferred.language,
            units=preferred.units,
            **values,
        )
        return Response(text, status, media_type=media_type)


@cache
def _environment(folder: Path) -> Environment:
    """Return what has compiled the templates of a folder, once for all pages of this process."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = code
    environment.filters["together"] = together
    return environment


def code(text: str) -> Markup:
    """Return a text as HTML in which what is between backticks, such as a command to type, is marked as code."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - all of the text was escaped


def together(text: str) -> str:
    """Return a text in which no line ends between a number and its unit."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def relative_url(here: str, path: str) -> str:
    """Return the address of a path from the root of the page (without a leading slash), relative to the page `here`."""
    return "../" * (here.count("/") - 1) + path or "./"
