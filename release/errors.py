"""What keeps a release from being made."""

from __future__ import annotations


class ReleaseError(Exception):
    """A check failed. `str()` says which, and what to do."""
