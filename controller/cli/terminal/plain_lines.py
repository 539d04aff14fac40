"""The same as the view, as plain lines: for pipes, and for terminals that can show no more."""

from __future__ import annotations

from collections.abc import Callable

from controller.cli.terminal.amounts import minutes
from controller.contract.event_data import (
    ButtonPressedData,
    LetDownData,
    LimitedData,
    PainData,
    PausedData,
    ResumedData,
    StepFinishedData,
    StepStartedData,
    TripData,
    UncertainData,
)
from controller.contract.events import DeviceView, Event, Guide, Snapshot
from controller.contract.words import Words
from devices.roles import LinkState, RunState


class PlainLines:
    """Prints one line for each event. `take` is a subscriber of the stream. `keys`: whether keys are read."""

    def __init__(self, words: Words, print_line: Callable[[str], None], *, keys: bool = False) -> None:
        self.words = words
        self.keys = keys
        self._print = print_line
        self._guide: tuple[str, str] | None = None
        self._state: tuple[str | None, str] | None = None
        self._runs: dict[str, str] = {}

    def take(self, item: object) -> None:
        """Print what is new in one item of the stream."""
        match item:
            case Guide():
                self._take_guide(item)
            case Snapshot():
                self._take_state(item)
            case Event():
                if (line := event_line(item, self.words)) is not None:
                    self._print(line)
            case DeviceView():
                self._take_device(item)
            case _:
                pass

    def _take_guide(self, guide: Guide) -> None:
        text = guide.words
        if guide.template is not None and self.keys:
            text = self.words.name_controls(guide.template, "terminal")
        if guide.question is not None and self.keys:
            names = self.words.terminal
            text += f" ({names['key_yes']}: {names['what_yes']}, n: {names['what_no']})"
        if text and (guide.title, text) != self._guide:
            self._guide = guide.title, text
            colon = "" if guide.title.endswith("?") else ":"
            self._print(f"{guide.title}{colon} {text}" if guide.title else text)

    def _take_state(self, snapshot: Snapshot) -> None:
        state = snapshot.routine, self.words.labels.session[snapshot.state]
        if state != self._state:
            self._state = state
            self._print(self.words.of_terminal("summary", routine=state[0] or snapshot.station, state=state[1]))

    def _take_device(self, view: DeviceView) -> None:
        labels = self.words.labels
        run = labels.run[view.reading.run_state if view.available else RunState.UNKNOWN]
        state = run if view.link is LinkState.CONNECTED else labels.link[view.link]
        if self._runs.get(view.device) != state:
            self._runs[view.device] = state
            self._print(f"  {view.device}: {state}")


def event_line(event: Event, words: Words) -> str | None:  # noqa: PLR0911 - a table
    """Return one line about an event; `None` where others say the same."""
    text = words.of_terminal
    match event.data:
        case StepStartedData() as data:
            return f"{_title(words, data.step)} ..."
        case StepFinishedData() as data:
            return f"{_title(words, data.step)}: {words.labels.step[data.outcome]}, {minutes(data.seconds)}"
        case LetDownData() as data:
            return f"  {text('event_let_down', by=words.labels.let_down_by[data.by])}"
        case LimitedData() as data:
            return f"  {text('limited_to', words=data.words)}"
        case TripData() as data:
            return f"  {text('trip', device=data.device, words=words.trip_words(data.kind))}"
        case UncertainData() as data:
            return f"  {text('uncertain', device=data.device)}"
        case ButtonPressedData() as data:
            return None if data.words is None else f"  {data.words}"
        case PainData() | PausedData() | ResumedData():
            return f"  {text(f'event_{event.type.value}')}"
        case _:
            return None


def _title(words: Words, step: str) -> str:
    found = words.steps.get(step)
    return step if found is None else found.title
