"""Values that only the owner of a device knows, such as keys: which ones a driver needs, for the set-up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from devices.support.confidential import holds_secrets

UUIDS = "uuids"


@dataclass(frozen=True)
class OwnerValue:
    """One value. `path`: where it is in the settings of the device, such as ("tuya", "local_key").

    `uuids`: a service and a characteristic. `secret`: it is never shown.
    """

    path: tuple[str, ...]
    kind: Literal["text", "number", "uuids"] = "text"
    secret: bool = False


def of_template(channels: tuple[str, ...]) -> Iterator[OwnerValue]:
    """Yield the UUIDs of each channel that a template leaves open."""
    for channel in channels:
        yield OwnerValue((UUIDS, channel), "uuids")


def of_section(name: str, model: type[BaseModel] | None) -> Iterator[OwnerValue]:
    """Yield the values that a driver's section of the settings must have."""
    for key, field in ({} if model is None else model.model_fields).items():
        if field.is_required():
            yield OwnerValue((name, key), secret=holds_secrets(field.annotation))
