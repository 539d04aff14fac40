"""Keys and envelopes of Tuya BLE. Pure: bytes in, bytes out; nothing is stored or logged.

Source of the facts: published MIT-licensed integrations for Tuya BLE and Tuya's own Apache-licensed device SDK. MD5 and
AES-CBC without authentication are the protocol's choice, not ours: they protect against neighbours, no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.errors import ProtocolError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher

BLOCK = 16
LOCAL_KEY_BYTES = 6  # of the local key, only these take part
SECRET_KEY_CHARACTERS = 16
_SRAND_BYTES = 6

AUTHENTICATION = 1  # flag of a key that the vendor keeps: devices use it while they are not bound
LOGIN, SESSION = 4, 5
LOGIN_WITH_SECRET, SESSION_WITH_SECRET = 14, 15


class Material(NamedTuple):
    """What a device's keys are made of, and the flags that tell its two keys apart."""

    secret: bytes
    login_flag: int
    session_flag: int

    def __repr__(self) -> str:
        return "Material(**********)"


def material(local_key: str, secret_key: str | None = None) -> Material:
    """Return the key material: the local key's first six characters, or all of it and the 16-character secret key."""
    if secret_key is None:
        return Material(local_key.encode()[:LOCAL_KEY_BYTES], LOGIN, SESSION)
    return Material((local_key + secret_key).encode(), LOGIN_WITH_SECRET, SESSION_WITH_SECRET)


def login_key(of: Material) -> bytes:
    """Return the key of the first exchange, the device info."""
    return _md5(of.secret)


def session_key(of: Material, srand: bytes) -> bytes:
    """Return the key of everything after the device info, whose reply carries `srand`."""
    if len(srand) != _SRAND_BYTES:
        raise ProtocolError(f"the device's random number has {len(srand)} bytes, not {_SRAND_BYTES}")
    return _md5(of.secret + srand)


def seal(flag: int, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """Return the envelope: flag, IV, and the AES-128-CBC ciphertext of a plaintext of whole blocks."""
    encryptor = _cipher(key, iv).encryptor()
    return bytes([flag]) + iv + encryptor.update(plaintext) + encryptor.finalize()


def open_envelope(envelope: bytes, keys: Mapping[int, bytes]) -> bytes:
    """Return the plaintext of an envelope; `keys` are by flag. Raise `ProtocolError` for what no key opens."""
    ciphertext = envelope[1 + BLOCK :]
    if not ciphertext or len(ciphertext) % BLOCK:
        raise ProtocolError(f"an envelope of {len(envelope)} bytes does not hold whole blocks")
    key = keys.get(envelope[0])
    if key is None:
        raise ProtocolError(f"an envelope with flag {envelope[0]}, for which there is no key now")
    decryptor = _cipher(key, envelope[1 : 1 + BLOCK]).decryptor()
    return decryptor.update(ciphertext) + decryptor.finalize()


def _cipher(key: bytes, iv: bytes) -> Cipher[Any]:
    # Imported with the first device that needs it: OpenSSL takes 7 MB, also where there is no Tuya device.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key), modes.CBC(iv))


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
