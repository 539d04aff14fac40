"""How many wrong tokens are answered."""

from __future__ import annotations

from controller.web.attempt_limiter import AttemptLimiter


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_address_has_ten_a_minute() -> None:
    seconds = Seconds()
    limiter = AttemptLimiter(seconds)
    assert [limiter.record("a") for _ in range(12)] == [True] * 10 + [False] * 2
    assert limiter.record("b")
    seconds.now += 6.1
    assert [limiter.record("a") for _ in range(2)] == [True, False]


def test_all_together_have_sixty_a_minute_and_memory_is_bounded() -> None:
    limiter = AttemptLimiter(Seconds())
    assert sum(limiter.record(f"address {number}") for number in range(5000)) == 60
    assert len(limiter._each) <= 1024
