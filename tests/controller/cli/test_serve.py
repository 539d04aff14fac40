"""What a service refuses before it touches a radio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from controller.assembly.extras import SetupError, check_unused
from controller.cli import serve
from controller.cli.serve import ServeOptions, _clock
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import RadioSettings, Settings, StoreSettings
from devices.bluetooth import address_locks
from devices.bluetooth.address_locks import AddressLocks
from devices.support.clock import ScaledClock
from tests.helpers.address_lock_holder import another_controller

ADDRESS = "C0:00:00:00:00:01"
BETWEEN_PROCESSES = (
    *("tcp-client:127.0.0.1:6402", "tcp-server:_:6402", "ws-client:127.0.0.1:6402", "ws-server:_:6402"),
    *("unix:/run/radio", "unix-client:/run/radio", "unix-server:/run/radio", "pty", "pty:/run/radio"),
)
REAL = (
    *("usb:0", "pyusb:0", "hci-socket:0", "hci-socket", "serial:/dev/ttyACM0,1000000", "file:/dev/ttyACM0", "vhci"),
    *("android-netsim", "android-emulator", "udp:0.0.0.0:9000,127.0.0.1:9001", "new-in-bumble:0", "", "tcp-client-2:"),
)


class RadioTouchedError(Exception):
    """Stands for the first touch of a radio."""


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    def touch(*_: object, **__: object) -> NoReturn:
        raise RadioTouchedError

    monkeypatch.setattr(serve, "open_radio", touch)
    monkeypatch.setattr(address_locks, "_SHARED", tmp_path / "locks")
    return


def settings(tmp_path: Path, **radio: object) -> Settings:
    device = {"name": "left-pump", "profile": "open-pump", "side": "left", "address": ADDRESS.lower()}
    return Settings.model_validate(
        {
            "mqtt": MqttSettings(embedded_port=0),
            "radio": RadioSettings.model_validate(radio),
            "store": StoreSettings(path=tmp_path / "letdown.db"),
            "stations": {"home": {"devices": [device]}},
        }
    )


class TestSpeed:
    @pytest.mark.parametrize("transport", BETWEEN_PROCESSES)
    async def test_is_there_for_virtual_devices_of_another_process(self, tmp_path: Path, transport: str) -> None:
        assert isinstance(_clock(settings(tmp_path, kind="bumble", transport=transport), 5.0), ScaledClock)

    @pytest.mark.parametrize("transport", REAL)
    async def test_is_refused_with_a_real_controller(self, tmp_path: Path, transport: str) -> None:
        for speed in (0.5, 5.0):
            with pytest.raises(SetupError, match="--speed is for virtual devices"):
                _clock(settings(tmp_path, kind="bumble", transport=transport), speed)

    async def test_is_refused_with_this_machines_own_bluetooth(self, tmp_path: Path) -> None:
        with pytest.raises(SetupError, match="--speed is for virtual devices"):
            _clock(settings(tmp_path), 5.0)


class TestADeviceOfAnotherController:
    async def test_is_not_touched_and_the_process_is_named(self, tmp_path: Path) -> None:
        with another_controller(tmp_path / "locks", ADDRESS) as other:
            with pytest.raises(SetupError, match=rf"left-pump: .*\(process {other.pid}\).*--take-over"):
                await serve.serve(lambda: settings(tmp_path), ServeOptions())
            other.kill()
            other.wait()
            with pytest.raises(RadioTouchedError):
                await serve.serve(lambda: settings(tmp_path), ServeOptions())

    async def test_is_used_all_the_same_where_that_is_asked_for(self, tmp_path: Path) -> None:
        with another_controller(tmp_path / "locks", ADDRESS), pytest.raises(RadioTouchedError):
            await serve.serve(lambda: settings(tmp_path), ServeOptions(take_over=True))

    async def test_is_no_hindrance_to_virtual_devices(self, tmp_path: Path) -> None:
        with AddressLocks(tmp_path / "locks").hold(ADDRESS):
            check_unused(settings(tmp_path, kind="bumble", transport="tcp-client:127.0.0.1:6402"))
