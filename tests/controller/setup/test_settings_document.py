"""Changing a settings file: everything that its owner wrote stays, in the same place."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from controller.setup.settings_document import SettingsDocument
from devices.roles import Side
from devices.support.file_error import FileError
from devices.support.shipped import SHIPPED

FILE = Path("letdown.yaml")
MINE = """\
# my settings, do not touch
language: de   # german

stations:
  home:
    devices:
      # the left one
      - name: left    # mine
        profile: open-pump
        advertised_name: "Pump L"
      # the right one
      - name: right
        profile: open-pump
        advertised_name: 'Pump R'
      # that is all
limits:
  vibration: false # never
mqtt:
  username: null
"""
PAD = {"name": "pad", "profile": "open-warm-pad", "side": "both", "advertised_name": "Pad"}


def document(text: str | None, beginning: str = "") -> SettingsDocument:
    return SettingsDocument(FILE, text, beginning)


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that went, and those that came."""
    lines = [each for each in difflib.ndiff(before.splitlines(), after.splitlines()) if each[0] in "-+"]
    return [each[2:] for each in lines if each[0] == "-"], [each[2:] for each in lines if each[0] == "+"]


def names(made: SettingsDocument) -> list[str]:
    return [device.name for station in made.settings.stations.values() for device in station.devices]


def test_the_shipped_file_is_changed_only_where_something_is_added() -> None:
    text = (SHIPPED / "letdown.yaml").read_text(encoding="utf-8")
    made = document(text)
    made.add_device("home", PAD)
    made.set(("language",), "de")
    gone, came = changes(text, made.text)
    assert gone == ["language: en", "    devices: []"]
    assert [each.strip() for each in came] == [
        "language: de",
        "devices:",
        "- name: pad",
        "profile: open-warm-pad",
        "side: both",
        "advertised_name: Pad",
    ]
    assert names(made) == ["pad"]
    assert made.settings.language == "de"


def test_a_device_is_added_after_the_others() -> None:
    made = document(MINE)
    made.add_device("home", PAD)
    gone, came = changes(MINE, made.text)
    assert gone == []
    assert came[0] == "      - name: pad"
    assert names(made) == ["left", "right", "pad"]


@pytest.mark.parametrize("name", ["left", "right"])
def test_only_the_lines_of_a_device_are_removed_and_every_comment_stays(name: str) -> None:
    made = document(MINE)
    made.remove_device(name)
    gone, came = changes(MINE, made.text)
    assert came == []
    assert len(gone) == 3
    assert gone[0].startswith(f"      - name: {name}")
    for comment in ("# my settings", "# german", "# the left one", "# the right one", "# that is all", "# never"):
        assert comment in made.text


def test_all_can_be_removed_and_others_added() -> None:
    made = document(MINE)
    made.remove_device("left")
    made.remove_device("right")
    assert names(made) == []
    assert "    devices: []\n" in made.text
    made.add_device("home", PAD)
    assert names(made) == ["pad"]
    assert "# that is all" in made.text


def test_a_device_is_changed_in_place() -> None:
    made = document(MINE)
    made.change_device("left", {"side": "left", "name": "mine"})
    gone, came = changes(MINE, made.text)
    assert gone == ["      - name: left    # mine"]
    assert came == ["      - name: mine    # mine", "        side: left"]
    assert made.settings.stations["home"].devices[0].side is Side.LEFT


FOUR_SPACES = """\
stations:
    home:
        devices:
        - name: a
          profile: x
          advertised_name: A
"""
ODD = """\
stations:
  home:
    devices:
    -
      name: a
      profile: x
      advertised_name: >-
        A
"""
MIXED = "stations:\n  home:\n    devices:\n      - {name: a, profile: x, advertised_name: A}  # short\n"
BRACES = "stations: {home: {devices: [{name: a, profile: x, advertised_name: A}]}}\n"


@pytest.mark.parametrize("text", [BRACES, FOUR_SPACES, ODD, MIXED], ids=["braces", "four spaces", "odd", "mixed"])
def test_every_way_to_write_a_list_can_be_changed(text: str) -> None:
    made = document(text)
    made.add_device("home", PAD)
    assert names(made) == ["a", "pad"]
    made.remove_device("a")
    assert names(made) == ["pad"]
    made.remove_device("pad")
    assert names(made) == []
    made.add_device("home", PAD)
    assert names(made) == ["pad"]


def test_the_indentation_of_the_owner_is_kept() -> None:
    text = FOUR_SPACES
    made = document(text)
    made.add_device("home", PAD)
    assert changes(text, made.text)[0] == []
    assert "\n        - name: pad\n" in made.text


def test_without_a_file_it_begins_with_what_is_given() -> None:
    made = document(None, "# hello\n\nlanguage: en\n")
    assert made.changed
    made.set(("limits", "comfort_vacuum_mmhg"), 120)
    made.add_device("home", PAD)
    assert made.text.startswith("# hello\n\nlanguage: en\n")
    assert made.settings.limits.comfort_vacuum_mmhg == 120


def test_a_file_of_comments_alone_is_kept() -> None:
    made = document("# only\n# comments\n")
    assert not made.changed
    made.set(("language",), "de")
    assert made.text.startswith("# only\n# comments\n")
    assert made.text.endswith("language: de\n")


def test_nothing_changes_without_a_change() -> None:
    assert not document(MINE).changed


def test_a_change_that_does_not_fit_is_refused_and_leaves_everything() -> None:
    made = document(MINE)
    with pytest.raises(FileError, match="comfort_vacuum_mmhg"):
        made.set(("limits", "comfort_vacuum_mmhg"), 300)
    with pytest.raises(FileError, match="two devices are called left"):
        made.add_device("home", {**PAD, "name": "left"})
    assert made.text == MINE
    assert made.settings.limits.comfort_vacuum_mmhg is None


@pytest.mark.parametrize("text", ["languag: en\n", "a: [\n", "language: en\nlanguage: de\n", "a: &x 1\n"])
def test_an_invalid_file_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(FileError, match=r"letdown\.yaml:\d"):
        document(text)


def test_a_comment_that_would_be_lost_is_named_before_anything_is_asked() -> None:
    each = "      - {{name: {0}, profile: x, advertised_name: {0}}}\n"
    text = f"stations:\n  home:\n    devices:\n{each.format('a')}      # between\n{each.format('b')}"
    text = text.rstrip() + "  # after\n"
    with pytest.raises(FileError, match=r"letdown\.yaml:5: a change here would lose this comment; move it"):
        document(text)


def test_a_comment_before_a_device_in_braces_is_kept() -> None:
    device = "      - {name: a, profile: x, advertised_name: A}  # t\n      - name: b\n        profile: x\n"
    text = f"stations:\n  home:\n    devices:   # mine\n      # first\n{device}        advertised_name: B\n"
    made = document(text)
    made.add_device("home", PAD)
    assert changes(text, made.text)[0] == []


def test_what_is_not_configured_cannot_be_removed() -> None:
    with pytest.raises(LookupError):
        document(MINE).remove_device("nope")


@pytest.mark.parametrize("text", [MINE, (SHIPPED / "letdown.yaml").read_text(encoding="utf-8"), "", "# x\n"])
def test_setting_a_value_and_setting_it_back_gives_the_same_values(text: str) -> None:
    made = document(text)
    before = made.settings
    made.set(("mqtt", "brokers"), ["mqtt://broker.lan:1883"])
    assert str(made.settings.mqtt.brokers[0]) == "mqtt://broker.lan:1883"
    made.set(("mqtt", "brokers"), [])
    assert made.settings == before
