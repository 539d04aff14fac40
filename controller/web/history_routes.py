"""The endpoints of the API that show and correct the history of a station."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, Field, ValidationError, computed_field
from starlette.responses import Response

from controller.contract.comfort import ComfortAdvice
from controller.contract.commands import Action, Reply, command_for
from controller.contract.commands_under_way import TooManyCommandsError
from controller.contract.history_summary import HistorySummary
from controller.contract.session_record import (
    Curve,
    EventRecord,
    History,
    HistoryError,
    SeenRevision,
    SessionDetails,
    SessionRecord,
    StepRecord,
)
from controller.contract.session_state import Volume
from controller.contract.stash import Container
from controller.figures.reading import read_summary
from controller.web.command_routes import StationName
from controller.web.history_reading import in_time
from controller.web.problems import ProblemError
from controller.web.request_body import read_body
from controller.web.web_parts import API, WebParts
from devices.roles import Frozen

_MOST = 200  # sessions in one answer
_USUAL = 50

T = TypeVar("T")

SessionId = Annotated[str, Path(description="The id of the session.", max_length=128)]


class HistorySession(SessionRecord):
    """A session of the history, with the milk that counts."""

    @computed_field(description="The milk that counts: entered before weighed before measured.")  # type: ignore[prop-decorator]
    @property
    def volume_ml(self) -> Volume:
        """The milk that counts."""
        return super().volume_ml

    @computed_field(description="The sum of what is known, in mL; `null` if nothing is.")  # type: ignore[prop-decorator]
    @property
    def volume_total_ml(self) -> float | None:
        """All milk that counts."""
        return self.volume_ml.total


class HistoryPage(Frozen):
    """Some sessions, the latest first."""

    sessions: tuple[HistorySession, ...] = Field(description="The sessions.")
    next_until: datetime | None = Field(description="Ask again with this as `until` for older ones; `null`: no more.")


class HistoryDetails(Frozen):
    """All that is kept of one session."""

    session: HistorySession = Field(description="The session.")
    steps: tuple[StepRecord, ...] = Field(description="Its steps that took place.")
    events: tuple[EventRecord, ...] = Field(description="Its events.")
    curves: tuple[Curve, ...] = Field(description="What devices reported, once a second.")


class StashList(Frozen):
    """Stored milk, what is to be used first at the top."""

    containers: tuple[Container, ...] = Field(description="The bottles and bags that hold milk.")
    total_ml: float = Field(description="All of it, in mL.")


class SessionCorrection(Frozen):
    """A correction of one session. What is left out stays as it is; `null` removes what was entered."""

    revision: SeenRevision = Field(
        None, description="The revision that you saw; refused if it was changed since. Left out: any."
    )
    left_ml: float | None = Field(None, ge=0, le=1000, description="Milk from the left breast, measured by hand.")
    right_ml: float | None = Field(None, ge=0, le=1000, description="Milk from the right breast, measured by hand.")
    note: str | None = Field(None, max_length=2000, description="The person's own words.")


def add_history_routes(router: APIRouter, parts: WebParts) -> None:
    """Add the endpoints."""

    @router.get(API + "/stations/{station}/history", tags=["history"])
    async def list_sessions(
        station: StationName,
        since: Annotated[
            AwareDatetime | None, Query(description="Only sessions that began at this time or later.")
        ] = None,
        until: Annotated[AwareDatetime | None, Query(description="Only sessions that began before this time.")] = None,
        last: Annotated[int, Query(ge=1, le=_MOST, description="How many at most, the latest of them.")] = _USUAL,
    ) -> HistoryPage:
        """List the sessions of a station, the latest first, page by page."""
        parts.view(station)
        found = await _read(_history(parts).sessions(station, since=since, until=until, last=last + 1))
        page = tuple(map(_shown, found[:last]))
        return HistoryPage(sessions=page, next_until=page[-1].began_at if len(found) > last else None)

    @router.get(API + "/stations/{station}/summary", tags=["history"])
    async def get_summary(station: StationName) -> HistorySummary:
        """Get the latest session, the last 24 hours and today, in a few figures."""
        parts.view(station)
        summary, _ = await _read(read_summary(_history(parts), station, datetime.now(UTC), parts.zone))
        return summary

    @router.get(API + "/stations/{station}/history/{session_id}", tags=["history"])
    async def get_session(station: StationName, session_id: SessionId) -> HistoryDetails:
        """Get all that is kept of one session: its milk, steps, events and curves."""
        found = await _details(parts, station, session_id)
        return HistoryDetails(session=_shown(found.record), steps=found.steps, events=found.events, curves=found.curves)

    @router.get(API + "/stations/{station}/comfort", tags=["history"])
    async def get_comfort(station: StationName) -> ComfortAdvice:
        """Get what is learned of the person's comfort: where suction begins, what is suggested, and what is usual."""
        found = parts.view(station).comfort
        if found is None:
            _history(parts)
            raise ProblemError(503, "the history was not read yet", headers={"retry-after": "5"})
        return found

    @router.get(API + "/stations/{station}/stash", tags=["history"])
    async def get_stash(station: StationName) -> StashList:
        """Get the stored milk: bottles and bags, what is to be used first at the top."""
        parts.view(station)
        if parts.stash is None:
            raise ProblemError(503, "no history is kept here")
        found = await _read(parts.stash.containers(station))
        return StashList(containers=tuple(found), total_ml=sum(each.ml for each in found))

    @router.patch(API + "/stations/{station}/history/{session_id}", response_model=HistorySession, tags=["history"])
    async def correct_session(station: StationName, session_id: SessionId, request: Request) -> Response:
        """Correct the milk of a session, or its note."""
        record = (await _details(parts, station, session_id)).record
        edit = await _correction(request)
        args = edit.model_dump(mode="json", include=edit.model_fields_set) | {"session_id": record.id}
        try:
            reply = await parts.commands.carry_out(station, *command_for(Action.EDIT_SESSION, args))
        except TooManyCommandsError:
            raise ProblemError(429, "too many commands at once", headers={"retry-after": "1"}) from None
        if reply.outcome == "refused":
            now = await _read(_history(parts).details(session_id))
            raise _conflict(reply, now)
        if reply.outcome != "accepted":
            raise ProblemError(503, "; ".join(reply.reasons))
        after = (await _details(parts, station, session_id)).record
        return Response(_shown(after).model_dump_json(), media_type="application/json")


