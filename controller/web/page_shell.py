"""What all pages of a station have in common: which station, in the language and the units of the browser.

Also what became of the form that led here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from controller.contract.commands import Reply
from controller.contract.words import uncertain_key
from controller.figures.figure_words import exact_milk, milk, number, total_milk
from controller.safety.message import message
from controller.web import session_view as shown
from controller.web.event_hub import StationView
from controller.web.page_commands import RecentReplies
from controller.web.page_templates import PageTemplates
from controller.web.preferences import Preferences, preferences_of
from controller.web.web_parts import WebParts


class PageShell:
    """Shows templates that extend `station_base.html`."""

    def __init__(self, parts: WebParts, templates: PageTemplates, replies: RecentReplies) -> None:
        self._parts = parts
        self._templates = templates
        self._replies = replies

    def preferred(self, request: Request) -> Preferences:
        """Return what the browser has chosen."""
        return preferences_of(request, self._parts)

    def named(self, request: Request) -> StationView:
        """Return the station that the query names, or the first one, in the words of the browser."""
        name = request.query_params.get("station") or next(iter(self._parts.hub.views))
        return self.in_its_words(request, self._parts.view(name))

    def missing(self, request: Request) -> Response:
        """Say that there is no such page, on one with Stop and Pain of the first station."""
        view = self.in_its_words(request, next(iter(self._parts.hub.views.values())))
        return self.show(request, "missing.html", view, status=404)

    def in_its_words(self, request: Request, view: StationView) -> StationView:
        """Return a station in the words of the browser, as far as they can be translated."""
        translation = self.preferred(request).translation
        if not translation.needed:
            return view
        translated = copy.copy(view)
        translated.snapshot, translated.guide = translation.snapshot(view.snapshot), translation.guide(view.guide)
        translated.uploads = translation.uploads(view.uploads)
        return translated

    def typed(self, request: Request) -> Mapping[str, str] | None:
        """Return the form that led here, if it was refused and what was typed is to be kept."""
        return self._replies.typed(request.query_params.get("reply", ""))

    def show(self, request: Request, template: str, view: StationView, *, status: int = 200, **values: Any) -> Response:
        """Show a page of a station."""
        preferred = self.preferred(request)
        words, units = preferred.words, preferred.units
        return self._templates.render(
            request,
            template,
            status,
            view=view,
            here=template.removesuffix(".html").partition("_")[0],
            several=len(self._parts.hub.views) > 1,
            installable=not request.state.caller.ingress,  # there, Home Assistant is what is installed
            notice=self._notice(request, preferred),
            clock_time=shown.clock_time,
            sentence=shown.sentence,
            number=lambda value, digits=0: number(value, words, digits),
            keyed=message,
            uncertain_key=uncertain_key,
            milk=lambda value_ml: milk(value_ml, units, words),
            total_milk=lambda volume: total_milk(volume, units, words),
            exact_milk=lambda value_ml: exact_milk(value_ml, units, words),
            **values,
        )

    def _notice(self, request: Request, preferred: Preferences) -> str:
        """Return what became of the form that led here."""
        query, words = request.query_params, preferred.words
        if (reply := self._replies.get(query.get("reply", ""))) is not None:
            return shown.reply_words(preferred.translation.reply(reply), words)
        if query.get("action") in ("stop", "pain") and query.get("outcome") in ("accepted", "failed"):
            return shown.stop_words(Reply(outcome="accepted" if query["outcome"] == "accepted" else "failed"), words)
        return ""
