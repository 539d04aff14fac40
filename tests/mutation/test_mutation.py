"""The check itself: a change that no test notices is found, and one that a test notices is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from controller.safety import limits
from tests.mutation.__main__ import ACCEPTED, MODULES, ROOT, TESTS, report
from tests.mutation.changes import Change, changes
from tests.mutation.survivors import Outcome, survivors

LIMIT = '''
def limit(asked, most=10):
    """Return what is allowed."""
    return min(asked, most)
'''
WEAK = """
from limits import limit

def test_limit():
    assert limit(5) == 5
"""
STRONG = (
    WEAK
    + """
def test_bounds():
    assert limit(10) == 10
    assert limit(11) == 10
"""
)


def becoming(source: str) -> set[str]:
    return {change.becomes for change in changes(source, "limits.py")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "limits.py").write_text(LIMIT)
    return tmp_path


def test_weak_tests_let_changes_of_a_limit_survive(project: Path) -> None:
    (project / "test_limits.py").write_text(WEAK)
    outcome = survivors(project, "limits.py", ["test_limits.py"])
    assert {change.becomes for change in outcome.survived} == {
        "def limit(asked, most=(11)):",
        "def limit(asked, most=(9)):",
        "return (asked)",
    }
    lines, good = report(outcome, [])
    assert not good
    assert "-    return min(asked, most)\n+    return (asked)" in "\n".join(lines)
    assert lines[-1] == "6 changes: 3 killed, 3 survived, 0 accepted"


def test_tests_of_the_bounds_let_none_survive_and_the_project_stays_as_it_was(project: Path) -> None:
    (project / "test_limits.py").write_text(STRONG)
    outcome = survivors(project, "limits.py", ["test_limits.py"])
    assert len(outcome.tried) == 6
    assert outcome.survived == []
    assert {file.name: file.read_text() for file in project.iterdir()} == {"limits.py": LIMIT, "test_limits.py": STRONG}


def test_tests_that_fail_anyway_or_are_not_there_are_no_proof(project: Path) -> None:
    (project / "test_limits.py").write_text("def test_nothing():\n    assert False\n")
    with pytest.raises(RuntimeError, match="fail without any change"):
        survivors(project, "limits.py", ["test_limits.py"])
    (project / "test_limits.py").write_text("")
    with pytest.raises(RuntimeError, match="could not be run"):
        survivors(project, "limits.py", ["test_limits.py"])


def test_a_survivor_is_accepted_with_a_reason_and_only_while_it_survives() -> None:
    change = Change(where="limit", was="return 1", becomes="return 2", diff="-return 1\n+return 2", source="")
    accepted = [{"in": "limit", "was": "return 1", "becomes": "return 2", "why": "it is the same"}]
    assert report(Outcome([change], [change]), accepted)[1]
    assert not report(Outcome([change], [change]), [])[1]
    assert not report(Outcome([change], []), accepted)[1]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("MOST = 250.0", {"MOST = (251.0)", "MOST = (249.0)"}),
        ("STEP = 0.5", {"STEP = (1.0)", "STEP = (0.25)"}),
        ("vibration = False", {"vibration = (True)"}),
        ("a < b", {"(a <= b)", "(a >= b)"}),
        ("a <= b < c", {"(a < b < c)", "(a > b < c)", "(a <= b <= c)", "(a <= b >= c)"}),
        ("a += b", {"a -= b"}),
        ("a is None", {"(a is not None)"}),
        ("not a", {"(a)"}),
        ("a and b", {"(a or b)", "(a)", "(b)"}),
        ("a - b", {"(a + b)"}),
        ("a if b else c", {"(a)", "(c)"}),
        ("max(a, b)", {"(min(a, b))", "(a)", "(b)"}),
        ("math.floor(a)", {"(math.ceil(a))", "(a)"}),
        ("layers = [a, b]", {"layers = ([a])", "layers = ([b])"}),
        ("a: Annotated[float, Field(9)]", {f"a: Annotated[float, Field({value})]" for value in ("(10)", "(8)")}),
        ("Field(le=MOST)", {"(Field())", "Field(le=(MOST + 1))", "Field(le=(MOST - 1))"}),
        ("(a for a in b if a)", {"(a for a in b if True)"}),
        ("if a:\n    b", {"if True:", "if False:"}),
        ("def f(a: int) -> int:\n    return a", {"return None"}),
        ("def f():\n    layers.append(a)", {"pass"}),
        ('f"{1}"', set()),
    ],
)
def test_each_kind_of_change_is_made(code: str, expected: set[str]) -> None:
    assert becoming(code) == expected


def all_changes() -> list[Change]:
    return [change for module in MODULES for change in changes((ROOT / module).read_text(), module)]


@pytest.mark.system
def test_every_hard_number_is_changed_up_and_down() -> None:
    changed = [change.was.split(" = ")[0] for change in all_changes()]
    numbers = {name for name, value in vars(limits).items() if name.isupper() and isinstance(value, int | float)}
    assert {name for name in numbers if changed.count(name) < 2} == set()


@pytest.mark.system
def test_every_window_is_made_longer_and_shorter_and_allows_more_and_less() -> None:
    changed = [change.was for change in all_changes()]
    windows = [was for was in changed if "Window(most_seconds=" in was]
    assert len(windows) >= 2 * 2 * sum(len(found) for found in limits.BUDGETS.values()) - 2  # one names a number


@pytest.mark.system
def test_what_is_accepted_has_a_place_and_a_reason() -> None:
    known = {(change.where, change.was, change.becomes) for change in all_changes()}
    for each in yaml.safe_load(ACCEPTED.read_text()):
        assert (each["in"], each["was"], each["becomes"]) in known
        assert each["why"]


def test_the_tests_of_the_limits_are_there() -> None:
    assert all(list(ROOT.glob(pattern)) for pattern in TESTS)