async def _details(parts: WebParts, station: str, session_id: str) -> SessionDetails:
    parts.view(station)
    found = await _read(_history(parts).details(session_id))
    if found is None or found.record.station != station:
        raise ProblemError(404, "there is no session with this id in the history of this station")
    return found


async def _correction(request: Request) -> SessionCorrection:
    """Return the correction in a body. Raise `ProblemError`."""
    body = await read_body(request)
    if body.status != 200:  # noqa: PLR2004
        raise ProblemError(body.status, "the correction did not come as a whole")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "send a correction as application/json")
    try:
        return SessionCorrection.model_validate_json(body.content, strict=True)
    except ValidationError as error:
        found = (f"{'.'.join(map(str, each['loc'])) or 'the body'}: {each['msg']}" for each in error.errors())
        raise ProblemError(422, "; ".join(found)) from None


def _conflict(reply: Reply, now: SessionDetails | None) -> ProblemError:
    words = "; ".join(reply.reasons)
    if now is None:
        return ProblemError(404, words)
    return ProblemError(409, words, session=now.record)


def _history(parts: WebParts) -> History:
    if parts.history is None:
        raise ProblemError(503, "no history is kept here")
    return parts.history


async def _read(read: Awaitable[T]) -> T:
    try:
        return await in_time(read)
    except HistoryError as error:
        raise ProblemError(503, f"the history cannot be read now: {error}", headers={"retry-after": "5"}) from None


def _shown(record: SessionRecord) -> HistorySession:
    return HistorySession.model_construct(**{name: getattr(record, name) for name in SessionRecord.model_fields})
