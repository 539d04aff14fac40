"""A nats-server of the test's own, with JetStream and MQTT, on free ports, that can be stopped and frozen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from controller.cluster.cluster_settings import ClusterSettings
from controller.mqtt.mqtt_settings import BrokerUrl
from tests.helpers.killable_process import KillableProcess
from tests.helpers.mosquitto import free_port

HOST = "127.0.0.1"
NAME = "nats-server"


def find_nats_server() -> str:
    """Return where nats-server is. A missing one is an error here, not a reason to skip."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "letdown-tests/nats-server/bin"
    for folder in (str(cache), os.environ.get("PATH", ""), str(Path(sys.executable).parent)):
        if (found := shutil.which(NAME, path=folder)) is not None:
            return found
    raise RuntimeError(f"{NAME} is not installed; `make test-system` brings it")


class NatsServer(KillableProcess):
    """One server process. What JetStream keeps stays in its folder when it is started again."""

    def __init__(self, folder: Path, config_lines: Sequence[str], *, jetstream: bool) -> None:
        super().__init__()
        self.port = free_port()
        self.mqtt_port = free_port()
        self._config = folder / "nats.conf"
        self._log = folder / "nats.log"
        lines = [f"server_name: test-{self.port}", f'listen: "{HOST}:{self.port}"', *config_lines]
        if jetstream:
            lines += [f'jetstream {{ store_dir: "{folder}/jetstream" }}']
            lines += [f'mqtt {{ listen: "{HOST}:{self.mqtt_port}" }}']
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def address(self) -> str:
        """Where its clients connect."""
        return f"nats://{HOST}:{self.port}"

    @property
    def broker(self) -> BrokerUrl:
        """Where MQTT clients connect."""
        return BrokerUrl(host=HOST, port=self.mqtt_port)

    def settings(self, ttl_seconds: float = 3.0, *, port: int | None = None, **more: Any) -> ClusterSettings:
        """Return settings of a fleet here, with a TTL that may be shorter than an owner may set it.

        `port`: of what lies between.
        """
        settings = ClusterSettings(servers=(f"nats://{HOST}:{port or self.port}",), **more)
        return settings.model_copy(update={"ttl_seconds": ttl_seconds})

    async def start(self) -> None:
        """Start it and wait until it answers."""
        command = (find_nats_server(), "-c", str(self._config), "-l", str(self._log))
        self.launch(command)
        async with asyncio.timeout(20):
            while not await self._answers():
                if not self.runs:
                    raise RuntimeError(f"{NAME} ended: {self._log.read_text(encoding='utf-8')}")
                await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(HOST, self.port)
            try:
                return (await reader.readuntil(b"\n")).startswith(b"INFO")
            finally:
                writer.close()
        return False

    async def stop(self) -> None:
        """Kill it, without holding up the event loop."""
        await asyncio.to_thread(self.kill)


@contextlib.asynccontextmanager
async def nats_server(
    config_lines: Sequence[str] = (), *, jetstream: bool = True, start: bool = True
) -> AsyncIterator[NatsServer]:
    """Run a server for the block."""
    with tempfile.TemporaryDirectory(prefix="letdown-nats-", ignore_cleanup_errors=True) as folder:
        server = NatsServer(Path(folder), config_lines, jetstream=jetstream)
        try:
            if start:
                await server.start()
            yield server
        finally:
            await server.stop()
