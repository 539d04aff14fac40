"""A mosquitto of the test's own, on a free port, that can be stopped, frozen and started again."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from controller.mqtt.mqtt_settings import BrokerUrl


def find(program: str) -> str:
    """Return where a system program is. A missing one is an error here, not a reason to skip."""
    found = shutil.which(
        program, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/sbin"
    )
    if found is None:
        raise RuntimeError(f"{program} is not installed; `make test-system` brings it")
    return found


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


class Mosquitto:
    """One broker process. Without `persistence` it forgets everything when it is started again."""

    def __init__(self, folder: Path, port: int, config_lines: Sequence[str]) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self._config = folder / "mosquitto.conf"
        self._process: asyncio.subprocess.Process | None = None
        lines = [
            f"listener {port} {self.host}",
            "persistence false",
            "user root",
            "set_tcp_nodelay true",
            *config_lines,
        ]
        if not any(line.startswith("allow_anonymous") for line in lines):
            lines.append("allow_anonymous true")
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def url(self) -> BrokerUrl:
        """Its address."""
        return BrokerUrl(host=self.host, port=self.port)

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            find("mosquitto"), "-c", str(self._config), stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(10):
            while True:
                if self._process.returncode is not None:
                    raise RuntimeError(f"mosquitto ended with {self._process.returncode}; see {self._config}")
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(self.host, self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Kill it, as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def restart(self) -> None:
        """Kill it and start it again."""
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        """Let it hang: its connections stay open and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def mosquitto(port: int | None = None, config_lines: Sequence[str] = ()) -> AsyncIterator[Mosquitto]:
    """Run a broker for the block."""
    with tempfile.TemporaryDirectory(prefix="letdown-mosquitto-") as folder:
        broker = Mosquitto(Path(folder), port or free_port(), config_lines)
        try:
            await broker.start()
            yield broker
        finally:
            await broker.stop()
