"""The endpoints of the API that change something: commands, stop and pain."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from controller.contract.commands import ALWAYS, Action, Args, BadCommandError, Command, Outcome, Reply, parse_command
from controller.contract.commands_under_way import TooManyCommandsError
from controller.web.problems import ProblemError
from controller.web.request_body import BODY_SECONDS, MOST_BYTES, RequestBody, read_body
from controller.web.stop_redirect import stop_redirect, wants_page
from controller.web.web_parts import API, BoardParts

_STATUS: dict[Outcome, int] = {"accepted": 200, "limited": 200, "refused": 409, "failed": 502}
_INCOMPLETE = {
    400: "the body is cut off",
    408: f"the body did not come within {BODY_SECONDS:g} s",
    413: f"a command has at most {MOST_BYTES} bytes",
}
_LONGEST_ID = 128

StationName = Annotated[str, Path(description="The station, as named in the settings.", examples=["home"])]


def add_command_routes(router: APIRouter, parts: BoardParts) -> None:
    """Add the endpoints."""

    @router.post(API + "/stations/{station}/commands", response_model=Reply, tags=["commands"])
    async def send_command(station: StationName, request: Request) -> Response:
        """Send a command, as over MQTT. A body that is not valid, and in which a stop can be found, is a stop."""
        parts.check(station)
        command, args = _command(await read_body(request), request.headers.get("content-type", ""))
        try:
            return _answer(await parts.commands.carry_out(station, command, args))
        except TooManyCommandsError:
            raise ProblemError(429, "too many commands at once", headers={"retry-after": "1"}) from None

    async def stop_at(station: str, action: Action, request: Request) -> Response:
        parts.check(station)
        id_ = request.query_params.get("id")
        reply = await parts.commands.stop(station, action, None if id_ is None else id_[:_LONGEST_ID])
        return stop_redirect(request, station, reply) if wants_page(request) else _answer(reply)

    @router.post(API + "/stations/{station}/stop", response_model=Reply, tags=["commands"])
    async def stop(station: StationName, request: Request) -> Response:
        """Stop everything at once. Always works, and needs no body; a form is sent back to the page."""
        return await stop_at(station, Action.STOP, request)

    @router.post(API + "/stations/{station}/pain", response_model=Reply, tags=["commands"])
    async def pain(station: StationName, request: Request) -> Response:
        """Say that it hurts: stop everything at once, and log the pain. Always works, and needs no body."""
        return await stop_at(station, Action.PAIN, request)


def _command(body: RequestBody, content_type: str) -> tuple[Command, Args]:
    """Return the command in a body. Raise `ProblemError`; for a stop or pain, never."""
    try:
        command, args = parse_command(body.content)
    except BadCommandError as error:
        if body.status in _INCOMPLETE:
            raise ProblemError(body.status, _INCOMPLETE[body.status]) from None
        raise ProblemError(422, str(error), reply=error.reply) from None
    if command.action not in ALWAYS:
        if body.status in _INCOMPLETE:  # what came is a command by chance
            raise ProblemError(body.status, _INCOMPLETE[body.status])
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise ProblemError(415, "send a command as application/json")
    return command, args


def _answer(reply: Reply) -> Response:
    return Response(reply.model_dump_json(), _STATUS[reply.outcome], media_type="application/json")
