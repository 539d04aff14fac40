"""What is noted while a draft is made: the evidence of each line, what is not understood, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from devices.capture.draft import Evidence, Unexplained


class DraftNotes:
    """Collects notes, each once."""

    def __init__(self) -> None:
        self.evidence: dict[str, Evidence] = {}
        self.unexplained: list[Unexplained] = []
        self.missing: list[str] = []

    def prove(self, key: str, words: str, frame_count: int, alternatives: Sequence[str] = ()) -> None:
        """Note why a line is there."""
        self.evidence[key] = Evidence(key, words, frame_count, tuple(alternatives))

    def wonder(self, place: str, words: str, frame_count: int) -> None:
        """Note bytes that are not understood."""
        note = Unexplained(place, words, frame_count)
        if note not in self.unexplained:
            self.unexplained.append(note)

    def miss(self, words: str) -> None:
        """Note what is missing, and what would decide it."""
        if words not in self.missing:
            self.missing.append(words)


def spread(items: Sequence[bytes], most: int) -> list[bytes]:
    """Return some of many, from the first to the last, evenly."""
    if len(items) <= most:
        return list(items)
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def observed(values: Sequence[int]) -> str:
    """Return the range in which a byte was seen, for a person."""
    low, high = min(values), max(values)
    return f"always {low:02x}" if low == high else f"{low:02x} to {high:02x}, {len(set(values))} different values"
