"""The dialogue of `letdown setup`, with answers written down beforehand: what it asks, and what is saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.settings import DeviceSettings, Settings, load_settings
from devices.driver.vocabulary import full_uuid
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.sensor_roles import Placed
from devices.support.file_error import FileError
from tests.helpers.advertised import advertised
from tests.helpers.home import catalog
from tests.helpers.profile_snippets import HEADER
from tests.helpers.scripted_setup_dialogue import Nearby, Talk
from tests.helpers.yaml_texts import parse_yaml

PUMP_SERVICE = frozenset({"218a0001-a4d8-44d5-85b6-6c6574646f77"})
FIRST, SECOND = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
LEFT = advertised("Pump L", FIRST, services=PUMP_SERVICE)
RIGHT = advertised("Pump R", SECOND, services=PUMP_SERVICE, rssi_dbm=-70)
LAMP = advertised("Lamp", "C0:00:00:00:00:03", rssi_dbm=-90)
UART = frozenset({"6e400001-b5a3-f393-e0a9-e50e24dcca9e"})
MASSAGER = advertised("LVS-Z01", "C0:00:00:00:00:04", services=UART)  # a profile that nobody has tried on hardware
THERMOMETER = advertised("Thermo", "C0:00:00:00:00:05", services=frozenset({"00001809-0000-1000-8000-00805f9b34fb"}))
SECRET = "hunter2-geheim"

SEARCH, NONE, YES, NO, ITS_DEFAULT = "", "", "y", "n", ""
NO_BROKER, NO_COMFORT = "", ""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "letdown.yaml"


@pytest.fixture(autouse=True)
def _load_profiles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalog, "load", lambda *_: CATALOG)


def devices(settings: Settings) -> list[DeviceSettings]:
    return [device for station in settings.stations.values() for device in station.devices]


def test_from_the_box_to_settings(file: Path) -> None:
    left = [SEARCH, "1", ITS_DEFAULT, ITS_DEFAULT, NO]
    right = [YES, "2", ITS_DEFAULT, "my-right", NO]
    talk = Talk(file, Nearby([LEFT, RIGHT, LAMP]), [*left, *right, NO_BROKER, "140", YES])
    assert talk.agreed
    settings = load_settings(file)
    assert [(each.name, each.side, each.wanted.name) for each in devices(settings)] == [  # type: ignore[union-attr]
        ("left-pump", Side.LEFT, "Pump L"),
        ("my-right", Side.RIGHT, "Pump R"),
    ]
    assert settings.limits.comfort_vacuum_mmhg == 140
    assert "1 other Bluetooth devices are nearby that Letdown does not recognise; a lists them." in talk.said
    assert "Pump L strong signal" in talk.said
    assert "Pump R good signal" in talk.said
    assert "letdown run starts Letdown" in talk.said


def test_in_german_after_the_language_was_chosen(file: Path) -> None:
    talk = Talk(file, Nearby([LEFT]), ["1", SEARCH, "1", "", "", "n", NO_BROKER, NO_COMFORT, "j"], language=None)
    assert talk.agreed
    assert talk.said.startswith("Sprache · Language")
    assert "starkes Signal" in talk.said
    assert load_settings(file).language == "de"
    assert devices(load_settings(file))[0].name == "linke-pumpe"


@pytest.mark.parametrize("left", range(8))
def test_nothing_is_written_before_the_last_yes(file: Path, left: int) -> None:
    answers = [SEARCH, "1", ITS_DEFAULT, ITS_DEFAULT, NO, NO_BROKER, NO_COMFORT][:left]
    assert Talk(file, Nearby([LEFT]), answers).agreed is None  # nobody answers any more
    assert list(file.parent.iterdir()) == []


def test_a_last_no_writes_nothing(file: Path) -> None:
    talk = Talk(file, Nearby([LEFT]), [SEARCH, NONE, NO_BROKER, "120", NO])
    assert talk.agreed is False
    assert "Nothing was changed." in talk.said
    assert list(file.parent.iterdir()) == []


def test_without_a_device_the_guide_leads_by_hand(file: Path) -> None:
    talk = Talk(file, Nearby([]), [SEARCH, NONE, NO_BROKER, NO_COMFORT, YES])
    assert talk.agreed
    assert "No device that Letdown knows was found. Is it switched on" in talk.said
    assert devices(load_settings(file)) == []


def test_it_can_search_again(file: Path) -> None:
    talk = Talk(file, Nearby([], [LEFT]), [SEARCH, "s", "1", "", "", NO, NO_BROKER, NO_COMFORT, YES])
    assert [each.name for each in devices(load_settings(file))] == ["left-pump"]
    assert talk.agreed


def test_what_does_not_fit_is_asked_again(file: Path) -> None:
    answers = [
        SEARCH,
        "7",
        "x",
        "1",
        "4",
        "1",
        "a/b",
        "pump",
        "maybe",
        NO,
        "http://x",
        NO_BROKER,
        "300",
        "high",
        "120",
        YES,
    ]
    talk = Talk(file, Nearby([LEFT]), answers)
    assert talk.agreed
    for words in (
        "Please enter a number from 1 to 1.",
        "Please enter a number from 1 to 3.",
        "A name cannot be empty",
        "Please answer with y/n.",
        "That is not an address",
        "Please enter a number from 60 to 250, or nothing.",
    ):
        assert words in talk.said, words


def test_of_two_that_share_a_name_each_gets_its_address(file: Path) -> None:
    twins = [advertised("Pump", each, services=PUMP_SERVICE) for each in (FIRST, SECOND)]
    answers = [SEARCH, "1", "1", "", NO, YES, "2", "2", "", NO, NO_BROKER, NO_COMFORT, YES]
    talk = Talk(file, Nearby(twins), answers)
    assert [each.address for each in devices(load_settings(file))] == [FIRST, SECOND]
    assert "Another device nearby has the same name, so this one is told apart by its address." in talk.said
    assert FIRST not in talk.said


# Consent, and the test


@pytest.mark.parametrize("consent", [YES, NO])
def test_an_unverified_device_is_started_only_with_consent(file: Path, consent: str) -> None:
    test = [NO] if consent == YES else []
    talk = Talk(file, Nearby([MASSAGER]), [SEARCH, "1", consent, "", "", *test, NO_BROKER, NO_COMFORT, YES])
    (device,) = devices(load_settings(file))
    assert device.allow_unverified is (consent == YES)
    assert (
        "This profile was made from public sources and nobody has tried it on hardware. "
        "Try it with the pump off your body first." in talk.said
    )
    assert ("Then Letdown only reads" in talk.said) is (consent == NO)


@pytest.mark.parametrize(("answer", "placed"), [(ITS_DEFAULT, Placed.PAD), ("2", Placed.BREAST)])
def test_of_a_thermometer_it_asks_where_it_is(file: Path, answer: str, placed: Placed) -> None:
    Talk(file, Nearby([THERMOMETER]), [SEARCH, "1", "3", answer, "", NO_BROKER, NO_COMFORT, YES])
    (device,) = devices(load_settings(file))
    assert (device.placed, device.side, device.name) == (placed, Side.BOTH, "thermometer")


def test_consent_is_never_the_default(file: Path) -> None:
    Talk(file, Nearby([MASSAGER]), [SEARCH, "1", ITS_DEFAULT, "", "", NO_BROKER, NO_COMFORT, YES])
    assert not devices(load_settings(file))[0].allow_unverified


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("stopped", "left-pump: confirmed off The test went well."),
        ("unconfirmed", "does not report whether it stopped Please check that it is off. The test went well."),
        ("uncertain", "a detail Not everything worked. If it still runs, switch it off at its button."),
    ],
)
def test_a_device_is_tried_after_a_yes(file: Path, result: str, words: str) -> None:
    nearby = Nearby([LEFT], result=result)  # type: ignore[arg-type]
    talk = Talk(file, nearby, [SEARCH, "1", "", "", YES, NO_BROKER, NO_COMFORT, YES])
    assert nearby.tested == ["left-pump"]
    assert words in talk.said
    assert talk.agreed


def test_a_test_is_never_the_default(file: Path) -> None:
    nearby = Nearby([LEFT])
    Talk(file, nearby, [SEARCH, "1", "", "", ITS_DEFAULT, NO_BROKER, NO_COMFORT, YES])
    assert nearby.tested == []


def test_nothing_is_tried_while_a_service_runs(file: Path) -> None:
    nearby = Nearby([LEFT], service=True)
    talk = Talk(file, nearby, [SEARCH, "1", "", "", YES, NO_BROKER, NO_COMFORT, YES])
    assert nearby.tested == []
    assert "Letdown is running and may use this device." in talk.said


# What a driver needs


CATALOG = catalog()
TUYA = advertised("TY", FIRST, manufacturers={0x07D0: b"\x00"})
WHICH = str([each.profile.id for each in CATALOG.fitting(TUYA)].index("sporramom-w3") + 1)


def test_keys_are_asked_for_hidden_and_saved_where_nobody_else_reads_them(file: Path) -> None:
    keys = [SECRET, "uuid-of-the-pump", "device-id"]
    answers = [SEARCH, "1", WHICH, YES, "1", "", "", *keys, NO, NO_BROKER, NO_COMFORT, YES]  # an empty key is no key
    talk = Talk(file, Nearby([TUYA]), answers)
    assert talk.reader.secrets == ["", *keys]
    assert SECRET not in talk.said
    assert "More than one model fits." in talk.said
    assert "They are in your Tuya account" in talk.said
    assert "iot.tuya.com" in talk.said
    assert SECRET in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert devices(load_settings(file))[0].address == FIRST


BUTTON = advertised("SBBT-002C", FIRST, service_data={full_uuid("fcd2"): bytes.fromhex("4400013a01")})
SHELLY = str([each.profile.id for each in CATALOG.fitting(BUTTON)].index("shelly-blu-button1") + 1)
BINDKEY = "231d39c1d7cc1ab1aee224cd096db932"


@pytest.mark.parametrize(("keys", "stored"), [([""], None), ([BINDKEY], BINDKEY), (["too short", BINDKEY], BINDKEY)])
def test_the_key_of_a_button_is_asked_for_and_may_be_left_out(file: Path, keys: list[str], stored: str | None) -> None:
    answers = [SEARCH, "1", SHELLY, "chair", *keys, NO_BROKER, NO_COMFORT, YES]
    talk = Talk(file, Nearby([BUTTON]), answers)
    assert talk.agreed
    assert talk.reader.secrets == keys
    assert BINDKEY not in talk.said
    (chair,) = devices(load_settings(file))
    assert (chair.name, chair.profile, chair.address, chair.allow_unverified) == (
        *("chair", "shelly-blu-button1", FIRST, False),
    )
    own = chair.of_driver("bthome")
    assert getattr(own, "key", None) == (None if stored is None else bytes.fromhex(stored))


def test_keys_that_do_not_fit_are_asked_for_again_and_not_repeated(file: Path) -> None:
    wrong, right = ["x", "u" * 40, "d"], [SECRET, "u"]  # the third was right
    answers = [SEARCH, "1", WHICH, YES, "1", "", *wrong, *right, NO, NO_BROKER, NO_COMFORT, YES]
    talk = Talk(file, Nearby([TUYA]), answers)
    assert "That does not fit: local_key: a local key is longer than that" in talk.said
    assert "u" * 40 not in talk.said
    assert talk.agreed


def test_a_device_that_cannot_be_recognised_is_chosen_from_a_list_and_its_uuids_are_asked_for(file: Path) -> None:
    uuids = ["fff0", "fff0 fff1", "fff0, fff2", "fff0 fff3"]  # one alone is not enough
    device = [SEARCH, "a", "9", "1", YES, "", "mat", *uuids, NO]
    talk = Talk(file, Nearby([LAMP]), [*device, NO_BROKER, NO_COMFORT, YES])
    (mat,) = devices(load_settings(file))
    assert (mat.profile, mat.address) == ("heating-mat", LAMP.address)
    assert [[uuid[4:8] for uuid in pair] for pair in mat.uuids.values()] == [
        ["fff0", each] for each in ("fff1", "fff2", "fff3")
    ]
    assert "The maker has not published where this device keeps its values." in talk.said


# The broker


def test_a_broker_that_does_not_answer_can_be_entered_again_kept_or_left_out(file: Path) -> None:
    wrong = ["127.0.0.1:1", "ann", SECRET]
    talk = Talk(file, Nearby([]), [SEARCH, NONE, *wrong, "1", *wrong, "2", NO_COMFORT, YES])
    assert "Nothing answers there. Does the broker run, and is the port right?" in talk.said
    assert talk.reader.secrets == [SECRET, SECRET]
    assert SECRET not in talk.said
    assert str(load_settings(file).mqtt.brokers[0]) == "mqtt://127.0.0.1:1"
    again = Talk(file, Nearby([]), ["2", "127.0.0.1:1", "", "3", "5", YES])
    assert again.agreed
    assert load_settings(file).mqtt.embedded


# Again

MINE = """\
language: en
stations:
  home:
    devices:
      # the good one
      - name: left
        profile: open-pump
        side: left
        advertised_name: Pump L
