"""The secrets of a device from its owner's Tuya account: never in a log, an error or a repr."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, model_validator

from devices.support.confidential import Confidential, NotText, mask
from devices.tuya.crypto import LOCAL_KEY_BYTES, SECRET_KEY_CHARACTERS, Material, material

_UUID_CHARACTERS = 16
PAIR_BYTES = 44  # uuid, six characters of the local key, device id, and zeros

_SECRETS = ("local_key", "uuid", "device_id", "secret_key")
_FROM_ENVIRONMENT = "_env"


def _plain(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text or not text.isascii() or text != text.strip():
        raise ValueError("copy it exactly from the Tuya account: letters and digits, nothing around them")
    return value


def _characters(least: int, most: float, otherwise: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not least <= len(value.get_secret_value()) <= most:
            raise ValueError(otherwise)
        return value

    return AfterValidator(check)


def _at_most(characters: int) -> AfterValidator:
    return _characters(0, characters, f"it has at most {characters} characters; is it mixed up with something else?")


Secret = Annotated[SecretStr, AfterValidator(_plain)]
_LOCAL_KEY = _characters(LOCAL_KEY_BYTES, math.inf, "a local key is longer than that; it usually has 16 characters")
_SECRET_KEY = _characters(
    SECRET_KEY_CHARACTERS, SECRET_KEY_CHARACTERS, f"a secret key has {SECRET_KEY_CHARACTERS} characters"
)


class TuyaCredentials(Confidential):
    """Keys and ids of one device, fetched from the owner's Tuya account; afterwards everything is local.

    Each secret may come from the environment instead: `local_key_env: NAME` names the variable that holds it.
    `datapoints` gives the ids of standard codes that the device's profile leaves to its owner.
    """

    local_key: Annotated[Secret, _LOCAL_KEY] = Field(description="the device's local key, from your Tuya account")
    uuid: Annotated[Secret, _at_most(_UUID_CHARACTERS)] = Field(description="the device's uuid, from your Tuya account")
    device_id: Annotated[Secret, _at_most(PAIR_BYTES - LOCAL_KEY_BYTES - _UUID_CHARACTERS)] = Field(
        description="the device's id, from your Tuya account"
    )
    secret_key: Annotated[Secret, _SECRET_KEY] | None = Field(
        None, description="for devices that ask for it, from your Tuya account"
    )
    datapoints: Mapping[str, Annotated[int, Field(ge=1, le=255)]] = Field(
        default_factory=dict, description="ids of standard codes that the device's profile leaves to you"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        found = {key: value for key, value in data.items() if not _is_environment(key)}
        for key, variable in data.items():
            if not _is_environment(key):
                continue
            name = key.removesuffix(_FROM_ENVIRONMENT)
            if name in found:
                raise ValueError(f"{name} is given twice: by itself and by {key}")
            text = variable.get_secret_value() if isinstance(variable, SecretStr) else ""
            # The variable is not named: if it holds the key itself, the key would be in a log.
            if not os.environ.get(text):
                raise ValueError(f"the environment variable that {key} names is not set")
            found[name] = SecretStr(os.environ[text])
        return found

    # Defined last, so it runs first: what follows, and the errors it raises, only ever see masked values.
    @model_validator(mode="before")
    @classmethod
    def _masked(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data if isinstance(data, TuyaCredentials) else NotText()
        return {str(key): value if key == "datapoints" else mask(value) for key, value in data.items()}

    @property
    def material(self) -> Material:
        """What the device's keys are made of."""
        secret = self.secret_key.get_secret_value() if self.secret_key else None
        return material(self.local_key.get_secret_value(), secret)

    def pair_request(self) -> bytes:
        """Return the data of a pair request: uuid, the local key's first six characters, device id, zeros."""
        data = self.uuid.get_secret_value().encode()
        data += self.local_key.get_secret_value().encode()[:LOCAL_KEY_BYTES]
        return (data + self.device_id.get_secret_value().encode()).ljust(PAIR_BYTES, b"\0")


def _is_environment(key: object) -> bool:
    return isinstance(key, str) and key.endswith(_FROM_ENVIRONMENT) and key.removesuffix(_FROM_ENVIRONMENT) in _SECRETS
