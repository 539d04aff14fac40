"""What the page with the frames of a capture shows. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devices.capture.draft import FrameGroup


@dataclass(frozen=True)
class LabelRow:
    """Something that was done. `at_seconds`: in the time of the capture. `do`: the deed; `values`: what was set."""

    at_seconds: float
    do: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class NamedGroup:
    """Frames of one anatomy. `uuid`: of their characteristic, short where it is a usual one; `None`: not known.

    `fields`: for each byte the name of its value in the draft, empty for none.
    """

    group: FrameGroup
    uuid: str | None
    fields: tuple[str, ...]


@dataclass(frozen=True)
class FramesView:
    """A device in a capture. `heading`: which file and device. `problems`: what could not be read, as sentences."""

    heading: str
    groups: Sequence[NamedGroup]
    labels: Sequence[LabelRow] = ()
    problems: Sequence[str] = ()
