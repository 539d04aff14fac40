"""The frames of a capture as HTML, without a script: each byte in the colour, line and letter of its role.

First what was done and what the app sent then, and after it every group of frames, repeated ones counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import get_args

from controller.contract.words import Words
from controller.figures.figure_words import number
from controller.figures.frames.frames_view import FramesView, LabelRow, NamedGroup
from devices.capture.draft import ByteRole

_STYLE = Path(__file__).with_name("frames.css")
_MOST_ROWS = 60  # of a group; a page is to be read
_MOST_SENT = 4  # frames beside an action
_AFTER_SECONDS = (-0.5, 3.0)  # what the app sends for an action

ROLES: tuple[ByteRole, ...] = get_args(ByteRole)


def frames_style() -> str:
    """Return the style sheet of the frames. It takes the colours of the page around it, if that has any."""
    return _STYLE.read_text(encoding="utf-8")


def frames_document(view: FramesView, words: Words, style: str) -> str:
    """Return a page of its own, which needs nothing else. `style`: of the page around the frames."""
    text = words.frames
    title = escape(text["title"])
    return (
        f'<!doctype html>\n<html lang="{words.code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="dark light"><meta name="robots" content="noindex">'
        f"<title>{title}</title><style>{style}{frames_style()}</style></head>\n"
        f'<body class="frames"><main><h1>{title}</h1><p class="hint">{escape(text["private"])}</p>\n'
        f"{frames_body(view, words)}</main></body></html>\n"
    )


def frames_body(view: FramesView, words: Words) -> str:
    """Return the frames alone, for a page that is there already."""
    return "".join(_parts(view, words))


def _parts(view: FramesView, words: Words) -> Iterator[str]:
    text = words.frames
    yield f"<p><strong>{escape(view.heading)}</strong></p>\n"
    if view.problems:
        items = "".join(f"<li>{escape(each)}</li>" for each in view.problems)
        yield f"<section><h2>{escape(text['problems'])}</h2><ul>{items}</ul></section>\n"
    if not view.groups:
        yield f"<p>{escape(text['nothing'])}</p>\n"
        return
    began_seconds = min(frame[0] for each in view.groups for frame in each.group.frames)
    yield _legend(words)
    if view.labels:
        yield from _timeline(view, words, began_seconds)
    for place, each in enumerate(view.groups):
        yield from _group(place, each, view.labels, words, began_seconds)


def _legend(words: Words) -> str:
    text = words.frames
    items = "".join(
        f'<li><span class="octet r-{role}">{escape(text[f"letter_{role}"])}</span> {escape(text[f"role_{role}"])}</li>'
        for role in ROLES
    )
    return f'<section><h2>{escape(text["legend"])}</h2><ul class="legend">{items}</ul></section>\n'


def _timeline(view: FramesView, words: Words, began_seconds: float) -> Iterator[str]:
    text = words.frames
    sent = _sent(view)
    yield f'<section><h2>{escape(text["timeline"])}</h2><ol class="done">'
    ends = [label.at_seconds for label in view.labels[1:]] + [float("inf")]
    earliest, latest = _AFTER_SECONDS
    for label, end in zip(view.labels, ends, strict=True):
        first, last = label.at_seconds + earliest, min(label.at_seconds + latest, end + earliest)
        found = [(named, data) for at_seconds, named, data in sent if first <= at_seconds < last]
        shown = "".join(f"<li>{_frame(named, data)}</li>" for named, data in found[:_MOST_SENT])
        if (more := len(found) - _MOST_SENT) > 0:
            shown += f"<li>{escape(text['more_sent'].format(count=more))}</li>"
        shown = shown or f"<li>{escape(text['nothing_sent'])}</li>"
        at = label.at_seconds - began_seconds
        yield f"<li><p>{_seconds(at, words)} <strong>{escape(_deed(label, words))}</strong></p><ul>{shown}</ul></li>"
    yield "</ol></section>\n"


def _sent(view: FramesView) -> list[tuple[float, NamedGroup, bytes]]:
    """Return what the app sent, in the order of time."""
    frames = [
        (at_seconds, named, data)
        for named in view.groups
        if not named.group.from_device
        for at_seconds, data in named.group.frames
    ]
    return sorted(frames, key=lambda each: each[0])


def _group(
    place: int, named: NamedGroup, labels: Sequence[LabelRow], words: Words, began_seconds: float
) -> Iterator[str]:
    text, group = words.frames, named.group
    way = text["from_device" if group.from_device else "from_app"]
    where = text["characteristic"].format(uuid=named.uuid) if named.uuid else text["handle"].format(handle=group.handle)
    facts = f"{way} · {where} · {_count(len(group.frames), words)}"
    name = group.name or text["not_understood"]
    yield f'<section aria-labelledby="g{place}"><h2 id="g{place}">{escape(name)}</h2>'
    yield f'<p class="hint">{escape(facts)}</p>'
    yield f'<div class="table" role="region" aria-labelledby="g{place}" tabindex="0">'
    yield f"<table>{_head(named, words)}<tbody>"
    rows = list(_runs(named))
    for at, data, count in rows[:_MOST_ROWS]:
        done = _last_deed(labels, at, words)
        octets = _octet_cells(named, data)
        times = f"\N{MULTIPLICATION SIGN}{count}" if count > 1 else ""
        time = _seconds(at - began_seconds, words)
        yield f'<tr><th scope="row">{time}</th>{octets}<td>{times}</td><td>{escape(done)}</td></tr>'
    yield "</tbody></table></div>"
    if len(rows) > _MOST_ROWS:
        yield f'<p class="hint">{escape(text["shown"].format(shown=_MOST_ROWS, count=len(rows)))}</p>'
    yield "</section>\n"


def _seconds(value: float, words: Words) -> str:
    return f"{number(value, words, 1)}\N{NO-BREAK SPACE}s"


def _count(frames: int, words: Words) -> str:
    return words.frames["one" if frames == 1 else "count"].format(count=frames)


def _head(named: NamedGroup, words: Words) -> str:
    """Return the rows above the bytes: the names of the fields, and the letter of each role."""
    text = words.frames
    names = "".join(
        f'<th scope="colgroup" colspan="{len(list(each))}">{escape(name)}</th>' for name, each in _spans(named)
    )
    letters = "".join(
        f'<th scope="col" class="r-{role}"><abbr title="{escape(text[f"role_{role}"])}">'
        f"{escape(text[f'letter_{role}'])}</abbr></th>"
        for role in named.group.roles
    )
    first = f'<th rowspan="2" scope="col">{escape(text["time"])}</th>'
    last = "".join(f'<th rowspan="2" scope="col">{escape(text[key])}</th>' for key in ("times", "action"))
    return f"<thead><tr>{first}{names}{last}</tr><tr>{letters}</tr></thead>"


def _spans(named: NamedGroup) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the name of each field with its bytes; bytes without a name stand alone."""
    keys = [(name, place if not name else -1) for place, name in enumerate(named.fields)]
    for (name, _), each in groupby(keys):
        yield name, (name for _ in each)


