"""How long each energy was truly on, in every window of the budgets."""

from __future__ import annotations

from collections.abc import Iterator

from controller.safety.limits import BUDGETS

SLACK_SECONDS = 6.0  # a device's own timer ends 3 s after ours


class MeasuredUse:
    """The true use that one budget must count."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.windows = BUDGETS[name]
        self._spans: list[tuple[float, float]] = []

    def used_seconds(self, now_seconds: float, in_seconds: float) -> float:
        """Return how long it was on in the last `in_seconds`."""
        begin = now_seconds - in_seconds
        return sum(max(0.0, until - max(begin, since)) for since, until in self._spans)

    def on(self, since_seconds: float, now_seconds: float) -> Iterator[str]:
        """Count a moment that ends now. Yield in words what is too much."""
        if self._spans and since_seconds <= self._spans[-1][1]:
            self._spans[-1] = self._spans[-1][0], now_seconds
        else:
            self._spans.append((since_seconds, now_seconds))
        for window in self.windows:
            seconds = self.used_seconds(now_seconds, window.in_seconds)
            if seconds > window.most_seconds + SLACK_SECONDS:
                yield f"{self.name} was on for {seconds:.0f} s; {window} are allowed"
