"""Errors of devices and of Bluetooth. One root, so that a caller can catch all of them with one `except`."""

from __future__ import annotations


class DeviceError(Exception):
    """A device, its link or Bluetooth itself did not do what was requested.

    `problem` says what is wrong; `remedy`, where one is known, what a person can do about it. `str()` is both.
    `device`: the name of the device, once somebody who knows it has set it.
    """

    device: str | None = None

    def __init__(self, problem: str = "", remedy: str | None = None) -> None:
        super().__init__(problem if remedy is None else f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


class AdapterUnavailableError(DeviceError):
    """A Bluetooth adapter, proxy or transport is missing, switched off, blocked, not permitted, or not answering."""


class PortInUseError(DeviceError):
    """Another program listens on the address that virtual devices are to be served at."""


class NotAdvertisingError(DeviceError):
    """The device does not advertise, or does not answer a connection request."""


class AmbiguousNameError(DeviceError):
    """Several devices near advertise the wanted name."""


class DeviceInUseError(DeviceError):
    """Another link of this controller, or another process on this machine, uses the device."""


class NoFreeConnectionError(DeviceError):
    """No adapter that receives the device can take one more connection."""


class HandshakeTimeoutError(DeviceError):
    """The device is connected, and did not answer the handshake of its profile in time."""


class LinkLostError(DeviceError):
    """There is no connection to the device now. Nothing was sent."""


class RefusedError(DeviceError):
    """The command was not carried out: out of range, superseded by a stop, or rejected by the device."""


class UncertainError(DeviceError):
    """The command may or may not have been carried out: its acknowledgement was lost.

    Never answer this by sending the command again. Read the device back, or stop it.
    """


class ProtocolError(DeviceError):
    """The device sent something, or lacks something, that its profile does not describe."""
