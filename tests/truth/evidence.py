"""What confirms each command and report of a profile: independent clients, published bytes, by hand, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, RootModel

from devices.driver.device_model import DeviceModel
from devices.driver.example_check import DROPPED, ExampleCheck
from devices.driver.registry import driver_of
from devices.profiles.schema import Profile
from devices.roles import Frozen
from devices.support.yaml_file import load_yaml

CONFIRMED = Path(__file__).parents[1] / "clients" / "confirmed.yaml"
"""What the tests of independent clients saw; they check that this file says just that."""

_COMMANDS = ("commands", "tuya.verbs")
_REPORTS = ("reports", "channels", "tuya.datapoints")


class Client(Frozen):
    """An independent client, and what it was seen to do with the virtual device of a profile."""

    client: str = Field(min_length=1)
    test: str = Field(min_length=1)
    commands: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()


class Clients(RootModel[Mapping[str, tuple[Client, ...]]]):
    """The clients of each profile, by its id."""


class Evidence(Frozen):
    """What there is for one command or report. `by_hand` counts examples that were worked out by hand."""

    kind: Literal["command", "report"]
    name: str
    clients: tuple[Client, ...] = ()
    published: tuple[str, ...] = ()
    by_hand: int = 0

    @property
    def confirmed(self) -> bool:
        """Whether anything outside this project confirms it."""
        return bool(self.clients or self.published)


def clients_of(profile_id: str, file: Path = CONFIRMED) -> tuple[Client, ...]:
    """Return the clients that a file lists for a profile; none where there is no file. Raise `FileError`."""
    return load_yaml(file, Clients).root.get(profile_id, ()) if file.is_file() else ()


def evidence_of(model: DeviceModel, clients: Sequence[Client]) -> list[Evidence]:
    """Return what confirms each command and report. Raise `ValueError` for a client that names none of them."""
    findings = [finding for finding in driver_of(model).check_examples(model) if finding.what != DROPPED]
    found = [_evidence(model, finding, clients) for finding in findings]
    known = {(each.kind, each.name) for each in found}
    for client in clients:
        seen = [*(("command", name) for name in client.commands), *(("report", name) for name in client.reports)]
        for kind, name in seen:
            if (kind, name) not in known:
                there = ", ".join(each.name for each in found if each.kind == kind)
                raise ValueError(f"{client.test}: {model.id} has no {kind} {name}, there are {there}")
    return found


def _evidence(model: DeviceModel, finding: ExampleCheck, clients: Sequence[Client]) -> Evidence:
    section, _, name = finding.what.rpartition(".")
    is_command = section in _COMMANDS
    sent = {name}
    if is_command and isinstance(model, Profile) and (repeated := model.commands[name].repeat):
        sent.add(repeated)  # it sends the bytes of that command once more
    holding = [each for each in finding.examples if each.holds]
    return Evidence(
        kind="command" if is_command else "report",
        name=name,
        clients=tuple(each for each in clients if sent & set(each.commands if is_command else each.reports)),
        published=tuple(dict.fromkeys(each.seen_in for each in holding if each.seen_in is not None)),
        by_hand=sum(each.seen_in is None for each in holding),
    )
