"""What the owner may say about brokers, and that no password is repeated."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from controller.mqtt.broker_login import login
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings, default_node
from controller.mqtt.topics import check_name


def test_a_full_address_is_read() -> None:
    url = BrokerUrl.parse("mqtts://ann:p%40ss%2Fword@broker.lan:9999")
    assert url == BrokerUrl(host="broker.lan", port=9999, tls=True, username="ann", password=SecretStr("p@ss/word"))


@pytest.mark.parametrize(
    ("text", "port", "shown"),
    [
        ("mqtt://broker.lan", 1883, "mqtt://broker.lan:1883"),
        ("mqtts://broker.lan", 8883, "mqtts://broker.lan:8883"),
        ("mqtt://[::1]:1884", 1884, "mqtt://[::1]:1884"),
    ],
)
def test_the_port_has_a_default(text: str, port: int, shown: str) -> None:
    url = BrokerUrl.parse(text)
    assert url.port == port
    assert str(url) == shown


@pytest.mark.parametrize(
    "text",
    [
        "broker.lan",
        "http://ann:secret@broker.lan",
        "mqtt://ann:sec/ret@broker.lan",
        "mqtt://ann:secret@broker.lan/topic",
        "mqtt://ann:secret@broker.lan:0",
        "mqtt://ann:secret@broker.lan:99999",
        "mqtt://ann:secret@broker.lan:x",
        "mqtt://",
        "mqtt://[::1",
    ],
)
def test_a_wrong_address_is_answered_with_a_right_one_and_without_the_password(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MqttSettings.model_validate({"brokers": [text]})
    assert "mqtt://user:password@broker.lan:1883" in str(caught.value)
    assert "sec" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    settings = MqttSettings.model_validate({"brokers": ["mqtt://ann:secret@broker.lan"]})
    for shown in (str(settings), repr(settings), str(settings.brokers[0]), settings.model_dump_json()):
        assert "secret" not in shown


def test_without_brokers_the_embedded_one_runs() -> None:
    assert MqttSettings().embedded
    assert not MqttSettings.model_validate({"brokers": "mqtt://broker.lan"}).embedded


def test_the_default_node_fits_into_a_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    for host, node in [("Ward 3/+.example.org", "ward-3"), ("pi", "pi"), ("...", "local"), ("日本", "local")]:
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        assert check_name(default_node()) == node


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key_file": "k"}, "name both"),
        ({"username": "ann", "password_file": "f", "password_env": "E"}, "name one of them"),
        ({"password_file": "f", "brokers": ["mqtt://ann@a", "mqtt://b"]}, "needs a username"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MqttSettings.model_validate(settings)


def test_a_user_in_the_address_gets_the_password_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_BROKER_S", "secret")
    settings = MqttSettings.model_validate({"password_env": "THE_BROKER_S", "brokers": ["mqtt://ann@a"]})
    assert login(settings.brokers[0], settings) == ("ann", "secret")
    assert login(BrokerUrl.parse("mqtt://bob:other@b"), settings) == ("bob", "other")
