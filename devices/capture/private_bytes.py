"""What must not leave the house in the values of a capture: addresses and names of every device and of the phone.

It is replaced by as many bytes, so that frames keep their length. A checksum over it does not fit any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from devices.capture.conversation import Capture

FAKE_ADDRESS = "02:00:00:00:00:01"

_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_FEWEST_OCTETS = 3  # that differ: zeros alone are no address, and in every second value
_SHORTEST_NAME_BYTES = 4  # a shorter one is found in values by chance
_SHORTEST_TEXT = 5
_TEXT = re.compile(rb"[\x20-\x7e]{%d,}" % _SHORTEST_TEXT)


class PrivateBytes:
    """Replaces addresses, in both orders and as text, and names. `allowed_name`: one that may stay, of a model."""

    def __init__(self, capture: Capture, allowed_name: str | None) -> None:
        self._by_length: dict[int, dict[bytes, bytes]] = {}
        for address in (*(device.address for device in capture.devices), *capture.private_addresses):
            if _ADDRESS.fullmatch(address.upper()) and len(set(address.split(":"))) >= _FEWEST_OCTETS:
                for form, fake in zip(_forms(address), _forms(FAKE_ADDRESS), strict=True):
                    self._by_length.setdefault(len(form), {})[form] = fake
        for name in (*(device.name for device in capture.devices), *capture.private_names):
            raw = (name or "").encode()
            if len(raw) >= _SHORTEST_NAME_BYTES and name != allowed_name:
                self._by_length.setdefault(len(raw), {})[raw] = b"x" * len(raw)
        self._lengths = sorted(self._by_length, reverse=True)

    def replaced(self, value: bytes) -> bytes:
        """Return a value with nothing private of these in it."""
        for length in self._lengths:
            forms = self._by_length[length]
            for at in range(len(value) - length + 1):
                fake = forms.get(value[at : at + length])
                if fake is not None:
                    value = value[:at] + fake + value[at + length :]
        return value


def texts_in(values: Iterable[bytes]) -> tuple[str, ...]:
    """Return the readable texts in values, each once: a person looks through them before a file is shared."""
    found = dict.fromkeys(match[0].decode("ascii") for value in values for match in _TEXT.finditer(value))
    return tuple(found)


def _forms(address: str) -> list[bytes]:
    """Return an address as it may stand in a value: bytes in both orders, and text in the usual spellings."""
    octets = address.upper().split(":")
    raw = bytes.fromhex("".join(octets))
    texts = [separator.join(octets) for separator in (":", "-", "")]
    return [raw, raw[::-1], *(each.encode() for each in texts), *(each.lower().encode() for each in texts)]
