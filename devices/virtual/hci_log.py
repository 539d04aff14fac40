"""A log of the packets between a host on the virtual air and its controller, as phones and btmon write it: btsnoop, H4.

In-process hosts exchange data and advertisements with their controllers directly (see `AirHost`); here they become the
HCI packets that a real controller would have sent, in fragments of its buffer size.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

from bumble import hci
from bumble.snoop import Snooper

_HEADER = b"btsnoop\0" + struct.pack(">II", 1, Snooper.DataLinkType.H4)
_EPOCH_MICROSECONDS = 0x00DCDDB30F2F8000  # from the year 0, from which btsnoop counts, to 1970
_COMMAND_OR_EVENT = 0x02
_COMPLETE_DATA_BYTES = 27  # the least that any Bluetooth LE controller takes

_FROM_HOST, _FROM_CONTROLLER = Snooper.Direction
_FIRST = {
    _FROM_HOST: hci.HCI_ACL_PB_FIRST_NON_FLUSHABLE,
    _FROM_CONTROLLER: hci.HCI_ACL_PB_FIRST_FLUSHABLE,
}


class HciLog(Snooper):
    """Writes what passes to `output`, with the time that `now` returns: Unix seconds.

    `buffer_bytes`: how much of an L2CAP packet fits into one ACL packet, 27 (the least) to 251 in most controllers.
    """

    def __init__(self, output: BinaryIO, now: Callable[[], float], buffer_bytes: int = 251) -> None:
        if buffer_bytes < _COMPLETE_DATA_BYTES:
            raise ValueError(f"a controller takes {_COMPLETE_DATA_BYTES} bytes at least, not {buffer_bytes}")
        self._output = output
        self._now = now
        self._buffer_bytes = buffer_bytes
        output.write(_HEADER)

    def snoop(self, hci_packet: bytes, direction: Snooper.Direction) -> None:
        """Write one packet, which begins with its H4 type."""
        flags = int(direction)
        if hci_packet[0] in (hci.HCI_COMMAND_PACKET, hci.HCI_EVENT_PACKET):
            flags |= _COMMAND_OR_EVENT
        at_microseconds = round(self._now() * 1e6) + _EPOCH_MICROSECONDS
        size = len(hci_packet)
        self._output.write(struct.pack(">IIIIQ", size, size, flags, 0, at_microseconds) + hci_packet)

    def sent(self, connection_handle: int, sdu: bytes) -> None:
        """Write an L2CAP packet, header included, that the host sent."""
        self._write_fragments(connection_handle, sdu, _FROM_HOST)

    def received(self, connection_handle: int, sdu: bytes) -> None:
        """Write an L2CAP packet, header included, that the host received."""
        self._write_fragments(connection_handle, sdu, _FROM_CONTROLLER)

    def reported(self, report: hci.HCI_LE_Extended_Advertising_Report_Event.Report) -> None:
        """Write an advertisement that the host received."""
        self.snoop(bytes(hci.HCI_LE_Extended_Advertising_Report_Event([report])), _FROM_CONTROLLER)

    def _write_fragments(self, connection_handle: int, sdu: bytes, direction: Snooper.Direction) -> None:
        for at in range(0, len(sdu), self._buffer_bytes):
            data = sdu[at : at + self._buffer_bytes]
            boundary = hci.HCI_ACL_PB_CONTINUATION if at else _FIRST[direction]
            self.snoop(bytes(hci.HCI_AclDataPacket(connection_handle, boundary, 0, len(data), data)), direction)
