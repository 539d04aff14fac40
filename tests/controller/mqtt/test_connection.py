"""What is said of a broker that cannot be used, and when the older version of MQTT is tried."""

from __future__ import annotations

import socket
import ssl

import aiomqtt
import pytest

from controller.mqtt.connection import explain, may_need_mqtt_3
from controller.mqtt.mqtt_settings import BrokerUrl

BROKER = BrokerUrl(host="broker.lan", port=8883, tls=True)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ssl.SSLError("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"),
            "requires a client certificate",
        ),
        (
            ssl.SSLError("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure"),
            "requires a client certificate",
        ),
        (ssl.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS on this port"),
        (aiomqtt.MqttCodeError(3), "not ready"),
        (aiomqtt.MqttCodeError(137), "is busy"),
        (aiomqtt.MqttCodeError(151), "reached its quota"),
        (aiomqtt.MqttCodeError(149), "accepts no packets as large"),
        (aiomqtt.MqttCodeError(135), "refuses the user 'ann'"),
        (TimeoutError(), "does not answer"),
        (socket.gaierror(), "unknown host name"),
    ],
    ids=str,
)
def test_it_is_said_in_one_sentence_what_is_wrong(error: Exception, said: str) -> None:
    found = explain(BROKER, error, username="ann")
    words = str(found)
    assert said in found.problem
    assert found.remedy
    assert "mqtts://broker.lan:8883" in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("error", "older"),
    [
        (aiomqtt.MqttCodeError(132), True),
        (aiomqtt.MqttCodeError(1), True),
        (aiomqtt.MqttCodeError(134), False),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (ConnectionRefusedError(), False),
        (socket.gaierror(), False),
        (ssl.SSLError(), False),
    ],
    ids=str,
)
def test_the_older_version_is_tried_where_it_may_be_that(error: Exception, older: bool) -> None:
    assert may_need_mqtt_3(error) == older
