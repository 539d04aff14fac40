"""Is the traffic encrypted, or keyed anew for each session? Then there is nothing to infer, and the draft says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from devices.capture.inference.labeled_actions import AppAction
from devices.capture.inference.traffic import WireFrame

_SHORTEST = 8
_FEWEST = 4
_RANDOM_SHARE = 0.7
_DISTINCT_SHARE = 0.6
_MOST_COMPARED = 40

_REMEDY = (
    "A profile cannot describe this: it needs a driver with the key. Look for an openly published driver of this "
    "maker, or ask the maker for the protocol."
)
ENCRYPTED = (
    "What the app writes looks encrypted: nearly every byte of its frames differs each time, also where the same was "
    f"pressed. {_REMEDY}"
)
BLOCKS = (
    "What the app writes looks encrypted: its frames are blocks of 8 or 16 bytes, of which nearly all differ with "
    f"every small change. {_REMEDY}"
)
SESSION_KEY = (
    "Each connection has a key of its own: some bytes of the commands are the same within a connection, and differ in "
    f"the next. {_REMEDY}"
)


def encryption_in(frames: Sequence[WireFrame]) -> str | None:
    """Return in words why the app's frames cannot be understood; `None` where they may be."""
    groups: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for frame in frames:
        if not frame.from_device:
            groups[frame.handle, len(frame.data)].append(frame.data)
    total = sum(map(len, groups.values()))
    random = blocks = 0
    for (_, size), each in groups.items():
        distinct = list(dict.fromkeys(each))[:_MOST_COMPARED]
        if size < _SHORTEST or len(distinct) < _FEWEST:
            continue
        share = _random_share(distinct, size)
        random += len(each) if share >= _RANDOM_SHARE and len(distinct) >= 0.8 * min(len(each), _MOST_COMPARED) else 0
        blocks += len(each) if share >= _RANDOM_SHARE and _in_blocks(size) else 0
    if total and random >= _RANDOM_SHARE * total:
        return ENCRYPTED
    if total and blocks >= _RANDOM_SHARE * total:
        return BLOCKS
    return None


def _in_blocks(size: int) -> bool:
    return any((size - head) % 8 == 0 and size - head > 0 for head in range(5))


def _random_share(distinct: Sequence[bytes], size: int) -> float:
    """Return the share of the places at which most of the frames have a value of their own."""
    random = sum(len({data[at] for data in distinct}) >= _DISTINCT_SHARE * len(distinct) for at in range(size))
    return random / size


def has_session_key(actions: Sequence[AppAction]) -> bool:
    """Return whether bytes of the same command are fixed within a connection, and others in the next."""
    groups: dict[tuple[int, int, str], dict[int, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for action in actions:
        for number, message in enumerate(action.messages):
            content = message.content
            if action.verb in ("start", "stop"):
                state = str(sorted(action.state.items(), key=str)) if action.verb == "start" else ""
                key = (content.handle, len(message.frame.data), f"{action.verb} {number} {state}")
                groups[key][message.frame.connection].add(content.opcode + content.payload)
    found = [
        [next(iter(payloads)) for payloads in by_connection.values()]
        for by_connection in groups.values()
        if len(by_connection) > 1 and all(len(payloads) == 1 for payloads in by_connection.values())
    ]
    return bool(found) and all(len(set(payloads)) == len(payloads) for payloads in found)
