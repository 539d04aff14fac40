"""The role of a thermometer, which only measures; and what any role can report. What roles share is in `roles`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field

from devices.roles import (
    ButtonReading,
    Device,
    MassagerReading,
    PumpReading,
    Reading,
    ScaleReading,
    WarmerReading,
)


class Placed(StrEnum):
    """Where a thermometer is: between a warm compress and the skin, or on the skin of the breast beside it."""

    PAD = "pad"
    BREAST = "breast"


class ThermometerReading(Reading):
    """What is known of a thermometer."""

    celsius: float | None = Field(None, description="What it measures, where it is placed.")


AnyReading = PumpReading | WarmerReading | MassagerReading | ScaleReading | ButtonReading | ThermometerReading


class Thermometer(Device, Protocol):
    """A thermometer on a warm compress, or on the breast under it. It measures, and has no verb at all.

    Whether it may be trusted as long as it reports, only its owner knows, who put it there.
    """

    role: Literal["thermometer"]
    placed: Placed

    @property
    def reading(self) -> ThermometerReading:
        """The latest known values."""
