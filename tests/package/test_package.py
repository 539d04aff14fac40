"""The Debian package in a virtual machine: installed, set up, a session, upgraded, rebooted, removed, nothing left.

The tests are one story in order: each goes on where the one before ended. The pump is virtual, on the real BlueZ,
and it is the pump itself that says whether it runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.package.machine import Machine

pytestmark = pytest.mark.package

PREVIOUS, CURRENT = (Path(os.environ.get(f"{each}_PACKAGE", "")) for each in ("PREVIOUS", "CURRENT"))
SETTINGS, STORE = "/etc/letdown/letdown.yaml", "/var/lib/letdown/letdown.db"
BY_HAND = """
mqtt: {brokers: ["mqtt://127.0.0.1"]}
store: {path: /var/lib/letdown/letdown.db}
stations: {home: {devices: [{name: pump, profile: open-pump, side: left, advertised_name: open-pump 1}]}}
"""
# What changes by itself, or by dpkg, whatever the package does.
NOT_OURS = (
    *("/tmp/", "/var/tmp/", "/var/cache/", "/var/lib/apt/", "/var/lib/dpkg/", "/var/log/", "/var/lib/bluetooth/"),
    *("/var/lib/mosquitto/", "/var/lib/systemd/random-seed", "/var/lib/systemd/timers/", "/var/lib/systemd/catalog/"),
    *(f"/etc/{each}-" for each in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")),
)


class Home:
    """The machine, and what an owner does on it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.clean: dict[str, str] = {}
        self._commands = 0

    def files(self) -> dict[str, str]:
        """Return every file on the disk, with its owner and mode, and in /etc with what is in it."""
        listed = self.machine.run(r"find / -xdev -printf '%p\t%y %m %U:%G\n'")
        contents = self.machine.run("find /etc -xdev -type f -exec sha256sum {} +")
        sums = {line[66:]: line[:64] for line in contents.splitlines()}
        rows = (line.split("\t") for line in listed.splitlines())
        return {path: f"{what} {sums.get(path, '')}" for path, what in rows if not path.startswith(NOT_OURS)}

    def nothing_left(self) -> None:
        """Check that no file, no user and no unit is left, and no file of the system is another."""
        now = self.files()
        assert {path: now.get(path) for path in {*now, *self.clean} if now.get(path) != self.clean.get(path)} == {}
        assert self.machine.tried("getent passwd letdown || getent group letdown")[0] != 0
        assert self.machine.run("systemctl list-unit-files --no-legend 'letdown*' || true") == ""
        assert self.machine.run("systemctl list-units --all --no-legend 'letdown*'") == ""
        assert self.machine.run("ls -A /run/lock /run | grep letdown || true") == ""

    def switch_pump_on(self) -> None:
        """Put the virtual pump on air; it is not running."""
        python = "/share/code/usr/lib/letdown/bin/python3"
        self.machine.run(f"rm -f /run/pump; systemd-run --quiet --unit=pump --collect {python} /share/pump.py")
        powered = "busctl get-property org.bluez /org/bluez/hci0 org.bluez.Adapter1 Powered"
        self.machine.until(f"grep -q off /run/pump && {powered} | grep -q true")

    def pump(self) -> str:
        """Return whether the pump is on or off, in truth."""
        return self.machine.run("cat /run/pump")

    def start_service(self) -> None:
        """Enable and start it, and wait until it is connected to the pump."""
        self.machine.run("systemctl enable --now letdown")
        self.connected()

    def connected(self) -> None:
        """Wait until the service is connected to the pump."""
        self.machine.until("systemctl is-active letdown")  # it says itself when it is ready
        # Not by what the broker retains: that may be of the service before it.
        log = "journalctl --unit letdown _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID letdown)"
        self.machine.until(f"{log} | grep -q 'pump is connected'")

    def state(self) -> dict[str, Any]:
        """Return the session's state, as it is retained at the broker."""
        state: dict[str, Any] = json.loads(self.machine.until("mosquitto_sub -t letdown/home/state -C 1 -W 5"))
        return state

    def send(self, action: str, **args: Any) -> None:
        """Send a command over MQTT."""
        self._commands += 1
        command = json.dumps({"id": f"{action}-{self._commands}", "action": action, "args": args})
        self.machine.run(f"mosquitto_pub -t letdown/home/command -m '{command}'")

    def await_state(self, *states: str) -> dict[str, Any]:
        """Wait until the session is in one of these states."""
        wanted = "|".join(f'"state": ?"{each}"' for each in states)
        self.machine.until(f"mosquitto_sub -t letdown/home/state -C 1 -W 5 | grep -qE '{wanted}'")
        return self.state()

    def sessions(self) -> list[dict[str, Any]]:
        """Return the past sessions, as the service's user sees them."""
        said = self.machine.run("cd / && runuser -u letdown -- letdown history --json 2>/dev/null")
        sessions: list[dict[str, Any]] = json.loads(said)["sessions"]
        return sessions

    def pump_runs(self) -> None:
        """Start a session, and wait until the pump runs in truth."""
        self.send("start", routine="power-pumping", side="left")
        if self.await_state("checking", "running")["state"] == "checking":  # not asked twice a day
            self.send("answer", question="all", value=False)
            self.await_state("running")
        self.send("start_suction")
        self.machine.until("grep -q on /run/pump")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    share = tmp_path_factory.mktemp("share")
    shutil.copy(PREVIOUS, share / "previous.deb")
    shutil.copy(CURRENT, share / "current.deb")
    for name in ("agent.py", "pump.py"):
        shutil.copy(Path(__file__).with_name(name), share)
    subprocess.run(["dpkg-deb", "-x", CURRENT, share / "code"], check=True)
    machine = Machine(tmp_path_factory.mktemp("machine"), share)
    try:
        yield Home(machine)
        print(machine.tried("journalctl --boot --no-pager --lines 80")[1])  # noqa: T201 - shown when a test fails
    finally:
        machine.end()


