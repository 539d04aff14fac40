"""What set-up is going to save: devices, a broker and its password, the comfort cap."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from controller.assembly.extras import SetupError
from controller.mqtt.broker_login import login
from controller.settings import load_settings
from controller.setup.broker_check import broker_named, try_broker
from controller.setup.device_entry import DeviceEntry
from controller.setup.file_writer import SettingsWriteError
from controller.setup.setup_draft import SetupDraft, comfort_range, with_login, with_values
from devices.driver.owner_value import OwnerValue
from devices.driver.registry import driver_of
from devices.roles import Side
from tests.helpers.home import catalog

SECRET = "hunter2-geheim"
PUMP = DeviceEntry("left-pump", "open-pump", Side.LEFT, advertised_name="Pump")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "letdown.yaml"


def check(draft: SetupDraft) -> None:
    async def checked() -> None:
        draft.check()

    asyncio.run(checked())


def test_a_new_draft_has_everything_that_is_needed(file: Path) -> None:
    draft = SetupDraft(file, "de")
    assert draft.is_new
    draft.add(PUMP)
    draft.set_comfort(140.0)
    check(draft)
    assert not file.exists()
    assert draft.save() is None
    settings = load_settings(file)
    assert settings.language == "de"
    assert settings.limits.comfort_vacuum_mmhg == 140
    assert [each.name for each in settings.stations["home"].devices] == ["left-pump"]
    assert "comfort_vacuum_mmhg: 140\n" in file.read_text()
    assert list(file.parent.iterdir()) == [file]


def test_a_password_is_in_a_private_file_of_its_own(file: Path) -> None:
    draft = SetupDraft(file)
    broker = with_login(broker_named("broker.lan"), "ann", SECRET)
    draft.set_broker(broker)
    draft.save()
    assert SECRET not in file.read_text()
    password = file.with_name("mqtt-password")
    assert password.read_text() == f"{SECRET}\n"
    assert password.stat().st_mode & 0o777 == 0o600
    settings = load_settings(file)
    assert [str(each) for each in settings.mqtt.brokers] == ["mqtt://broker.lan:1883"]
    assert login(settings.mqtt.brokers[0], settings.mqtt) == ("ann", SECRET)


def test_a_password_in_the_address_goes_there_too(file: Path) -> None:
    draft = SetupDraft(file)
    draft.set_broker(broker_named(f"mqtts://ann:{SECRET}@broker.lan"))
    draft.save()
    assert SECRET not in file.read_text()
    assert login((settings := load_settings(file)).mqtt.brokers[0], settings.mqtt) == ("ann", SECRET)


def test_a_file_of_another_program_is_not_overwritten(file: Path) -> None:
    other = file.with_name("mqtt-password")
    other.write_text("of another program")
    draft = SetupDraft(file)
    draft.set_broker(with_login(broker_named("broker.lan"), "ann", SECRET))
    draft.save()
    assert other.read_text() == "of another program"
    assert login((settings := load_settings(file)).mqtt.brokers[0], settings.mqtt) == ("ann", SECRET)


def test_another_broker_replaces_the_login_of_the_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD_OF_BROKER", "old")
    file.write_text(
        "mqtt:\n  # at home\n  brokers: ['mqtt://old.lan']\n  username: bob\n  password_env: PASSWORD_OF_BROKER\n"
    )
    draft = SetupDraft(file)
    draft.set_broker(with_login(broker_named("new.lan"), "ann", SECRET))
    assert draft.save() == file.with_name("letdown.yaml.bak")
    settings = load_settings(file)
    assert login(settings.mqtt.brokers[0], settings.mqtt) == ("ann", SECRET)
    assert "# at home" in file.read_text()
    again = SetupDraft(file)
    again.set_broker(None)
    again.save()
    assert load_settings(file).mqtt.embedded


def test_keys_make_the_file_private(file: Path) -> None:
    file.write_text("language: en\n")
    file.chmod(0o644)
    draft = SetupDraft(file)
    values = {("tuya", key): SECRET for key in ("local_key", "uuid", "device_id")}
    draft.add(with_values(DeviceEntry("w3", "sporramom-w3", Side.LEFT, address="AA:BB:CC:DD:EE:FF"), values))
    check(draft)
    draft.save()
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_only_the_owner_knows_is_put_where_the_driver_reads_it() -> None:
    for profile in catalog():
        needed = driver_of(profile).owner_values(profile)
        assert bool(needed) == (
            bool(profile.template) or profile.id.startswith(("tuya-", "sporramom")) or profile.id.endswith("-plug")
        )
        values = {each.path: _made_up(each) for each in needed}
        data = with_values(DeviceEntry("x", profile.id, advertised_name="X"), values).data()
        for path, value in values.items():
            found: object = data
            for key in path:
                assert isinstance(found, dict)
                found = found[key]
            assert found == (list(value) if isinstance(value, tuple) else value)


def _made_up(value: OwnerValue) -> object:
    return {"text": "0123456789abcdef", "number": 7, "uuids": ("fff0", "fff1")}[value.kind]


def test_keys_are_secret_and_uuids_are_not() -> None:
    w3, mat = catalog().get("sporramom-w3"), catalog().get("heating-mat")
    assert w3 is not None
    assert mat is not None
    assert {each.secret for each in driver_of(w3).owner_values(w3)} == {True}
    assert {each.secret for each in driver_of(mat).owner_values(mat)} == {False}


def test_a_device_with_which_no_service_would_start_is_noticed(file: Path) -> None:
    draft = SetupDraft(file)
    draft.add(DeviceEntry("x", "no-such-profile", advertised_name="X"))
    with pytest.raises(SetupError, match="unknown profile 'no-such-profile'"):
        check(draft)


def test_devices_can_be_changed_and_removed(file: Path) -> None:
    draft = SetupDraft(file)
    draft.add(PUMP)
    draft.change("left-pump", name="mine", side="right")
    assert [(each.name, each.side) for each in draft.devices()] == [("mine", Side.RIGHT)]
    draft.remove("mine")
    assert list(draft.devices()) == []
    assert draft.removed == ["mine"]


def test_a_folder_that_cannot_be_written_is_noticed_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsWriteError):
        SetupDraft(tmp_path / "file" / "letdown.yaml")


def test_the_range_of_the_comfort_cap() -> None:
    assert comfort_range() == (60, 250)


@pytest.mark.parametrize("text", ["homeassistant.local", " homeassistant.local:1883 ", "mqtt://homeassistant.local"])
def test_a_broker_may_be_named_by_its_host_alone(text: str) -> None:
    assert str(broker_named(text)) == "mqtt://homeassistant.local:1883"


@pytest.mark.parametrize("text", ["http://x", "mqtt://", "x:y", "a/b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="broker"):
        broker_named(text)


@pytest.mark.parametrize(("address", "trouble"), [("127.0.0.1:1", "refused"), ("no-such-host.invalid", "host")])
async def test_what_is_wrong_with_a_broker_is_known(address: str, trouble: str, file: Path) -> None:
    broker = broker_named(address)
    answer = await try_broker(broker, SetupDraft(file).mqtt_of(broker))
    assert answer.trouble == trouble
    assert str(broker) in answer.problem
