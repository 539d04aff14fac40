"""A cluster of nats-server nodes with JetStream and MQTT, each of which can be killed, frozen and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.killable_process import KillableProcess
from tests.helpers.mosquitto import free_port
from tests.helpers.nats_server import find_nats_server

USER, PASSWORD = "controller", "of-the-tests"
OBSERVER, OBSERVER_PASSWORD = "observer", "of-the-tests-too"
_SECONDS = 60.0
_LOOK_SECONDS = 0.05

_CONFIG = """
server_name: {name}
listen: "{host}:{client}"
http: "{host}:{monitor}"
jetstream {{ store_dir: "{store}", max_file_store: 1GB }}
mqtt {{ listen: "{host}:{mqtt}", ack_wait: "3s"{more_of_mqtt} }}
cluster {{ name: fleet, listen: "{host}:{cluster}", routes: [{routes}] }}
accounts {{
  FLEET: {{
    jetstream: enabled
    users: [
      {{ user: {user}, password: {password} }}
      {{ user: {observer}, password: {observer_password} }}
    ]
  }}
  SYS: {{ users: [ {{ user: sys, password: sys }} ] }}
}}
system_account: SYS
"""


@dataclass(frozen=True)
class NodeAddress:
    """Where a node listens, and what a command begins with that runs there."""

    host: str
    client: int = 4222
    mqtt: int = 1883
    monitor: int = 8222
    cluster: int = 6222
    within: tuple[str, ...] = ()


def here() -> NodeAddress:
    """Return free ports of this machine."""
    return NodeAddress("127.0.0.1", *(free_port() for _ in range(4)))


class NatsNode(KillableProcess):
    """One node. What it stores is kept while it is down."""

    def __init__(
        self, name: str, folder: Path, address: NodeAddress, routes: Sequence[str], mqtt: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.name = name
        self.address = address
        self._log = folder / f"{name}.log"
        self._config = folder / f"{name}.conf"
        text = _CONFIG.format(
            name=name,
            host=address.host,
            client=address.client,
            monitor=address.monitor,
            mqtt=address.mqtt,
            more_of_mqtt="".join(f", {each}" for each in mqtt),
            cluster=address.cluster,
            store=folder / name,
            routes=", ".join(f'"{each}"' for each in routes),
            user=USER,
            password=PASSWORD,
            observer=OBSERVER,
            observer_password=OBSERVER_PASSWORD,
        )
        self._config.write_text(text, encoding="utf-8")

    @property
    def url(self) -> str:
        """Where clients of NATS connect, without credentials."""
        return f"nats://{self.address.host}:{self.address.client}"

    def start(self) -> None:
        """Start it; `NatsCluster.healthy` waits for it."""
        with self._log.open("ab") as log:
            command = (*self.address.within, find_nats_server(), "-c", str(self._config))
            self.launch(command, stdout=log, stderr=log, start_new_session=True)

    def healthy(self) -> bool:
        """Return whether it says that it has caught up with the cluster and that there is a leader."""
        try:
            if self.get("healthz").get("status") != "ok":
                return False
            meta = self.get("jsz").get("meta_cluster") or {}
        except (OSError, ValueError):
            return False
        return bool(meta.get("leader"))

    def get(self, what: str, timeout_seconds: float = 1.0) -> dict[str, Any]:
        """Return what its monitoring says about something. Raise `OSError`."""
        address = f"http://{self.address.host}:{self.address.monitor}/{what}"
        with urllib.request.urlopen(address, timeout=timeout_seconds) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    @property
    def log(self) -> str:
        """What it logged."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""


class NatsCluster:
    """The nodes, by name."""

    def __init__(self, folder: Path, addresses: dict[str, NodeAddress], mqtt: Sequence[str] = ()) -> None:
        routes = [f"nats://{each.host}:{each.cluster}" for each in addresses.values()]
        self.nodes = {name: NatsNode(name, folder, address, routes, mqtt) for name, address in addresses.items()}

    def start(self) -> None:
        """Start every node that does not run."""
        for node in self.nodes.values():
            if not node.runs:
                node.start()

    async def healthy(self) -> None:
        """Wait until every node that runs has caught up, and there is a leader."""
        deadline = time.monotonic() + _SECONDS
        while True:
            wanted = [node for node in self.nodes.values() if node.runs]
            if wanted and all([await asyncio.to_thread(node.healthy) for node in wanted]):
                return
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(node.log[-2000:] for node in wanted))
            await asyncio.sleep(_LOOK_SECONDS)

    @property
    def urls(self) -> list[str]:
        """Where clients of NATS connect."""
        return [node.url for node in self.nodes.values()]

    def kill(self) -> None:
        """End all nodes."""
        for node in self.nodes.values():
            node.kill()


@contextlib.asynccontextmanager
async def nats_cluster(
    folder: Path, addresses: dict[str, NodeAddress], mqtt: Sequence[str] = ()
) -> AsyncIterator[NatsCluster]:
    """Run a cluster for the block. `mqtt`: more settings of that section."""
    cluster = NatsCluster(folder, addresses, mqtt)
    try:
        cluster.start()
        await cluster.healthy()
        yield cluster
    finally:
        cluster.kill()