limits:
  heat_celsius: 38   # sensitive
"""
ADD, CHANGE, REMOVE, BROKER, COMFORT, LANGUAGE, DONE = "1234567"


def test_it_knows_what_is_set_up_and_adds_to_it(file: Path) -> None:
    file.write_text(MINE, encoding="utf-8")
    answers = [ADD, SEARCH, "1", "2", "", "", NO, DONE, YES]
    talk = Talk(file, Nearby([LEFT, RIGHT]), answers, language=None)
    assert "set up already, as left" in talk.said
    assert [each.name for each in devices(load_settings(file))] == ["left", "right-pump"]
    assert file.read_text().startswith(MINE[: MINE.index("limits")])
    assert "# sensitive" in file.read_text()
    assert file.with_name("letdown.yaml.bak").read_text() == MINE
    assert "The settings before are in" in talk.said


def test_a_device_is_changed_or_removed(file: Path) -> None:
    file.write_text(MINE, encoding="utf-8")
    Talk(file, Nearby([]), [CHANGE, "1", "2", "mine", DONE, YES], language=None)
    assert [(each.name, each.side) for each in devices(load_settings(file))] == [("mine", Side.RIGHT)]
    talk = Talk(file, Nearby([]), [REMOVE, "9", "1", NO, REMOVE, "1", YES, "5", YES], language=None)
    assert devices(load_settings(file)) == []
    assert "mine removed" in talk.said
    assert "# the good one" in file.read_text()


def test_language_and_comfort_are_changed(file: Path) -> None:
    file.write_text(MINE, encoding="utf-8")
    talk = Talk(file, Nearby([]), [LANGUAGE, "1", COMFORT, "90,5", DONE, "j"], language=None)
    settings = load_settings(file)
    assert (settings.language, settings.limits.comfort_vacuum_mmhg) == ("de", 90.5)
    assert "Was möchtest du tun?" in talk.said


def test_without_a_change_nothing_is_written(file: Path) -> None:
    file.write_text(MINE, encoding="utf-8")
    talk = Talk(file, Nearby([]), [DONE], language=None)
    assert talk.agreed is False
    assert "Nothing has changed." in talk.said
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_an_invalid_file_is_named_and_left_alone(file: Path) -> None:
    file.write_text("languag: en\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"letdown\.yaml:1: languag"):
        Talk(file, Nearby([]), [])
    assert file.read_text() == "languag: en\n"


SEALED = parse_yaml(
    HEADER.format(role="pump").replace("made-up", "sealed") + "encrypted: its app exchanges a key with it first\n",
    Profile,
)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Made 1 cannot be used: its protocol is encrypted (its app exchanges a key with it first)"),
        ("de", "Made 1 lässt sich nicht verwenden, denn sein Protokoll ist verschlüsselt"),
    ],
)
def test_a_device_with_an_encrypted_protocol_is_refused_at_once(
    language: str, words: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Catalog, "load", lambda *_: Catalog([*CATALOG, SEALED]))
    talk = Talk(file, Nearby([advertised("Made 1")]), [SEARCH, NONE, NO_BROKER, NO_COMFORT, YES], language)
    assert words in talk.said
    assert devices(load_settings(file)) == []
