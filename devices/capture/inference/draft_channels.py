"""The channels of a draft: a name for each characteristic, and what it does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from devices.capture.conversation import CapturedCharacteristic, CapturedDevice
from devices.capture.inference.traffic import BATTERY_LEVEL, Traffic

_SHORT = re.compile(r"0000([0-9a-f]{4})-0000-1000-8000-00805f9b34fb")


def short_uuid(uuid: str) -> str:
    """Return a UUID as short as it may be written."""
    found = _SHORT.fullmatch(uuid)
    return found[1] if found else uuid


def channel_names(traffic: Traffic) -> dict[int, str]:
    """Return a name for each characteristic, by its handle: `tx` for those that are written, `rx` for the others."""
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    written = {frame.handle for frame in traffic.from_app}
    notified = {frame.handle for frame in traffic.from_device if not frame.was_read}
    for handle in sorted({frame.handle for frame in traffic.frames}):
        if handle in written:
            base = "data" if handle in notified else "tx"
        else:
            base = "rx" if handle in notified else "state"
        counts[base] = counts.get(base, 0) + 1
        names[handle] = base if counts[base] == 1 else f"{base}_{counts[base]}"
    return names


def channel_entry(device: CapturedDevice, handle: int, *, only_read: bool = False) -> dict[str, Any]:
    """Return a characteristic as the profile language writes it, with what was done with it."""
    found = device.characteristics[handle]
    entry = _place(found)
    kinds = {message.kind for message in device.messages if message.handle == handle and message.error is None}
    if not only_read:
        writes = kinds & {"write", "write-without-response"}
        if writes:
            ways = {frozenset({"write"}): "with-response", frozenset({"write-without-response"}): "without-response"}
            entry["write"] = ways.get(frozenset(writes), "both")
        if "notify" in kinds:
            entry["notify"] = True
        if "indicate" in kinds and "notify" not in kinds:
            entry["indicate"] = True
    if "read" in kinds and (only_read or len(entry) == 2):  # noqa: PLR2004 - nothing else was done with it
        entry["read"] = True
    return entry


def _place(found: CapturedCharacteristic) -> dict[str, Any]:
    if found.uuid is None or found.service is None:
        return {"handle": found.handle}
    return {"service": short_uuid(found.service), "characteristic": short_uuid(found.uuid)}


def battery_channel(device: CapturedDevice) -> tuple[dict[str, Any], Sequence[bytes]] | None:
    """Return the channel of the standard battery level, and its captured values; `None` where none was seen."""
    for handle, found in device.characteristics.items():
        if found.uuid != BATTERY_LEVEL:
            continue
        messages = [each for each in device.messages if each.handle == handle and each.from_device]
        values = [each.value for each in messages if each.error is None and len(each.value) == 1]
        if not values:
            continue
        kinds = {each.kind for each in messages}
        entry = _place(found)
        entry |= {"read": True} if "read" in found.properties or "read" in kinds else {}
        entry |= {"notify": True} if "notify" in kinds else {}
        entry["fields"] = [{"battery_percent": "u8", "range": [0, 100]}]
        return entry, list(dict.fromkeys(values))
    return None


def match_of(device: CapturedDevice) -> dict[str, Any]:
    """Return how the device is recognised: by its name, with `*` for its own number, and by what it advertises."""
    match: dict[str, Any] = {}
    if device.name:
        match["name"] = name_pattern(device.name, device.address)
    own = [uuid for uuid in device.advertised_services if not _is_generic(uuid)]
    services = own or list(device.advertised_services)
    if services:
        match["services"] = [short_uuid(uuid) for uuid in services]
    if not match:
        used = {each.service for each in device.characteristics.values() if each.service}
        match["services"] = [short_uuid(uuid) for uuid in sorted(used)] or ["fff0"]
        match["ambiguous"] = True
    elif not device.name and not own:
        match["ambiguous"] = True
    return match


_GENERIC = re.compile(r"0000(fff.|ffe.|ffb.|fee.|180.|181.)-0000-1000-8000-00805f9b34fb")


def _is_generic(uuid: str) -> bool:
    """Return whether devices of other kinds share this service."""
    return _GENERIC.fullmatch(uuid) is not None


def name_pattern(name: str, address: str) -> str:
    """Return a pattern for names like this one: what is a number of this very device becomes `*`.

    That is the end of its address, or digits behind a separator, or four of them and more.
    """
    end = address.replace(":", "").upper()
    own = next((size for size in (12, 6, 5, 4) if len(end) >= size and name.upper().endswith(end[-size:])), 0)
    found = _NUMBERED.fullmatch(name)
    if own and len(name) > own:
        return _escaped(name[:-own]) + "*"
    if found is not None and any(letter.isdigit() for letter in found[2] or found[4]):
        return _escaped(found[1] or found[3]) + "*"
    return _escaped(name)


_NUMBERED = re.compile(r"(.{3,}?[-_ #])([0-9A-Fa-f]{2,12})|(.*?[^0-9]{3})([0-9]{4,}|[0-9][0-9A-F]{3})")


def _escaped(name: str) -> str:
    return re.sub(r"[*?\[]", "?", name)


def used_channels(
    device: CapturedDevice, names: Mapping[int, str], framed: frozenset[int], *, has_frame: bool
) -> dict[str, dict[str, Any]]:
    """Return all channels by name."""
    channels = {}
    for handle, name in names.items():
        entry = channel_entry(device, handle)
        if has_frame and handle not in framed:
            entry["framed"] = False
        channels[name] = entry
    return channels
