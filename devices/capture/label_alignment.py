"""How far the clock of a capture is from that of its labels, worked out from when the app wrote something.

A phone's clock may be minutes off, and some logs have a time of day but no date. What a person does makes the app
write; what the app writes by itself (a poll, a keepalive) comes at any time. So of each kind of write is asked: at this
offset, do more of them than by chance come right after an action? Kulldorff's scan statistic weighs that by likelihood.
A kind that goes on all the time adds nothing at any offset, and needs no recognising.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import mean, median

from devices.capture.conversation import CapturedDevice, GattMessage
from devices.capture.labels import Labels

REACTION_SECONDS = (-0.5, 2.5)  # when an action's writes come, after its label
_BIN_SECONDS = 0.5
_FEWEST_ACTIONS = 3
_NEAR_BINS = 4
_NEAR_SECONDS = 3.0  # offsets closer than this are the same answer; clocks that are set differ by less
_AS_GOOD = 0.75  # of the best score: an offset that fits so well might be it, too
_NEAR_ENOUGH = 0.9  # of the best score, for an offset near 0
_MOST_WRITES = 20  # of one kind for each action; more of them go on all the time
_KIND_BYTES = 8  # the opcode is among them
_FEWEST_OF_KIND = 2
_NEARLY_ALL = 0.4  # an app may write twice for an action


def clock_offset_seconds(device: CapturedDevice, labels: Labels) -> float | None:
    """Return the seconds to add to the time of a label for that of the capture; `None` where nothing shows it.

    Then there are fewer than three actions that make an app write, or several offsets fit equally well.
    """
    actions = [labels.time_of(each) for each in labels.actions if each.do not in ("see", "connect", "disconnect")]
    return offset_between(actions, [each for each in device.messages if not each.from_device])


def offset_between(actions: Sequence[float], writes: Sequence[GattMessage]) -> float | None:
    """Return the offset at which the writes follow the actions best, in seconds; `None` as `clock_offset_seconds`.

    `actions`: the times of what was done, in seconds.
    """
    kinds = [each for each in _by_kind(writes) if len(each) <= _MOST_WRITES * len(actions)]
    if len(actions) < _FEWEST_ACTIONS or not kinds:
        return None
    scores = _scores(actions, kinds)
    if not scores:
        return None
    best = max(scores, key=lambda each: (scores[each], -abs(each)))
    near = max((each for each in scores if abs(_seconds(each)) <= _NEAR_SECONDS), key=scores.__getitem__, default=None)
    if near is not None and scores[near] >= _NEAR_ENOUGH * scores[best]:
        best = near
    else:
        away = [each for each in scores if abs(_seconds(each) - _seconds(best)) > 2 * _NEAR_SECONDS]
        if any(scores[each] > _AS_GOOD * scores[best] for each in away):
            return None
    as_good = [
        each for each in scores if abs(each - best) <= _NEAR_BINS and scores[each] >= _NEAR_ENOUGH * scores[best]
    ]
    return _refined(_seconds(mean(as_good)), actions, kinds)


def _by_kind(writes: Sequence[GattMessage]) -> list[list[float]]:
    """Return the times of each kind of write: of the same length, and of those with the same byte at some place.

    It is not known yet which byte is the opcode, and which a counter; one of the places is the former's.
    """
    times: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for write in sorted(writes, key=lambda each: each.at_seconds):
        rough = (write.handle, len(write.value))
        times[rough].append(write.at_seconds)
        for place, byte in enumerate(write.value[:_KIND_BYTES]):
            times[*rough, place, byte].append(write.at_seconds)
    different = {tuple(each) for each in times.values()}  # a byte that is always the same makes no other kind
    return sorted(list(each) for each in different if len(each) >= _FEWEST_OF_KIND)


def _seconds(offset: float) -> float:
    return offset * _BIN_SECONDS


def _scores(actions: Sequence[float], kinds: Sequence[Sequence[float]]) -> dict[int, float]:
    """Return, for each offset in bins at which more writes than by chance follow the actions, how unlikely that is."""
    first = min(each[0] for each in kinds)
    last = max(each[-1] for each in kinds)
    earliest, latest = REACTION_SECONDS
    span_seconds = max(last - first, max(actions) - min(actions)) + latest - earliest
    chance = min(0.9, len(actions) * (latest - earliest) / span_seconds)
    scores: dict[int, float] = defaultdict(float)
    for kind in kinds:
        hits: Counter[int] = Counter()
        for written in kind:
            hits.update(_offsets(written, actions))
        for offset, count in hits.items():
            scores[offset] += _surprise(count, len(kind), chance)
    return {offset: score for offset, score in scores.items() if score > 0}


def _offsets(written: float, actions: Sequence[float]) -> set[int]:
    """Return the offsets at which a write follows any of the actions."""
    earliest, latest = REACTION_SECONDS
    return {
        offset
        for action in actions
        for offset in range(
            math.ceil((written - action - latest) / _BIN_SECONDS),
            math.floor((written - action - earliest) / _BIN_SECONDS) + 1,
        )
    }


def _surprise(hits: int, count: int, chance: float) -> float:
    """Return the log likelihood ratio of so many hits against those by chance; 0 where there are no more of them."""
    expected = count * chance
    if hits <= expected:
        return 0.0
    rest = count - hits
    return hits * math.log(hits / expected) + (rest * math.log(rest / (count - expected)) if rest else 0.0)


def _refined(offset_seconds: float, actions: Sequence[float], kinds: Sequence[Sequence[float]]) -> float:
    """Return the offset at which half of the writes come before their action and half after.

    Only kinds that nearly always follow an action count: others are there by chance.
    """
    earliest, latest = REACTION_SECONDS
    lags: list[float] = []
    for kind in kinds:
        found = [
            kind[begin] - action
            for action in actions
            if (begin := bisect_left(kind, action + offset_seconds + earliest)) < len(kind)
            and kind[begin] <= action + offset_seconds + latest
        ]
        if len(found) >= _NEARLY_ALL * len(kind):
            lags += found
    return round(median(lags) if lags else offset_seconds + mean(REACTION_SECONDS), 3)
