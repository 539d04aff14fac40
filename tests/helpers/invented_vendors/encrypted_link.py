"""A pump and an app that encrypt every value with a key of the connection, so that a recording shows nothing of it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.profiles.codec import Codec
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.native_protocol import Execute, NativeProtocol
from tests.helpers.invented_vendors.invented_pump import InventedPump
from tests.helpers.invented_vendors.invented_vendor import PumpHabits
from tests.helpers.invented_vendors.vendor_app import VendorApp

_SECRET = bytes.fromhex("6c6574646f776e2d7361797320686921")  # what app and pump share
_BLOCK_BYTES = 16
_SALT_BYTES = 4


class SessionCipher:
    """Blocks of 16 bytes: salt, length, payload and filling, with the key that a nonce of the app gives."""

    def __init__(self, nonce: bytes, salts: random.Random) -> None:
        key = _applied(_SECRET, nonce, encrypts=True)
        self._key = key
        self._salts = salts

    def sealed(self, payload: bytes) -> bytes:
        """Return a block that looks different each time."""
        filling = self._salts.randbytes(_BLOCK_BYTES - _SALT_BYTES - 1 - len(payload))
        block = self._salts.randbytes(_SALT_BYTES) + bytes([len(payload)]) + payload + filling
        return _applied(self._key, block, encrypts=True)

    def opened(self, block: bytes) -> bytes:
        """Return the payload of a block. Raise `ProtocolError` for anything else."""
        if len(block) != _BLOCK_BYTES:
            raise ProtocolError("not a block")
        plain = _applied(self._key, block, encrypts=False)
        return plain[_SALT_BYTES + 1 :][: plain[_SALT_BYTES]]


def _applied(key: bytes, block: bytes, *, encrypts: bool) -> bytes:
    cipher = Cipher(AES(key), ECB())
    turn = cipher.encryptor() if encrypts else cipher.decryptor()
    return turn.update(block) + turn.finalize()


class EncryptedPump(NativeProtocol, InventedPump):
    """The pump's side."""

    def __init__(self, profile: Profile, side: Side, seed: int | str, habits: PumpHabits) -> None:
        super().__init__(profile, side, seed, habits)
        self._codec = Codec(profile)
        self._salts = random.Random(f"pump salts {seed}")
        self._cipher: SessionCipher | None = None

    def on_write(self, channel: str, data: bytes, execute: Execute) -> Iterable[tuple[str, bytes]]:
        """Take the app's nonce, or carry out what an encrypted block says."""
        if len(data) == 1 + _BLOCK_BYTES:
            self._cipher = SessionCipher(data[1:], self._salts)
        elif self._cipher is not None:
            execute(self._codec.decode_command(channel, self._cipher.opened(data)))
        return ()

    def read_channel(self, channel: str) -> bytes:
        """Return the encrypted state."""
        if self._cipher is None:
            return self._salts.randbytes(_BLOCK_BYTES)
        return self._cipher.sealed(self._codec.encode_report(channel, self.values()).data)

    def reset_connection(self) -> None:
        """Forget the key."""
        self._cipher = None


class EncryptedApp(VendorApp):
    """The app's side."""

    def _encode(self, name: str, values: Mapping[str, Value]) -> tuple[str, bytes]:
        channel, data = super()._encode(name, values)
        if name == "greet":
            nonce = self._random.randbytes(_BLOCK_BYTES)
            self._cipher = SessionCipher(nonce, self._random)
            return channel, data + nonce
        return channel, self._cipher.sealed(data)
