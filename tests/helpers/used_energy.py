"""How long a body got an energy, by its budgets."""

from __future__ import annotations

from controller.safety.energy_budgets import EnergyBudgets, merged


def used_seconds(budgets: EnergyBudgets, budget: str, in_seconds: float) -> float:
    """Return how long an energy was on in the last `in_seconds`."""
    now_seconds = budgets._clock.now()
    begin = now_seconds - in_seconds
    spans = merged(budgets._spans(budget))
    return sum(max(0.0, min(now_seconds, until) - max(begin, since)) for since, until in spans)
