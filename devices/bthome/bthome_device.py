"""The BTHome driver's device: advertisements become values, and presses of a button."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from devices.bthome.bthome_model import BthomeModel, values_of
from devices.bthome.bthome_settings import BthomeSettings
from devices.bthome.packet import SERVICE, BthomePacket, decode
from devices.bthome.presses import PressMemory, event_in, meaning_of
from devices.driver.advertising_device import AdvertisingDevice
from devices.driver.base import DeviceOptions
from devices.roles import ButtonPress, PressEvent, PressTrust
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)


class BthomeDevice(AdvertisingDevice):
    """One BTHome device. What is not encrypted with its key, where there is one, can only stop.

    `now_unix_seconds`: the wall clock, against which a packet is held that has a time in it.
    """

    model: BthomeModel

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        model: BthomeModel,
        options: DeviceOptions,
        settings: BthomeSettings,
        now_unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(radio, clock, model, options, silent_seconds=model.bthome.silent_seconds)
        self._key = settings.key
        self._presses = settings.presses
        self._now_unix_seconds = now_unix_seconds
        self._memory = PressMemory(has_key=self._key is not None)
        self._dropped = 0
        self._warned = False

    @property
    def dropped_packets(self) -> int:
        """How many advertisements could not be understood, or not as a whole."""
        return self._dropped

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        data = advertisement.service_data.get(SERVICE)
        if data is None:
            return
        packet = decode(data, advertisement.address, self._key)
        if packet is None or not packet.whole:
            self._dropped += 1
        if packet is None:
            return
        self._warn_once(packet)
        trust = self._memory.trust(packet, self._now_unix_seconds())
        event = event_in(packet) if "press" in self.model.bthome.sends else None
        if event is not None:
            self._on_press(packet, data, event, trust)
        # Where there is a key, a value that was not encrypted with it may be anybody's.
        known = packet if trust not in ("unverified", "unreadable") else BthomePacket()
        if trust == "repeated":  # what it measured before does not become new by being sent again
            known = replace(known, temperatures_celsius=())
        if values := values_of(event, known, self.model.bthome):
            self.state.update(values)

    def _on_press(self, packet: BthomePacket, data: bytes, event: PressEvent, trust: PressTrust) -> None:
        identity: object = data if packet.packet_id is None else packet.packet_id
        if self._memory.in_burst((packet.verified, identity, event), self.clock.now()):
            return
        self._pressed(ButtonPress(event=event, meaning=meaning_of(event, trust, self._presses), trust=trust))

    def _warn_once(self, packet: BthomePacket) -> None:
        """Log once that the device encrypts with a key that is not known here."""
        if not packet.readable and not self._warned:
            self._warned = True
            wrong = "no bindkey of it" if self._key is None else "another bindkey"
            _LOGGER.warning("%s encrypts what it sends, and the settings have %s: it can only stop", self.name, wrong)
