"""The endpoints of the API about devices that change something: search, add, test."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from controller.contract.commands import Reply
from controller.contract.device_setup import NewDevice, SetupView
from controller.contract.device_test_view import DeviceTestStages
from controller.web.command_routes import StationName
from controller.web.device_actions import DeviceActions
from controller.web.problems import ProblemError
from controller.web.request_body import MOST_BYTES, read_body
from controller.web.web_parts import API, WebParts
from devices.roles import Frozen

DeviceName = Annotated[str, Path(description="The device, as named in the settings.", examples=["left-pump"])]
BodyT = TypeVar("BodyT", bound=BaseModel)

SCAN_PATH = API + "/setup/scan"
ADD_PATH = API + "/stations/{station}/devices"
TEST_PATH = API + "/stations/{station}/devices/{device}/test"


class DeviceTestRequest(Frozen):
    """A test of a device at its lowest setting."""

    nobody_attached: bool = Field(
        description="Whether the person has confirmed that the device is off the body. Without that, nothing runs."
    )
    stages: DeviceTestStages = Field(DeviceTestStages(), description="What is tried beside its commands.")


BODIES: dict[str, type[BaseModel]] = {ADD_PATH: NewDevice, TEST_PATH: DeviceTestRequest}


def add_device_routes(router: APIRouter, parts: WebParts) -> None:
    """Add the endpoints."""
    actions = DeviceActions(parts)

    @router.get(API + "/setup", tags=["devices"])
    async def get_setup() -> SetupView:
        """Get the latest search for devices; its progress while it is under way."""
        return SetupView() if parts.setup is None else parts.setup.view

    @router.post(SCAN_PATH, response_model=Reply, status_code=202, tags=["devices"])
    async def scan() -> Response:
        """Search for devices for some seconds. Refused during a session, and where devices cannot be added."""
        return _answer(actions.scan(), 202)

    @router.post(ADD_PATH, response_model=Reply, status_code=201, tags=["devices"])
    async def add_device(station: StationName, request: Request) -> Response:
        """Add a device of the latest search to the settings file. The service takes it over within seconds."""
        parts.view(station)
        return _answer(await actions.add(station, await _body(request, NewDevice)), 201)

    @router.post(TEST_PATH, response_model=Reply, status_code=202, tags=["devices"])
    async def test_device(station: StationName, device: DeviceName, request: Request) -> Response:
        """Run a device for a few seconds at its lowest setting, and stop it. `stop` ends it; events show its steps."""
        parts.view(station)
        requested = await _body(request, DeviceTestRequest)
        return _answer(actions.test(station, device, requested.stages, nobody_attached=requested.nobody_attached), 202)


async def _body(request: Request, model: type[BodyT]) -> BodyT:
    """Return the body of a request. Raise `ProblemError` unless it came as a whole, and is one."""
    body = await read_body(request)
    if body.status != 200:  # noqa: PLR2004
        raise ProblemError(body.status, f"the body is cut off, too slow, or longer than {MOST_BYTES} bytes")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "send it as application/json")
    try:
        return model.model_validate_json(body.content, strict=True)
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
        raise ProblemError(422, words) from None


def _answer(reply: Reply, status: int) -> Response:
    content = reply.model_dump_json()
    return Response(content, status if reply.outcome == "accepted" else 409, media_type="application/json")
