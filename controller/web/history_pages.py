"""The pages of the history: today and charts, all sessions, and one session with its form. None needs a script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from controller.contract.session_record import History, HistoryError, SessionRecord
from controller.web import history_view as shown_as
from controller.web.edit_form import edit_form, form_again
from controller.web.event_hub import StationView
from controller.web.history_reading import in_time
from controller.web.history_view import MONTH, QUARTER, WEEK, Shown
from controller.web.page_shell import PageShell
from controller.web.stash_view import StashShown, stash_shown
from controller.web.web_parts import WebParts

_LATEST = 8  # sessions on the first page
_PAGE = 50  # sessions on each page of all
_AT_ONCE_SECONDS = 1.0  # for the database to answer, on the session's own screen


class HistoryPages:
    """Renders the pages of the history."""

    def __init__(self, parts: WebParts, shell: PageShell) -> None:
        self._parts = parts
        self._shell = shell

    async def overview(self, request: Request) -> Response:
        """Show today, the latest sessions, and what the last days were like."""
        view, shown = self._shell.named(request), self._shown(request)
        days = MONTH if request.query_params.get("days") == str(MONTH) else WEEK
        try:
            history = self._history()
            since = shown_as.since_days(shown, QUARTER) - timedelta(days=1)
            records = await in_time(history.sessions(view.snapshot.station, since=since))
            if not records:
                records = await in_time(history.sessions(view.snapshot.station, last=_LATEST))
            stash = await self._stash(request, view, shown)
        except HistoryError:
            return self._unreachable(request, view)
        chart, sentences = shown_as.days_figure(records, days, shown)
        return self._shell.show(
            request,
            "history.html",
            view,
            problem=None,
            readings=shown_as.today_readings(records, shown),
            latest=shown_as.by_days(records[:_LATEST], shown),
            days=days,
            stash=stash,
            spans=(WEEK, MONTH),
            month=MONTH,
            quarter=QUARTER,
            days_chart=chart,
            sentences=sentences,
            time_of_day_chart=shown_as.time_of_day_figure(records, shown),
            let_down_chart=shown_as.let_down_figure(records, shown),
            can_store=self._parts.stash is not None and stash is None,
        )

    async def sessions(self, request: Request) -> Response:
        """Show one page of all sessions."""
        view, shown = self._shell.named(request), self._shown(request)
        until = _time(request.query_params.get("until"))
        try:
            records = await in_time(self._history().sessions(view.snapshot.station, until=until, last=_PAGE + 1))
        except HistoryError:
            return self._unreachable(request, view)
        page = records[:_PAGE]
        older = quote(page[-1].began_at.isoformat()) if len(records) > _PAGE else None
        found = shown_as.by_days(page, shown)
        return self._shell.show(request, "history_sessions.html", view, found=found, older=older, newest=until is None)

    async def session(self, request: Request, session_id: str) -> Response:
        """Show one session, and the form that corrects it."""
        shown, typed = self._shown(request), self._shell.typed(request)
        view, words, problem = self._shell.named(request), shown.words, "no_such_session"
        try:
            details = await in_time(self._history().details(session_id))
        except HistoryError:
            details, problem = None, self._trouble
        if details is None or details.record.station != view.snapshot.station:
            form = form_again(typed, shown.units) if typed else None
            status = 404 if problem == "no_such_session" else 503
            return self._shell.show(
                request, "history_gone.html", view, status=status, problem=words.web[problem], form=form
            )
        record = details.record
        return self._shell.show(
            request,
            "history_session.html",
            view,
            record=record,
            title=shown_as.session_title(record, shown),
            reason=shown_as.reason_of(record, words),
            row=shown_as.session_line(record, shown),
            readings=shown_as.session_readings(record, shown),
            steps=[
                (words.steps[each.name].title if each.name in words.steps else each.name, each)
                for each in details.steps
            ],
            chart=shown_as.session_figure(details, shown),
            form=edit_form(record, typed, shown.units, words),
        )

    async def latest(self, view: StationView) -> SessionRecord | None:
        """Return what is kept of the session that is shown after its end; `None` where that cannot be read at once."""
        snapshot = view.snapshot
        if snapshot.running or snapshot.session_id is None or self._parts.history is None:
            return None
        try:
            found = await in_time(self._parts.history.sessions(snapshot.station, last=1), _AT_ONCE_SECONDS)
        except HistoryError:
            return None
        return next((each for each in found if each.id == snapshot.session_id), None)

    async def _stash(self, request: Request, view: StationView, shown: Shown) -> StashShown | None:
        """Return what is shown of stored milk; `None` where nothing is stored, and it was not requested."""
        if self._parts.stash is None:
            return None
        found = await in_time(self._parts.stash.containers(view.snapshot.station))
        asked_for = request.query_params.get("stash") == "new"
        stash = stash_shown(found, shown, self._shell.typed(request), asked_for=asked_for)
        return stash if stash.lines or stash.is_open else None

    def _history(self) -> History:
        if self._parts.history is None:
            raise HistoryError("no history is kept here")
        return self._parts.history

    def _shown(self, request: Request) -> Shown:
        about, preferred = self._parts.about, self._shell.preferred(request)
        names = {
            each.id: each.name.get(preferred.language) or each.name.get(about.language) or each.id
            for each in about.routines
        }
        return Shown(preferred.words, preferred.units, self._parts.zone, datetime.now(UTC), names)

    @property
    def _trouble(self) -> str:
        return "no_history" if self._parts.history is None else "history_unreachable"

    def _unreachable(self, request: Request, view: StationView) -> Response:
        problem = self._shell.preferred(request).words.web[self._trouble]
        return self._shell.show(request, "history_gone.html", view, status=503, problem=problem, form=None)


def _time(text: str | None) -> datetime | None:
    """Return the time in an address; `None` for anything else."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def add_history_pages(router: APIRouter, pages: HistoryPages) -> None:
    """Add the pages. They are no part of the API's document."""

    @router.get("/history", include_in_schema=False)
    async def overview(request: Request) -> Response:
        return await pages.overview(request)

    @router.get("/history/sessions", include_in_schema=False)
    async def sessions(request: Request) -> Response:
        return await pages.sessions(request)

    @router.get("/history/session/{session_id}", include_in_schema=False)
    async def session(session_id: str, request: Request) -> Response:
        return await pages.session(request, session_id)
