"""Devices nearby that a profile fits: how to name each so that it is found again, and how well it is received."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.contract.device_setup import Signal, signal_of
from controller.safety.message import KeyedMessage, message
from controller.settings import DeviceSettings
from devices.bluetooth.advertisement import Advertisement
from devices.driver.device_model import DeviceModel
from devices.profiles.catalog import Catalog
from devices.roles import Side

_HINTS = {Side.LEFT: re.compile(r"\b(l|left|links)\b", re.I), Side.RIGHT: re.compile(r"\b(r|right|rechts)\b", re.I)}


@dataclass(frozen=True)
class NearbyDevice:
    """One device that advertises. `profiles`: all that fit. `shares_name`: another one nearby advertises its name.

    `configured_as`: its name in the settings, if it is in them already. `encrypted`: the models that it may be, and
    that cannot be used.
    """

    advertisement: Advertisement
    profiles: tuple[DeviceModel, ...] = ()
    encrypted: tuple[DeviceModel, ...] = ()
    shares_name: bool = False
    configured_as: str | None = None

    @property
    def refusal(self) -> KeyedMessage | None:
        """Why it cannot be used, whatever is done; `None` where a profile can use it, or none fits."""
        if self.profiles or not self.encrypted:
            return None
        model = self.encrypted[0]
        return message("device_encrypted", device=self.advertisement.name or model.name, why=model.encrypted or "")

    @property
    def signal(self) -> Signal:
        """How well it is received."""
        return signal_of(self.advertisement.rssi_dbm)

    def needs_address(self, profile: DeviceModel) -> bool:
        """Return whether only its address identifies it."""
        return self.shares_name or profile.match.ambiguous or not (self.advertisement.name or "").strip()


def devices_nearby(
    advertisements: Iterable[Advertisement], catalog: Catalog, configured: Iterable[DeviceSettings] = ()
) -> list[NearbyDevice]:
    """Return every device nearby, the strongest first; those that no profile fits have none."""
    found = sorted(advertisements, key=lambda each: (-each.rssi_dbm, each.name or "", each.address))
    names, devices = Counter(each.name for each in found), tuple(configured)
    fitting = {each.address: [match.profile for match in catalog.fitting(each)] for each in found}
    return [
        NearbyDevice(
            advertisement=each,
            profiles=tuple(model for model in fitting[each.address] if model.encrypted is None),
            encrypted=tuple(model for model in fitting[each.address] if model.encrypted is not None),
            shares_name=names[each.name] > 1,
            configured_as=next((device.name for device in devices if device.wanted(each)), None),
        )
        for each in found
    ]


def likely_side(profile: DeviceModel, advertised_name: str | None, taken: Iterable[Side]) -> Side:
    """Return the side that a device is most likely for. `taken`: the sides that have a device of its role.

    A name such as `Pump L` shows it; else one that serves one breast is for the first side that is free.
    """
    for side, hint in _HINTS.items():
        if hint.search((advertised_name or "").replace("_", " ")):
            return side
    if profile.sides == "both":
        return Side.BOTH
    return Side.RIGHT if Side.LEFT in taken else Side.LEFT


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return the wanted name, or with a number where another device has it."""
    names = set(taken)
    number, name = 1, wanted
    while name in names:
        number += 1
        name = f"{wanted}-{number}"
    return name


def default_name(texts: Mapping[str, str], role: str, side: Side, taken: Iterable[str]) -> str:
    """Return what a device is called unless its owner says otherwise. `texts`: those of `setup` in a language."""
    key = f"name_{side.value}_pump" if role == "pump" and side is not Side.BOTH else f"name_{role}"
    return free_name(texts[key].strip(), taken)
