"""What is said of a broker that cannot be used, and when the older version of MQTT is tried."""

from __future__ import annotations

import socket
import ssl

import aiomqtt
import pytest

from controller.mqtt.connection import explain, speaks_older
from controller.mqtt.settings import BrokerUrl

BROKER = BrokerUrl(host="broker.lan", port=8883, tls=True)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ssl.SSLError("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"),
            "a certificate of ours",
        ),
        (ssl.SSLError("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure"), "a certificate of ours"),
        (ssl.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS on this port"),
        (aiomqtt.MqttCodeError(3), "not ready"),
        (aiomqtt.MqttCodeError(137), "is busy"),
        (aiomqtt.MqttCodeError(151), "its quota is used up"),
        (aiomqtt.MqttCodeError(149), "takes no packets as large"),
        (aiomqtt.MqttCodeError(135), "does not let the user 'ann' in"),
        (TimeoutError(), "does not answer"),
        (socket.gaierror(), "unknown host name"),
    ],
    ids=str,
)
def test_it_is_said_in_one_sentence_what_is_wrong(error: Exception, said: str) -> None:
    words = explain(BROKER, error, username="ann")
    assert said in words
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
    assert speaks_older(error) == older
