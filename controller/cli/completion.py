"""What the shell completes: names of the files that come with Letdown. Imports nothing that takes time."""

from __future__ import annotations

from devices.support.shipped import SHIPPED


def complete_profile(incomplete: str) -> list[str]:
    """Return the ids of the shipped profiles that begin like this."""
    return _names("profiles", incomplete)


def complete_routine(incomplete: str) -> list[str]:
    """Return the ids of the shipped routines that begin like this."""
    return _names("routines", incomplete)


def complete_language(incomplete: str) -> list[str]:
    """Return the languages that begin like this."""
    return _names("guides", incomplete)


def _names(folder: str, incomplete: str) -> list[str]:
    return sorted(file.stem for file in (SHIPPED / folder).glob("*.yaml") if file.stem.startswith(incomplete))
