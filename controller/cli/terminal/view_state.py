"""What the terminal shows: the latest of everything, and an immutable picture of it for drawing in another thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from controller.contract.events import DeviceView, Guide, Snapshot, Telemetry
from controller.contract.words import Words

NOTICE_SECONDS = 8.0
_MOST_NOTICES = 2
_SAMPLES = 48
_READ_SECONDS = 0.4  # a question cannot be read sooner; a second press was meant for the one before

Tone = Literal["good", "note", "alarm"]


@dataclass(frozen=True)
class Notice:
    """A line that is shown for some seconds, such as why a command was refused."""

    words: str
    tone: Tone
    until_seconds: float


@dataclass(frozen=True)
class Picture:
    """Everything that is shown at one moment.

    `no_contact`: why what was received last may be old; then it is not shown. `keys`: whether keys are read.
    `may_start`, `may_leave`: whether there are keys for that. `drawings`: whether the terminal can show them.
    `seconds`: a clock that turns pages.
    """

    words: Words
    headline: str = ""
    snapshot: Snapshot | None = None
    guide: Guide | None = None
    devices: tuple[DeviceView, ...] = ()
    waves: dict[str, tuple[float, ...]] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    no_contact: str | None = None
    keys: bool = True
    may_start: bool = False
    may_leave: bool = False
    help: bool = False
    drawings: bool = True
    seconds: float = 0.0


class ViewState:
    """Keeps the latest snapshot, guide and readings of a station. `take` is a subscriber of the stream."""

    def __init__(
        self,
        words: Words,
        headline: str = "",
        *,
        may_start: bool = False,
        may_leave: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.words = words
        self.headline = headline
        self.may_start = may_start
        self.may_leave = may_leave
        self.keys = False
        self.drawings = True
        self.help = False
        self.no_contact: str | None = None
        self.snapshot: Snapshot | None = None
        self.guide: Guide | None = None
        self._now = now
        self._question_since_seconds = 0.0
        self._devices: dict[str, DeviceView] = {}
        self._vacuum_mmhg: dict[str, deque[float]] = {}
        self._notices: deque[Notice] = deque(maxlen=_MOST_NOTICES)

    def take(self, item: object) -> None:
        """Keep one item of the stream."""
        match item:
            case Snapshot():
                self.snapshot = item
            case Guide():
                if self.guide is None or item.question != self.guide.question:
                    self._question_since_seconds = self._now()
                self.guide = item
            case DeviceView():
                self._devices[item.device] = item
                if not item.available:
                    self._vacuum_mmhg.pop(item.device, None)
            case Telemetry() if "vacuum_mmhg" in item.values:
                samples = self._vacuum_mmhg.setdefault(item.device, deque(maxlen=_SAMPLES))
                samples.append(float(item.values["vacuum_mmhg"]))
            case _:
                pass

    def notify(self, words: str, tone: Tone = "note", seconds: float = NOTICE_SECONDS) -> None:
        """Show a line for some seconds."""
        self._notices.append(Notice(words, tone, self._now() + seconds))

    def forget(self) -> None:
        """Drop everything that was received: it may no longer be true."""
        self.snapshot = self.guide = None
        self._devices.clear()
        self._vacuum_mmhg.clear()

    @property
    def question(self) -> str | None:
        """The question that a person can have read; a contact that is lost takes no answers."""
        if self.guide is None or self.no_contact is not None:
            return None
        return self.guide.question if self._now() - self._question_since_seconds >= _READ_SECONDS else None

    def picture(self) -> Picture:
        """Return what is to be shown now."""
        now_seconds = self._now()
        stale = self.no_contact is not None
        return Picture(
            words=self.words,
            headline=self.headline,
            snapshot=None if stale else self.snapshot,
            guide=None if stale else self.guide,
            devices=() if stale else tuple(self._devices.values()),
            waves={} if stale else {name: tuple(samples) for name, samples in self._vacuum_mmhg.items()},
            notices=tuple(each for each in self._notices if each.until_seconds > now_seconds),
            no_contact=self.no_contact,
            keys=self.keys,
            may_start=self.may_start,
            may_leave=self.may_leave,
            help=self.help,
            drawings=self.drawings,
            seconds=now_seconds,
        )
