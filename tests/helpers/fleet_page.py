"""The page of a fleet in this process, against a broker; where a cluster is named, with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from controller.cluster.cluster_settings import ClusterSettings
from controller.fleet.serve_page import serve_page
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.settings import Settings
from controller.web.role import Role
from controller.web.web_settings import WebSettings


@contextlib.asynccontextmanager
async def fleet_page(
    folder: Path,
    *brokers: BrokerUrl,
    fleet: ClusterSettings | None = None,
    most: Role = Role.ADMINISTER,
    language: str = "en",
    mqtt: dict[str, Any] | None = None,
    **web: Any,
) -> AsyncIterator[int]:
    """Serve it for the block, with tokens in `folder`. Yield its port."""
    settings = Settings(
        language=language,
        mqtt=MqttSettings(brokers=brokers, **(mqtt or {})),
        fleet=fleet,
        web=WebSettings(port=0, token_file=folder / "web-token", **web),
    )
    addresses: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve_page(settings, most, addresses.set_result))
    try:
        await asyncio.wait({task, addresses}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield int((await addresses).rstrip("/").rpartition(":")[2])
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)