def _runs(named: NamedGroup) -> Iterator[tuple[float, bytes, int]]:
    """Yield the frames, those alike one after another once: the time of the first, and how many there are."""
    for data, each in groupby(named.group.frames, key=lambda frame: frame[1]):
        run = list(each)
        yield run[0][0], data, len(run)


def _octet_cells(named: NamedGroup, data: bytes) -> str:
    return "".join(
        f'<td class="octet r-{role}">{octet:02x}</td>' for role, octet in zip(named.group.roles, data, strict=True)
    )


def _frame(named: NamedGroup, data: bytes) -> str:
    octets = " ".join(
        f'<span class="octet r-{role}">{octet:02x}</span>' for role, octet in zip(named.group.roles, data, strict=True)
    )
    name = f" {escape(named.group.name)}" if named.group.name else ""
    return f"<code>{octets}</code>{name}"


def _last_deed(labels: Sequence[LabelRow], at_seconds: float, words: Words) -> str:
    """Return what was done right before a frame."""
    earliest, latest = _AFTER_SECONDS
    near = [each for each in labels if earliest <= at_seconds - each.at_seconds < latest]
    return _deed(near[-1], words) if near else ""


def _deed(label: LabelRow, words: Words) -> str:
    shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in label.values.items()}
    values = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())
    deed = words.frames[f"do_{label.do}"]
    return f"{deed}: {values}" if values else deed
