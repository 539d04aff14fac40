"""What is wrong when a session does not open, and what the owner can do about it. Each text begins after the name."""

from __future__ import annotations

from devices.errors import RefusedError
from devices.tuya.crypto import AUTHENTICATION

_PAIRED, _OTHERS, _ALREADY_PAIRED = 0, 1, 2
_FETCH = "fetch the local key again from your Tuya account: it changes whenever the device is paired with the app"

NOT_BOUND = f"is not bound to any account: add it in the Tuya app first, and then {_FETCH}"
NO_DEVICE_INFO = (  # of a bound device
    "did not answer the first message. Most often its local key is not the one in the settings: "
    f"{_FETCH}. Or another phone or gateway is connected to it"
)
NO_PAIRING = f"did not answer the request to pair: {_FETCH}, with uuid and device id"
LOST_IN_HANDSHAKE = f"the link was lost in the handshake; if that goes on, {_FETCH}"


def cannot_be_read(name: str, flag: int) -> RefusedError:
    """Return the error for a device that answered the first message, and whose answer no key here opens."""
    # The authentication key is one that only the vendor has; some devices use it until they are bound.
    return RefusedError(f"{name} {NOT_BOUND if flag == AUTHENTICATION else f'does not share this local key: {_FETCH}'}")


def pairing_refused(name: str, result: int) -> RefusedError | None:
    """Return the error that a result of pairing means; `None` where it means that the session is open."""
    if result == _OTHERS:
        return RefusedError(
            f"{name} is bound to another account, or uuid and device id are another device's: "
            f"fetch all three again from your Tuya account, or pair the device with your Tuya app first"
        )
    if result not in (_PAIRED, _ALREADY_PAIRED):
        return RefusedError(f"{name} refused the pairing with code {result}: {_FETCH}")
    return None
