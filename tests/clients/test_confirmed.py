"""What `confirmed.yaml` lists is what the tests of the clients hold; they hold it where the clients are installed."""

from __future__ import annotations

from devices.catalog import Catalog
from tests.clients import test_lovense, test_ooler, test_tuya
from tests.clients.proof import confirmed, pinned

HELD = {
    (test_ooler.PROFILE, test_ooler.CLIENT, test_ooler.TEST),
    (test_lovense.PROFILE, test_lovense.CLIENT, test_lovense.TEST),
    *((profile, test_tuya.CLIENT, test_tuya.TEST) for profile in test_tuya.DEVICES),
}


def test_nothing_is_listed_that_no_test_holds() -> None:
    listed = [(profile, each["client"], each["test"]) for profile, entries in confirmed().items() for each in entries]
    assert sorted(listed) == sorted(HELD)


def test_the_clients_are_the_very_versions_that_are_installed() -> None:
    assert {client for _, client, _ in HELD} <= pinned()


def test_everything_that_is_listed_is_in_its_profile() -> None:
    catalog = Catalog.load()
    for name, entries in confirmed().items():
        profile = catalog.get(name)
        assert profile is not None
        told = {*profile.reports, *(channel for channel, each in profile.channels.items() if each.gives)}
        told |= set(profile.tuya.datapoints) if profile.tuya else set()
        for entry in entries:
            assert set(entry["commands"]) <= profile.commands.keys(), name
            assert set(entry["reports"]) <= told, name
