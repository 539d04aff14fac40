"""Keys and envelopes, against `hashlib` and `cryptography` step by step, never against our own other direction."""

from __future__ import annotations

from hashlib import md5

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ProtocolError
from devices.tuya.crypto import login_key, material, open_envelope, seal, session_key

LOCAL_KEY = "abcdef0123456789"
SECRET_KEY = "0123456789ABCDEF"
SRAND = b"srand!"
IV = bytes(range(16))


def encrypted(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext) + encryptor.finalize()


def test_the_login_key_is_the_md5_of_the_local_keys_first_six_characters() -> None:
    # md5sum of "abcdef", as any command line gives it.
    assert login_key(material(LOCAL_KEY)).hex() == "e80b5017098950fc58aad83c8c14978e"
    assert material(LOCAL_KEY)[1:] == (4, 5)


def test_the_session_key_takes_in_the_devices_random_number() -> None:
    assert session_key(material(LOCAL_KEY), SRAND) == md5(b"abcdef" + SRAND).digest()


def test_a_secret_key_joins_the_whole_local_key_under_flags_of_its_own() -> None:
    secret = material(LOCAL_KEY, SECRET_KEY)
    assert secret[1:] == (14, 15)
    assert login_key(secret) == md5(b"abcdef01234567890123456789ABCDEF").digest()
    assert session_key(secret, SRAND) == md5(b"abcdef01234567890123456789ABCDEFsrand!").digest()


def test_a_random_number_of_another_length_is_refused() -> None:
    with pytest.raises(ProtocolError, match="5 bytes"):
        session_key(material(LOCAL_KEY), b"srand")


def test_an_envelope_is_flag_iv_and_ciphertext() -> None:
    key = md5(b"abcdef").digest()
    assert seal(4, key, IV, b"p" * 32) == b"\4" + IV + encrypted(key, IV, b"p" * 32)


def test_an_envelope_opens_with_the_key_of_its_flag() -> None:
    key = md5(b"abcdef").digest()
    assert open_envelope(b"\4" + IV + encrypted(key, IV, b"p" * 32), {5: b"x" * 16, 4: key}) == b"p" * 32


@given(st.binary(max_size=80))
def test_garbage_is_refused_as_an_envelope(data: bytes) -> None:
    try:
        open_envelope(data, {4: bytes(16)})
    except ProtocolError:
        return
    assert data[0] == 4
    assert len(data) >= 33


def test_key_material_is_not_shown() -> None:
    assert "abcdef" not in repr(material(LOCAL_KEY))
