"""Messages by key: what to say, and the values in it. The words of each language are elsewhere: `contract.words`."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import Field

from devices.errors import DeviceError, LinkLostError, RefusedError, UncertainError
from devices.roles import Frozen

MessageValue: TypeAlias = "float | str | KeyedMessage"


class KeyedMessage(Frozen):
    """What to say: a key of `reasons` in the language files, and the values of its placeholders.

    Numbers carry their unit in the name of the placeholder, such as `step_mmhg`. A value may be a message of its own.
    """

    key: str
    values: dict[str, MessageValue] = Field(default_factory=dict)

    def __str__(self) -> str:
        """Return it for a log, which is in no language."""
        values = ", ".join(f"{name} {_logged(value)}" for name, value in self.values.items())
        return f"{self.key} ({values})" if values else self.key


def message(key: str, **values: MessageValue) -> KeyedMessage:
    """Return the message of a key, with the values of its placeholders."""
    return KeyedMessage(key=key, values=values)


def _logged(value: MessageValue) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


class NotAllowedError(Exception):
    """Something may not start, or is not possible now. `message` says why, to the person; `detail` technically."""

    def __init__(self, why: KeyedMessage, detail: str | None = None) -> None:
        super().__init__(str(why) if detail is None else f"{why}: {detail}")
        self.message = why
        self.detail = detail


class NotPossibleError(RefusedError):
    """Running devices cannot be set as requested. `message` says why."""

    def __init__(self, why: KeyedMessage) -> None:
        super().__init__(str(why))
        self.message = why


class StillUncertainError(UncertainError):
    """A device did not confirm its stop, so nothing else may run. `message` says which."""

    def __init__(self, why: KeyedMessage) -> None:
        super().__init__(str(why))
        self.message = why


class PumpLostError(LinkLostError):
    """A pump that ran in this session is out of reach. `message` says which."""

    def __init__(self, why: KeyedMessage) -> None:
        super().__init__(str(why))
        self.message = why


def detail_of(error: Exception) -> str | None:
    """Return the technical details of an error, in English; `None` where its message says everything."""
    return None if isinstance(getattr(error, "message", None), KeyedMessage) else str(error)


_OF_DEVICE_ERRORS = {
    LinkLostError: "device_not_connected",
    RefusedError: "device_refused",
    UncertainError: "device_not_confirmed",
}


def message_of(error: Exception) -> KeyedMessage:
    """Return what an error means for the person. Its technical details belong into a log."""
    known: object = getattr(error, "message", None)
    if isinstance(known, KeyedMessage):
        return known
    key = next((key for kind, key in _OF_DEVICE_ERRORS.items() if isinstance(error, kind)), "device_failed")
    device = error.device if isinstance(error, DeviceError) else None
    return message(key, device=device or message("a_device"))
