"""An owner's file that is wrong says where and how, in one line a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from devices.support.file_error import FileError, ModelError, Problem
from devices.support.yaml_file import load_yaml
from tests.helpers.yaml_texts import parse_yaml


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Step(Strict):
    say: str
    seconds: int = Field(10, ge=1)


class Plan(Strict):
    title: str
    minutes: int | None = None
    steps: list[Step] = []
    notes: dict[str, str] = {}
    code: int | str = 0

    @field_validator("title")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 20:
            raise ValueError("a title has at most 20 letters")
        return value


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(FileError) as caught:
        parse_yaml(text, Plan, "plan.yaml")
    assert caught.value.file == "plan.yaml"
    return caught.value.problems


def complaint(text: str) -> str:
    """Return the one line that is said of `text`."""
    with pytest.raises(FileError) as caught:
        parse_yaml(text, Plan, "plan.yaml")
    line = str(caught.value)
    assert "\n" not in line
    return line


class TestWhatIsWrongWithTheContent:
    def test_an_unknown_key_is_named_with_its_line(self) -> None:
        assert complaint("title: A\nminuts: 3\n") == "plan.yaml:2: minuts: is not known here; did you mean minutes?"

    def test_a_wrong_type_is_reported_with_what_was_found_and_what_would_fit(self) -> None:
        line = complaint("title: A\nminutes: many\n")
        assert line.startswith("plan.yaml:2: minutes: ")
        assert "valid integer" in line
        assert "found 'many'" in line

    def test_a_missing_key_is_named_at_the_mapping_that_misses_it(self) -> None:
        assert complaint("title: A\nsteps:\n  - say: a\n  - seconds: 5\n") == "plan.yaml:4: steps.1.say: Field required"

    def test_a_value_that_begins_below_its_key_is_named_at_the_key(self) -> None:
        assert [(each.line, each.key) for each in problems("title: A\nminutes:\n\n  many: 3\n")] == [(2, "minutes")]

    def test_a_duplicate_key_is_reported_at_the_second_one(self) -> None:
        assert complaint("title: A\nminutes: 3\ntitle: B\n") == "plan.yaml:3: title: is given twice; keep one"

    def test_a_duplicate_key_is_found_at_any_depth_and_in_any_spelling(self) -> None:
        text = "title: A\nsteps:\n  - say: a\n    say: b\nnotes: {x: a, 'x': b}\n"
        assert [(each.line, each.key) for each in problems(text)] == [(4, "steps.0.say"), (5, "notes.x")]

    def test_the_same_key_in_two_mappings_is_no_repetition(self) -> None:
        assert len(parse_yaml("title: A\nsteps:\n  - say: a\n  - say: a\n", Plan).steps) == 2

    def test_a_problem_deep_in_a_list_is_found(self) -> None:
        text = "title: A\nsteps:\n  - say: a\n  - say: b\n    seconds: 0\n"
        line = complaint(text)
        assert line.startswith("plan.yaml:5: steps.1.seconds: ")
        assert "greater than or equal to 1" in line
        assert "found 0" in line

    def test_a_problem_in_a_list_of_lists_is_found(self) -> None:
        class Table(Strict):
            rows: list[list[int]]

        with pytest.raises(FileError) as caught:
            parse_yaml("rows:\n  - [1, 2]\n  - - 3\n    - four\n", Table, "t.yaml")
        assert [(each.line, each.key) for each in caught.value.problems] == [(4, "rows.1.1")]

    def test_a_rule_of_our_own_is_reported_in_its_own_words(self) -> None:
        line = complaint("title: a title that goes on and on\n")
        assert line.startswith("plan.yaml:1: title: a title has at most 20 letters")

    def test_a_value_that_fits_no_branch_of_a_union_is_named_by_the_key_in_the_file(self) -> None:
        assert {(each.line, each.key) for each in problems("title: A\ncode: [1]\n")} == {(2, "code")}

    def test_a_single_value_in_place_of_keys_is_reported_with_the_keys_that_fit(self) -> None:
        line = complaint("title: A\nsteps: [rest]\n")
        assert line == "plan.yaml:2: steps.0: needs keys below it (say, seconds), not a single value"

    @pytest.mark.system
    def test_a_file_with_thousands_of_mistakes_is_reported_in_fifty_lines(self) -> None:
        with pytest.raises(FileError) as caught:
            parse_yaml("title: A\n" + "".join(f"x{number}: 1\n" for number in range(5000)), Plan, "plan.yaml")
        lines = str(caught.value).splitlines()
        assert len(lines) == 51
        assert lines[-1] == "plan.yaml: and 4950 more problems"
        assert len(caught.value.problems) == 5000

    def test_several_problems_are_reported_in_the_order_of_the_file(self) -> None:
        found = problems("zebra: 1\nsteps:\n  - say: a\n    seconds: x\nminutes: y\ntitle: [A]\n")
        assert [each.line for each in found] == [1, 4, 5, 6]
        assert [each.key for each in found] == ["zebra", "steps.0.seconds", "minutes", "title"]

    def test_each_problem_has_a_line_of_its_own_in_the_message(self) -> None:
        with pytest.raises(FileError) as caught:
            parse_yaml("title: [A]\nminutes: y\n", Plan, "plan.yaml")
        assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == ["plan.yaml:1:", "plan.yaml:2:"]

    @pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n"])
    def test_an_empty_file_is_reported_with_its_missing_keys(self, text: str) -> None:
        assert [(each.line, each.key) for each in problems(text)] == [(1, "title")]

    @pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "null\n"])
    def test_a_file_that_is_not_a_mapping_is_refused_at_its_first_line(self, text: str) -> None:
        assert [(each.line, each.key) for each in problems(text)] == [(1, "")]


class Recipe(Strict):
    plan: Plan
    servings: int = 1

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.plan.steps) > self.servings:
            raise ModelError(("plan.steps.1.say", "too many"), ("", "no such meal"))
        return self


class TestARuleThatSpansSeveralKeys:
    def test_each_of_its_problems_has_the_line_of_its_key(self) -> None:
        text = "plan:\n  title: A\n  steps:\n  - say: a\n  - seconds: 5\n    say: b\n"
        with pytest.raises(FileError) as caught:
            parse_yaml(text, Recipe, "r.yaml")
        assert str(caught.value).splitlines() == [
            "r.yaml:1: no such meal",
            "r.yaml:6: plan.steps.1.say: too many",
        ]

    def test_below_a_key_it_is_named_from_the_top(self) -> None:
        class Book(Strict):
            recipes: list[Recipe]

        text = "recipes:\n- plan:\n    title: A\n    steps:\n    - say: a\n    - say: b\n"
        with pytest.raises(FileError) as caught:
            parse_yaml(text, Book, "b.yaml")
        assert [(each.line, each.key) for each in caught.value.problems] == [
            (2, "recipes.0"),
            (6, "recipes.0.plan.steps.1.say"),
        ]


class TestFiles:
    def test_a_good_file_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "plan.yaml"
        file.write_text("title: Größe\nminutes: 3\n", encoding="utf-8")
        assert load_yaml(file, Plan) == Plan(title="Größe", minutes=3)

    def test_a_byte_order_mark_does_no_harm(self, tmp_path: Path) -> None:
        file = tmp_path / "plan.yaml"
        file.write_text("title: A\n", encoding="utf-8-sig")
        assert load_yaml(file, Plan).title == "A"

    def test_windows_line_ends_are_counted_as_lines(self, tmp_path: Path) -> None:
        file = tmp_path / "plan.yaml"
        file.write_bytes(b"title: A\r\n\r\nminutes: x\r\n")
        with pytest.raises(FileError) as caught:
            load_yaml(file, Plan)
        assert str(caught.value).startswith(f"{file}:3: minutes: ")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match=r"nowhere\.yaml: cannot be read: .*No such file"):
            load_yaml(tmp_path / "nowhere.yaml", Plan)

    def test_a_folder_in_place_of_a_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match="cannot be read: "):
            load_yaml(tmp_path, Plan)

    def test_a_file_that_is_not_utf_8_is_named(self, tmp_path: Path) -> None:
        file = tmp_path / "plan.yaml"
        file.write_bytes("title: Größe\n".encode("latin-1"))
        with pytest.raises(FileError, match=r"plan\.yaml:1: cannot be read: it is not UTF-8"):
            load_yaml(file, Plan)
