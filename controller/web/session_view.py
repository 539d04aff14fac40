"""What the session screen shows: pure functions of the latest items of a station."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from controller.contract.about import About, AboutRoutine
from controller.contract.commands import Reply
from controller.contract.event_data import EventType
from controller.contract.events import DeviceView, Event, Guide, Snapshot
from controller.contract.uploads import Upload
from controller.contract.words import Words, first_upper
from controller.web.event_hub import StationView
from devices.roles import PumpReading, WarmerReading

_MOST_UPLOADS = 10


class Card(NamedTuple):
    """A routine to choose from. `off`: the setting that has to be turned on first."""

    id: str
    name: str
    summary: str
    minutes: int
    picture: str
    off: str | None


class ProgressStep(NamedTuple):
    """A step in the line of progress. `state`: `done`, `skipped`, `now` or `ahead`."""

    title: str
    state: str
    label: str
    planned_seconds: float | None
    seconds: float


class OpenUpload(NamedTuple):
    """A session that is not in Baby Buddy: when it was, what became of it, why, and the error of Baby Buddy."""

    session_id: str
    began: str
    state: str
    why: str
    detail: str
    can_retry: bool
    can_skip: bool


def cards(about: About, first: str, language: str) -> list[Card]:
    """Return the routines that can be started, `first` before all others, then those that are off."""
    found = [
        Card(
            each.id,
            each.name.get(language) or each.name.get(about.language) or each.id,
            each.summary.get(language) or each.summary.get(about.language, ""),
            max(1, round(each.longest_seconds / 60)),
            _routine_picture(each),
            each.off,
        )
        for each in about.routines
    ]
    return sorted(found, key=lambda card: (card.off is not None, card.id != first))


def _routine_picture(routine: AboutRoutine) -> str:
    if "massager" in routine.needs:
        return "stroke-with-massager"
    if "massage" in routine.steps and "express" not in routine.steps:
        return "roll-around"
    for step, picture in (("rest", "rest"), ("massage", "spiral"), ("express", "express"), ("warm", "warm")):
        if step in routine.steps:
            return picture
    return "prompt"


def progress(snapshot: Snapshot, words: Words) -> list[ProgressStep]:
    """Return the steps of the session, with the state of each."""
    found = []
    for index, step in enumerate(snapshot.steps):
        if step.outcome is not None:
            state = "skipped" if step.outcome == "skipped" else "done"
        else:
            state = "now" if index == snapshot.step_index and snapshot.running else "ahead"
        text = "step_not_begun" if state == "ahead" and not snapshot.running else f"step_{state}"
        label = words.labels.step.get(step.outcome or "", words.web[text])
        found.append(ProgressStep(step.title, state, label, step.planned_seconds, step.seconds))
    return found


def limits_of(snapshot: Snapshot, words: Words) -> list[str]:
    """Return for each quantity that is limited now, why: the deciding layer."""
    limited = [each for each in snapshot.limits if each.limited and each.reasons]
    return [words.limit_reasons(each)[0] for each in limited]


def let_down_ago_seconds(view: StationView) -> float | None:
    """Return how long ago the let-down of this session was noticed, by the wall clock."""
    session = view.snapshot.session_id
    for _, message in reversed(view.events):
        event = message.item
        if isinstance(event, Event) and event.type == EventType.LET_DOWN and event.session_id == session:
            return max(0.0, (datetime.now(UTC) - event.time).total_seconds())
    return None


def is_in_warnings(guide: Guide, snapshot: Snapshot, words: Words) -> bool:
    """Return whether the text of a guide is among the warnings. `words`: those of the guide."""
    warnings = [words.message("runs_outside", device=device) for device in snapshot.running_outside]
    warnings += [words.messages["store_trouble"]] * bool(snapshot.problems)
    if snapshot.trip is not None:
        warnings.append(words.message("tripped", device=snapshot.trip.device, words=snapshot.trip.words))
    if snapshot.uncertain:
        warnings += [words.uncertain(snapshot.uncertain), *(words.uncertain([each]) for each in snapshot.uncertain)]
    return guide.words in warnings


def pumps(view: StationView) -> list[DeviceView]:
    """Return the pumps."""
    return [each for each in view.devices.values() if isinstance(each.reading, PumpReading)]


def warmers(view: StationView) -> list[DeviceView]:
    """Return the warm compresses."""
    return [each for each in view.devices.values() if isinstance(each.reading, WarmerReading)]


def open_uploads(found: Iterable[Upload], words: Words) -> list[OpenUpload]:
    """Return the sessions that wait for Baby Buddy, or for a person because of it."""
    return [
        OpenUpload(
            each.session_id,
            "" if each.began_at is None else f"{each.began_at.astimezone():%Y-%m-%d %H:%M}",
            words.labels.upload[each.state],
            "" if each.problem is None else words.sentence(each.problem),
            each.detail or "",
            can_retry=each.state != "erasing",
            can_skip=each.state in ("waiting", "rejected"),
        )
        for each in found
        if each.state in ("waiting", "rejected", "erasing") or (each.state == "skipped" and each.problem is not None)
    ][:_MOST_UPLOADS]


def local_time(at: datetime) -> str:
    """Return a time of day in the zone of this machine, such as `03:05`."""
    return f"{at.astimezone():%H:%M}"


def reply_words(reply: Reply, words: Words) -> str:
    """Return what became of a command: after a stop, what each device confirmed."""
    if reply.devices is not None:
        return stop_words(reply, words)
    outcome = words.entities.replies[reply.outcome]
    return f"{outcome}: {'; '.join(reply.reasons)}" if reply.reasons else outcome


def stop_words(reply: Reply, words: Words) -> str:
    """Return what each device confirmed after a stop."""
    by_state: dict[str, list[str]] = {}
    for name, state in (reply.devices or {}).items():
        by_state.setdefault(state, []).append(name)
    states = [f"{words.labels.stop.get(state, state)}: {', '.join(names)}" for state, names in by_state.items()]
    if reply.outcome != "accepted":
        return " ".join([words.web["stop_not_confirmed"], *map(sentence, states)])
    return " ".join(map(sentence, states)) or words.web["stop_confirmed"]


def clock_time(seconds: float | None) -> str:
    """Return minutes and seconds: `4:05`."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02d}"


def sentence(text: str, names: Iterable[str] = ()) -> str:
    """Return a text with a capital letter and a full stop. `names`: what stays as it is where a text begins with it."""
    text = text if text.startswith(tuple(names)) else first_upper(text)
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
