"""The forms about devices: search, add, test. Each works without script, and sends the browser back to its page."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from controller.contract.commands import BAD_COMMAND, Reply
from controller.contract.device_setup import NewDevice
from controller.contract.device_test_view import OWN_TIMER_MINUTES, DeviceTestStages
from controller.web.device_actions import DeviceActions
from controller.web.page_commands import RecentReplies, read_form
from controller.web.page_templates import relative_url
from controller.web.web_parts import WebParts


def add_device_forms(router: APIRouter, parts: WebParts, replies: RecentReplies) -> None:
    """Add the addresses that they are sent to."""
    actions = DeviceActions(parts)

    def back(request: Request, page: str, station: str, reply: Reply, **more: str) -> Response:
        query = {"station": station, **more}
        if reply.outcome != "accepted":
            query["reply"] = replies.keep(reply)
        location = f"{relative_url(request.url.path, page)}?{urlencode(query)}"
        return Response(status_code=303, headers={"location": location})

    @router.post("/device/{station}/scan", include_in_schema=False)
    async def scan(station: str, request: Request) -> Response:
        parts.view(station)
        return back(request, "add-device", station, actions.scan())

    @router.post("/device/{station}/add", include_in_schema=False)
    async def add(station: str, request: Request) -> Response:
        parts.view(station)
        form = await read_form(request)
        try:
            device = NewDevice.model_validate(
                {
                    **{name: form.get(name, "") for name in ("found", "profile", "side", "name")},
                    "placed": form.get("placed") or None,
                    "allow_unverified": form.get("allow_unverified") == "yes",
                }
            )
        except ValidationError as error:
            words = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            return back(request, "add-device", station, Reply(outcome="refused", reasons=(words,), keys=(BAD_COMMAND,)))
        reply = await actions.add(station, device)
        if reply.outcome == "accepted":
            return back(request, "add-device", station, reply)
        return back(request, "add-device", station, reply, device=device.found, profile=device.profile)

    @router.post("/device/{station}/test", include_in_schema=False)
    async def test(station: str, request: Request) -> Response:
        parts.view(station)
        form = await read_form(request)
        device = form.get("device", "")
        stages = DeviceTestStages(
            repeated_stop=form.get("repeated_stop") == "yes",
            link_loss=form.get("link_loss") == "yes",
            own_timer_minutes=OWN_TIMER_MINUTES if form.get("own_timer") == "yes" else None,
        )
        reply = actions.test(station, device, stages, nobody_attached=form.get("nobody_attached") == "yes")
        known = device in parts.view(station).devices
        return back(request, "test-device" if known else "devices", station, reply, device=device)
