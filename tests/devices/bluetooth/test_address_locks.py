"""Locks between controllers on one machine: real files, and real processes that hold them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from devices.bluetooth import address_locks
from devices.bluetooth.address_locks import AddressLocks, lock_folder
from devices.bluetooth.advertisement import ByAddress, ByName
from devices.bluetooth.backend import LISTEN_SECONDS, ConnectedDevice
from devices.bluetooth.radio import Radio
from devices.errors import DeviceInUseError
from devices.roles import LinkState
from devices.support.clock import ScaledClock
from tests.helpers.address_lock_holder import another_controller
from tests.helpers.scripted_radio import NEIGHBOURS, OURS, ScriptedBackend, Ward, linked


def test_a_device_that_another_process_uses_cannot_be_had_and_its_process_is_named(tmp_path: Path) -> None:
    locks = AddressLocks(tmp_path)
    with another_controller(tmp_path, OURS) as other:
        words = rf"another controller on this machine \(process {other.pid}\) uses this device: end it, or run with"
        with pytest.raises(DeviceInUseError, match=words), locks.hold(OURS.lower()):
            pass
        with locks.hold(NEIGHBOURS):
            pass
        other.kill()  # as a crash would
        other.wait()
        with locks.hold(OURS):
            pass


def test_a_failed_attempt_changes_neither_the_lock_nor_its_owner(tmp_path: Path) -> None:
    with another_controller(tmp_path, OURS) as other:
        for _ in range(3):
            with pytest.raises(DeviceInUseError, match=f"process {other.pid}"), AddressLocks(tmp_path).hold(OURS):
                pass


def test_take_over_continues_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with another_controller(tmp_path, OURS) as other:
        with AddressLocks(tmp_path, take_over=True).hold(OURS):
            assert f"process {other.pid}" in caplog.text
        with pytest.raises(DeviceInUseError, match=f"process {other.pid}"), AddressLocks(tmp_path).hold(OURS):
            pass


def test_a_file_name_does_not_contain_the_address(tmp_path: Path) -> None:
    with AddressLocks(tmp_path).hold(OURS):
        (file,) = tmp_path.iterdir()
        assert file.read_text() == str(os.getpid())
    assert not any(part.lower() in file.name for part in (OURS, OURS.replace(":", ""), OURS[-8:]))


def test_a_folder_that_cannot_be_written_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeviceInUseError, match="cannot be acquired"), AddressLocks(tmp_path / "file").hold(OURS):
        pass


class TestTheFolder:
    def test_is_shared_by_all_users(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    def test_is_private_where_no_shared_one_can_be_used(
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
    async def connected(self, tmp_path: Path) -> AsyncIterator[tuple[Radio, list[str]]]:
        backend = ScriptedBackend()
        backend.connected = [ConnectedDevice(OURS, "Pump")]
        opened = partial(contextlib.nullcontext, backend)
        async with Radio(ScaledClock(math.inf), opened, locks=AddressLocks(tmp_path)) as radio:
            yield radio, backend.disconnected

    @pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
    async def test_does_not_disconnect_a_device_of_another_live_controller(
        self, tmp_path: Path, connected: tuple[Radio, list[str]], wanted: ByName | ByAddress
    ) -> None:
        radio, disconnected = connected
        with another_controller(tmp_path, OURS) as other:
            with pytest.raises(DeviceInUseError, match=str(other.pid)):
                await radio.disconnect_unused(wanted)
            assert disconnected == []
            other.kill()
            other.wait()
            await radio.disconnect_unused(wanted)
            assert disconnected == [OURS]

    async def test_disconnects_it_with_take_over(self, tmp_path: Path, connected: tuple[Radio, list[str]]) -> None:
        radio, disconnected = connected
        radio._locks = AddressLocks(tmp_path, take_over=True)
        with another_controller(tmp_path, OURS):
            await radio.disconnect_unused(ByName("Pump"))
        assert disconnected == [OURS]

    async def test_holds_the_lock_while_a_link_has_the_device(
        self, tmp_path: Path, connected: tuple[Radio, list[str]]
    ) -> None:
        radio, _ = connected
        with radio.reserved(OURS, "left pump"):
            with pytest.raises(DeviceInUseError), AddressLocks(tmp_path).hold(OURS):
                pass
            await radio.disconnect_unused(ByAddress(OURS.lower()))  # a second link that wants it
        with AddressLocks(tmp_path).hold(OURS):
            pass


@pytest.mark.parametrize("wanted", [ByName("Pump"), ByAddress(OURS.lower())])
async def test_a_link_names_the_process_that_uses_its_device_and_connects_when_it_has_ended(
    tmp_path: Path, wanted: ByName | ByAddress
) -> None:
    async with Ward(ScaledClock(math.inf)) as ward:
        ward._locks = AddressLocks(tmp_path)
        with another_controller(tmp_path, OURS) as other:
            async with linked(ward, wanted) as link:
                ward.advertise(OURS)
                await ward.clock.sleep(LISTEN_SECONDS + 1)
                assert link.problem == (
                    f"another controller on this machine (process {other.pid}) uses this device: "
                    "end it, or run with --take-over"
                )
                assert ward.connected == []
                other.kill()
                other.wait()
                await ward.clock.sleep(60)
                assert link.state is LinkState.CONNECTED
                ward.stop_advertising()
                await asyncio.sleep(0)
