"""The shared document of a fleet: no secret in it, those of a node beside it, and what differs between two."""

from __future__ import annotations

import pytest
import yaml

from controller.fleet.fleet_document import difference, read_fleet_document, with_secrets
from controller.settings import StationSettings
from devices.support.file_error import FileError

SECRET = "000102030405060708090a0b0c0d0e0f"
BUTTON = "name: button, profile: bthome-button, address: 'AA:BB:CC:DD:EE:01'"
WARMER = "name: pad, profile: tuya-warmer, address: 'AA:BB:CC:DD:EE:02'"
KEYS = "tuya: {local_key: 0123456789abcdef, uuid: tuya0123456789ab, device_id: bf0123456789abcdefgh}"


def document(*devices: str) -> str:
    return "stations:\n  bed-1:\n    devices:\n" + "".join(f"    - {{{each}}}\n" for each in devices)


def own(*devices: str, station: str = "bed-1") -> dict[str, StationSettings]:
    return {station: StationSettings.model_validate({"devices": [yaml_of(each) for each in devices]})}


def yaml_of(device: str) -> object:
    return yaml.safe_load(f"{{{device}}}")


@pytest.mark.parametrize(
    ("device", "place", "secret"),
    [
        (f"{BUTTON}, bthome: {{bindkey: {SECRET}}}", "bthome.bindkey", SECRET),
        (f"{WARMER}, {KEYS}", "tuya.local_key", "0123456789abcdef"),
    ],
)
def test_a_secret_is_refused_with_its_line_its_place_and_what_to_do(device: str, place: str, secret: str) -> None:
    with pytest.raises(FileError) as refused:
        read_fleet_document(
            document(BUTTON.replace("button,", "other,").replace(":01", ":03"), device), "stations.yaml"
        )
    words = str(refused.value)
    assert f"stations.yaml:5: stations.bed-1.devices.1.{place}" in words
    assert "write it into the settings of the nodes, under the same station and device" in words
    assert secret not in words


def test_the_keys_of_a_node_are_added_to_the_device_of_the_same_name() -> None:
    shared = read_fleet_document(document(BUTTON, WARMER), "stations.yaml")
    found = with_secrets(shared, own(f"{WARMER}, {KEYS}"))
    button, pad = found["bed-1"].devices
    assert button == shared.stations["bed-1"].devices[0]
    assert pad.of_driver("tuya") is not None
    assert pad.address == "AA:BB:CC:DD:EE:02"


@pytest.mark.parametrize("station", ["bed-2", "home"])
def test_the_keys_of_another_station_are_not(station: str) -> None:
    shared = read_fleet_document(document(WARMER), "stations.yaml")
    assert with_secrets(shared, own(f"{WARMER}, {KEYS}", station=station)) == shared.stations


def test_what_the_document_says_of_a_device_counts_before_what_the_node_says() -> None:
    shared = read_fleet_document(document(f"{BUTTON}, bthome: {{presses: {{press: pain}}}}"), "stations.yaml")
    found = with_secrets(shared, own(f"{BUTTON}, bthome: {{bindkey: {SECRET}}}"))
    assert found == shared.stations


def test_two_stations_cannot_have_the_same_device() -> None:
    text = f"stations:\n  bed-1: {{devices: [{{{BUTTON}}}]}}\n  bed-2: {{devices: [{{{BUTTON}}}]}}\n"
    with pytest.raises(FileError, match="have the same address"):
        read_fleet_document(text, "stations.yaml")


def test_documents_that_are_the_same_differ_in_nothing() -> None:
    assert difference("a: 1\n", "a: 1\n", ("before", "after")) == ""
    assert difference("a: 1", "a: 2", ("before", "after")).splitlines() == [
        *("--- before", "+++ after", "@@ -1 +1 @@", "-a: 1", "+a: 2"),
    ]
