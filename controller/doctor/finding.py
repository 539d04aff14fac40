"""One thing that the doctor looked at."""

from __future__ import annotations

from typing import Literal

from devices.roles import Frozen


class Finding(Frozen):
    """`about`: what was looked at. `trouble` needs doing, as `remedy` says; a `note` is worth knowing."""

    about: str
    state: Literal["ok", "note", "trouble"]
    says: str
    remedy: str | None = None


def fine(about: str, says: str) -> Finding:
    """All is well."""
    return Finding(about=about, state="ok", says=says)


def note(about: str, says: str, remedy: str | None = None) -> Finding:
    """Nothing is wrong, or nobody can tell."""
    return Finding(about=about, state="note", says=says, remedy=remedy)


def trouble(about: str, says: str, remedy: str | None = None) -> Finding:
    """Something needs doing. Sentences of others name their remedy behind the first `; `, or the last `: `."""
    if remedy is None:
        cut = says.find("; ") if "; " in says else says.rfind(": ")
        says, remedy = (says[:cut], says[cut + 2 :]) if cut > 0 else (says, None)
    return Finding(about=about, state="trouble", says=says, remedy=remedy)
