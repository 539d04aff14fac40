"""The section `bthome` of a device's settings: its key, and what presses mean. The key is in no log and no error."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from devices.roles import PressEvent, PressMeaning
from devices.support.confidential import Confidential, NotText, mask
from devices.support.file_error import ModelError

_KEY_DIGITS = 32
_KEY, _FROM_ENVIRONMENT = "bindkey", "bindkey_env"


def _key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(rf"[0-9a-fA-F]{{{_KEY_DIGITS}}}", value.get_secret_value()):
        raise ValueError(f"a bindkey has {_KEY_DIGITS} hex digits; copy it exactly from the app of the device")
    return value


def _no_unknown(presses: Mapping[PressEvent, PressMeaning]) -> Mapping[PressEvent, PressMeaning]:
    if PressEvent.UNKNOWN in presses:
        raise ValueError("a press that cannot be recognised always stops; leave unknown out")
    return presses


class BthomeSettings(Confidential):
    """What a device that encrypts needs, and what its presses mean.

    `bindkey_env: NAME` names the environment variable that holds the key.
    """

    bindkey: Annotated[SecretStr, AfterValidator(_key)] | None = Field(
        None, description="the key with which the device encrypts, 32 hex digits"
    )
    presses: Annotated[Mapping[PressEvent, PressMeaning], AfterValidator(_no_unknown)] = Field(
        default_factory=dict,
        description="what each kind of press means: `stop` (without this), `pain`, or, with a bindkey, `let_down`",
    )

    @model_validator(mode="after")
    def _let_down_needs_a_key(self) -> Self:
        wrong = [event for event, meaning in self.presses.items() if meaning is PressMeaning.LET_DOWN]
        if self.bindkey is None and wrong:
            words = "let_down needs a bindkey, and a device that encrypts: anybody can send what is not encrypted"
            raise ModelError(*((f"presses.{event.value}", words) for event in wrong))
        return self

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, data: Any) -> Any:
        if not isinstance(data, dict) or _FROM_ENVIRONMENT not in data:
            return data
        if _KEY in data:
            raise ValueError(f"the bindkey is given twice: by itself and by {_FROM_ENVIRONMENT}")
        variable = data[_FROM_ENVIRONMENT]
        name = variable.get_secret_value() if isinstance(variable, SecretStr) else ""
        # The variable is not named: if it holds the key itself, the key would be in a log.
        if not os.environ.get(name):
            raise ValueError(f"the environment variable that {_FROM_ENVIRONMENT} names is not set")
        rest = {key: value for key, value in data.items() if key != _FROM_ENVIRONMENT}
        return rest | {_KEY: SecretStr(os.environ[name])}

    # Defined last, so it runs first: what follows, and the errors it raises, only ever see a masked key.
    @model_validator(mode="before")
    @classmethod
    def _masked(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data if isinstance(data, BthomeSettings) else NotText()
        return {str(key): mask(value) if key in (_KEY, _FROM_ENVIRONMENT) else value for key, value in data.items()}

    @property
    def key(self) -> bytes | None:
        """The bindkey as bytes."""
        return None if self.bindkey is None else bytes.fromhex(self.bindkey.get_secret_value())
