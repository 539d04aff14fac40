"""What can go wrong with a device. One root, so that a caller can be careful with one `except`."""

from __future__ import annotations


class DeviceError(Exception):
    """Anything a device or its link did not do as asked."""


class NotFoundError(DeviceError):
    """The device was not seen, or not connectable, in time."""


class LinkLostError(DeviceError):
    """There is no connection to the device now."""


class RefusedError(DeviceError):
    """The command was not carried out: out of range, overtaken by a stop, or turned down by the device."""


class UncertainError(DeviceError):
    """The command may or may not have been carried out: its acknowledgement was lost.

    Never answer this by sending the command again. Read the device back, or stop it.
    """


class ProtocolError(DeviceError):
    """The device said something its profile does not describe."""
