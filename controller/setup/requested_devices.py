"""Devices that a script asks for by flags: what these leave out is found by scanning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from controller.settings import DeviceSettings
from controller.setup.device_entry import DeviceEntry, entry_of
from controller.setup.nearby import NearbyDevice, free_name, likely_side
from devices.bluetooth.advertisement import is_address
from devices.driver.device_model import DeviceModel
from devices.driver.owner_value import OwnerValue
from devices.driver.registry import driver_of
from devices.errors import AmbiguousNameError, NotAdvertisingError
from devices.profiles.catalog import Catalog
from devices.roles import Side


@dataclass(frozen=True)
class RequestedDevice:
    """One device: what it shall be called, and its address or the name that it advertises."""

    name: str
    wanted: str
    profile: str | None = None
    side: Side | None = None

    @property
    def is_address(self) -> bool:
        """Whether it is named by its address."""
        return is_address(self.wanted)


def requested(devices: Sequence[str], profiles: Sequence[str], sides: Sequence[str]) -> list[RequestedDevice]:
    """Return the devices of `NAME=ADDRESS` or `NAME=ADVERTISED NAME`, with the profile and side in the same place.

    One profile is that of all; without any, they are found by scanning. Raise `ValueError`.
    """
    if wrong := set(sides) - set(Side):
        raise ValueError(f"--side {min(wrong)}: it is left, right or both")
    for flag, given in (("--profile", profiles), ("--side", sides)):
        fits = (0, len(devices)) if flag == "--side" else (0, 1, len(devices))
        if len(given) not in fits:
            raise ValueError(f"{flag} is given once for each --device, in the same order; there are {len(devices)}")
    found = []
    for at, text in enumerate(devices):
        name, equals, wanted = text.partition("=")
        if not (name.strip() and equals and wanted.strip()):
            raise ValueError(f"--device {text}: write NAME=ADDRESS, or NAME=the name that it advertises")
        profile = profiles[at if len(profiles) > 1 else 0] if profiles else None
        found.append(RequestedDevice(name.strip(), wanted.strip(), profile, Side(sides[at]) if sides else None))
    return found


def everything_in(nearby: Iterable[NearbyDevice], taken: Iterable[str]) -> list[RequestedDevice]:
    """Return all devices nearby that a profile fits and that are not configured, called as they call themselves."""
    names, found = list(taken), []
    for each in sorted(nearby, key=lambda each: each.advertisement.address):
        advertised = each.advertisement.name
        if each.profiles and each.configured_as is None:
            names.append(free_name((advertised or each.profiles[0].id).lower().replace(" ", "-"), names))
            known_by = advertised if advertised and not each.shares_name else each.advertisement.address
            found.append(RequestedDevice(names[-1], known_by))
    return found


def entry_for(
    requested: RequestedDevice,
    nearby: Sequence[NearbyDevice],
    catalog: Catalog,
    configured: Iterable[DeviceSettings],
    *,
    allow_unverified: bool,
) -> DeviceEntry:
    """Return the entry of a device. Raise `DeviceError` if it is not nearby, `ValueError` if a flag is missing."""
    matching = [each for each in nearby if _is(requested, each)]
    if requested.profile is not None:
        profile = catalog.get(requested.profile)
        if profile is None:
            raise ValueError(f"there is no profile {requested.profile}; `letdown profiles` lists them")
    else:
        profile = _only_profile(requested, matching)
    if profile.encrypted is not None:
        raise ValueError(_encrypted(requested.name, profile))
    if missing := driver_of(profile).owner_values(profile):
        raise ValueError(_missing(requested.name, profile, missing))
    taken = {each.side for each in configured if each.profile == profile.id}
    advertised = requested.wanted if not requested.is_address else matching[0].advertisement.name if matching else None
    side = requested.side or likely_side(profile, advertised, taken)
    if requested.is_address or not matching:
        if profile.match.ambiguous and not requested.is_address:
            raise ValueError(f"{requested.name}: other kinds of device look like a {profile.name}; give its address")
        address, by_name = (requested.wanted, None) if requested.is_address else (None, requested.wanted)
        entry = DeviceEntry(requested.name, profile.id, side, address, by_name)
    else:
        entry = entry_of(matching[0], profile, requested.name, side)
    return replace(entry, allow_unverified=allow_unverified and profile.confidence == "unverified")


def _is(requested: RequestedDevice, device: NearbyDevice) -> bool:
    if requested.is_address:
        return device.advertisement.address.lower() == requested.wanted.lower()
    return device.advertisement.name == requested.wanted


def _only_profile(requested: RequestedDevice, matching: Sequence[NearbyDevice]) -> DeviceModel:
    if not matching:
        raise NotAdvertisingError(
            f"{requested.name} ({requested.wanted}) was not found", "switch it on, bring it near, and close its own app"
        )
    if len(matching) > 1:
        raise AmbiguousNameError(f"{len(matching)} devices nearby are called {requested.wanted}", "give its address")
    fits = matching[0].profiles
    if not fits and matching[0].encrypted:
        raise ValueError(_encrypted(requested.name, matching[0].encrypted[0]))
    if len(fits) != 1:
        which = f"{', '.join(each.id for each in fits)} fit" if fits else "no profile fits"
        raise ValueError(f"{requested.name}: {which}; say which one with --profile (`letdown profiles` lists them)")
    return fits[0]


def _encrypted(name: str, profile: DeviceModel) -> str:
    return f"{name}: a {profile.name} cannot be used: its protocol is encrypted ({profile.encrypted})"


def _missing(name: str, profile: DeviceModel, missing: Sequence[OwnerValue]) -> str:
    values = ", ".join(".".join(each.path) for each in missing)
    return f"{name}: a {profile.name} needs {values}; run `letdown setup` without --yes, which asks for them"
