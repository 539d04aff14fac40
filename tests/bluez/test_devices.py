"""Devices of many kinds on the real BlueZ: each tried as `letdown devices test` does, then all at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from bumble import gatt

from devices.roles import Side
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import load_yaml
from devices.tuya.tuya_model import TuyaModel
from devices.virtual.tuya_body import TuyaBody
from devices.virtual.tuya_twin import TuyaTwin
from devices.virtual.virtual_home import DescribedDevice, Home
from tests.bluez.forked import Forker
from tests.bluez.house import House, house
from tests.bluez.world import run, typed, until_ok
from tests.helpers.patience import until
from tests.helpers.service_process import reading
from tests.helpers.tuya_links import DEVICE_ID, LOCAL_KEY, UUID, credentials

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

DEVICES = (
    DescribedDevice("pump", "open-pump", "Pump S", Side.LEFT),
    DescribedDevice("changing", "open-massager", "Massager C", Side.BOTH),
    DescribedDevice("bonded", "open-warm-pad", "Pad B", Side.BOTH),
    DescribedDevice("htk", "htk-breast-massager", "HTK-BLE-BM001", Side.BOTH),
    DescribedDevice("ooler", "ooler", "OOLER", Side.BOTH),
)
TUYA_NAME, TUYA_ADDRESS = "TY", "F0:1E:7D:00:00:77"
TUYA = (
    f"      - {{name: tuya, profile: sporramom-w3, address: '{TUYA_ADDRESS}', side: left, allow_unverified: true,\n"
    f"         tuya: {{local_key: '{LOCAL_KEY}', uuid: {UUID}, device_id: {DEVICE_ID}}}}}\n"
)


TRY = ("devices", "test")
CHANGED = gatt.Characteristic(
    "2a06", gatt.Characteristic.Properties.READ, gatt.Characteristic.Permissions.READABLE, b"\1"
)


def encrypt(home: Home) -> None:
    """Let the pad want a paired link for everything."""
    twin = home.twins["bonded"]
    plain = twin._characteristic
    twin._characteristic = lambda name: replace(plain(name), encrypted=True)  # type: ignore[method-assign]


@contextlib.asynccontextmanager
async def tuya_on_air(home: House) -> AsyncIterator[TuyaTwin]:
    """Put a pump that speaks Tuya on the air."""
    loop = asyncio.get_running_loop()
    profile = load_yaml(SHIPPED / "profiles" / "sporramom-w3.yaml", TuyaModel)
    twin = TuyaTwin(profile, TuyaBody(None), TUYA_NAME, loop.time, credentials=credentials())
    await twin.serve(await home.world.air.add_peripheral(TUYA_NAME, TUYA_ADDRESS))

    async def tick() -> None:
        while True:
            twin.tick()
            await asyncio.sleep(0.2)

    ticking = asyncio.create_task(tick())
    try:
        yield twin
    finally:
        ticking.cancel()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(forker: Forker) -> AsyncIterator[House]:
    async with house(forker.folder, forker, DEVICES, TUYA, prepare=encrypt, by_address=True) as home, tuya_on_air(home):
        yield home


async def test_a_device_that_wants_a_bond_is_bonded_once_by_hand(home: House) -> None:
    address = home.world.address("bonded")
    await until_ok("bluetoothctl", "--timeout", "3", "scan", "on")
    said = await typed(
        "bluetoothctl", "agent NoInputNoOutput", "default-agent", f"pair {address}", until="Pairing successful"
    )
    assert "Pairing successful" in said
    _, said = await run("bluetoothctl", "info", address)
    assert "Bonded: yes" in said
    await run("bluetoothctl", "disconnect", address)


async def test_each_is_connected_tried_and_stopped(home: House) -> None:
    names = ["htk", "ooler", "tuya"]
    turn = asyncio.Lock()

    async def in_turn(name: str) -> tuple[int, str]:
        async with turn:  # bluetoothd 5.66 may leave a scan unanswered when two programs begin one at the same moment
            begun = await home.forker.begin(*TRY, name, "--config", str(home.config), "--yes")
            await begun.logged("connected")
        return await begun.wait(), begun.log

    for name, (code, said) in zip(names, await asyncio.gather(*map(in_turn, names)), strict=True):
        assert "running: " in said, said
        assert "it did not run" not in said, said
        assert "stopped, confirmed by the device" in said or name == "htk", said
        assert code == 0, said
    assert not home.on


async def test_the_service_connects_to_all_of_them_at_once(home: House) -> None:
    await home.begin()
    await home.all_there()
    assert reading(home.other, "pump")["battery_percent"] is not None
    for name in ("changing", "bonded", "ooler"):
        assert reading(home.other, name)["run_state"] == "stopped"


async def test_a_bond_outlives_the_connection(home: House) -> None:
    home.world.lose_link("bonded")
    await until(lambda: not home.available("bonded"), 30)
    await until(lambda: home.available("bonded"), 60)


async def test_a_device_whose_table_of_characteristics_has_changed(home: House) -> None:
    before = home.twin("changing").server
    await home.world.replace("changing", with_first=gatt.Service("1802", [CHANGED]))
    assert home.twin("changing").server is not before
    await until(lambda: not home.available("changing"), 30)
    await until(lambda: home.available("changing"), 90)
    assert reading(home.other, "changing")["run_state"] == "stopped"
    await home.crash()


async def test_a_device_that_needs_acquire_notify(home: House) -> None:
    """The last one: bluetoothd 5.66 ends when a program that has acquired notifications lets go of them."""
    text = (SHIPPED / "profiles" / "open-pump.yaml").read_text(encoding="utf-8")
    text = text.replace("\nid: open-pump\n", "\nid: acquired-pump\n") + "\nlink: {acquire_notify: true}\n"
    (home.world.folder / "profiles" / "acquired-pump.yaml").write_text(text, encoding="utf-8")
    lines = home.config.read_text(encoding="utf-8")
    home.config.write_text(lines.replace("profile: open-pump", "profile: acquired-pump"))
    code, said = await home.forker.run(*TRY, "pump", "--config", str(home.config), "--yes", seconds=90)
    assert "stopped, confirmed by the device" in said
    assert code == 0
