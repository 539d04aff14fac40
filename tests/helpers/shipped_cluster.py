"""A nats-server as config/fleet/nats.conf sets it up: only its ports, folder and passwords are the test's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import nats
from nats.aio.client import Client

from tests.helpers.command_line import ROOT
from tests.helpers.mosquitto import free_port
from tests.helpers.nats_server import find_nats_server

HOST = "127.0.0.1"
CONFIG = ROOT / "config/fleet/nats.conf"
SECRETS = ROOT / "config/fleet/secrets.example.conf"


def password(user: str) -> str:
    """Return the password of a user of the shipped file."""
    return f"of-{user}"


@dataclass(frozen=True)
class ShippedCluster:
    """Where the server listens."""

    nats_port: int
    mqtt_port: int
    cluster_port: int

    def mqtt(
        self,
        user: str,
        word: str | None = None,
        *,
        client_id: str | None = None,
        will: aiomqtt.Will | None = None,
        clean: bool = True,
    ) -> aiomqtt.Client:
        """Return an MQTT client that logs in as `user`."""
        return aiomqtt.Client(
            HOST,
            self.mqtt_port,
            username=user,
            password=password(user) if word is None else word,
            identifier=client_id,
            will=will,
            clean_session=clean,
            timeout=10,
            protocol=aiomqtt.ProtocolVersion.V311,
        )

    async def dies_with_a_will(self, user: str, topic: str, words: str) -> None:
        """Connect over MQTT with a retained last will of QoS 1, and vanish."""
        fields = (f"dies-{user}", topic, words, user, password(user))
        flags = 0b1110_1110  # user, password, retained, QoS 1, will, clean session
        rest = b"\0\4MQTT\4" + bytes([flags]) + b"\0\x3c"
        rest += b"".join(len(each).to_bytes(2, "big") + each.encode() for each in fields)
        assert len(rest) < 128  # its length is one byte
        reader, writer = await asyncio.open_connection(HOST, self.mqtt_port)
        writer.write(bytes([0x10, len(rest)]) + rest)
        assert (await reader.readexactly(4))[3] == 0  # it is let in
        writer.transport.abort()

    @contextlib.asynccontextmanager
    async def nats_client(self, user: str, word: str | None = None) -> AsyncIterator[Client]:
        """Yield a connected NATS client. Raise an error of nats-py where it is refused."""
        client = await nats.connect(
            f"nats://{HOST}:{self.nats_port}",
            user=user,
            password=password(user) if word is None else word,
            allow_reconnect=False,
            connect_timeout=10,
            error_cb=_ignore,
        )
        try:
            yield client
        finally:
            await client.close()


async def _ignore(_error: Exception) -> None:
    """A refusal is seen in what does not arrive."""


def _written(folder: Path, ports: ShippedCluster, nodes: str | None = None, node_word: str = "of-node") -> Path:
    """Write the shipped files with the ports of a node. `nodes`: the addresses of all; `None`: it is alone."""
    folder.mkdir(exist_ok=True)
    text = CONFIG.read_text(encoding="utf-8")
    for shipped, own in (
        (r"^port: 4222$", f'listen: "{HOST}:{ports.nats_port}"'),
        (r"^http: .*$", ""),
        (r"^  store_dir: .*$", f'  store_dir: "{folder}/data"'),
        (r"^  port: 1883$", f'  listen: "{HOST}:{ports.mqtt_port}"'),
        (r"^  port: 6222$", f'  listen: "{HOST}:{ports.cluster_port}"'),
    ):
        text, count = re.subn(shipped, own, text, flags=re.MULTILINE)
        assert count == 1, shipped
    if nodes is None:  # a node of three would wait for the others
        text, count = re.subn(r"^cluster \{.*?^\}$", "", text, flags=re.MULTILINE | re.DOTALL)
        assert count == 1
    names = re.findall(r"^(\w+)_PASSWORD:", SECRETS.read_text(encoding="utf-8"), re.MULTILINE)
    lines = [f'{name}_PASSWORD: "{password(name.lower().replace("_", "-"))}"' for name in names if name != "NODE"]
    if nodes is not None:
        lines += [f'NODE_PASSWORD: "{node_word}"', f"NODES: {nodes}"]
    (folder / "secrets.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    file = folder / "nats.conf"
    file.write_text(text, encoding="utf-8")
    return file


@contextlib.asynccontextmanager
async def _running(file: Path, name: str) -> AsyncIterator[Path]:
    """Run a server for the block. Yield its log."""
    log = file.with_suffix(".log")
    process = await asyncio.create_subprocess_exec(
        *(find_nats_server(), "-c", str(file), "-l", str(log)), env={**os.environ, "SERVER_NAME": name}
    )
    try:
        yield log
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def shipped_cluster() -> AsyncIterator[ShippedCluster]:
    """Run a node that is alone for the block."""
    ports = ShippedCluster(free_port(), free_port(), free_port())
    with tempfile.TemporaryDirectory(prefix="letdown-nats-", ignore_cleanup_errors=True) as folder:
        async with _running(_written(Path(folder), ports), "nats-1") as log:
            await _logged_in(ports, log)
            yield ports


@contextlib.asynccontextmanager
async def three_nodes(
    folder: Path,
) -> AsyncIterator[tuple[list[ShippedCluster], Callable[[], Awaitable[None]]]]:
    """Run three nodes for the block. Yield them, and what starts one with a wrong password until it is refused."""
    ports = [ShippedCluster(free_port(), free_port(), free_port()) for _ in range(4)]

    def nodes(word: str) -> str:
        return json.dumps([f"nats://node:{word}@{HOST}:{each.cluster_port}" for each in ports[:3]])

    async with contextlib.AsyncExitStack() as stack:
        logs = []
        for number, each in enumerate(ports[:3], 1):
            file = _written(folder / str(number), each, nodes("of-node"))
            logs.append(await stack.enter_async_context(_running(file, f"nats-{number}")))
        for each, log in zip(ports, logs, strict=False):
            await _logged_in(each, log)

        async def stranger() -> None:
            file = _written(folder / "4", ports[3], nodes("wrong"), "wrong")
            async with _running(file, "nats-4"):
                await _true(lambda: _says(logs[0], "authentication error"))

        yield ports[:3], stranger


async def _logged_in(ports: ShippedCluster, log: Path) -> None:
    """Wait until MQTT is served."""
    try:
        await _true(lambda: _logs_in(ports))
    except TimeoutError:
        raise AssertionError(_read(log)) from None


async def _true(question: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while True:
            if await question():
                return
            await asyncio.sleep(0.1)


async def _says(log: Path, words: str) -> bool:
    return words in _read(log).lower()


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8")


async def _logs_in(ports: ShippedCluster) -> bool:
    try:
        async with ports.mqtt("controller"):
            return True
    except aiomqtt.MqttError:
        return False
