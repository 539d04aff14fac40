"""Labels: what a person did in the vendor's app, and when. A guided recording writes them; so can a person.

The file:

    role: pump
    app: Moon app 3.2
    began: 2026-11-30T14:00:00+00:00
    actions:
      - {at_seconds: 5.0, do: start, phase: stimulation, level: 1}
      - {at_seconds: 20.5, do: adjust, level: 2}
      - {at_seconds: 40.0, do: see, battery_percent: 85}
      - {at_seconds: 60.0, do: stop}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field

from devices.driver.vocabulary import EnergyRole, Value
from devices.roles import Frozen, Phase, Side
from devices.support.yaml_file import load_yaml

Deed = Literal["connect", "disconnect", "start", "adjust", "pause", "resume", "stop", "see"]
_LONGEST_SECONDS = 86_400


class LabeledAction(Frozen):
    """One thing that was done or seen, with the values that were set or shown, by the names of the profile language.

    `at_seconds`: since the recording began. `do`: `see` labels what the app or the device showed at that time; the
    rest is what the person did. A value that is left out was not changed, or not looked at.
    """

    at_seconds: float = Field(ge=0, le=_LONGEST_SECONDS)
    do: Deed
    phase: Phase | None = None
    level: int | None = Field(None, ge=0, le=255)
    vacuum_mmhg: float | None = Field(None, ge=0, le=500)
    rate_cpm: float | None = Field(None, gt=0, le=300)
    side: Side | None = None
    intensity: float | None = Field(None, ge=0, le=1)
    celsius: float | None = Field(None, ge=0, le=100)
    duration_minutes: float | None = Field(None, gt=0, le=1440)
    battery_percent: float | None = Field(None, ge=0, le=100)
    volume_ml: float | None = Field(None, ge=0, le=2000)
    surface_celsius: float | None = Field(None, ge=0, le=100)
    remaining_seconds: float | None = Field(None, ge=0, le=_LONGEST_SECONDS)

    @property
    def values(self) -> Mapping[str, Value]:
        """The values that were set or shown."""
        return self.model_dump(mode="json", exclude={"at_seconds", "do"}, exclude_none=True)


class Labels(Frozen):
    """All labels of one recording. `app`: which app and version, for the provenance."""

    role: EnergyRole
    began: AwareDatetime
    actions: tuple[LabeledAction, ...]
    app: str | None = Field(None, min_length=1, max_length=100)

    def time_of(self, action: LabeledAction) -> float:
        """Return the Unix time of an action, in seconds."""
        return self.began.timestamp() + action.at_seconds


def load_labels(file: Path) -> Labels:
    """Read a file of labels. Raise `FileError`, which names file, line and key."""
    return load_yaml(file, Labels)
