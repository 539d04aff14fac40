"""Locks between controllers on one machine: real files, and real processes that hold them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devices import address_locks
from devices.address_locks import AddressLocks, HeldElsewhereError, lock_folder
from devices.backend import LISTEN_SECONDS, Backend
from devices.clock import ScaledClock
from devices.link import LinkState
from devices.radio import Radio
from devices.sighting import ByAddress, ByName
from tests.devices.test_radio import NEIGHBOURS, OURS, Connected, Scanner, Ward, linked

HOLDER = """
import sys, pathlib
from devices.address_locks import AddressLocks
with AddressLocks(pathlib.Path(sys.argv[1])).hold(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_controller(folder: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock of an address for the block."""
    command = (sys.executable, "-c", HOLDER, str(folder), address)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_device_that_another_process_uses_cannot_be_had_and_its_process_is_named(tmp_path: Path) -> None:
    locks = AddressLocks(tmp_path)
    with another_controller(tmp_path, OURS) as other:
        words = rf"another controller on this machine \(process {other.pid}\) uses this device: end it, or run with"
        with pytest.raises(HeldElsewhereError, match=words), locks.hold(OURS.lower()):
            pass
        with locks.hold(NEIGHBOURS):
            pass
        other.kill()  # as a crash would
        other.wait()
        with locks.hold(OURS):
            pass


def test_a_loser_leaves_the_lock_and_its_process_as_they_were(tmp_path: Path) -> None:
    with another_controller(tmp_path, OURS) as other:
        for _ in range(3):
            with pytest.raises(HeldElsewhereError, match=f"process {other.pid}"), AddressLocks(tmp_path).hold(OURS):
                pass


def test_whoever_takes_over_goes_on_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with another_controller(tmp_path, OURS) as other:
        with AddressLocks(tmp_path, take_over=True).hold(OURS):
            assert f"process {other.pid}" in caplog.text
        with pytest.raises(HeldElsewhereError, match=f"process {other.pid}"), AddressLocks(tmp_path).hold(OURS):
            pass


def test_a_file_name_does_not_show_the_address(tmp_path: Path) -> None:
    with AddressLocks(tmp_path).hold(OURS):
        (file,) = tmp_path.iterdir()
        assert file.read_text() == str(os.getpid())
    assert not any(part.lower() in file.name for part in (OURS, OURS.replace(":", ""), OURS[-8:]))


def test_a_folder_that_cannot_be_written_is_said_to_be_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HeldElsewhereError, match="cannot be had"), AddressLocks(tmp_path / "file").hold(OURS):
        pass


class TestTheFolder:
    def test_is_one_that_all_users_share(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(address_locks, "_SHARED", tmp_path / "letdown")
        before = os.umask(0o077)  # as config/letdown.service has it
        try:
            folder = lock_folder()
            with AddressLocks().hold(OURS):
                (file,) = folder.iterdir()
        finally:
            os.umask(before)
        assert folder == tmp_path / "letdown"
        assert folder.stat().st_mode & 0o7777 == 0o1777
        assert file.stat().st_mode & 0o777 == 0o666

    @pytest.mark.parametrize("hindrance", ["absent", "link"])
    def test_is_the_users_own_where_that_cannot_be_had(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hindrance: str
    ) -> None:
        shared = tmp_path / "absent" / "letdown" if hindrance == "absent" else tmp_path / "letdown"
        if hindrance == "link":
            shared.symlink_to(tmp_path)
        monkeypatch.setattr(address_locks, "_SHARED", shared)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert lock_folder() == tmp_path / f"letdown-locks-{os.getuid()}"
        assert lock_folder().is_dir()


class TestARadio:
    """On a system that is connected to a device."""

    @pytest.fixture
    async def held(self, tmp_path: Path) -> AsyncIterator[tuple[Radio, list[str]]]:
        let_go: list[str] = []

        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[Backend]:
            async def devices() -> list[Connected]:
                return [Connected(OURS, "Pump")]

            async def end(each: Connected) -> None:
                let_go.append(each.address)

            yield Backend(Scanner, held=devices, let_go=end)

        async with Radio(ScaledClock(math.inf), opened, locks=AddressLocks(tmp_path)) as radio:
            yield radio, let_go

    @pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
    async def test_does_not_disconnect_a_device_of_another_live_controller(
        self, tmp_path: Path, held: tuple[Radio, list[str]], wanted: ByName | ByAddress
    ) -> None:
        radio, let_go = held
        with another_controller(tmp_path, OURS) as other:
            with pytest.raises(HeldElsewhereError, match=str(other.pid)):
                await radio.release(wanted)
            assert let_go == []
            other.kill()
            other.wait()
            await radio.release(wanted)
            assert let_go == [OURS]

    async def test_disconnects_it_where_it_takes_over(self, tmp_path: Path, held: tuple[Radio, list[str]]) -> None:
        radio, let_go = held
        radio._locks = AddressLocks(tmp_path, take_over=True)
        with another_controller(tmp_path, OURS):
            await radio.release(ByName("Pump"))
        assert let_go == [OURS]

    async def test_holds_the_lock_for_as_long_as_a_link_has_the_device(
        self, tmp_path: Path, held: tuple[Radio, list[str]]
    ) -> None:
        radio, _ = held
        with radio.reserved(OURS, "left pump"):
            with pytest.raises(HeldElsewhereError), AddressLocks(tmp_path).hold(OURS):
                pass
            await radio.release(ByAddress(OURS.lower()))  # a second link that wants it
        with AddressLocks(tmp_path).hold(OURS):
            pass


@pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
async def test_a_link_says_who_uses_its_device_and_has_it_when_that_one_is_gone(
    tmp_path: Path, wanted: ByName | ByAddress
) -> None:
    async with Ward(ScaledClock(math.inf)) as ward:
        ward._locks = AddressLocks(tmp_path)
        with another_controller(tmp_path, OURS) as other:
            async with linked(ward, wanted) as link:
                ward.advertise(OURS)
                await ward.clock.sleep(LISTEN_SECONDS + 1)
                assert link.trouble == (
                    f"another controller on this machine (process {other.pid}) uses this device: "
                    "end it, or run with --take-over"
                )
                assert ward.connected == []
                other.kill()
                other.wait()
                await ward.clock.sleep(60)
                assert link.state is LinkState.CONNECTED
                ward.hush()
                await asyncio.sleep(0)
