"""Spans are nothing unless something follows them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from devices.support import spans
from devices.support.spans import Span, follow, span


class Notes:
    def __init__(self) -> None:
        self.found: list[tuple[str, dict[str, str], bool]] = []

    def note(self, **attributes: str) -> None:
        self.found.append(("note", attributes, False))

    @contextlib.contextmanager
    def span(self, name: str, attributes: dict[str, str], *, begins: bool) -> Iterator[Span]:
        self.found.append((name, attributes, begins))
        yield self


@pytest.fixture
def notes() -> Iterator[Notes]:
    made = Notes()
    follow(made)
    yield made
    follow(None)


def test_without_a_tracer_a_span_is_one_object_that_does_nothing() -> None:
    assert spans._tracer is None
    assert span("write", device="pump") is span("stop device", begins=True)
    with span("write") as writing:
        writing.note(result="stopped")


def test_a_tracer_follows_spans_and_what_became_of_them(notes: Notes) -> None:
    with span("receive command", begins=True, station="home") as receiving:
        receiving.note(outcome="accepted")
    assert notes.found == [
        ("receive command", {"station": "home"}, True),
        ("note", {"outcome": "accepted"}, False),
    ]
