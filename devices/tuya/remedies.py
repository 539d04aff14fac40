"""What is wrong when a session does not open, and what the owner can do about it. Pure: a name in, an error out."""

from __future__ import annotations

from devices.errors import LinkLostError, RefusedError
from devices.tuya.crypto import AUTHENTICATION

_PAIRED, _OTHERS, _ALREADY_PAIRED = 0, 1, 2
_FETCH = "fetch the local key again from your Tuya account: it changes whenever the device is paired with the app"


def not_bound(name: str) -> RefusedError:
    """Return the error for a device that belongs to no account yet."""
    return RefusedError(f"{name} is not bound to any account: add it in the Tuya app first, and then {_FETCH}")


def no_device_info(name: str) -> RefusedError:
    """Return the error for a bound device that does not answer the first message."""
    return RefusedError(
        f"{name} did not answer the first message. Most often its local key is not the one in the settings: "
        f"{_FETCH}. Or another phone or gateway is connected to it"
    )


def cannot_be_read(name: str, flag: int) -> RefusedError:
    """Return the error for a device that answered the first message, and whose answer no key here opens."""
    if flag == AUTHENTICATION:  # a key that only the vendor has; some devices use it until they are bound
        return not_bound(name)
    return RefusedError(f"{name} does not share this local key: {_FETCH}")


def lost_in_handshake(name: str) -> LinkLostError:
    """Return the error for a link that went while the session was opened."""
    return LinkLostError(f"{name}: the link was lost in the handshake; if that goes on, {_FETCH}")


def no_pairing(name: str) -> RefusedError:
    """Return the error for a device that does not answer the request to pair."""
    return RefusedError(f"{name} did not answer the request to pair: {_FETCH}, with uuid and device id")


def pairing_refused(name: str, result: int) -> RefusedError | None:
    """Return the error that a result of pairing means; `None` where it means that the session is open."""
    if result == _OTHERS:
        return RefusedError(
            f"{name} is bound to another account, or uuid and device id are another device's: "
            f"fetch all three again from your Tuya account, or pair the device with your Tuya app first"
        )
    if result not in (_PAIRED, _ALREADY_PAIRED):
        return RefusedError(f"{name} turned the pairing down with code {result}: {_FETCH}")
    return None
