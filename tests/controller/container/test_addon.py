"""The start of the add-on: options become settings, the broker is found, and nothing that is secret is said."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.container.addon import Places, main, names_broker
from controller.container.addon_options import AddonOptions, OptionsError, arguments, read_options, settings_of
from controller.container.mqtt_service import MqttService, SupervisorError, mqtt_service
from controller.settings import from_environment, load_settings
from tests.helpers.supervisor import TOKEN, supervisor

SECRET = "s3cret/@:?#ü"
SERVICE = MqttService.model_validate(
    {"host": "core-mosquitto", "port": 1883, "username": "addons", "password": SECRET, "ssl": False}
)
OK = {"result": "ok", "data": {"host": "core-mosquitto", "port": 1883, "username": "a", "password": SECRET}}


def options(**given: Any) -> AddonOptions:
    return AddonOptions.model_validate(given)


def effective(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, file: Path | None = None) -> Any:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(file)


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given = options(
        language="de",
        units="oz",
        publish="minimal",
        comfort_vacuum_mmhg=120,
        vibration=True,
        remote_raise="refuse",
    )
    settings = effective(settings_of(given, None, broker_in_file=False), monkeypatch)
    assert (settings.language, settings.web.units, settings.mqtt.publish) == ("de", "oz", "minimal")
    limits = settings.limits
    assert (limits.comfort_vacuum_mmhg, limits.vibration, limits.remote_raise) == (120, True, "refuse")


def test_what_is_not_set_is_left_to_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text("language: de\nlimits: {vibration: true, heat_celsius: 40}\n", encoding="utf-8")
    settings = effective(settings_of(options(comfort_vacuum_mmhg=90), None, broker_in_file=False), monkeypatch, file)
    assert (settings.language, settings.limits.vibration, settings.limits.heat_celsius) == ("de", True, 40)
    assert settings.limits.comfort_vacuum_mmhg == 90


def test_the_broker_of_home_assistant_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = effective(settings_of(options(), SERVICE, broker_in_file=False), monkeypatch)
    (broker,) = settings.mqtt.brokers
    assert (str(broker), broker.username) == ("mqtt://core-mosquitto:1883", "addons")
    assert broker.password is not None
    assert broker.password.get_secret_value() == SECRET


def test_a_broker_of_ones_own_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    own = options(mqtt_broker="mqtts://[fd00::7]", mqtt_username="ann", mqtt_password=SECRET)
    settings = effective(settings_of(own, SERVICE, broker_in_file=True), monkeypatch)
    (broker,) = settings.mqtt.brokers
    assert (str(broker), broker.username, broker.tls) == ("mqtts://[fd00::7]:8883", "ann", True)


def test_the_broker_in_the_file_comes_before_that_of_home_assistant() -> None:
    assert settings_of(options(), SERVICE, broker_in_file=True) == {}


def test_without_any_broker_none_is_named() -> None:
    assert settings_of(options(), None, broker_in_file=False) == {}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("mqtt: {brokers: [mqtt://a.lan]}", True),
        ("mqtt: {brokers: mqtt://a.lan}", True),
        ("mqtt: {brokers: []}", False),
        ("mqtt: {node: a}", False),
        ("mqtt: text", False),
        ("- a list", False),
        ("mqtt: {brokers: [", False),
        ("", False),
    ],
)
def test_whether_a_file_names_a_broker(text: str, named: bool, tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text(text, encoding="utf-8")
    assert names_broker(file) is named
    assert names_broker(tmp_path / "missing.yaml") is False


def test_the_command_line() -> None:
    file = Path("/config/letdown.yaml")
    assert arguments(options(), file) == ["run", "--config", "/config/letdown.yaml"]
    assert arguments(options(virtual_devices=True, verbose=True), file)[3:] == ["--virtual", "--verbose"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"language": "fr"}', "the option language: "),
        ('{"comfort_vacuum_mmhg": 300}', "the option comfort_vacuum_mmhg: "),
        ('{"mqtt_broker": "http://a.lan"}', "the option mqtt_broker: "),
        (f'{{"mqtt_broker": "mqtt://a:{SECRET}@a.lan"}}', "the option mqtt_broker: "),
        (f'{{"mqtt_password": ["{SECRET}"]}}', "the option mqtt_password: "),
        ('{"colour": "red"}', "the option colour: "),
        ("[]", "valid dictionary"),
        (f'{{"mqtt_password": "{SECRET}"', "no valid JSON"),
    ],
)
def test_wrong_options_are_named_and_no_secret_is_shown(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "options.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(OptionsError, match=words) as caught:
        read_options(file)
    assert SECRET not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_missing_options_are_named(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match=r"cannot be read: .*options.json: No such file"):
        read_options(tmp_path / "options.json")


def test_what_an_image_says_of_itself_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")
    monkeypatch.setenv("LETDOWN_INSTALLED_AS", "container")
    assert load_settings(None).language == "en"
    assert not from_environment()


# The Supervisor


def test_the_supervisor_names_the_broker() -> None:
    more = {"ssl": True, "protocol": "3.1.1", "addon": "core_mosquitto"}
    with supervisor(200, {**OK, "data": {**OK["data"], **more}}) as (address, asked):  # type: ignore[dict-item]
        found = mqtt_service(TOKEN, address)
    assert found is not None
    assert (found.host, found.port, found.username, found.ssl) == ("core-mosquitto", 1883, "a", True)
    assert asked == [("/services/mqtt", f"Bearer {TOKEN}")]


def test_the_supervisor_knows_of_no_broker() -> None:
    with supervisor(400, {"result": "error", "message": "Service not enabled"}) as (address, _):
        assert mqtt_service(TOKEN, address) is None


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (403, {"result": "error"}, r"refused.*\(403\)"),
        (200, b"no JSON", "not understood"),
        (200, {"result": "ok", "data": {"host": SECRET, "port": SECRET}}, "not understood"),
        (200, {"result": "ok"}, "not understood"),
        (200, [], "not understood"),
    ],
)
def test_an_answer_that_is_of_no_use(status: int, answer: Any, words: str) -> None:
    with supervisor(status, answer) as (address, _), pytest.raises(SupervisorError, match=words) as caught:
        mqtt_service(TOKEN, address)
    assert TOKEN not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_supervisor_that_is_not_there() -> None:
    with pytest.raises(SupervisorError, match="cannot be asked"):
        mqtt_service(TOKEN, "http://127.0.0.1:1")


# The start

Started = tuple[list[str], dict[str, str]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Started]:
    """Start it with options; return the command line and the environment that it becomes."""
    become: list[Started] = []
    monkeypatch.setattr(os, "execvpe", lambda _program, line, env: become.append((line, env)))

    def started(given: dict[str, Any], url: str = "http://127.0.0.1:1", **environ: str) -> Started:
        (tmp_path / "options.json").write_text(json.dumps(given), encoding="utf-8")
        places = Places(tmp_path / "options.json", tmp_path / "state", tmp_path / "config/letdown.yaml", url)
        main(places, {"SUPERVISOR_TOKEN": TOKEN, "HASSIO_TOKEN": TOKEN, "TZ": "Europe/Berlin", **environ})
        return become.pop()

    return started


def test_it_becomes_the_service(start: Callable[..., Started], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with supervisor(200, OK) as (url, _):
        line, env = start({"language": "de", "virtual_devices": True}, url)
    file = tmp_path / "config/letdown.yaml"
    assert line == [sys.executable, "-m", "controller.cli.entry", "run", "--config", str(file), "--virtual"]
    assert TOKEN not in str(env)
    assert (env["TZ"], env["STATE_DIRECTORY"]) == ("Europe/Berlin", str(tmp_path / "state"))
    ours = {name: value for name, value in env.items() if name.startswith("LETDOWN_")}
    settings = effective(ours, monkeypatch, file)
    assert (settings.web.host, settings.web.port, settings.web.ingress) == ("0.0.0.0", 8099, "172.30.32.2")
    assert [str(each) for each in settings.mqtt.brokers] == ["mqtt://core-mosquitto:1883"]
    assert settings.language == "de"


def test_in_its_image_it_gives_up_the_rights_of_root(start: Callable[..., Started]) -> None:
    line, _ = start({}, LETDOWN_INSTALLED_AS="addon")
    assert line[0] == "setpriv"
    assert line[line.index("-m") - 1] == sys.executable


def test_without_a_broker_it_starts_and_says_so(
    start: Callable[..., Started], capsys: pytest.CaptureFixture[str]
) -> None:
    with supervisor(400, {"result": "error"}) as (url, _):
        _, env = start({}, url)
    assert "LETDOWN_MQTT__BROKERS" not in env
    assert "install the add-on Mosquitto broker; until this add-on is restarted" in capsys.readouterr().err
    start({})
    assert "cannot be asked" in capsys.readouterr().err


def test_the_supervisor_is_not_asked_where_the_file_names_a_broker(
    start: Callable[..., Started], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    text = "mqtt: {brokers: [mqtt://mine.lan]}\n"
    (tmp_path / "config/letdown.yaml").write_text(text, encoding="utf-8")
    with supervisor(200, OK) as (url, asked):
        start({}, url)
    assert asked == []
    assert (tmp_path / "config/letdown.yaml").read_text(encoding="utf-8") == text
    assert capsys.readouterr().err == ""


def test_wrong_options_end_it(start: Callable[..., Started], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        start({"language": "fr"})
    assert left.value.code == 2
    assert "the option language" in capsys.readouterr().err
