"""A product's own byte protocol, on the device's side.

A profile's codec agrees with itself even where the profile is wrong. The bodies with a `NativeProtocol` decode and
encode by the product's published sources instead, and share no code with that codec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from devices.profiles.codec import DecodedMessage
from devices.virtual.device_run import CommandResult
from devices.virtual.gatt_server import GattService

Execute = Callable[[DecodedMessage], CommandResult]


class NativeProtocol:
    """Mixed into a body whose bytes are written down apart from its profile. `powered_off`: it left the air."""

    powered_off = False

    def on_write(self, channel: str, data: bytes, execute: Execute) -> Iterable[tuple[str, bytes]]:
        """Decode a write, `execute` its commands, and return the notifications that answer it: (channel, data)."""
        raise NotImplementedError

    def read_channel(self, channel: str) -> bytes | None:  # noqa: ARG002 - most have nothing to read
        """Return the current value of a channel; `None` leaves it to the profile."""
        return None

    def extra_services(self) -> Sequence[GattService]:
        """Return the product's services that its profile does not describe."""
        return ()

    def reset_connection(self) -> None:
        """Forget what belongs to the last connection, such as half a command."""
