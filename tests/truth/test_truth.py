"""docs/truth.md is what profiles, examples and clients confirm today, and calls nothing confirmed that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.profiles.schema import Profile
from devices.support.file_error import FileError
from devices.support.yaml_file import load_yaml
from tests.helpers.home import catalog as shipped
from tests.helpers.profile_snippets import profile
from tests.truth.__main__ import PAGE
from tests.truth.evidence import CONFIRMED, Client, Clients, Evidence, clients_of, evidence_of
from tests.truth.page import current_page, truth_page

ROOT = Path(__file__).parents[2]
MADE_UP = """
commands:
  run: {payload: ["01", {intensity: u8, full_scale: 20, range: [0.05, 1]}]}
  renew: {repeat: run}
  stop: {payload: "00"}
  ping: {payload: "02"}
reports:
  level: {payload: [{level: u8}]}
examples:
  - {send: {run: {intensity: 1}}, bytes: 01 14, seen_in: "the maker's manual, page 7"}
  - {send: {run: {intensity: 0.5}}, bytes: 01 0a}
  - {send: {stop: {}}, bytes: "00"}
"""
CLIENT = Client(client="other-client 1.0", test="tests/clients/test_other.py", commands=("stop",), reports=("level",))


def made_up(more: str = "") -> Profile:
    return profile(MADE_UP + more, "massager")


def evidence(*clients: Client, more: str = "") -> dict[str, Evidence]:
    return {each.name: each for each in evidence_of(made_up(more), clients)}


def row(page: str, beginning: str) -> str:
    (found,) = [line for line in page.splitlines() if line.startswith(beginning)]
    return found


def test_the_page_is_what_the_profiles_and_the_clients_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == current_page(), "run `make docs`"


def test_every_shipped_profile_and_each_of_its_commands_and_reports_is_on_the_page() -> None:
    page = current_page()
    for described in shipped():
        section = page.split(f"\n## {described.id}\n")[1].split("\n## ")[0]
        for each in evidence_of(described, clients_of(described.id)):
            assert row(section, f"| {each.kind} `{each.name}` | ")


def test_every_client_that_is_named_has_its_test_and_its_profile() -> None:
    listed = load_yaml(CONFIRMED, Clients).root if CONFIRMED.is_file() else {}
    assert set(listed) <= set(shipped().ids)
    assert [each.test for entries in listed.values() for each in entries if not (ROOT / each.test).is_file()] == []


def test_published_bytes_confirm_and_bytes_by_hand_do_not() -> None:
    found = evidence()
    assert (found["run"].published, found["run"].by_hand) == (("the maker's manual, page 7",), 1)
    assert found["run"].confirmed
    assert (found["stop"].published, found["stop"].by_hand, found["stop"].confirmed) == ((), 1, False)


def test_without_examples_and_clients_there_is_nothing() -> None:
    for name in ("ping", "level"):
        assert (evidence()[name].by_hand, evidence()[name].confirmed) == (0, False)


def test_a_client_confirms_what_it_is_listed_with_and_no_more() -> None:
    found = evidence(CLIENT)
    assert {name for name, each in found.items() if each.clients} == {"stop", "level"}
    assert found["level"].confirmed


def test_a_repetition_is_confirmed_by_whatever_confirms_the_run() -> None:
    client = CLIENT.model_copy(update={"commands": ("run",), "reports": ()})
    found = evidence(client)["renew"]
    assert (found.clients, found.published) == ((client,), ("the maker's manual, page 7",))


def test_an_example_that_fails_is_no_evidence() -> None:
    found = evidence(more='  - {send: {ping: {}}, bytes: "03", seen_in: an old manual}\n')["ping"]
    assert (found.published, found.by_hand, found.confirmed) == ((), 0, False)


def test_bytes_that_are_dropped_are_no_evidence() -> None:
    found = evidence(more="  - {receive: 01 02, dropped: it is too long, seen_in: a recording}\n")
    assert "dropped" not in found
    assert not any(each.published for name, each in found.items() if name == "level")


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"commands": ("halt",)}, "made-up has no command halt, there are run, renew, stop, ping"),
        ({"reports": ("battery",)}, "made-up has no report battery, there are level"),
        ({"reports": ("stop",)}, "made-up has no report stop"),
    ],
)
def test_a_client_that_names_what_is_not_there_is_an_error(update: dict[str, tuple[str, ...]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        evidence(CLIENT.model_copy(update=update))


def test_the_page_counts_and_names_everything() -> None:
    page = truth_page([made_up()], {"made-up": [CLIENT]})
    assert row(page, "| [`made-up`]") == "| [`made-up`](#made-up) | 3 of 4 | 1 of 1 | \u2013 | 1 |"
    assert row(page, "| command `run`").endswith("| published bytes: the maker's manual, page 7; 1 example by hand |")
    assert row(page, "| command `stop`").endswith(
        "| [other-client 1.0](../tests/clients/test_other.py); 1 example by hand |"
    )
    assert row(page, "| command `ping`").endswith("| **nothing** |")
    alone = truth_page([made_up()], {})
    assert row(alone, "| [`made-up`]") == "| [`made-up`](#made-up) | 2 of 4 | 0 of 1 | 1 | 2 |"


def test_clients_are_read_from_a_file_and_mistakes_in_it_are_named(tmp_path: Path) -> None:
    file = tmp_path / "confirmed.yaml"
    assert clients_of("made-up", file) == ()
    file.write_text("made-up:\n  - {client: other 1.0, test: tests/clients/test_other.py, reports: [level]}\n")
    (client,) = clients_of("made-up", file)
    assert (client.client, client.commands, client.reports) == ("other 1.0", (), ("level",))
    assert clients_of("another", file) == ()
    file.write_text("made-up:\n  - {client: other 1.0, tests: tests/clients/test_other.py}\n")
    with pytest.raises(FileError, match=r"confirmed\.yaml:2: "):
        clients_of("made-up", file)
