"""What can be wrong with a store."""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """The store cannot be used. `str()` says which, what is wrong and what to do."""

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(f"the store at {path} {what}; {remedy}")


class InUseError(StoreError):
    """Another controller has it."""
