"""What `confirmed.yaml` lists is what the tests of the clients hold; they hold it where the clients are installed."""

from __future__ import annotations

from devices.tuya.tuya_model import TuyaModel
from tests.clients.proof import LOVENSE, OOLER, TUYA, confirmed, pinned
from tests.helpers.home import catalog as shipped

HELD = {OOLER, LOVENSE, *TUYA.values()}


def test_nothing_is_listed_that_no_test_holds() -> None:
    listed = [(profile, each["client"], each["test"]) for profile, entries in confirmed().items() for each in entries]
    assert sorted(listed) == sorted(HELD)


def test_the_clients_are_the_very_versions_that_are_installed() -> None:
    assert {client for _, client, _ in HELD} <= pinned()


def test_everything_that_is_listed_is_in_its_profile() -> None:
    catalog = shipped()
    for name, entries in confirmed().items():
        profile = catalog.get(name)
        assert profile is not None
        if isinstance(profile, TuyaModel):
            commands, reports = set(profile.tuya.verbs), set(profile.tuya.datapoints)
        else:
            plain = {channel for channel, each in profile.channels.items() if each.fields}
            commands, reports = set(profile.commands), profile.reports.keys() | plain
        for entry in entries:
            assert set(entry["commands"]) <= commands, name
            assert set(entry["reports"]) <= reports, name
