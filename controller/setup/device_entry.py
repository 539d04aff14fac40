"""The entry of one device in the settings: as data, and as lines to paste."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from controller.setup.nearby import NearbyDevice
from devices.driver.device_model import DeviceModel
from devices.roles import Side
from devices.sensor_roles import Placed

_PLAIN = re.compile(r"[A-Za-z][\w.-]*( [\w.-]+)*", re.ASCII)
_NOT_TEXT = re.compile(r"true|false|null|yes|no|on|off|y|n", re.IGNORECASE)  # some are, for other readers of YAML
_ENDLESS = 10**6  # characters of a line


@dataclass(frozen=True)
class DeviceEntry:
    """A device of the settings. `sections`: what its driver needs, by the driver's name; this may contain secrets."""

    name: str
    profile: str
    side: Side = Side.BOTH
    address: str | None = None
    advertised_name: str | None = None
    placed: Placed | None = None  # of a thermometer
    allow_unverified: bool = False
    uuids: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def data(self) -> dict[str, object]:
        """Return it as it is in the settings, without what is the default there."""
        found: dict[str, object] = {"name": self.name, "profile": self.profile, "side": self.side.value}
        found |= {"placed": self.placed.value} if self.placed else {}
        if self.address or self.advertised_name:  # else a section says where it is
            found |= {"address": self.address} if self.address else {"advertised_name": self.advertised_name}
        found |= {"allow_unverified": True} if self.allow_unverified else {}
        found |= {"uuids": {name: list(pair) for name, pair in self.uuids.items()}} if self.uuids else {}
        return found | {name: dict(section) for name, section in self.sections.items()}


def entry_of(
    device: NearbyDevice, profile: DeviceModel, name: str, side: Side, *, by_address: bool = False
) -> DeviceEntry:
    """Return the entry of a device nearby: by its address where it needs that, or where `by_address` asks for it."""
    advertisement = device.advertisement
    address = advertisement.address if by_address or device.needs_address(profile) else None
    return DeviceEntry(
        name=name,
        profile=profile.id,
        side=side,
        address=address,
        advertised_name=None if address else advertisement.name,
        placed=Placed.PAD if "thermometer" in profile.roles else None,
    )


def asks_consent(profile: DeviceModel) -> bool:
    """Return whether the owner must allow that a device is started. What only measures is read without that."""
    return profile.confidence == "unverified" and bool(profile.energy_roles)


def lines_to_paste(entry: DeviceEntry, *, unverified: bool) -> list[str]:
    """Return an entry as lines of YAML that fit below `devices:`; what the owner has to decide is commented out."""
    known_by = f'address: "{entry.address}"' if entry.address else f"advertised_name: {scalar(entry.advertised_name)}"
    side = {Side.LEFT: "   # or right", Side.RIGHT: "   # or left", Side.BOTH: "   # or left, or right"}[entry.side]
    lines = [
        f"- name: {scalar(entry.name)}",
        f"  profile: {entry.profile}",
        f"  side: {entry.side.value}{side}",
        f"  {known_by}",
    ]
    if entry.placed is not None:
        lines.append(f"  placed: {entry.placed.value}   # on the warm compress; or breast, on the skin")
    consent = "  # allow_unverified: true   # nobody has tried this profile on hardware; with this, Letdown starts it"
    return [*lines, consent] if unverified else lines


def scalar(text: str | None) -> str:
    """Return a text as YAML, in quotes where it needs them."""
    if text and _PLAIN.fullmatch(text) and not _NOT_TEXT.fullmatch(text):
        return text
    return str(yaml.safe_dump(text or "", default_style='"', allow_unicode=True, width=_ENDLESS)).rstrip()
