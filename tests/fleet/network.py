"""A network of namespaces that can be partitioned: one for each place, all joined by that of this process, the hub.

Everything between two places is forwarded by the hub, where a rule drops it silently, in one direction or in both.
`isolated` starts a program as such a hub: in a network, a mount and a process namespace of its own, so that nothing of
the machine is touched, and nothing of it is left when the program ends, however that is. Needs root.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HUB = "10.77.0.1"
"""An address of the hub that every place reaches."""

MARK = "LETDOWN_TEST_HUB"  # set in the environment of a program that `isolated` started
_SECONDS = 10.0


def isolated(command: Sequence[str]) -> tuple[str, ...]:
    """Return the command that runs another one as a hub, and ends all of its processes with it."""
    own = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    return ("unshare", *own, "--", "env", f"{MARK}=1", *command)


def may_isolate() -> bool:
    """Return whether this user may make namespaces."""
    return os.geteuid() == 0


@dataclass(frozen=True)
class Place:
    """A namespace. `gateway`: the hub as it is reached from there. `within`: what a command there begins with."""

    name: str
    address: str
    gateway: str
    within: tuple[str, ...]


class Network:
    """The places by name, and what is cut between them."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.cuts: list[tuple[str, str]] = []  # from, to
        self._holders: list[subprocess.Popen[bytes]] = []

    def add(self, name: str) -> Place:
        """Make a place. `name`: at most 12 letters and digits, as it becomes that of an interface."""
        number = len(self.places) + 1
        gateway, address = f"10.77.{number}.1", f"10.77.{number}.2"
        holder = subprocess.Popen(("unshare", "--net", "sleep", "infinity"))
        self._holders.append(holder)
        _wait_for_namespace(holder.pid)
        within = ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--")
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        _ip("address", "add", f"{gateway}/24", "dev", name)
        _ip("link", "set", name, "up")
        for arguments in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", gateway),
        ):
            _ip(*arguments, within=within)
        self.places[name] = Place(name, address, gateway, within)
        return self.places[name]

    def cut(self, from_: str, to: str) -> None:
        """Drop everything on its way from one place to another; what comes back still passes."""
        if (from_, to) not in self.cuts:
            self.cuts.append((from_, to))
            _ip("rule", "add", *self._way(from_, to))

    def join(self, from_: str, to: str) -> None:
        """Let it pass again."""
        if (from_, to) in self.cuts:
            self.cuts.remove((from_, to))
            _ip("rule", "delete", *self._way(from_, to))

    def _way(self, from_: str, to: str) -> tuple[str, ...]:
        return ("from", self.places[from_].address, "to", self.places[to].address, "blackhole")

    def close(self) -> None:
        """End the places."""
        for each in self._holders:
            each.kill()
            each.wait()


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Be the hub for the block. Only in a program that `isolated` started."""
    links = json.loads(_ip("-json", "link"))
    if MARK not in os.environ or [each["ifname"] for each in links] != ["lo"]:
        raise RuntimeError("this changes the network: start it with `isolated`, in a namespace of its own")
    _ip("link", "set", "lo", "up")
    _ip("address", "add", f"{HUB}/32", "dev", "lo")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    made = Network()
    try:
        yield made
    finally:
        made.close()


def _ip(*arguments: str, within: Sequence[str] = ()) -> str:
    done = subprocess.run((*within, "ip", *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _wait_for_namespace(pid: int) -> None:
    """Wait until a process has left the network namespace of this one."""
    own, deadline = Path("/proc/self/ns/net").readlink(), time.monotonic() + _SECONDS
    while Path(f"/proc/{pid}/ns/net").readlink() == own:
        if time.monotonic() > deadline:
            raise TimeoutError("no namespace was made")
        time.sleep(0.002)
