"""The pages: what to do now with Stop and Pain, for each station; devices, settings, history. None needs a script."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from controller.contract.comfort import COMFORT_DECISIONS, ComfortAdvice, ComfortDecision, may_raise
from controller.contract.device_setup import FoundDevice, SetupView
from controller.contract.pictures import shown_picture
from controller.contract.session_record import HistoryError
from controller.contract.words import Words
from controller.figures.comfort_sentences import learned_sentences, suggested_sentences, usual_sentences
from controller.safety.limits import AUTOMATIC_VACUUM_MMHG, FIRST_EXPRESSION_VACUUM_MMHG
from controller.web import device_view as of_devices
from controller.web import session_view as shown
from controller.web.board_routes import board_page
from controller.web.capture_form import add_capture_form
from controller.web.comfort_raise import comfort_cap_of, seen_of
from controller.web.device_forms import add_device_forms
from controller.web.event_hub import StationView
from controller.web.history_pages import HistoryPages, add_history_pages
from controller.web.page_commands import RecentReplies, add_page_commands
from controller.web.page_shell import PageShell
from controller.web.page_templates import PageTemplates
from controller.web.problems import ProblemError
from controller.web.web_parts import WebParts
from devices.roles import Side


class Pages:
    """Renders the pages from the latest items of each station."""

    def __init__(self, parts: WebParts, templates: PageTemplates, shell: PageShell, history: HistoryPages) -> None:
        self._parts = parts
        self._templates = templates
        self._shell = shell
        self._history = history

    async def session(self, request: Request) -> Response:
        """Show the station that the query names; the only one; or all of them."""
        name = request.query_params.get("station")
        views = self._parts.hub.views
        if name is None and len(views) != 1:
            return await board_page(request, self._parts, self._templates)
        as_published = self._parts.view(name if name is not None else next(iter(views)))
        view = self._shell.in_its_words(request, as_published)
        words = self._shell.preferred(request).words
        defaults = view.start_defaults
        routine = defaults.routine if defaults else "classic"
        cards = shown.cards(self._parts.about, routine, words.code)
        picture, side = shown_picture(view.guide, view.snapshot)
        return self._shell.show(
            request,
            "session.html",
            view,
            picture=picture,
            side=side,
            warned=shown.is_in_warnings(as_published.guide, as_published.snapshot, self._parts.words),
            steps=shown.progress(view.snapshot, words),
            limits=shown.limits_of(view.snapshot, words),
            pumps=shown.pumps(view),
            warmers=shown.warmers(view),
            let_down_ago=shown.let_down_ago_seconds(view),
            cards=cards,
            routine_names={card.id: card.name for card in cards},
            routine=routine,
            start_side=defaults.side if defaults else Side.BOTH,
            comfort=defaults.comfort_vacuum_mmhg if defaults else None,
            kept=await self._history.latest(view),
        )

    def devices(self, request: Request) -> Response:
        """Show the devices of a station."""
        view, words = self._shell.named(request), self._shell.preferred(request).words
        found = of_devices.device_cards(view, self._parts.about, words)
        can_add, can_test = self._parts.setup is not None, self._parts.tester is not None
        return self._shell.show(request, "devices.html", view, devices=found, can_add=can_add, can_test=can_test)

    def add_device(self, request: Request) -> Response:
        """Show the search for devices, what it found, and what is asked about one of them."""
        view, setup = self._shell.named(request), self._parts.setup
        scan = SetupView() if setup is None else setup.view
        chosen = next((each for each in scan.found if each.id == request.query_params.get("device")), None)
        refusal = None if setup is None else setup.refusal()
        return self._shell.show(
            request,
            "add_device.html",
            view,
            scan=scan,
            chosen=chosen if chosen is not None and chosen.configured_as is None else None,
            profile=_profile_of(chosen, request.query_params.get("profile")),
            can_add=setup is not None,
            can_show=self._parts.captures is not None,
            refusal=refusal,
            why=scan.why,
        )

    def test_device(self, request: Request) -> Response:
        """Show the test of a device: what it is, and its steps."""
        view, name = self._shell.named(request), request.query_params.get("device", "")
        if name not in view.devices:
            raise ProblemError(404, "there is no device of that name at this station")
        words, test = self._shell.preferred(request).words, view.device_test
        if test is not None and test.device != name and test.state != "running":
            test = None
        lines = of_devices.trial_lines(test, words) if test is not None else []
        can_test = self._parts.tester is not None
        return self._shell.show(
            request, "test_device.html", view, device=name, test=test, lines=lines, can_test=can_test
        )

    async def settings(self, request: Request) -> Response:
        """Show what can be set here (cap, start, language, units), today's limits, and what Baby Buddy did not take."""
        view, words = self._shell.named(request), self._shell.preferred(request).words
        return self._shell.show(
            request,
            "settings.html",
            view,
            defaults=view.start_defaults,
            comfort=comfort_cap_of(self._parts, view.snapshot.station),
            comfort_unset=of_devices.lacks_comfort_cap(view.limits),
            before_cap={"first": f"{FIRST_EXPRESSION_VACUUM_MMHG:g}", "before": f"{AUTOMATIC_VACUUM_MMHG:g}"},
            cards=shown.cards(self._parts.about, "", words.code),
            learned=list(learned_sentences(view.comfort, words)) if view.comfort else (),
            suggested=list(suggested_sentences(view.comfort, words)) if view.comfort else (),
            usual=list(usual_sentences(view.comfort, words)) if view.comfort else (),
            uploads=await self._open_uploads(view.snapshot.station, words),
            limits=of_devices.limit_lines(view.limits.limits if view.limits else (), words),
            budgets=of_devices.budget_lines(view.limits.budgets if view.limits else (), words),
            languages={code: each.language for code, each in self._parts.translations.items()},
            server_language=self._parts.words.language if words.code != self._parts.words.code else None,
        )

    async def confirm(self, request: Request) -> Response:
        """Ask once more before a limit is raised, or before suction may begin higher."""
        view, asked = self._shell.named(request), request.query_params.get("what")
        what = next((each for each in COMFORT_DECISIONS if each == asked), None)
        if view.comfort is not None and what is not None:
            return await self._confirm_decision(request, view, view.comfort, what)
        cap = comfort_cap_of(self._parts, view.snapshot.station)
        try:
            wanted = cap.raised_to(float(request.query_params.get("comfort", "").replace(",", ".")))
        except ValueError:
            wanted = None
        if wanted is None or view.start_defaults is None:
            return await self.settings(request)
        return self._shell.show(request, "confirm.html", view, wanted=wanted, now=cap.now)

    async def _confirm_decision(
        self, request: Request, view: StationView, advice: ComfortAdvice, what: ComfortDecision
    ) -> Response:
        if not may_raise(advice, what) or (what == "accept" and not advice.suggestions):
            return await self.settings(request)
        sentences = suggested_sentences if what == "accept" else learned_sentences
        lines = list(sentences(advice, self._shell.preferred(request).words))
        return self._shell.show(request, "confirm_comfort.html", view, what=what, lines=lines, seen=seen_of(advice))

    async def _open_uploads(self, station: str, words: Words) -> list[shown.OpenUpload]:
        """Return the sessions that were not sent to Baby Buddy; none while the history cannot be read."""
        if self._parts.uploads is None:
            return []
        try:
            found = await self._parts.uploads.uploads(station)
        except HistoryError:
            return []
        return shown.open_uploads(found, words)


