"""Change every limit a little, one at a time; fail if no test notices and `accepted.yaml` does not say why it may."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import yaml

from tests.mutation.survivors import Outcome, survivors

ROOT = Path(__file__).parents[2]
MODULES = ("controller/safety/limits.py", "controller/safety/apply_limits.py")
# What is quick and kills most, first.
TESTS = (
    "tests/controller/safety/test_limits_match_sources.py",
    "tests/controller/safety/test_apply_limits.py",
    "tests/controller/safety/test_limit_properties.py",
)
ACCEPTED = Path(__file__).with_name("accepted.yaml")


def report(outcome: Outcome, accepted: list[dict[str, str]]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether every survivor is accepted and every accepted one survives."""
    why = {(each["in"], each["was"], each["becomes"]): each["why"] for each in accepted}
    lines, good = [], True
    for change in outcome.survived:
        reason = why.pop((change.where, change.was, change.becomes), None)
        good = good and reason is not None
        lines += [f"survived, in {change.where}: {reason or 'NOT ACCEPTED'}", change.diff, ""]
    for where, was, becomes in why:
        good = False
        lines += [f"accepted, but it does not survive, in {where}: {was} -> {becomes}", ""]
    tried, survived = len(outcome.tried), len(outcome.survived)
    lines.append(f"{tried} changes: {tried - survived} killed, {survived} survived, {len(accepted)} accepted")
    return lines, good


def together(outcomes: list[Outcome]) -> Outcome:
    """Return the outcomes of several modules as one."""
    return Outcome(
        [each for one in outcomes for each in one.tried], [each for one in outcomes for each in one.survived]
    )


if __name__ == "__main__":
    began_seconds = time.monotonic()
    outcomes = [survivors(ROOT, module, TESTS) for module in MODULES]
    lines, good = report(together(outcomes), yaml.safe_load(ACCEPTED.read_text()) or [])
    print(*lines, f"in {time.monotonic() - began_seconds:.0f} s", sep="\n")  # noqa: T201 - what was asked for
    sys.exit(not good)
