"""What cleared breast pumps do: ranges of vacuum and rate, read from `config/pump_ranges.yaml`. For virtual pumps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Self

from pydantic import AfterValidator, Field, RootModel, model_validator

from devices.roles import Frozen, Phase
from devices.shipped import SHIPPED
from devices.yaml_file import load_yaml

BY_HAND_MMHG = {Phase.STIMULATION: 80.0, Phase.EXPRESSION: 140.0}
"""What a person sets at a pump that cannot be set from here. Our own choice."""

BY_HAND_CPM = {Phase.STIMULATION: 100.0, Phase.EXPRESSION: 54.0}

Range = tuple[float, float]

_ANY: Range = (0.0, math.inf)


def _climbs(value: Range) -> Range:
    if not 0 <= value[0] <= value[1]:
        raise ValueError("a range is [lowest, highest]")
    return value


_Range = Annotated[Range, AfterValidator(_climbs)]


class PhaseRanges(Frozen):
    """What is published of one phase."""

    vacuum_mmhg: _Range | None = None
    rate_cpm: _Range | None = None


class PumpRanges(Frozen):
    """One product: by phase where that is published, else as a whole."""

    source: str = Field(min_length=5)
    stimulation: PhaseRanges = PhaseRanges()
    expression: PhaseRanges = PhaseRanges()
    vacuum_mmhg: _Range | None = None
    vacuum_both_mmhg: _Range | None = None
    highest_rate_cpm: float | None = Field(None, gt=0)
    tolerance_mmhg: float | None = Field(None, ge=0)
    tolerance_cpm: float | None = Field(None, ge=0)
    levels: int | None = Field(None, gt=0)
    run_seconds: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.vacuum_mmhg is None and self.expression.vacuum_mmhg is None:
            raise ValueError("say its vacuum, as a whole or of its expression")
        return self

    def vacuum(self, phase: Phase) -> Range:
        """Return the lowest and the highest vacuum of a phase, in mmHg."""
        return self._of(phase).vacuum_mmhg or self.vacuum_mmhg or _ANY

    def rate(self, phase: Phase) -> Range:
        """Return the slowest and the fastest rate of a phase, in cycles a minute."""
        return self._of(phase).rate_cpm or (0.0, self.highest_rate_cpm or math.inf)

    def level(self, phase: Phase, level: int) -> float:
        """Return the vacuum at a level, from 1 up, as if levels were even steps; nobody publishes what they are."""
        lowest, highest = self.vacuum(phase)
        steps = max(1, (self.levels or 1) - 1)
        return lowest + (highest - lowest) * min(steps, max(0, level - 1)) / steps

    def _of(self, phase: Phase) -> PhaseRanges:
        return self.stimulation if phase is Phase.STIMULATION else self.expression


class _Table(RootModel[dict[str, PumpRanges]]):
    pass


@cache
def pump_ranges() -> Mapping[str, PumpRanges]:
    """Return all products that come with Letdown, by their names."""
    return load_yaml(SHIPPED / "pump_ranges.yaml", _Table).root
