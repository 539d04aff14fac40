"""A product's own bytes, at the device's end.

The codec of a profile agrees with itself, also where the profile is wrong. What stands behind this protocol is written
from the product's source instead, and shares nothing with that codec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from devices.profiles.codec import Message
from devices.virtual.duty import Result
from devices.virtual.gatt import GattService

Obey = Callable[[Message], Result]


class Wire(Protocol):
    """What a virtual device makes of what is written to it, and what can be read there.

    `gone`: it switched itself off altogether, and is on the air no more.
    """

    gone: bool

    def hear(self, channel: str, data: bytes, obey: Obey) -> Iterable[tuple[str, bytes]]:
        """Take in a write: let the body obey what it says, and yield what is notified at once, with its channel."""

    def says(self, channel: str) -> bytes | None:
        """Return what can be read in a channel now; `None`: as its profile describes it."""

    def services(self) -> Sequence[GattService]:
        """Return what the product has beside what its profile describes."""

    def reset(self) -> None:
        """Begin anew with a new connection."""
