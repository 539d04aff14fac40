"""Find a stop or pain in a payload that is not a valid command.

`stop` and `pain` must work in any payload: cut off, too long, not JSON at all. A needless stop does no harm, so
whatever looks like one of the two is one. It takes linear time and bounded memory.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple

_SEARCHED_BYTES = 1_048_576  # of a longer payload, the two ends
_LONGEST_JSON_BYTES = 65_536
_AROUND_A_WORD = " \t\r\n\0\ufeff\"'.!"
# Possessive quantifiers (*+) never backtrack: linear time.
_ACTION = re.compile(
    r"""
    action(?<!\waction) \\*+ ["']?+ \s*+ [:=] \s*+
    (?: \\*+ ["'] \s*+ (?P<quoted>stop|pain) \s*+ (?: [\\"'\0] | \Z )
      | (?P<bare>stop|pain) (?![\w-]) )
    """,
    re.VERBOSE,
)


class FoundStop(NamedTuple):
    """A stop or pain, and the id of the command, if it is readable."""

    action: Literal["stop", "pain"]
    id: object = None


def find_stop(payload: bytes) -> FoundStop | None:
    """Return the stop or pain in a payload of any form; `None` if there is none."""
    text = _text(payload)
    word = text.strip(_AROUND_A_WORD)
    if len(word) <= len("stop") and (found := _known(word)):
        return FoundStop(found)
    if len(payload) <= _LONGEST_JSON_BYTES and (in_json := _in_json(text)):
        return in_json
    match = _ACTION.search(text.lower())
    found = _known(match["quoted"] or match["bare"]) if match else None
    return FoundStop(found) if found else None


def _text(payload: bytes) -> str:
    if len(payload) > _SEARCHED_BYTES:
        half = _SEARCHED_BYTES // 2
        payload = payload[:half] + b"\n" + payload[-half:]
    return payload.decode(json.detect_encoding(payload), errors="replace")


def _in_json(text: str) -> FoundStop | None:
    """Return the stop or pain of a JSON object, also with control characters, endless numbers or a duplicate action."""
    try:
        # As floats: Python refuses to parse integers of thousands of digits.
        data = json.loads(text, strict=False, parse_int=float, object_pairs_hook=_prefer_stop)
    except (ValueError, RecursionError):
        return None
    action = _known(data.get("action")) if isinstance(data, dict) else None
    return FoundStop(action, data.get("id")) if action else None


def _prefer_stop(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of several actions, a stop or pain takes precedence."""
    stops = [pair for pair in pairs if pair[0] == "action" and _known(pair[1])]
    return dict(pairs + stops)


def _known(value: object) -> Literal["stop", "pain"] | None:
    word = value.strip(_AROUND_A_WORD).lower() if isinstance(value, str) else None
    if word == "stop":
        return "stop"
    return "pain" if word == "pain" else None
