"""`letdown doctor` on the real BlueZ, with things broken on purpose."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from devices.roles import Side
from devices.virtual.virtual_home import DescribedDevice
from tests.bluez.forked import Forker
from tests.bluez.house import House, house
from tests.bluez.world import run, until_ok

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

PUMP = DescribedDevice("pump", "open-pump", "Pump", Side.LEFT)
OFF = "      - {name: away, profile: open-pump, side: right, advertised_name: Another Pump}\n"
SWITCHES = Path("/sys/class/rfkill")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(forker: Forker) -> AsyncIterator[House]:
    async with house(forker.folder, forker, [PUMP], OFF, adapters=2) as home:
        yield home


async def doctor(home: House, seconds: float = 6) -> tuple[int, dict[str, dict[str, Any]]]:
    code, said = await home.forker.run("doctor", "--config", str(home.config), "--seconds", str(seconds), "--json")
    return code, {row["subject"]: row for row in json.loads(said)}


@contextlib.contextmanager
def blocked() -> Any:
    """Block Bluetooth as a desktop's switch does."""
    soft = [each / "soft" for each in SWITCHES.glob("rfkill*") if (each / "type").read_text().strip() == "bluetooth"]
    assert soft
    for each in soft:
        each.write_text("1")
    yield
    for each in soft:
        each.write_text("0")


async def test_it_says_what_is_there_and_what_is_not(home: House) -> None:
    code, found = await doctor(home)
    assert code == 1  # for one device is not there
    assert found["adapter"]["message"] == "hci1 is on, 0 connected, not used"
    assert found["BlueZ"]["state"] == "ok"
    assert found["pump"]["state"] == "ok"
    assert "at -50 dBm through hci0" in found["pump"]["message"]
    assert (found["away"]["state"], found["away"]["message"]) == ("problem", "not advertising")
    assert found["broker"]["state"] == "ok"


async def test_a_device_that_another_program_holds(home: House) -> None:
    address = home.world.address("pump")
    await until_ok("bluetoothctl", "--timeout", "3", "scan", "on")
    await until_ok("bluetoothctl", "connect", address)
    code, found = await doctor(home, 0.1)
    assert code == 1
    assert "is connected to it" in found["pump"]["message"]
    assert "another program on this machine" in found["pump"]["message"]
    await run("bluetoothctl", "disconnect", address)


async def test_a_device_that_is_bound_to_another_adapter(home: House) -> None:
    lines = home.config.read_text(encoding="utf-8")
    bound = "radio: {adapters: [hci0, hci1]}\n" + lines.replace("side: left", "side: left, through: hci1")
    home.config.write_text(bound, encoding="utf-8")
    _, found = await doctor(home)
    assert "through hci1" in found["pump"]["message"]
    # Nobody says yes, so it is only connected and read.
    _, said = await home.forker.run("devices", "test", "pump", "--config", str(home.config))
    assert "pump (pump): run state stopped" in said
    _, known = await run("busctl", "tree", "--list", "org.bluez")
    assert f"/org/bluez/hci1/dev_{home.world.address('pump').replace(':', '_')}/service" in known
    home.config.write_text(lines, encoding="utf-8")


async def test_a_broker_that_is_not_there(home: House) -> None:
    await home.world.broker.stop()
    code, found = await doctor(home, 0.1)
    await home.world.broker.start()
    assert code == 1
    assert "nothing answers at" in found["broker"]["message"]


async def test_an_adapter_that_is_off(home: House) -> None:
    await home.world.power("hci0", on=False)
    await home.world.power("hci1", on=False)
    code, found = await doctor(home)
    await home.world.power("hci0", on=True)
    assert code == 1
    assert found["Bluetooth"]["message"] == "the adapter hci0 is switched off"
    assert found["Bluetooth"]["remedy"] == "bluetoothctl power on"
    assert found["pump"]["state"] == "note"


async def test_bluetooth_that_is_blocked(home: House) -> None:
    with blocked():
        code, found = await doctor(home)
    await home.world.power("hci0", on=True)
    assert code == 1
    assert found["Bluetooth"]["remedy"] == "sudo rfkill unblock bluetooth"


async def test_a_bluetoothd_that_is_not_running(home: House) -> None:
    await home.world.daemon.stop()
    code, found = await doctor(home)
    assert code == 1
    assert found["Bluetooth"]["remedy"] == "sudo systemctl start bluetooth"
