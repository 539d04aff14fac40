"""What could not be read of a capture, as sentences for a person; what happens often is counted."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from devices.support.file_error import Problem

Trouble = Literal["damaged", "shortened", "incomplete", "unreadable_values", "crc", "dropped"]

_MOST_SENTENCES = 20
_COUNTED: dict[Trouble, tuple[str, str]] = {
    "damaged": (
        "1 place in the file is damaged; reading went on after it. Copy it again from the phone or computer.",
        "{} places in the file are damaged; reading went on after each. Copy it again from the phone or computer.",
    ),
    "shortened": (
        "1 packet was shortened by the recorder, and left out. Record whole packets (on Android: `full`).",
        "{} packets were shortened by the recorder, and left out. Record whole packets (on Android: `full`).",
    ),
    "incomplete": (
        "1 message lacks a part, and was left out. With a sniffer, record again closer to both devices.",
        "{} messages lack a part, and were left out. With a sniffer, record again closer to both devices.",
    ),
    "unreadable_values": (
        "1 value stands in the log as words, not in hex, and was left out. In nRF Connect, show values in hex.",
        "{} values stand in the log as words, not in hex, and were left out. In nRF Connect, show values in hex.",
    ),
    "crc": (
        "1 packet was received wrongly (checksum), and left out. Record again closer to both devices.",
        "{} packets were received wrongly (checksum), and left out. Record again closer to both devices.",
    ),
    "dropped": (
        "1 value was left out: there are too many in one file. Record less at a time.",
        "{} values were left out: there are too many in one file. Record less at a time.",
    ),
}


class UnreadableError(Exception):
    """Nothing can be read of a file: what is wrong, and what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.problem = Problem(0, "", message, remedy)
        super().__init__(message)


class ReadingNotes:
    """Collects what could not be read."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}
        self._counts: Counter[Trouble] = Counter()

    def add(self, sentence: str) -> None:
        """Note a sentence, once. Beyond twenty, more are not kept."""
        if len(self._sentences) < _MOST_SENTENCES:
            self._sentences[sentence] = None

    def count(self, trouble: Trouble, times: int = 1) -> None:
        """Count what is worth one sentence however often it happens."""
        self._counts[trouble] += times

    @property
    def problems(self) -> tuple[str, ...]:
        """All of it, as sentences."""
        counted = [
            one if self._counts[trouble] == 1 else several.format(self._counts[trouble])
            for trouble, (one, several) in _COUNTED.items()
            if self._counts[trouble]
        ]
        return (*self._sentences, *counted)
