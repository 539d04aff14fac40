"""A warning: something in a model file is possible, but silently defeats a safety check."""

from __future__ import annotations

from dataclasses import dataclass

from devices.roles import Frozen


class ModelWarning(Frozen):
    """One warning: the key that it is about, dotted; the reason; and what to do about it."""

    where: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class CheckedValues:
    """What the safety checks compare with, in mmHg, °C and seconds: what a device reports must be able to show it.

    `release_mmhg`: below it, the vacuum counts as released. `vacuum_mmhg` and `celsius`: from there on, everything is
    stopped. `each_release_seconds`: how often a vacuum must come to show each release. `fresh_seconds`: what comes
    less often is not watched for silence.
    """

    release_mmhg: float
    vacuum_mmhg: float
    celsius: float
    each_release_seconds: float
    fresh_seconds: float
