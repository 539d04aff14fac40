"""What is learned of a person's comfort, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from controller.contract.comfort import ComfortAdvice
from controller.contract.words import Words
from controller.figures.figure_words import day_text, minutes_and_seconds, number


def learned_sentences(advice: ComfortAdvice, words: Words) -> Iterator[str]:
    """Yield where suction begins, and why."""
    for each in advice.learned:
        yield words.comfort["learned"].format(
            side=words.sides[each.side],
            phase=words.labels.phase[each.phase],
            mmhg=number(each.mmhg, words),
            why=words.reasons[f"learned_{each.because}"],
            date=_date(each.since, words),
        )


def suggested_sentences(advice: ComfortAdvice, words: Words) -> Iterator[str]:
    """Yield what is suggested; or that nothing is learned yet."""
    for each in advice.suggestions:
        yield words.comfort["suggested"].format(
            side=words.sides[each.side],
            phase=words.labels.phase[each.phase],
            mmhg=number(each.mmhg, words),
            sessions=each.sessions,
        )
    if not advice.learned and not advice.suggestions:
        yield words.comfort["nothing"]


def usual_sentences(advice: ComfortAdvice, words: Words) -> Iterator[str]:
    """Yield what is usual for the person."""
    for key, usual in (("usual_let_down", advice.let_down), ("usual_flow_end", advice.flow_end)):
        if usual is not None:
            yield words.comfort[key].format(minutes=minutes_and_seconds(usual.seconds), sessions=usual.sessions)


def _date(when: datetime, words: Words) -> str:
    day = when.astimezone().date()
    return f"{day_text(day, words)} {day.year}"
