"""What was probably meant by a name that does not exist: the closest of those that do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_MEANT = 3
_MOST_LISTED = 12
_SIMILAR = 0.6  # of 1
_PART = 4  # a name of so many characters may be a part of the one that is meant
_AS_GOOD = 0.1  # what is less similar than the best by more than this is not meant


def unknown(kind: str, name: str, known: Iterable[str], lists: str = "", *, prefix: str = "") -> str:
    """Return a sentence such as `unknown profile 'open-pmup'; did you mean open-pump?`.

    Where nothing is similar, all that are known, up to twelve; beyond that `lists` names what lists them.
    `prefix`: what all names begin with, which makes none of them similar.
    """
    own = [each.removeprefix(prefix) for each in known]
    if meant := [f"{prefix}{each}" for each in closest(name.removeprefix(prefix), own)]:
        return f"unknown {kind} {name!r}; did you mean {' or '.join(meant)}?"
    if lists and (len(own) > _MOST_LISTED or not own):
        return f"unknown {kind} {name!r}; {lists}"
    shown = ", ".join(f"{prefix}{each}" for each in own) or "none"
    return f"unknown {kind} {name!r}; there {'is' if len(own) == 1 else 'are'} {shown}"


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three names that look like `name`, the most similar first, whatever their case."""
    alike = {each: difflib.SequenceMatcher(None, name.lower(), each.lower()).ratio() for each in known}
    best = max(alike.values(), default=0.0)
    meant = [each for each, ratio in alike.items() if ratio >= max(_SIMILAR, best - _AS_GOOD)]
    if not meant and len(name) >= _PART:
        meant = [each for each in alike if name.lower() in each.lower()]
    return sorted(meant, key=lambda each: -alike[each])[:_MOST_MEANT]
