"""Text as plain data: what is read, what stays text, and that no text, however hostile, costs memory or time."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from devices.support import yaml_file
from devices.support.file_error import FileError, Problem
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import parse_document, read_file
from tests.helpers.sampling import sampled
from tests.helpers.yaml_texts import read_yaml

ROOT = Path(__file__).parents[3]


def refused(text: str) -> tuple[Problem, ...]:
    with pytest.raises(FileError) as caught:
        read_yaml(text, "plan.yaml")
    assert caught.value.file == "plan.yaml"
    return caught.value.problems


def complaint(text: str) -> str:
    """Return the one line that is said of `text`."""
    with pytest.raises(FileError) as caught:
        read_yaml(text, "plan.yaml")
    line = str(caught.value)
    assert "\n" not in line
    return line


class TestWhatIsNoYaml:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("title: A\nsteps:\n\t- say: a\n", 3),
            ("title: A\nnotes: {a: b\n", 3),
            ("title: A\n  minutes: 3\n", 2),
            ("title: 'A\n", 2),
            ("title: A\n---\ntitle: B\n", 2),
            ("title: *nobody\n", 1),
            ("title: A\nnotes: !!python/name:os.system x\n", 2),
            ("title: A\n? [a]\n: b\n", 2),
        ],
    )
    def test_broken_yaml_is_reported_with_its_line(self, text: str, line: int) -> None:
        (found,) = refused(text)
        assert found.line == line
        assert found.message.startswith("not valid YAML: ")

    def test_a_tab_is_called_a_tab(self) -> None:
        assert r"'\t'" in complaint("title:\n\tA\n")

    @pytest.mark.parametrize("value", ["2024-13-45", "9" * 5000, "0001-01-01 00:00:00 +99:99"])
    def test_what_only_looks_like_a_date_or_a_number_is_named_with_its_place(self, value: str) -> None:
        assert complaint(f"title: A\nnotes:\n- {value}\n") == (
            "plan.yaml:3: notes.0: not valid YAML: no such date or number; if it is text, put it in quotes"
        )

    @pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\ud800"])
    def test_a_character_that_cannot_be_in_a_file_is_named_with_its_line(self, character: str) -> None:
        (found,) = refused(f"title:\n  A{character}\n")
        assert found == Problem(2, "", "not valid YAML: there is a character that cannot be in a text file")

    @given(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]) | st.sampled_from("\n\t :-[]{}#&*!|>'\"?<=~.0"))
    )
    def test_no_text_gives_anything_but_data_or_a_file_error(self, text: str) -> None:
        try:
            read_yaml(text)
        except FileError as error:
            assert error.problems  # noqa: PT017 - either is fine, but nothing else


class TestWhatIsNotSupported:
    @pytest.mark.parametrize(
        "text",
        [
            "a: 1\nb: &b 2\n",
            "a: 1\nb: *a\n",
            "a: 1\n&b b: 2\n",
            "a: 1\nb: &b [2]\n",
            "a: 1\nb: &b {c: 2}\n",
            "a: 1\n<<: *a\n",
        ],
    )
    def test_anchors_and_aliases_are_refused_with_the_remedy(self, text: str) -> None:
        line = complaint(text)
        assert line.startswith(
            "plan.yaml:2: not valid YAML: anchors and aliases are not supported; write the value out"
        )
        assert "in quotes" in line

    @pytest.mark.parametrize("value", ["!!str 5", "!secret broker", "! x", "!!set {x}", "!!python/name:os.system x"])
    def test_tags_are_refused_with_the_remedy(self, value: str) -> None:
        (found,) = refused(f"a: 1\nb: {value}\n")
        assert found == Problem(
            2, "", "not valid YAML: tags are not supported", "put a text that begins with ! in quotes"
        )

    def test_what_is_in_quotes_may_begin_with_anything(self) -> None:
        assert read_yaml("""{a: "*x", b: '&y', c: "!z"}""") == {"a": "*x", "b": "&y", "c": "!z"}

    def test_a_merge_key_is_a_key_like_any_other(self) -> None:
        assert read_yaml("<<: {a: 1}\nb: =\n") == {"<<": {"a": 1}, "b": "="}

    @pytest.mark.parametrize("text", ["[" * 51 + "]" * 51, "[" * 300_000, "- " * 3000, "{a: " * 3000])
    def test_what_is_too_deep_is_refused(self, text: str) -> None:
        (found,) = refused(text[: yaml_file.LONGEST_BYTES])
        assert found == Problem(1, "", "not valid YAML: it is nested more than 50 levels deep")

    def test_keys_in_keys_are_refused_at_the_first(self) -> None:
        (found,) = refused("? " * 3000)
        assert found == Problem(1, "", "not valid YAML: a key is plain text, not a list or a mapping")

    def test_fifty_levels_are_read(self) -> None:
        assert read_yaml("[" * 50 + "]" * 50)

    def test_too_many_values_are_refused_with_the_line_where_it_is_too_much(self) -> None:
        (found,) = refused("- x\n" * 30_000)
        assert found == Problem(20_000, "", "not valid YAML: there are more than 20000 values in it")
        assert len(read_yaml("- x\n" * 19_999)) == 19_999  # type: ignore[arg-type]

    def test_a_text_that_is_too_long_is_refused(self) -> None:
        (found,) = refused("# " + "x" * 300_000)
        assert found.message.startswith("is larger than 256 KiB")
        assert read_yaml("a: 1\n# " + "x" * 250_000) == {"a": 1}

    def test_a_file_that_is_too_long_is_not_even_read(self) -> None:
        endless = Path("/dev/zero")
        if not endless.exists():
            pytest.skip("there is no endless file here")
        with pytest.raises(FileError, match="is larger than 256 KiB"):
            read_file(endless)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name}\n  <<: [{', '.join(['*' + before] * 50)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)
BOMBS = {
    "laughs": LAUGHS,
    "merges": MERGES,
    "itself": "a: &a [*a]\n",
    "brackets": "[" * 260_000,
    "dashes": "- " * 130_000,
    "values": "[" + "0," * 130_000 + "]",
    "keys": "".join(f"{number}:\n" for number in range(35_000)),
    "words": "".join(f"&a{number} " for number in range(30_000)),
    "digits": "9" * 260_000,
    "escapes": '"' + "\\" * 260_000,
    "lines": "\n" * 260_000 + "\t",
}


@pytest.mark.parametrize("bomb", sampled(BOMBS, keep=lambda bomb: bomb not in ("lines", "escapes")))
def test_a_bomb_is_refused_within_ten_megabytes(bomb: str) -> None:
    tracemalloc.start()
    try:
        refused(BOMBS[bomb])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10e6


# Reads each file in a process of its own, forked so that what is imported before is imported once.
ONE_PROCESS_EACH = """
import os, pathlib, resource, sys
from devices.support.file_error import FileError
from devices.support.yaml_file import read_file
from tests.helpers.yaml_texts import read_yaml

