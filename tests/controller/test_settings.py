"""The owner's settings: defaults, errors with file and line, the environment, and that no password shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.database.database_errors import DatabaseError
from controller.safety.limits import OwnerLimits
from controller.settings import Settings, StationSettings, load_settings
from devices.support.file_error import FileError
from devices.support.shipped import SHIPPED
from tests.helpers.settings_file import Write, clear_environment, problems, settings_writer, station

SECRET = "hunter2-geheim"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_environment(monkeypatch)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return settings_writer(tmp_path)


# Defaults


def test_without_a_file_there_are_defaults() -> None:
    settings = load_settings(None)
    assert settings.language == "en"
    assert settings.limits == OwnerLimits()
    assert settings.radio.kind == "auto"
    assert settings.mqtt.embedded
    assert settings.stations == {"home": StationSettings()}
    assert settings.profiles == settings.routines == ()


def test_the_shipped_file_says_exactly_the_defaults() -> None:
    assert load_settings(SHIPPED / "letdown.yaml") == load_settings(None)


def test_the_shipped_file_names_every_setting() -> None:
    text = (SHIPPED / "letdown.yaml").read_text(encoding="utf-8")
    for name in (*Settings.model_fields, *OwnerLimits.model_fields, "brokers", "base_topic", "node", "ca_file"):
        assert f"{name}:" in text


def test_an_empty_file_is_the_defaults(write: Write) -> None:
    assert load_settings(write("")) == load_settings(None)


# Limits


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("comfort_vacuum_mmhg", "251"),
        ("comfort_vacuum_mmhg", "59"),
        ("stimulation_vacuum_mmhg", "121"),
        ("stimulation_vacuum_mmhg", "39"),
        ("heat_celsius", "42.5"),
        ("heat_celsius", "35"),
        ("heat_celsius", ".nan"),
        ("comfort_vacuum_mmhg", ".inf"),
        ("comfort_vacuum_mmhg", "lots"),
        ("vibration", "2"),
    ],
)
def test_raising_a_limit_is_refused_with_file_and_line(write: Write, key: str, value: str) -> None:
    file = write(f"language: en\nlimits:\n  {key}: {value}\n")
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:3: limits.{key}: ")


def test_lowering_a_limit_is_accepted(write: Write) -> None:
    settings = load_settings(write("limits: {comfort_vacuum_mmhg: 140, heat_celsius: 38, vibration: true}"))
    assert settings.limits == OwnerLimits(comfort_vacuum_mmhg=140, heat_celsius=38, vibration=True)


# What is not known


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("languag: en\n", 1, "languag"),
        ("language: en\nlimits:\n  vacuum: 100\n", 3, "limits.vacuum"),
        ("mqtt:\n  broker: []\n", 2, "mqtt.broker"),
        (station("      - {name: p, profile: x, advertised_name: X, sides: both}\n"), 4, "sides"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line(write: Write, text: str, line: int, key: str) -> None:
    file = write(text)
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:{line}: ")
    assert key in problem
    assert "did you mean" in problem


def test_a_key_that_is_said_twice_is_refused(write: Write) -> None:
    assert "given twice" in problems(write("language: en\nlanguage: de\n"))[0]


@pytest.mark.parametrize("text", ["- a\n", "language\n", "language: [en]\n", "radio: {kind: usb}\n", "a: [\n", "\t"])
def test_a_file_of_another_kind_is_refused_and_nothing_worse(write: Write, text: str) -> None:
    assert problems(write(text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "none.yaml")
    assert "none.yaml" in problem
    assert "cannot be read" in problem


@pytest.mark.parametrize("text", ["radio: {kind: bumble}\n", "radio: {transport: 'usb:0'}\n"])
def test_a_transport_goes_with_bumble_only(write: Write, text: str) -> None:
    assert "kind bumble goes with a transport" in problems(write(text))[0]


# Paths


PATHS = """
profiles: [mine, /somewhere/else]
routines: [~/routines]
store: {path: letdown.db}
mqtt: {username: ann, password_file: secret/password, ca_file: ca.pem}
radio: {proxies: [{host: nursery.local, key_file: proxy.key}]}
"""


def test_paths_are_relative_to_the_file_and_not_to_the_working_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for folder in ("mine", "home/routines", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = load_settings(write(PATHS.replace("/somewhere/else", str(tmp_path))))
    assert settings.profiles == (tmp_path / "mine", tmp_path)
    assert settings.routines == (tmp_path / "home/routines",)
    assert settings.store.path == tmp_path / "letdown.db"
    assert settings.mqtt.password_file == tmp_path / "secret/password"
    assert settings.mqtt.ca_file == tmp_path / "ca.pem"
    assert settings.radio.proxies[0].key_file == tmp_path / "proxy.key"


@pytest.mark.parametrize("key", ["profiles", "routines"])
def test_a_folder_that_is_not_there_is_named_with_its_line(write: Write, tmp_path: Path, key: str) -> None:
    file = write(f"language: en\n{key}:\n  - .\n  - gone\n  - letdown.yaml\n")
    remedy = "correct its path, or remove it from the settings"
    assert problems(file) == [
        f"{file}:4: {key}.1: the folder {tmp_path / 'gone'} does not exist; {remedy}",
        f"{file}:5: {key}.2: the folder {tmp_path / 'letdown.yaml'} is a file; {remedy}",
    ]


# The environment


def test_the_environment_wins(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("language: en\nlimits: {comfort_vacuum_mmhg: 140, heat_celsius: 40}\nmqtt: {node: kitchen}\n")
    monkeypatch.setenv("LETDOWN_LANGUAGE", "de")
    monkeypatch.setenv("LETDOWN_MQTT__NODE", "bedroom")
    monkeypatch.setenv("LETDOWN_LIMITS__HEAT_CELSIUS", "38")
    settings = load_settings(file)
    assert settings.language == "de"
    assert settings.mqtt.node == "bedroom"
    assert settings.limits == OwnerLimits(comfort_vacuum_mmhg=140, heat_celsius=38)


def test_the_environment_works_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_MQTT__BROKERS", '["mqtt://broker.lan"]')
    assert load_settings(None).mqtt.brokers[0].host == "broker.lan"


@pytest.mark.parametrize("with_file", [True, False])
def test_the_environment_can_raise_no_limit_either(
    write: Write, monkeypatch: pytest.MonkeyPatch, with_file: bool
) -> None:
    monkeypatch.setenv("LETDOWN_LIMITS__HEAT_CELSIUS", "43")
    with pytest.raises(FileError, match=r"limits\.heat_celsius"):
        load_settings(write("limits: {heat_celsius: 40}\n") if with_file else None)


def test_an_error_of_the_environment_names_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_LIMITS__HEAT_CELSIUS", "43")
    with pytest.raises(FileError, match="the environment"):
        load_settings(None)


def test_a_broker_in_the_environment_that_is_no_list_is_an_error_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_STATIONS", "home")
    with pytest.raises(FileError):
        load_settings(None)


# Passwords


BROKERS = f"mqtt:\n  brokers: ['mqtt://ann:{SECRET}@broker.lan']\n"


def test_a_password_is_never_shown(write: Write) -> None:
    settings = load_settings(write(BROKERS))
    password = settings.mqtt.brokers[0].password
    assert password is not None
    assert password.get_secret_value() == SECRET
    for shown in (str(settings), repr(settings), settings.model_dump_json(), str(settings.mqtt), f"{settings.mqtt!r}"):
        assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt:\n  brokers: ['mqtt://ann:{SECRET}@broker.lan:0']\n",
        f"mqtt:\n  brokers: 'mqtt://ann:{SECRET}@broker.lan:x'\n",
        f"mqtt:\n  brokers: ['http://ann:{SECRET}@broker.lan']\n",
        f"mqtt:\n  brokers: ['mqtt://broker.lan', 'mqtt://ann:{SECRET}@']\n",
        f"mqtt:\n  brokers: [{{host: broker.lan, passwort: {SECRET}}}]\n",
        f"mqtt:\n  brokers: [{{host: broker.lan, port: 0, password: {SECRET}}}]\n",
        f"mqtt:\n  brokers: [{{host: broker.lan, password: [{SECRET}]}}]\n",
        f"mqtt:\n  brokers: {{host: broker.lan, password: {SECRET}}}\n",
        f"mqtt:\n  brokers: ['mqtt://ann:{SECRET}@broker.lan']\nlanguage: 5\nlimits: {{heat_celsius: 99}}\n",
    ],
)
def test_an_error_never_repeats_a_password(write: Write, text: str) -> None:
    assert SECRET not in "\n".join(problems(write(text)))


def test_an_error_never_repeats_a_password_of_digits(write: Write) -> None:
    assert "48151623" not in "\n".join(problems(write("mqtt:\n  brokers: [{host: broker.lan, password: 48151623}]\n")))


def test_an_error_of_the_environment_never_repeats_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_MQTT__BROKERS", f'["mqtt://ann:{SECRET}@broker.lan:0"]')
    with pytest.raises(FileError) as caught:
        load_settings(None)
    assert SECRET not in str(caught.value)


# Frozen


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(None)
    with pytest.raises(ValidationError):
        settings.limits.heat_celsius = 45
    with pytest.raises(ValidationError):
        settings.language = "de"


# Where the history is kept


def test_the_history_is_kept_beside_the_store_unless_a_database_is_named(tmp_path: Path) -> None:
    settings = Settings.model_validate({"store": {"path": tmp_path / "mine.db"}})
    assert settings.store.history_file == tmp_path / "mine-history.db"
    assert settings.history.database() is None
    named = Settings.model_validate({"history": {"url": "postgresql://user:hush@database.lan/letdown"}})
    database = named.history.database()
    assert database is not None
    assert database.name == "the history in the database letdown on database.lan"
    assert "hush" not in repr(named)


def test_the_address_of_the_history_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    database = Settings.model_validate({"history": {"url_file": file}}).history.database()
    assert database is not None
    for content, says in {
        None: "cannot be read (No such file or directory); name a file in history.url_file",
        b"mysql://user:hush@host/x": "is wrong (a database's address begins with postgresql://",
        b"\xff": "is wrong (not UTF-8); correct it",
    }.items():
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(DatabaseError) as error:
            database.create()
        assert str(error.value).startswith(f"the file {file} with the address of the history {says}")
        assert "hush" not in str(error.value)
    file.write_text("postgresql://user:hush@database.lan/letdown\nmore\n")
    assert database.name == "the history in the database letdown on database.lan"


def test_sessions_are_kept_for_ever_unless_the_settings_say_so() -> None:
    assert Settings().history.keep_days is None
    assert Settings.model_validate({"history": {"keep_days": 30}}).history.keep_days == 30
    with pytest.raises(ValidationError, match="greater than or equal to 30"):
        Settings.model_validate({"history": {"keep_days": 29}})


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ({"url": "mysql://user:hush@host/x"}, "history.url"),
        ({"url": "postgresql://user:hush@host/x", "url_file": "x"}, "the address is in url or in url_file"),
        ({"uri": "postgresql://user:hush@host/x"}, "there are url, url_file"),
        ("postgresql://user:hush@host/x", "history"),
    ],
)
def test_a_wrong_address_of_the_history_is_an_error_that_does_not_show_it(
    history: object, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text(json.dumps({"history": history}))
    with pytest.raises(FileError) as error:
        load_settings(file)
    assert says in str(error.value)
    assert "hush" not in str(error.value)
