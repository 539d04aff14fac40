"""Milk in mL or US fluid ounces. Everything inside is in mL; ounces are only shown, and entered."""

from __future__ import annotations

from enum import StrEnum

ML_PER_OZ = 29.5735  # US fluid ounce


class Units(StrEnum):
    """Units of milk."""

    ML = "mL"
    OZ = "oz"

    @property
    def field(self) -> str:
        """How fields of forms name it: `left_ml`, `left_oz`."""
        return self.value.lower()

    @property
    def ml_each(self) -> float:
        """How many mL one is."""
        return ML_PER_OZ if self is Units.OZ else 1.0

    @property
    def digits(self) -> int:
        """How many digits after the point are shown: 0.1 oz is 3 mL."""
        return 1 if self is Units.OZ else 0

    @property
    def entry_digits(self) -> int:
        """How many of them a field is filled with: 0.01 oz is less than 1 mL, so saving it unchanged keeps it."""
        return self.digits + 1

    def from_ml(self, volume_ml: float | None) -> float | None:
        """Return a volume in these units; `None` stays unknown."""
        return None if volume_ml is None else volume_ml / self.ml_each

    def to_ml(self, volume: float) -> float:
        """Return a volume of these units in mL, to the tenth."""
        return round(volume * self.ml_each, 1) if self is Units.OZ else volume
