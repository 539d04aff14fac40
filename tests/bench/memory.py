"""How much memory `letdown run` takes without virtual devices, beside a bare loop: bleak, aiomqtt, a profile's codec.

Both have what bleak needs on Linux, and look for a broker that is not there. Letdown scans an air without devices,
so that no Bluetooth adapter is needed. The promise is about what `pip install letdown` installs; the page is an extra.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.processes import settled_rss_mb
from tests.bench.rows import Row

_BLUEZ = "import bleak.backends.bluezdbus.client, bleak.backends.bluezdbus.scanner"
_BARE = f"""
import asyncio, contextlib, json, aiomqtt, bleak
{_BLUEZ}
from devices.profiles.catalog import Catalog
from devices.profiles.codec import Codec

codec = Codec(Catalog.load().get("open-pump"))

async def serve():
    while True:
        with contextlib.suppress(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", 9) as client:
                async for message in client.messages:
                    json.loads(message.payload)
        await asyncio.sleep(1)

asyncio.run(serve())
"""
_RUN = f"""
import contextlib
{_BLUEZ}
from bleak.backends.scanner import BaseBleakScanner
from controller import app
from controller.cli.main import app as command
from devices.bluetooth import bluez_backend, radio
from devices.bluetooth.backend import PlatformBackend

class SilentScanner(BaseBleakScanner):
    def __init__(self, callback, uuids, *_, **__): super().__init__(callback, uuids)
    async def start(self): pass
    async def stop(self): pass

class SilentBackend(PlatformBackend):
    scanner = SilentScanner

@contextlib.asynccontextmanager
async def opened():
    yield SilentBackend()

app.platform_backend = radio.platform_backend = lambda adapter=None: opened
command()
"""
_SETTINGS = """
mqtt: {brokers: ["mqtt://127.0.0.1:9"]}
stations:
  home:
    devices:
      - {name: left-pump, profile: open-pump, side: left, address: "F0:1E:7D:00:00:01"}
      - {name: right-pump, profile: open-pump, side: right, address: "F0:1E:7D:00:00:02"}
"""
_MORE_MB = 20.0


def measure() -> list[Row]:
    """Start both, let them settle, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "letdown.yaml")
        settings.write_text(_SETTINGS, encoding="utf-8")
        environment = os.environ | {"XDG_STATE_HOME": folder}
        run = [sys.executable, "-c", _RUN, "run", "--config", str(settings)]
        ours = _rss_mb(run, environment | {"LETDOWN_WEB__ENABLED": "false"})
        with_page = _rss_mb(run, environment)
        bare = _rss_mb([sys.executable, "-c", _BARE], environment)
    return [
        Row("memory of letdown run", "MB", ours, bare, at_most=(bare + _MORE_MB) / bare),
        Row("memory of letdown run with the page", "MB", with_page, bare),
    ]


def _rss_mb(command: list[str], environment: dict[str, str]) -> float:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        return settled_rss_mb(process.pid)
    except (LookupError, FileNotFoundError):
        raise RuntimeError(f"it has ended: {process.communicate()[1].decode()[-500:]}") from None
    finally:
        process.terminate()
        process.wait(timeout=10)
