"""How a device model is known by what it advertises, as a profile file says it. `catalog` holds it against a device."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from devices.profiles.vocabulary import BytePatterns, Names, UuidOrFamily, begins_like, one_or_more
from devices.roles import Frozen


class Manufacturer(Frozen):
    """Manufacturer data of an advertisement: the company's id, and how the data begins, in one way or several."""

    id: int = Field(ge=0, le=0xFFFF)
    data: BytePatterns = ()

    def fits(self, data: bytes | None) -> bool:
        """Say whether an advertisement's data begins like this."""
        return data is not None and (not self.data or any(begins_like(pattern, data) for pattern in self.data))


def _manufacturer(value: object) -> object:
    return {"id": value} if isinstance(value, int) else value


class Match(Frozen):
    """How the device is known by its advertisement: all that is given must fit. `*` is any text, `?` any letter.

    `not_name`: names that fit `name` and belong to other models. `partial`: some advertise only a part of it: what they
    do advertise must fit, and one part is enough.
    """

    name: Names = ()
    not_name: Names = ()
    services: Annotated[tuple[UuidOrFamily, ...], BeforeValidator(one_or_more)] = ()
    manufacturer: Annotated[Manufacturer | None, BeforeValidator(_manufacturer)] = None
    address: str | None = Field(None, pattern=r"^[0-9A-Fa-f:*?]+$")
    ambiguous: bool = False
    partial: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.name or self.services or self.manufacturer or self.address):
            raise ValueError("say at least one of: name, services, manufacturer, address")
        if self.partial and sum(map(bool, (self.name, self.services, self.manufacturer))) <= 1:
            raise ValueError("partial: of name, services and manufacturer, two or more are given")
        if self.not_name and not self.name:
            raise ValueError("not_name: say name as well, from which these are excepted")
        return self
