"""Every promise of docs/safety.md names code and tests that exist, and the hazards that it is against."""

from __future__ import annotations

import re

import pytest

from docs.safety_tables import Promise, read_safety
from tests.helpers.named_tests import ROOT, problem_of

PROMISES = read_safety().promises


def test_there_are_promises() -> None:
    assert len(PROMISES) >= 37
    assert len({promise.words for promise in PROMISES}) == len(PROMISES)


@pytest.mark.parametrize("promise", PROMISES, ids=str)
def test_every_promise_names_its_place_in_the_code(promise: Promise) -> None:
    for place in promise.code.split("; "):
        file, *names = re.findall(r"`([^`]+)`", place)
        code = (ROOT / file).read_text(encoding="utf-8")
        assert names
        assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []


@pytest.mark.parametrize("promise", PROMISES, ids=str)
def test_every_promise_names_tests_that_exist(promise: Promise) -> None:
    assert promise.tests
    assert [problem for test in promise.tests if (problem := problem_of(test))] == []
