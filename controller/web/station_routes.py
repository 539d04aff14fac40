"""The endpoints of the API that show a station: its state, and the stream of what happens there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import Field
from starlette.responses import Response

from controller.contract.device_test_view import DeviceTestView
from controller.contract.events import DeviceView, Guide, Snapshot, StartDefaults
from controller.contract.limits_view import LimitsView
from controller.contract.reminders import Reminders
from controller.contract.session_record import HistoryError
from controller.contract.session_state import SessionState
from controller.contract.uploads import Upload, UploadSummary
from controller.web.command_routes import StationName
from controller.web.event_hub import TooManyStreamsError
from controller.web.event_stream_response import EventStreamResponse
from controller.web.problems import ProblemError
from controller.web.web_parts import API, WebParts
from devices.roles import Frozen


class StationSummary(Frozen):
    """A station, in a list."""

    name: str = Field(description="The station, as named in the settings.")
    state: SessionState = Field(description="The state of its session.")
    running: bool = Field(description="Whether a session is under way.")
    problem: bool = Field(description="Whether somebody must take care of something before anything can start.")


class StationState(Frozen):
    """All that is known of a station now."""

    snapshot: Snapshot = Field(description="The session.")
    guide: Guide = Field(description="What to do now.")
    start_defaults: StartDefaults | None = Field(description="What a start takes that names nothing.")
    devices: tuple[DeviceView, ...] = Field(description="Its devices.")
    limits: LimitsView | None = Field(description="Today's limits of its body and devices; `null` at first.")
    device_test: DeviceTestView | None = Field(description="The latest test of a device; `null`: none.")
    reminders: Reminders | None = Field(None, description="What is due; `null` where reminders are off.")
    uploads: UploadSummary | None = Field(None, description="What is sent to Baby Buddy; `null` where nothing is.")


class UploadList(Frozen):
    """What became of the latest sessions for Baby Buddy: first what is open, then the latest."""

    uploads: tuple[Upload, ...] = Field(description="At most 100 of them.")


def add_station_routes(router: APIRouter, parts: WebParts) -> None:
    """Add the endpoints."""

    @router.get(API + "/stations", tags=["stations"])
    async def list_stations() -> list[StationSummary]:
        """List the stations."""
        found = [view.snapshot for view in parts.hub.views.values()]
        return [
            StationSummary(name=each.station, state=each.state, running=each.running, problem=each.problem)
            for each in found
        ]

    @router.get(API + "/stations/{station}", tags=["stations"])
    async def get_station(station: StationName) -> StationState:
        """Get the session, what to do now, the start defaults, the devices and the limits of a station."""
        view = parts.view(station)
        return StationState(
            snapshot=view.snapshot,
            guide=view.guide,
            start_defaults=view.start_defaults,
            devices=tuple(view.devices.values()),
            limits=view.limits,
            device_test=view.device_test,
            reminders=view.reminders,
            uploads=view.uploads,
        )

    @router.get(API + "/stations/{station}/uploads", tags=["stations"])
    async def list_uploads(station: StationName) -> UploadList:
        """List what became of the latest sessions for Baby Buddy; empty where it is not in the settings."""
        parts.view(station)
        if parts.uploads is None:
            return UploadList(uploads=())
        try:
            return UploadList(uploads=tuple(await parts.uploads.uploads(station)))
        except HistoryError as error:
            raise ProblemError(503, str(error)) from None

    @router.get(API + "/stations/{station}/events", response_class=Response, tags=["stations"])
    async def follow_events(
        station: StationName,
        request: Request,
        last_event_id: Annotated[
            str | None, Header(description="The id of the last message that came, to get the events since then.")
        ] = None,
    ) -> Response:
        """Follow a station: server-sent events, the latest state first, with a heartbeat every 2 s."""
        parts.view(station)
        try:
            stream = parts.hub.open(station, request.state.caller.key, last_event_id)
        except TooManyStreamsError as error:
            raise ProblemError(429, str(error), headers={"retry-after": "5"}) from None
        return EventStreamResponse(stream)
