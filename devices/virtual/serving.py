"""Virtual devices for others: all of them to another process, or one on a real controller."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import cast, get_args

from devices.catalog import Catalog
from devices.clock import Clock
from devices.errors import NotFoundError
from devices.virtual.air import Air, serve_controller
from devices.virtual.home import DeviceKey, VirtualHome

_LOGGER = logging.getLogger(__name__)


async def serve_home(clock: Clock, seed: int, transport: str, key: str) -> None:
    """Serve until cancelled. A transport that others connect to (`…-server:`) carries every device, others the one."""
    home = VirtualHome(clock, Catalog.load(), seed)
    async with contextlib.AsyncExitStack() as stack:
        if "-server:" in transport or transport.startswith("vhci"):
            air = Air()
            await stack.enter_async_context(home.on_air(air))
            address = await stack.enter_async_context(serve_controller(air, transport))
            _LOGGER.info("serving %s; use radio: {kind: bumble, transport: %s}", ", ".join(home.twins), address)
        else:
            if key not in get_args(DeviceKey):
                raise NotFoundError(f"there is no virtual device {key}; there are {', '.join(get_args(DeviceKey))}")
            await stack.enter_async_context(home.on_real_air(transport, cast("DeviceKey", key)))
            _LOGGER.info("%s is on air through %s", key, transport)
        await asyncio.Event().wait()