def read(file):
    text = read_file(file)
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 48 * 2**20,) * 2)
    began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    try:
        read_yaml(text)
    except FileError:
        print(file.stem, resource.getrusage(resource.RUSAGE_SELF).ru_utime - began, flush=True)

for file in pathlib.Path(sys.argv[1]).iterdir():
    if os.fork() == 0:
        read(file)
        break
    os.wait()
"""


@pytest.fixture(scope="module")
def seconds_of_bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Return the processor time that each bomb took until it was refused; one that was not is missing."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, text in BOMBS.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", ONE_PROCESS_EACH, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return {name: float(seconds) for name, seconds in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_neither_memory_nor_time_of_the_process(bomb: str, seconds_of_bombs: dict[str, float]) -> None:
    """Also what is written in C may not take more: a second of processor time, and some memory beside Python's own."""
    assert seconds_of_bombs[bomb] < 2


class TestWhatStaysText:
    @pytest.mark.parametrize("key", ["off", "on", "yes", "no", "y", "n", "Off", "NO", "True", "FALSE"])
    def test_a_key_such_as_off_is_text(self, key: str) -> None:
        assert read_yaml(f"{key}: x\n") == {key: "x"}

    @pytest.mark.parametrize(
        "value", ["off", "yes", "NO", "True", "1:30", "12:30:45", "1_000", "0o17", "0b11", "08", "2a19"]
    )
    def test_a_value_such_as_one_thirty_is_text(self, value: str) -> None:
        assert read_yaml(f"a: {value}\n") == {"a": value}

    @pytest.mark.parametrize(
        ("written", "meant"),
        [("true", True), ("false", False), ("0", 0), ("-5", -5), ("+5", 5), ("0x1F", 31), ("1.5", 1.5), ("~", None)],
    )
    def test_plain_numbers_and_booleans_are_what_they_look_like(self, written: str, meant: object) -> None:
        value = read_yaml(f"[{written}]")
        assert value == [meant]
        assert type(value[0]) is type(meant)  # type: ignore[index]

    def test_the_loader_of_yaml_itself_is_left_as_it_was(self) -> None:
        assert yaml.safe_load("off: 1:30") == {False: 90}


OF_OTHERS = ("compose.yaml", "kubernetes.yaml")  # other programs read them


@pytest.mark.parametrize(
    "file", [each for each in sorted(SHIPPED.rglob("*.yaml")) if each.name not in OF_OTHERS], ids=lambda file: file.stem
)
def test_a_pyyaml_without_libyaml_reads_the_same(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = file.read_text(encoding="utf-8")
    quick = parse_document(text, file)
    monkeypatch.setattr(yaml_file, "_Loader", yaml_file._loader_on(yaml.SafeLoader))
    assert parse_document(text, file) == quick
