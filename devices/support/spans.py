"""Spans: what is done for a command, and for how long, where something follows them. By default nothing does.

A span costs one comparison then. It names the owner's names alone: no address, no bytes, no value.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Protocol


class Span(Protocol):
    """A span that has begun."""

    def note(self, **attributes: str) -> None:
        """Add what became of it."""


class Tracer(Protocol):
    """Follows spans. Nothing here may raise, or wait."""

    def span(self, name: str, attributes: dict[str, str], *, begins: bool) -> AbstractContextManager[Span]:
        """Return a span for a `with` block."""


class _NoSpan:
    def note(self, **attributes: str) -> None:
        """Add nothing."""


_NOTHING = contextlib.nullcontext(_NoSpan())
_tracer: Tracer | None = None


def follow(tracer: Tracer | None) -> None:
    """Have all spans of this process followed from now on; `None`: no longer."""
    global _tracer  # noqa: PLW0603 - as `logging` has one, for the same reason: it is needed everywhere
    _tracer = tracer


def span(name: str, *, begins: bool = False, **attributes: str) -> AbstractContextManager[Span]:
    """Return a span for a `with` block. `begins`: it begins a trace; all others belong to the one that is under way.

    Without one under way, they are nothing: what a session does by itself for half an hour is no part of its command.
    """
    return _NOTHING if _tracer is None else _tracer.span(name, attributes, begins=begins)
