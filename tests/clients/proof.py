"""What a test saw a client do with a device, held against `confirmed.yaml`, so that the list cannot lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import yaml

from tests.helpers.command_line import ROOT

_CONFIRMED = ROOT / "tests/clients/confirmed.yaml"
_PINNED = ROOT / "tests/clients/requirements.txt"


class Confirmed(NamedTuple):
    """A client that controls or reads a device of a profile, and the test that shows it."""

    profile: str
    client: str  # name and version
    test: str


OOLER = Confirmed("ooler", "ooler-ble-client 1.0.0", "tests/clients/test_ooler.py")
# The other generations differ only in their services, which tikal does not know.
LOVENSE = Confirmed("lovense-gen3", "tikal 2.0.0", "tests/clients/test_lovense.py")
TUYA = {
    profile: Confirmed(profile, "tuya-ble-sdk 0.1.3", "tests/clients/test_tuya.py")
    for profile in ("sporramom-w3", "tuya-warmer", "tuya-blanket", "tuya-massage-chair")
}


def confirmed() -> dict[str, list[dict[str, Any]]]:
    """Return what is listed, by profile."""
    listed: dict[str, list[dict[str, Any]]] = yaml.safe_load(_CONFIRMED.read_text(encoding="utf-8"))
    return listed


def pinned() -> set[str]:
    """Return the clients that are installed, each as `name version`."""
    return {line.replace("==", " ") for line in _PINNED.read_text(encoding="utf-8").splitlines()}


class Proof:
    """What was shown of one profile in one test."""

    def __init__(self) -> None:
        self.commands: set[str] = set()
        self.reports: set[str] = set()

    def command(self, *names: str, carried_out: bool) -> None:
        """Note that the client was seen to send commands, if the device is seen to have carried them out."""
        assert carried_out, f"the device did not carry out {' and '.join(names)}"
        self.commands |= set(names)

    def report(self, name: str, read: Any, truth: Any) -> None:
        """Note that the client read a report, if what it read is true of the device."""
        assert read == truth, f"the client read {read!r} in {name}; true is {truth!r}"
        self.reports.add(name)

    def holds(self, what: Confirmed, heard: Iterable[str]) -> None:
        """Check that this is what is listed, and that the device received nothing else. `heard`: its commands."""
        listed = confirmed()[what.profile]
        entry = next(each for each in listed if (each["client"], each["test"]) == (what.client, what.test))
        assert set(heard) == self.commands
        assert set(entry["commands"]) == self.commands
        assert set(entry["reports"]) == self.reports
