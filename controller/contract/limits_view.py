"""What limits a station today: of the body that it serves, of each device, and what is left of the budgets."""

from __future__ import annotations

from pydantic import Field

from controller.safety.ceilings import BudgetLeft, Ceiling
from devices.roles import Frozen


class LimitsView(Frozen):
    """Today's limits of a station, with the layers that make them: hard limits, settings, comfort cap, symptoms."""

    station: str = Field(description="The station.")
    limits: tuple[Ceiling, ...] = Field(description="Of the body, whichever device it uses.")
    devices: dict[str, tuple[Ceiling, ...]] = Field(
        description="Of each device, by its name; empty where nothing can be set from here."
    )
    budgets: tuple[BudgetLeft, ...] = Field(description="What is left of each budget.")

    def of_device(self, device: str) -> tuple[Ceiling, ...]:
        """Return the limits of a device; none for one that is unknown."""
        return self.devices.get(device, ())
