"""A virtual device that advertises in BTHome v2, with what goes wrong with real buttons.

They miss presses, repeat old ones, and some arrive half a minute late; anybody can record and replay them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

from bumble.device import Device
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from devices.bthome.bthome_model import BthomeModel
from devices.bthome.bthome_settings import BthomeSettings
from devices.bthome.objects import BATTERY, BUTTON, PACKET_ID
from devices.bthome.packet import CHECK_BYTES, nonce_of
from devices.bthome.presses import EVENTS
from devices.roles import PressEvent
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.air_controller import AirHost
from devices.virtual.gatt_server import GattServer
from devices.virtual.uncancelled import in_background

_PLAIN, _SEALED = 0x44, 0x45  # BTHome v2, sends when something happens; encrypted
_BURST_SECONDS = 1.5  # on a real radio
_LATE_SECONDS = (25.0, 40.0)  # as seen in home-assistant/core #145196
_SHORT = "fcd2"  # the service, as it is on air
_TURNS = 6  # of the event loop: in these, what is advertised is received on the virtual air


class BthomeTwin:
    """A button. `settings`: its key, if it encrypts. `beacon`: whether it also advertises while it is not pressed.

    Faults: `misses`, how many presses are lost; `phantoms`, whether each press is received again 25 to 40 s later;
    `again` and `replay` for repeated and old packets; `key` for a wrong one, or none; `advertise` for anything at all.
    """

    busy = False

    def __init__(
        self,
        profile: BthomeModel,
        name: str,
        now: Callable[[], float],
        settings: Mapping[str, object] | None = None,
        *,
        seed: int | str = 0,
        beacon: bool = True,
    ) -> None:
        self.profile = profile
        self.name = name
        self.server: GattServer | None = None
        self.key = BthomeSettings.model_validate(settings or {}).key
        self.beacon = beacon
        self.battery_percent = 100
        self.misses = 0
        self.phantoms = False
        self.sent: list[bytes] = []  # what it advertised when it was pressed
        self._now = now
        self._random = random.Random(f"{seed} {name}")  # noqa: S311 - a simulation
        self._late: list[tuple[float, bytes]] = []
        self._packet_id = self._counter = 0
        self._address = b""
        self._burst_seconds = 0.0
        self._turn = asyncio.Lock()

    async def serve(self, device: Device) -> None:
        """Advertise on a Bumble device, whose radio may be virtual or real."""
        self._address = bytes.fromhex(str(device.random_address).partition("/")[0].replace(":", ""))
        self._burst_seconds = 0.0 if isinstance(device.host, AirHost) else _BURST_SECONDS
        self.server = GattServer(device, (), AdvertisingPacket(name=self.name))
        await self._rest()

    def tick(self) -> None:
        """Send late what is due."""
        for due in [each for each in self._late if each[0] <= self._now()]:
            self._late.remove(due)
            in_background(self.advertise(due[1]))

    async def press(self, event: PressEvent = PressEvent.PRESS) -> None:
        """Press it: it advertises that at once, a few times."""
        value = next(value for value, each in EVENTS.items() if each is event)
        data = self.packet(bytes([BUTTON, value]))
        self.sent.append(data)
        if self.misses > 0:
            self.misses -= 1
            return
        if self.phantoms:
            self._late.append((self._now() + self._random.uniform(*_LATE_SECONDS), data))
        await self.advertise(data)

    async def again(self) -> None:
        """Send the latest press once more."""
        await self.advertise(self.sent[-1])

    async def replay(self, index: int = 0) -> None:
        """Send a recorded press: by default the first one."""
        await self.advertise(self.sent[index])

    async def advertise(self, data: bytes) -> None:
        """Advertise service data, whatever it is."""
        if self.server is None:
            return
        async with self._turn:
            self.server.advertisement = AdvertisingPacket(name=self.name, service_data={_SHORT: data})
            await self.server.start()
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            await asyncio.sleep(self._burst_seconds)
            await self._rest()

    def packet(self, objects: bytes) -> bytes:
        """Return the next packet with some objects, beside its number and the battery."""
        self._packet_id = (self._packet_id + 1) % 256
        self._counter += 1
        objects = bytes([PACKET_ID, self._packet_id, BATTERY, self.battery_percent]) + objects
        if self.key is None:
            return bytes([_PLAIN]) + objects
        counter = self._counter.to_bytes(4, "little")
        sealed = AESCCM(self.key, tag_length=CHECK_BYTES).encrypt(
            nonce_of(self._address, _SEALED, counter), objects, None
        )
        return bytes([_SEALED]) + sealed[:-CHECK_BYTES] + counter + sealed[-CHECK_BYTES:]

    async def _rest(self) -> None:
        """Advertise that nothing is pressed, or nothing at all."""
        if self.server is None:
            return
        if self.beacon:
            data = self.packet(bytes([BUTTON, 0]))
            self.server.advertisement = AdvertisingPacket(name=self.name, service_data={_SHORT: data})
            await self.server.start()
        else:
            await self.server.stop()
