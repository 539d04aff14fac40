"""The virtual machine: a Debian that boots, reboots, and runs commands. What it changes on its disk is forgotten."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "letdown-tests/package"
_KVM = ("-accel", "kvm", "-cpu", "max,-arch-capabilities")
_WITHOUT = ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem")  # what newer ones have is slow to emulate
# no_timer_check: on a busy machine the guest's timer comes too late for the kernel, which panics.
_KERNEL = "console=ttyS0 panic=-1 quiet loglevel=3 no_timer_check mitigations=off audit=0 cryptomgr.notests"
_PROBE_SECONDS = 10.0  # a kernel that runs needs one or two
_BOOT_SECONDS = 900.0  # seconds with KVM; without, and on a busy machine, minutes


def has_kvm() -> bool:
    """Return whether a kernel runs with KVM here: some hosts offer it, and it hangs.

    Without any file system the kernel panics, and ends the machine.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    kernel = ("-kernel", str(KEPT / "vmlinux"), "-append", "panic=-1", "-no-reboot", "-display", "none", "-nodefaults")
    try:
        done = subprocess.run(
            ["qemu-system-x86_64", *_KVM, "-M", "q35", *kernel],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


class Machine:
    """A machine that runs. `share`: a folder of this one that it finds in /share, and may only read."""

    def __init__(self, folder: Path, share: Path) -> None:
        self.kvm = has_kvm()
        self.console = folder / "console.log"
        self._numbers = 0
        self._received = b""
        self._boot = ""
        port = folder / "agent.sock"
        command = [
            *("qemu-system-x86_64", *(_KVM if self.kvm else _WITHOUT), "-M", "q35", "-m", "1536", "-smp", "2"),
            *("-nodefaults", "-display", "none", "-serial", "stdio", "-kernel", str(KEPT / "vmlinux")),
            *("-initrd", str(KEPT / "first.gz"), "-append", _KERNEL),
            *("-drive", f"file={KEPT / 'disk.img'},format=raw,if=virtio,snapshot=on"),
            *("-virtfs", f"local,path={share},mount_tag=share,security_model=none,readonly=on"),
            *("-device", "virtio-serial", "-chardev", f"socket,id=agent,path={port},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=agent", "-device", "virtio-rng-pci"),
        ]
        with self.console.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._channel = socket.socket(socket.AF_UNIX)
        try:
            wait(port.exists, 60, "the socket of qemu", self._ended)
            self._channel.connect(str(port))
            self.await_boot()
        except BaseException:
            self.end()
            raise

    def await_boot(self) -> None:
        """Wait until it has booted, once more than before."""
        while (boot := self._answer(_BOOT_SECONDS).get("hello")) in (None, self._boot):
            pass
        self._boot = str(boot)
        self.tried("systemctl is-system-running --wait", seconds=_BOOT_SECONDS)

    def reboot(self) -> None:
        """Reboot it, as an owner does, and wait until it is back."""
        self._send("systemctl reboot")
        self.await_boot()

    def run(self, command: str, *, seconds: float = 300.0) -> str:
        """Run a command as root; return what it printed. Raise `AssertionError` where it fails."""
        code, said = self.tried(command, seconds=seconds)
        assert code == 0, f"`{command}` ended with {code}:\n{said}"
        return said

    def tried(self, command: str, *, seconds: float = 300.0) -> tuple[int, str]:
        """Run a command as root; return its exit code and what it printed."""
        number = self._send(command)
        while True:
            answer = self._answer(seconds)
            if answer.get("number") == number:
                return answer["code"], answer["said"]

    def until(self, command: str, *, seconds: float = 180.0) -> str:
        """Run a command until it succeeds; return what it printed then."""
        last: list[tuple[int, str]] = []

        def done() -> bool:
            last[:] = [self.tried(command)]
            return last[0][0] == 0

        wait(done, seconds, command, lambda: last[0][1], look_seconds=0.3)
        return last[0][1]

    def end(self) -> None:
        """End it, without a word."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def _send(self, command: str) -> int:
        self._numbers += 1
        self._channel.sendall(json.dumps({"number": self._numbers, "command": command}).encode() + b"\n")
        return self._numbers

    def _answer(self, seconds: float) -> dict[str, Any]:
        end_seconds = time.monotonic() + seconds
        while b"\n" not in self._received:
            readable = select.select([self._channel], [], [], max(0.0, end_seconds - time.monotonic()))[0]
            piece = self._channel.recv(65536) if readable else b""
            assert piece, f"the machine does not answer; the last it said:\n{self._ended()}"
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        try:
            return dict(json.loads(line))
        except ValueError:  # cut off by a reboot
            return {}

    def _ended(self) -> str:
        return self.console.read_text(errors="replace")[-3000:]


def wait(
    done: Callable[[], bool], seconds: float, what: str, said: Callable[[], str], look_seconds: float = 0.05
) -> None:
    """Wait for something. Raise `TimeoutError`, which says what it was."""
    end_seconds = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end_seconds:
            raise TimeoutError(f"not in {seconds:g} s: {what}; {said()}")
        time.sleep(look_seconds)