def _profile_of(chosen: FoundDevice | None, profile: str | None) -> Any:
    """Return the profile of a device that was chosen; the only one that fits; or `None`: it is to be chosen."""
    if chosen is None:
        return None
    if len(chosen.profiles) == 1:
        return chosen.profiles[0]
    return next((each for each in chosen.profiles if each.id == profile), None)


def add_pages(router: APIRouter, parts: WebParts, templates: PageTemplates, *, secure: bool = False) -> PageShell:
    """Add the pages. They are no part of the API's document. `secure`: served over https. Return what they share."""
    replies = RecentReplies()
    shell = PageShell(parts, templates, replies)
    history = HistoryPages(parts, shell)
    pages = Pages(parts, templates, shell, history)
    add_page_commands(router, parts, replies, secure=secure)
    add_device_forms(router, parts, replies)
    add_capture_form(router, parts, replies, shell)
    add_history_pages(router, history)

    @router.get("/", include_in_schema=False)
    async def session(request: Request) -> Response:
        return await pages.session(request)

    @router.get("/stations", include_in_schema=False)
    async def stations(request: Request) -> Response:
        return await board_page(request, parts, templates)

    @router.get("/devices", include_in_schema=False)
    async def devices(request: Request) -> Response:
        return pages.devices(request)

    @router.get("/add-device", include_in_schema=False)
    async def add_device(request: Request) -> Response:
        return pages.add_device(request)

    @router.get("/test-device", include_in_schema=False)
    async def test_device(request: Request) -> Response:
        return pages.test_device(request)

    @router.get("/settings", include_in_schema=False)
    async def settings(request: Request) -> Response:
        return await pages.settings(request)

    @router.get("/confirm", include_in_schema=False)
    async def confirm(request: Request) -> Response:
        return await pages.confirm(request)

    return shell
