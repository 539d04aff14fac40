"""A draft as a profile file that a person can read: each line with its evidence, and what is missing at the end."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from devices.capture.draft import Draft, Evidence

_WIDTH = 118
_BY_LINE = ("channels", "commands", "reports", "connection")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_NUMBER_LIKE = re.compile(r"[-+.]?[0-9].*|0x.*")


def draft_yaml(draft: Draft) -> str:
    """Return the text of a profile file. Raise `ValueError` where the draft has no profile."""
    if draft.profile is None:
        raise ValueError(draft.refusal or "the draft has no profile")
    evidence = {each.key: each for each in draft.evidence}
    lines = [
        "# Drafted from a capture by `letdown capture draft`. Nothing in it was tried: it is `unverified`.",
        "# Behind each line is what shows it. Check it with `letdown profiles check`, then try it off the body with",
        "# `letdown devices test`.",
    ]
    for key, value in draft.profile.items():
        if key in ("channels", "frame", "text", "answer", "commands", "connection", "examples"):
            lines.append("")
        lines += _entry(key, value, evidence)
    lines += _endnotes(draft)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, evidence: Mapping[str, Evidence]) -> Iterator[str]:
    """Yield the lines of one key of the document."""
    if isinstance(value, Mapping) and not value:
        return
    if key in _BY_LINE and isinstance(value, Mapping):
        yield f"{key}:"
        for name, each in value.items():
            yield from _comments(evidence, f"{key}.{name}")
            yield from _block(_key(name), each, 2)
    elif key == "frame":
        yield from _comments(evidence, key, indent=0)
        yield f"{key}:"
        for name, each in value.items():
            comment = _short(evidence.get(f"frame.{name}"))
            yield f"  {name}: {flow(each)}{comment}"
    elif key in ("examples", "notes"):
        yield f"{key}:"
        yield from (f"  - {flow(each)}" for each in value)
    else:
        yield from _comments(evidence, key, indent=0)
        yield f"{key}: {flow(value)}"


def _block(name: str, value: Any, indent: int) -> Iterator[str]:
    """Yield an entry in one line where it fits, else with a line for each key, and each field of a payload."""
    space = " " * indent
    line = f"{space}{name}: {flow(value)}"
    if len(line) <= _WIDTH or not isinstance(value, Mapping):
        yield line
        return
    yield f"{space}{name}:"
    for key, each in value.items():
        if isinstance(each, list) and key in ("payload", "fields") and len(f"{space}  {key}: {flow(each)}") > _WIDTH:
            yield f"{space}  {key}:"
            yield from (f"{space}    - {flow(field)}" for field in each)
        else:
            yield f"{space}  {_key(key)}: {flow(each)}"


def _comments(evidence: Mapping[str, Evidence], key: str, indent: int = 2) -> Iterator[str]:
    """Yield the evidence of an entry and of its fields, as comments above it."""
    for found in [each for place, each in evidence.items() if place == key or place.startswith(f"{key}.")]:
        if key == "frame" and found.key != "frame":
            continue
        field = found.key.removeprefix(key).strip(".").removeprefix("payload.")
        words = (f"{field}: " if field else "") + in_words(found)
        space = " " * indent
        yield from textwrap.wrap(
            words, _WIDTH, initial_indent=f"{space}# ", subsequent_indent=f"{space}#   ", break_long_words=False
        )


def in_words(evidence: Evidence) -> str:
    """Return why a line is there, for a person."""
    count = f" ({frames_in_words(evidence.frame_count)})" if evidence.frame_count else ""
    others = f"; also fits: {', '.join(evidence.alternatives)}" if evidence.alternatives else ""
    return f"{evidence.words}{count}{others}"


def frames_in_words(count: int) -> str:
    """Return a number of frames, for a person."""
    return "1 frame" if count == 1 else f"{count} frames"


def _short(evidence: Evidence | None) -> str:
    return f"  # {in_words(evidence)}" if evidence else ""


def _endnotes(draft: Draft) -> Iterator[str]:
    if draft.missing:
        yield ""
        yield "# Missing, and what would decide it:"
        for words in draft.missing:
            yield from textwrap.wrap(words, _WIDTH, initial_indent="# - ", subsequent_indent="#   ")
    if draft.unexplained:
        yield ""
        yield "# Seen, and not understood:"
        for each in draft.unexplained:
            words = f"{each.place}: {each.words} ({frames_in_words(each.frame_count)})"
            yield from textwrap.wrap(words, _WIDTH, initial_indent="# - ", subsequent_indent="#   ")


# Values


def flow(value: Any) -> str:
    """Return a value in one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)  # noqa: PLR2004
    return _text(str(value))


def _key(key: object) -> str:
    return str(key) if isinstance(key, int) else _text(str(key))


def _text(text: str) -> str:
    """Return a text, in quotes where YAML would read something else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS and not _NUMBER_LIKE.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=True)
