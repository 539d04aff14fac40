"""The test home with a button on its virtual radio, beside the devices that it stops."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from controller.contract.event_data import ButtonPressedData
from controller.contract.events import EventType
from devices.bluetooth.advertisement import ByAddress
from devices.bluetooth.radio import Radio
from devices.bthome.bthome_device import BthomeDevice
from devices.bthome.bthome_model import BthomeModel
from devices.bthome.bthome_settings import BthomeSettings
from devices.bthome.objects import BUTTON
from devices.bthome.packet import SERVICE
from devices.driver.base import BaseDevice, DeviceOptions
from devices.roles import PressEvent, Side
from devices.support.clock import ScaledClock
from devices.virtual.bthome_twin import BthomeTwin
from devices.virtual.virtual_home import VirtualHome
from tests.helpers.home import RunningHome, catalog, running_home
from tests.helpers.home_faults import ListedAir

NAME, ADDRESS = "chair", "F0:1E:7D:00:00:77"
KEY, OTHER_KEY = "231d39c1d7cc1ab1aee224cd096db932", "0f" * 16
NOT_PRESSED = bytes([BUTTON, 0])
KNOWN = [event for event in PressEvent if event is not PressEvent.UNKNOWN]


def model(id_: str = "bthome-button") -> BthomeModel:
    found = catalog().get(id_)
    assert isinstance(found, BthomeModel)
    return found


class Pressed:
    """The home, its button, and what the presses did."""

    def __init__(self, house: RunningHome, twin: BthomeTwin, radio: Radio) -> None:
        self.house = house
        self.twin = twin
        self._radio = radio

    @property
    def events(self) -> list[ButtonPressedData]:
        """All presses that were published."""
        found = [each.data for each in self.house.recorded.events(EventType.BUTTON_PRESSED)]
        return [each for each in found if isinstance(each, ButtonPressedData)]

    @property
    def did(self) -> list[tuple[str, str]]:
        """What each press did, and how far it was trusted."""
        return [(each.did.value if each.did else "", each.trust) for each in self.events]

    @property
    def targets_mmhg(self) -> dict[Side, float]:
        """What each virtual pump is set to, in truth; 0 while it is off."""
        pumps = self.house.home.pumps
        return {side: pump.suction.target_mmhg if pump.run.on else 0.0 for side, pump in pumps.items()}

    def receive(self, data: bytes, address: str = ADDRESS) -> None:
        """Let the radio receive service data of any length, as another adapter would hand it over."""
        advertisement = AdvertisementData(None, {}, {SERVICE: data}, [], None, -60, ())
        adapter = self._radio.adapters[0]
        self._radio._on_advertisement(adapter, BLEDevice(address, None, None), advertisement)


@contextlib.asynccontextmanager
async def pressed_home(
    presses: Mapping[str, str] | None = None,
    *,
    key: str | None = None,
    twin_key: str | None = None,
    beacon: bool = True,
    **more: Any,
) -> AsyncIterator[Pressed]:
    """Yield such a home. `key`: the one in the settings; `twin_key`: that of the button itself, by default the same."""
    own = key or twin_key
    twin = BthomeTwin(model(), NAME, lambda: 0.0, {} if own is None else {"bindkey": twin_key or own}, beacon=beacon)
    radios: list[Radio] = []

    async def also(radio: Radio, clock: ScaledClock, air: ListedAir, home: VirtualHome) -> BaseDevice:
        radios.append(radio)
        twin._now = clock.now
        await twin.serve(await air.add_peripheral(NAME, ADDRESS))
        home.buttons[NAME] = twin
        settings = BthomeSettings.model_validate({"bindkey": key, "presses": dict(presses or {})})
        return BthomeDevice(radio, clock, model(), DeviceOptions(NAME, Side.BOTH, ByAddress(ADDRESS)), settings)

    async with running_home(also=also, **more) as house:
        if beacon:
            await twin.advertise(twin.packet(NOT_PRESSED))  # now that it is listened to: how often it does is real time
        yield Pressed(house, twin, radios[0])
