"""What every file format is read into: packets between a host and its controller, or packets on the air."""

from __future__ import annotations

from typing import NamedTuple

COMMAND, ACL, EVENT = 1, 2, 4
"""The packet types of H4 that matter here (Bluetooth Core 5.4, Vol 4, Part A, 2). Sound and the rest are skipped."""

HCI_RESET = b"\x03\x0c\x00"
READ_ADDRESS_ANSWER = b"\x0e\x0a\x01\x09\x10\x00"
"""The event of a command that succeeded; the address follows."""


class HciPacket(NamedTuple):
    """A packet between a host and its controller.

    `at_seconds`: Unix time. `kind`: its packet type of H4. `received`: the controller sent it; `None`: a continuation
    in a file that does not say. `data`: without the packet type. `adapter`: the number of the controller, where a file
    has several.
    """

    at_seconds: float
    kind: int
    received: bool | None
    data: bytes
    adapter: int = 0


class LinkPacket(NamedTuple):
    """A packet on the air.

    `at_seconds`: Unix time. `pdu`: with its header of two bytes, without its checksum. `from_central`: `None` where the
    file does not say. `decrypted`: the sniffer had the key.
    """

    at_seconds: float
    access_address: int
    pdu: bytes
    from_central: bool | None
    decrypted: bool = False


CapturedPacket = HciPacket | LinkPacket