# The previous version, and the upgrade


def test_the_previous_version_is_installed_and_off(home: Home) -> None:
    home.clean = home.files()
    home.machine.run("apt-get install --yes /share/previous.deb")
    assert home.machine.tried("systemctl is-enabled --quiet letdown || systemctl is-active --quiet letdown")[0] != 0
    assert home.machine.run(f"stat -c '%a %U:%G' {SETTINGS}") == "640 root:letdown\n"
    assert home.machine.run("stat -c '%a %U:%G' /var/lib/letdown") == "700 letdown:letdown\n"


def test_the_previous_version_runs_a_session(home: Home) -> None:
    home.switch_pump_on()
    home.machine.run(f"cat >{SETTINGS} <<'END'{BY_HAND}END")
    home.start_service()
    home.pump_runs()


def test_an_upgrade_in_a_session_stops_the_pump_first_and_keeps_the_settings(home: Home) -> None:
    settings = home.machine.run(f"cat {SETTINGS}")
    home.machine.run("apt-get install --yes /share/current.deb")
    assert home.pump() == "off"
    home.machine.run("journalctl --no-pager --unit letdown | grep 'Deactivated successfully'")  # not killed
    assert home.machine.run(f"cat {SETTINGS}") == settings
    assert home.machine.run("systemctl is-enabled letdown") == "enabled\n"
    assert home.machine.run("dpkg-query -W -f '${Status}' letdown") == "install ok installed"
    home.connected()
    assert home.await_state("idle", "stopped")["step"] is None
    assert home.pump() == "off"


def test_purging_it_leaves_nothing_behind(home: Home) -> None:
    home.machine.run("apt-get purge --yes letdown && systemctl stop pump")
    home.nothing_left()


# From scratch


def test_set_up_and_a_session(home: Home) -> None:
    home.machine.run("apt-get install --yes /share/current.deb")
    home.switch_pump_on()
    setup = "letdown setup --yes --seconds 5 --device 'pump=open-pump 1' --side left --broker mqtt://127.0.0.1 --json"
    said = json.loads(home.machine.run(f"{setup} 2>/dev/null"))
    assert said["file"] == SETTINGS
    assert [each["profile"] for each in said["devices"]] == ["open-pump"]
    assert home.machine.run(f"stat -c '%a %U:%G' {SETTINGS}") == "640 root:letdown\n"
    home.start_service()
    home.pump_runs()
    home.send("stop")
    home.await_state("stopped")
    assert home.pump() == "off"
    assert len(home.sessions()) == 1


def test_the_doctor_knows_the_package_and_finds_no_problem(home: Home) -> None:
    code, said = home.machine.tried("cd / && runuser -u letdown -- letdown doctor --seconds 2 --json 2>/dev/null")
    rows = {row["subject"]: row for row in json.loads(said[said.index("[") :])}
    assert "Debian package" in rows["installation"]["message"]
    assert (code, [row for row in rows.values() if row["state"] == "problem"]) == (0, [])


def test_after_a_reboot_the_service_is_back_and_nothing_runs(home: Home) -> None:
    home.machine.reboot()
    home.switch_pump_on()
    home.connected()
    assert home.await_state("idle", "stopped")["step"] is None
    assert home.pump() == "off"
    assert len(home.sessions()) == 1


def test_removal_stops_the_pump_and_keeps_settings_and_history(home: Home) -> None:
    home.pump_runs()
    home.machine.run("apt-get remove --yes letdown")
    assert home.pump() == "off"
    assert home.machine.run("systemctl list-units --all --no-legend letdown.service") == ""
    home.machine.run(f"test -s {SETTINGS} && test -s {STORE}")
    assert home.machine.tried("command -v letdown")[0] != 0


def test_installed_again_it_has_them_and_purged_it_leaves_nothing_behind(home: Home) -> None:
    home.machine.run("apt-get install --yes /share/current.deb")
    assert len(home.sessions()) == 2
    home.machine.run("apt-get purge --yes letdown && systemctl stop pump")
    home.nothing_left()
