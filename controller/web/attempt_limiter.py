"""How many wrong tokens are answered: at most so many a minute from one address, and from all together."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_EACH_A_MINUTE = 10
_ALL_A_MINUTE = 60
_MOST_ADDRESSES = 1024
_MINUTE_SECONDS = 60.0


class _Bucket:
    """Fills by `a_minute` in a minute, up to that."""

    def __init__(self, a_minute: int, now_seconds: float) -> None:
        self._a_minute = a_minute
        self._left = float(a_minute)
        self._at_seconds = now_seconds

    def take(self, now_seconds: float) -> bool:
        """Take one, if there is one."""
        refilled = (now_seconds - self._at_seconds) * self._a_minute / _MINUTE_SECONDS
        self._left = min(float(self._a_minute), self._left + refilled)
        self._at_seconds = now_seconds
        if self._left < 1:
            return False
        self._left -= 1
        return True


class AttemptLimiter:
    """Counts wrong tokens. Right ones are not counted, and always pass: a parent cannot be locked out."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._all = _Bucket(_ALL_A_MINUTE, now())
        self._each: OrderedDict[str, _Bucket] = OrderedDict()

    def record(self, address: str) -> bool:
        """Count a wrong token. Return whether there were no more than allowed."""
        now = self._now()
        bucket = self._each.setdefault(address, _Bucket(_EACH_A_MINUTE, now))
        self._each.move_to_end(address)
        if len(self._each) > _MOST_ADDRESSES:
            self._each.popitem(last=False)
        return bucket.take(now) and self._all.take(now)
