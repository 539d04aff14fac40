"""The HTTP API, version 1: stations and commands, and what the controller is and can do."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from controller.contract.about import About, AboutQuestion, AboutRoutine
from controller.contract.events import DeviceView
from controller.contract.features.feature import StationFeatures
from controller.web.board_routes import add_board_routes
from controller.web.command_routes import add_command_routes
from controller.web.device_routes import add_device_routes
from controller.web.history_routes import add_history_routes
from controller.web.station_routes import add_station_routes
from controller.web.web_parts import API, WebParts
from devices.roles import Frozen


class Languages(Frozen):
    """The languages of all texts."""

    language: str = Field(description="The language of the settings, such as `en`.")
    languages: tuple[str, ...] = Field(description="All languages that there are.")


class WebHealth(Frozen):
    """Whether the service answers. There is nothing else to read without the token."""

    status: Literal["ok"] = Field("ok", description="Always `ok`: else there is no answer.")


def add_api_routes(router: APIRouter, parts: WebParts) -> None:
    """Add all endpoints."""
    add_station_routes(router, parts)
    add_board_routes(router, parts)
    add_command_routes(router, parts)
    add_device_routes(router, parts)
    add_history_routes(router, parts)
    _add_controller_routes(router, parts)


def _add_controller_routes(router: APIRouter, parts: WebParts) -> None:
    about = parts.about

    @router.get(API + "/devices", tags=["controller"])
    async def list_devices() -> list[DeviceView]:
        """List the devices of all stations, and what they report. What each can do is in `about`."""
        return [device for view in parts.hub.views.values() for device in view.devices.values()]

    @router.get(API + "/routines", tags=["controller"])
    async def list_routines() -> list[AboutRoutine]:
        """List the routines that can be started."""
        return list(about.routines)

    @router.get(API + "/questions", tags=["controller"])
    async def list_questions() -> list[AboutQuestion]:
        """List the questions of the check."""
        return list(about.questions)

    @router.get(API + "/features", tags=["controller"])
    async def list_features() -> list[StationFeatures]:
        """List what can be shown and set, of stations and devices: the source of every dashboard."""
        return list(parts.features)

    @router.get(API + "/languages", tags=["controller"])
    async def list_languages() -> Languages:
        """List the languages."""
        return Languages(language=about.language, languages=about.languages)

    @router.get(API + "/about", tags=["controller"])
    async def get_about() -> About:
        """Get what this controller is and can do."""
        return about

    add_health_route(router)


def add_health_route(router: APIRouter) -> None:
    """Add the one endpoint that needs no token."""

    @router.get(API + "/health", tags=["controller"])
    async def get_health() -> WebHealth:
        """See whether the service answers. Needs no token."""
        return WebHealth()
