"""What cleared breast pumps do: the ranges of vacuum and rate in `pump_ranges.yaml`, for virtual pumps in tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, RootModel, model_validator

from devices.roles import Frozen, Phase
from devices.support.yaml_file import load_yaml
from devices.virtual.suction import PumpRanges, Range

_ANY: Range = (0.0, math.inf)


def _ascending(value: Range) -> Range:
    if not 0 <= value[0] <= value[1]:
        raise ValueError("a range is [lowest, highest]")
    return value


_Range = Annotated[Range, AfterValidator(_ascending)]


class PhaseRanges(Frozen):
    """The published ranges of one phase."""

    vacuum_mmhg: _Range | None = None
    rate_cpm: _Range | None = None


class ProductRanges(Frozen):
    """One product's ranges: by phase where that is published, else for both."""

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
    def _has_vacuum(self) -> Self:
        if self.vacuum_mmhg is None and self.expression.vacuum_mmhg is None:
            raise ValueError("give vacuum_mmhg, for the product or for its expression")
        return self

    def vacuum(self, phase: Phase) -> Range:
        """Return the lowest and the highest vacuum of a phase, in mmHg."""
        return self._of(phase).vacuum_mmhg or self.vacuum_mmhg or _ANY

    def rate(self, phase: Phase) -> Range:
        """Return the slowest and the fastest rate of a phase, in cycles a minute."""
        return self._of(phase).rate_cpm or (0.0, self.highest_rate_cpm or math.inf)

    def level(self, phase: Phase, level: int) -> float:
        """Return the vacuum in mmHg at a level, from 1 up, in even steps."""
        return PumpRanges(self.vacuum(phase), levels=self.levels or 1).level(phase, level)

    def _of(self, phase: Phase) -> PhaseRanges:
        return self.stimulation if phase is Phase.STIMULATION else self.expression


class _Table(RootModel[dict[str, ProductRanges]]):
    pass


@cache
def pump_ranges() -> Mapping[str, ProductRanges]:
    """Return all products of the table, by their names."""
    return load_yaml(Path(__file__).with_suffix(".yaml"), _Table).root
