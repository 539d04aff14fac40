"""Which driver reads a model file: the one whose section is in it, else the declarative one."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.driver import registry
from devices.driver.registry import driver_of, drivers, load_model
from devices.profiles.schema import Profile
from devices.support.file_error import FileError
from devices.support.shipped import SHIPPED
from devices.tuya.tuya_model import TuyaModel

HEAD = """\
id: a-pump
name: A pump
roles: [pump]
confidence: unverified
provenance: made up for a test
match: {name: "A*"}
"""


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "a-pump.yaml"


@pytest.mark.parametrize(
    ("name", "model", "driver"), [("tuya-warmer", TuyaModel, "tuya"), ("ooler", Profile, "profile")]
)
def test_a_section_chooses_the_driver(name: str, model: type, driver: str) -> None:
    loaded = load_model(SHIPPED / "profiles" / f"{name}.yaml")
    assert type(loaded) is model
    assert driver_of(loaded).name == driver


def problem(file: Path, text: str) -> str:
    file.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        load_model(file)
    return str(caught.value).splitlines()[-1]


def test_a_section_without_a_driver_is_named_with_the_drivers_that_there_are(write: Path) -> None:
    words = "zigbee: no installed driver reads this section; there are bthome, plug, profile, tuya"
    assert problem(write, "zigbee: {cluster: 6}\n") == f"{write}:7: {words}"


def test_a_misspelt_key_is_shown_with_the_one_that_was_meant(write: Path) -> None:
    assert problem(write, "chanels: {}\n") == f"{write}:7: chanels: is not known here; did you mean channels?"


def test_a_file_for_two_drivers_is_refused(write: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = {**drivers(), "other": drivers()["tuya"]}
    monkeypatch.setattr(registry, "drivers", lambda: both)
    words = "other: a file is for one driver, and there is a section tuya"
    assert problem(write, "tuya: {}\nother: {}\n") == f"{write}:8: {words}"


def test_without_any_driver_the_remedy_is_named(write: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "drivers", dict)
    assert problem(write, "") == f"{write}: the driver for it is not installed; install Letdown again"


def test_what_is_described_under_tuya_is_described_there_alone(write: Path) -> None:
    text = "tuya: {datapoints: {switch: {id: 1, type: bool}}}\nchannels: {}\n"
    assert problem(write, text) == f"{write}:8: channels: a device with a section tuya is described there alone"
