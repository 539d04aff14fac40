"""Leads through the steps of a guided recording, and notes when each was done. Display and sound are elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from devices.capture.guided_script import ScriptStep
from devices.capture.labels import LabeledAction
from devices.capture.labels_file import action_of, in_order
from devices.support.clock import Clock

ENTER = ("\n", "\r")
_BACKSPACE = ("\x7f", "\b")
_NUMBER = "0123456789.,"
_MOMENT_SECONDS = 0.01  # less is rounding
_REMIND_SECONDS = 10.0
_HAND_SECONDS = 1.0  # from the phone to Enter
_TYPING_SECONDS = 3.0
_LONGEST_NUMBER = 6  # characters


@dataclass(frozen=True)
class RecordingView:
    """What is to be shown: the step, its place from 1 on, and whether to wait for it, to do it or to type a value.

    `seconds_left`: until it is to be done. `problem`: what is wrong with what was typed.
    """

    step: ScriptStep
    number: int
    total: int
    state: Literal["wait", "now", "type"]
    seconds_left: float = 0.0
    typed: str = ""
    problem: str = ""


class GuidedRecording:
    """One recording. `on_labels` gets all labels after each change, so that none is lost however it ends.

    A step is done at the beep, or a second before Enter, whichever is later. Keys: Enter, done; `s`, there is no such
    button; `b`, back to the step before, whose label is dropped.
    """

    def __init__(
        self,
        script: tuple[ScriptStep, ...],
        clock: Clock,
        show: Callable[[RecordingView], None],
        beep: Callable[[], None],
        on_labels: Callable[[tuple[LabeledAction, ...]], None],
    ) -> None:
        self._script = script
        self._clock = clock
        self._show = show
        self._beep = beep
        self._on_labels = on_labels
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._began = clock.now()
        self._labels: dict[int, LabeledAction] = {}

    def press(self, key: str) -> None:
        """Take a key."""
        self._keys.put_nowait(key)

    async def run(self) -> tuple[LabeledAction, ...]:
        """Lead through all steps, and return the labels."""
        index = 0
        while index < len(self._script):
            done = await self._lead(index)
            if done == "back":
                index = max(0, index - 1)
                self._labels.pop(index, None)
            else:
                if done is not None:
                    self._labels[index] = done
                index += 1
            self._on_labels(self.labels)
        return self.labels

    @property
    def labels(self) -> tuple[LabeledAction, ...]:
        """What was done, in the order of time."""
        return in_order(tuple(self._labels.values()))

    async def _lead(self, index: int) -> LabeledAction | Literal["back"] | None:
        """Lead through one step: return its label, that the one before is to be repeated, or `None` if skipped."""
        key = await self._count_down(index)
        beep_seconds = self._now()
        if key is None:
            self._beep()
        if self._script[index].asks is not None and key not in ("s", "b"):
            return await self._read_off(index, beep_seconds)
        while key is None:
            self._show(self._view(index, "now"))
            key = await self._key(_REMIND_SECONDS)
            if key is None:
                self._beep()
            elif key not in (*ENTER, "s", "b"):
                key = None
        if key in ENTER:
            return self._label(index, max(beep_seconds, self._now() - _HAND_SECONDS), {})
        return "back" if key == "b" else None

    async def _count_down(self, index: int) -> str | None:
        """Wait quietly, and return the key that ended it early."""
        until = self._now() + self._script[index].quiet_seconds
        while (left := until - self._now()) > _MOMENT_SECONDS:
            self._show(self._view(index, "wait", seconds_left=left))
            key = await self._key(min(left, 1.0))
            if key is not None and key in (*ENTER, "s", "b"):
                return key
        return None

    async def _read_off(self, index: int, beep_seconds: float) -> LabeledAction | Literal["back"] | None:
        """Let a value be typed; nothing typed means that it is not shown."""
        typed = problem = ""
        while True:
            self._show(self._view(index, "type", typed=typed, problem=problem))
            key = await self._key(_REMIND_SECONDS)
            if key is None:
                continue
            problem = ""
            if key in ("s", "b"):
                return "back" if key == "b" else None
            if key in ENTER:
                if not typed:
                    return None
                at_seconds = max(beep_seconds, self._now() - _TYPING_SECONDS)
                try:
                    value = float(typed.replace(",", "."))
                    return self._label(index, at_seconds, {self._script[index].asks or "": value})
                except ValueError:
                    problem, typed = typed, ""
            elif key in _BACKSPACE:
                typed = typed[:-1]
            elif key in _NUMBER and len(typed) < _LONGEST_NUMBER:
                typed += key

    def _label(self, index: int, at_seconds: float, read_off: dict[str, float]) -> LabeledAction:
        step = self._script[index]
        return action_of(at_seconds, step.do, {**step.values, **read_off})

    def _view(
        self,
        index: int,
        state: Literal["wait", "now", "type"],
        *,
        seconds_left: float = 0.0,
        typed: str = "",
        problem: str = "",
    ) -> RecordingView:
        return RecordingView(self._script[index], index + 1, len(self._script), state, seconds_left, typed, problem)

    def _now(self) -> float:
        return self._clock.now() - self._began

    async def _key(self, seconds: float) -> str | None:
        """Return the next key; `None` if none is pressed for so long."""
        try:
            async with self._clock.timeout(seconds):
                return await self._keys.get()
        except TimeoutError:
            return None
