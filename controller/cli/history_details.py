"""One past session in the terminal: what, when, how much milk by which source, and its curves."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from controller.cli.history_chart import chart_lines
from controller.cli.history_list import DASH, ended
from controller.cli.printable import printable
from controller.cli.terminal.amounts import amount, minutes
from controller.contract.session_record import SessionDetails, SessionRecord, StepRecord
from controller.contract.words import Words, first_upper
from controller.history.exports.counted_milk import counted_milk

_MARGIN = 11


def detail_lines(details: SessionDetails, words: Words, width: int) -> Iterator[Text]:
    """Yield the lines about one session, at most `width` wide."""
    record, text = details.record, words.listing
    yield Text(text["session"].format(id=printable(record.id)), style="bold")
    yield from _fact(text["began"], _when(record, words))
    why = record.reason_words or record.reason
    yield from _fact(text["ended"], ended(record, words) + (f": {why}" if why else ""))
    yield from _fact(text["routine"], f"{record.routine}, {words.terminal[record.side.value]} ({record.station})")
    yield from _milk(record, words)
    yield from _measured(record, words)
    if record.revision:
        yield from _fact(text["edits"], str(record.revision))
    if record.note:
        yield from _fact(text["note"], record.note)
    if details.steps:
        yield Text("")
        yield Text(text["steps"], style="bold")
        for step in details.steps:
            yield Text(f"  {_step(step, words)}")
    yield Text("")
    if details.curves:
        yield from map(Text, chart_lines(details, words, width))
    else:
        yield Text(text["no_curves"], style="dim")


def _when(record: SessionRecord, words: Words) -> str:
    began = f"{record.began_at.astimezone():%Y-%m-%d %H:%M}"
    if record.ended_at is None:
        return began if record.outcome is None else f"{began}, {words.listing['end_unknown']}"
    length = minutes((record.ended_at - record.began_at).total_seconds())
    end = f"{record.ended_at.astimezone():%H:%M}"
    return words.listing["time"].format(began=began, ended=end, length=f"{length} min")


def _milk(record: SessionRecord, words: Words) -> Iterator[Text]:
    """Yield what counts, and each figure with where it comes from."""
    counted = counted_milk(record)
    yield from _fact(words.listing["milk"], amount(words, record.volume_ml.total, "ml"))
    for each in record.milk:
        side, source = words.terminal[each.side.value], words.listing[f"source_{each.source}"]
        replaced = "" if each in counted else f", {words.listing['replaced']}"
        yield from _fact("", f"{side} {amount(words, each.ml, 'ml', 1)}, {source}{replaced}")


def _measured(record: SessionRecord, words: Words) -> Iterator[Text]:
    text = words.listing
    if record.let_down_seconds is not None:
        by = DASH if record.let_down_by is None else words.labels.let_down_by[record.let_down_by]
        yield from _fact(text["let_down"], text["after"].format(time=minutes(record.let_down_seconds), by=by))
    vacuum = [
        text[key].format(value=f"{value:.0f}")
        for key, value in (("highest_target", record.highest_target_mmhg), ("peak", record.peak_vacuum_mmhg))
        if value is not None
    ]
    if vacuum:
        yield from _fact(text["vacuum"], ", ".join(vacuum))
    if record.rate_cpm is not None:
        yield from _fact(text["rate"], amount(words, record.rate_cpm, "cpm"))
    warmth = [amount(words, record.warmest_celsius, "celsius", 1)] if record.warmest_celsius is not None else []
    warmth += [f"{minutes(record.heat_seconds)} min"] if record.heat_seconds else []
    if warmth:
        yield from _fact(text["warmth"], ", ".join(warmth))
    for key, seconds in (("suction", record.suction_seconds), ("massage", record.massage_seconds)):
        if seconds:
            yield from _fact(text[key], f"{minutes(seconds)} min")


def _step(step: StepRecord, words: Words) -> str:
    title = words.steps[step.name].title if step.name in words.steps else printable(step.name)
    length = DASH if step.seconds is None else minutes(step.seconds)
    outcome = "" if step.outcome is None else f"  {words.labels.step[step.outcome]}"
    return f"{minutes(step.began_seconds):>6} {length:>6}  {title}{outcome}" + (
        f", {words.terminal['by_hand']}" if step.by_hand else ""
    )


def _fact(name: str, value: str) -> Iterator[Text]:
    for number, line in enumerate(value.splitlines() or [""]):
        yield Text.assemble((first_upper("" if number else name).ljust(_MARGIN), "dim"), printable(line))
