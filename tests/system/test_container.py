"""The container, built from its recipe and run: small, not root, nothing written, healthy, and it ends in order."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import ROOT
from tests.helpers.container import HARDENED, build, podman, run, running
from tests.helpers.mosquitto import find

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="it builds images as root")]

TAG, ADDON = "letdown-test", "letdown-test-addon"
USER = 10001
TEMPORARY = (*HARDENED, "--tmpfs", "/tmp")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs/container.md").read_text(encoding="utf-8")
BUS = """<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>"""
CONNECT = """
import asyncio
from dbus_fast import BusType
from dbus_fast.aio import MessageBus
async def main():
    print((await MessageBus(bus_type=BusType.SYSTEM).connect()).unique_name)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def image() -> dict[str, Any]:
    return build(TAG)


@pytest.fixture(scope="module")
def addon_image(image: dict[str, Any]) -> dict[str, Any]:
    """Build the add-on from the very folder that people copy; it has layers of the container."""
    subprocess.run(("make", "--silent", "addon"), cwd=ROOT, check=True, capture_output=True)
    return build(ADDON, "addon", ROOT / "dist/addon/letdown")


def test_it_says_what_it_is(image: dict[str, Any]) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in image["Labels"].items()}
    assert labels["version"] == PROJECT["version"]
    assert labels["description"] == PROJECT["description"]
    assert labels["licenses"] == PROJECT["license"]
    assert "LETDOWN_INSTALLED_AS=container" in image["Config"]["Env"]
    assert image["Config"]["StopSignal"] == "SIGTERM"


def test_it_has_the_size_that_the_page_says(image: dict[str, Any]) -> None:
    (said,) = re.findall(r"about (\d+) MB", PAGE)
    assert image["Size"] / 1e6 == pytest.approx(int(said), rel=0.1)


def test_a_whole_session_as_nobody_with_nothing_to_write_to(image: dict[str, Any]) -> None:
    assert image["Config"]["User"] == f"{USER}:{USER}"
    done = run(TAG, "letdown", "demo", "--speed", "600", "--json")
    assert '"outcome": "completed"' in done.stdout, done.stderr


def test_all_its_modules_are_compiled_as_it_cannot_write_them(image: dict[str, Any]) -> None:
    code = "import controller.app, sys; print([each for each in sys.modules if each.startswith('controller')][-1])"
    done = run(TAG, "python", "-v", "-c", code)
    assert re.search(r"controller/__pycache__/app\.cpython-\d+\.pyc matches ", done.stderr)


def test_without_settings_it_says_what_to_do(image: dict[str, Any]) -> None:
    done = run(TAG)
    assert done.returncode == 2
    assert "there are no settings yet" in done.stderr


def test_a_stop_counts_from_the_first_moment(image: dict[str, Any]) -> None:
    # Before the command runs. Linux drops a signal that the first process of a container does not handle.
    early = "entry._run = lambda: (os.kill(1, signal.SIGTERM), 5)[1]"
    code = f"import os, signal; from controller.cli import entry; {early}; entry.main()"
    assert run(TAG, "python", "-c", code).returncode == 128 + signal.SIGTERM


@contextlib.contextmanager
def machine_bus(folder: Path) -> Iterator[Path]:
    """Run a D-Bus like that of a machine. Yield the folder of its socket."""
    configuration, sockets = folder / "bus.conf", folder / "dbus"
    sockets.mkdir(mode=0o755)
    configuration.write_text(BUS.format(sockets / "system_bus_socket"), encoding="utf-8")
    command = (find("dbus-daemon"), "--nofork", "--print-address", "--config-file", str(configuration))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as bus:
        assert bus.stdout is not None
        assert bus.stdout.readline().startswith(b"unix:path=")  # it listens
        try:
            yield sockets
        finally:
            bus.terminate()


def test_it_reaches_the_bus_of_the_machine_as_a_user_of_both(image: dict[str, Any], tmp_path: Path) -> None:
    with machine_bus(tmp_path) as sockets:
        known = ("--user", "65534:65534")  # dbus-daemon refuses a user whom the machine does not know
        done = run(TAG, "python", "-c", CONNECT, options=("--volume", f"{sockets}:/run/dbus:ro", *known))
    assert re.fullmatch(r":\d+\.\d+\n", done.stdout), done.stderr


async def test_a_service_is_healthy_until_it_hangs_and_ends_in_order(image: dict[str, Any]) -> None:
    async with running(TAG, "letdown", "run", "--virtual", options=TEMPORARY) as container:
        await container.logged("the web page is at")
        assert container.healthy()
        assert container.executed("grep", "^Uid:", "/proc/1/status").split()[1:] == [str(USER)] * 4
        process = int(podman("inspect", "--format", "{{.State.Pid}}", container.name).stdout)
        os.kill(process, signal.SIGSTOP)
        assert not container.healthy()
        os.kill(process, signal.SIGCONT)
        assert await container.stop() == 0


async def test_the_add_on_gives_up_the_rights_of_root(addon_image: dict[str, Any], tmp_path: Path) -> None:
    assert "LETDOWN_INSTALLED_AS=addon" in addon_image["Config"]["Env"]
    data, config = tmp_path / "data", tmp_path / "config"
    for folder in (data, config):
        folder.mkdir(mode=0o700)
    options = data / "options.json"
    options.write_text('{"language": "de", "virtual_devices": true}', encoding="utf-8")
    options.chmod(0o600)
    volumes = ("--volume", f"{data}:/data", "--volume", f"{config}:/config", "--tmpfs", "/tmp", "--network", "none")
    volumes += ("--env", "SUPERVISOR_TOKEN=the-token")
    async with running(ADDON, options=volumes) as container:
        await container.logged("the web page is at")
        assert "the Supervisor cannot be asked for the MQTT broker" in container.log
        assert container.healthy()
        status = container.executed("cat", "/proc/1/status")
        assert re.findall(r"^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s*(\d+)$", status, re.MULTILINE) == ["0" * 16] * 5
        assert re.search(r"^NoNewPrivs:\s*1$", status, re.MULTILINE)
        assert "the-token" not in container.executed("cat", "/proc/1/environ")
        assert (data / "letdown/web-token").exists()
        assert (config / "letdown.yaml").exists()
        assert await container.stop() == 0
