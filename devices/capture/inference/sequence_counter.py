"""Which byte goes up by one with every frame? It is looked for before anything else, as it differs without a reason."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

_FEWEST_STEPS = 4
_DEEPEST = 7


def counters_of(sequences: Sequence[Sequence[bytes]], shortest: int) -> tuple[int, ...]:
    """Return the places of bytes that go up by one, modulo 256, with each frame of each sequence.

    `sequences`: the frames of one direction, in the order of time, by connection. A place is counted from the
    beginning, or, where it is negative, from the end.
    """
    steps = sum(max(len(sequence) - 1, 0) for sequence in sequences)
    if steps < _FEWEST_STEPS:
        return ()
    places = [*range(min(_DEEPEST, shortest)), *(-at for at in range(1, min(5, shortest) + 1))]
    found = [place for place in places if all(_counts(sequence, place) for sequence in sequences)]
    if len({len(frame) for sequence in sequences for frame in sequence}) == 1:
        found = [place for place in found if place >= 0]  # the same bytes, counted from the other end
    return tuple(found)


def _counts(sequence: Sequence[bytes], place: int) -> bool:
    return all((after[place] - before[place]) & 0xFF == 1 for before, after in itertools.pairwise(sequence))


def follows_or_echoes(frames: Sequence[tuple[int, bool, bytes]], place: int) -> bool:
    """Return whether the device's byte at this place is a counter too, the app's last one, or always the same.

    `frames`: the connection, whether it is of the device, and its bytes, in the order of time.
    """
    own: dict[int, list[int]] = defaultdict(list)
    echoed, last = True, None
    for connection, from_device, data in frames:
        if not -len(data) <= place < len(data):
            return False
        if not from_device:
            last = data[place]
            continue
        own[connection].append(data[place])
        echoed = echoed and data[place] == last
    counts = all(_rises(values) for values in own.values())
    return echoed or counts or len({value for values in own.values() for value in values}) <= 1


def _rises(values: Sequence[int]) -> bool:
    return all((after - before) & 0xFF == 1 for before, after in itertools.pairwise(values))
