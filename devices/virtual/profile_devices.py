"""Virtual devices of any device profile: what they advertise, and serving them to other programs, with settings."""

from __future__ import annotations

import contextlib
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from fnmatch import fnmatchcase

from devices.bthome.bthome_model import BthomeModel
from devices.driver.device_model import DeviceModel
from devices.errors import DeviceError
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.closest import unknown
from devices.tuya.tuya_model import TuyaModel
from devices.virtual.transports import Air, serve_controller
from devices.virtual.virtual_home import DescribedDevice, Home

_LOGGER = logging.getLogger(__name__)


def devices_of(catalog: Catalog, profile_ids: Sequence[str]) -> list[DescribedDevice]:
    """Return a virtual device for each profile id; the same id may be given several times.

    Devices that speak Tuya get made-up credentials. Raise `ValueError` for an unknown id, and for a template whose
    UUIDs only the owner of such a device knows.
    """
    devices: list[DescribedDevice] = []
    counts: Counter[str] = Counter()
    for number, profile_id in enumerate(profile_ids, 1):
        profile = catalog.get(profile_id)
        if profile is None:
            raise ValueError(unknown("profile", profile_id, catalog.ids, "`letdown profiles` lists them"))
        if not isinstance(profile, Profile | TuyaModel | BthomeModel):
            words = f"{profile_id} is of another driver, for which there are no virtual devices"
            raise ValueError(words)  # noqa: TRY004
        if profile.encrypted is not None:
            raise ValueError(f"{profile_id} has no virtual device, as its protocol is encrypted ({profile.encrypted})")
        if profile.template:
            raise ValueError(
                f"{profile_id} is a template: the UUIDs of {', '.join(profile.template)} are known only to the owner "
                "of such a device. Copy the profile to a folder of your own, under another id and with the UUIDs "
                "in it; name the folder under `profiles` in your settings, and give both to this command"
            )
        counts[profile_id] += 1
        count = counts[profile_id]
        devices.append(
            DescribedDevice(
                key=profile_id if count == 1 else f"{profile_id}-{count}",
                profile=profile_id,
                advertised_name=_advertised_name(profile, number),
                side=(Side.RIGHT, Side.LEFT)[count % 2] if "pump" in profile.roles else Side.BOTH,
                tuya=_made_up(profile, number),
            )
        )
    return devices


@contextlib.asynccontextmanager
async def serve_home(home: Home, transport: str, key: str | None = None) -> AsyncIterator[dict[str, object]]:
    """Serve a home inside the block. Yield the settings that find its devices.

    A transport that others connect to (`tcp-server:`, `vhci`) carries every device; any other is a controller that
    carries one: that of the key, by default the first. Raise `DeviceError` for an unknown key.
    """
    async with contextlib.AsyncExitStack() as stack:
        if "-server:" in transport or transport.startswith("vhci"):
            air = Air()
            addresses = await stack.enter_async_context(home.on_air(air))
            client = await stack.enter_async_context(serve_controller(air, transport))
            _LOGGER.info("serving %s; use radio: {kind: bumble, transport: %s}", ", ".join(home.keys), client)
            yield settings_of(home, addresses, client)
        else:
            if key is not None and key not in home.keys:
                raise DeviceError(unknown("virtual device", key, home.keys))
            key = key or next(iter(home.keys))
            addresses = {key: await stack.enter_async_context(home.on_real_air(transport, key))}
            _LOGGER.info("%s is on air through %s", key, transport)
            yield settings_of(home, addresses, None)


def settings_of(home: Home, addresses: Mapping[str, str], transport: str | None) -> dict[str, object]:
    """Return the settings that find the devices of a home, each by its address, as an owner would write them.

    `addresses`: by the keys of the devices on air. `transport`: how another process reaches them; None where they are
    on air.
    """
    devices: list[dict[str, object]] = []
    for described in home.devices:
        if described.key in addresses:
            address = addresses[described.key]
            profile = home.profile_of(described.key)
            side = described.side.value
            device: dict[str, object] = {"name": described.key, "profile": described.profile}
            device |= {"side": side, "address": address}
            if profile.confidence == "unverified" and profile.verbs:  # what takes no command needs no consent
                device["allow_unverified"] = True
            if described.tuya is not None:
                device["tuya"] = dict(described.tuya)
            if described.bthome is not None:
                device["bthome"] = dict(described.bthome)
            devices.append(device)
    radio: dict[str, object] = {} if transport is None else {"radio": {"kind": "bumble", "transport": transport}}
    return radio | {"stations": {"home": {"devices": devices}}}


def _advertised_name(profile: DeviceModel, number: int) -> str:
    """Return a name that fits the profile, different for each number."""
    match = profile.match
    if not match.name:
        short = isinstance(profile, TuyaModel)  # the advertisement of a Tuya device has little room
        return f"TY{number}" if short else f"{profile.id} {number}"
    names = [re.sub(r"[*?]", str(digit), pattern) for pattern in match.name for digit in (number, number + 10)]
    return next(name for name in names if not any(fnmatchcase(name, other) for other in match.not_name))


def _made_up(profile: DeviceModel, number: int) -> dict[str, object] | None:
    """Return credentials for a device that speaks Tuya, as its owner would write them."""
    if not isinstance(profile, TuyaModel):
        return None
    fixed = {each.id for each in profile.tuya.datapoints.values() if isinstance(each.id, int)}
    codes = [each.code or name for name, each in profile.tuya.datapoints.items() if not isinstance(each.id, int)]
    free = (each for each in range(1, 256) if each not in fixed)
    return {
        "local_key": f"virtual-key-{number:04}",
        "uuid": f"virtual-{number:08}",
        "device_id": f"virtual-device-{number:04}",
        "datapoints": dict(zip(codes, free, strict=False)),
    }
