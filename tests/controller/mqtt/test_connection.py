"""What is said of a broker that cannot be used, and when the older version of MQTT is tried."""

from __future__ import annotations

import socket
import ssl

import aiomqtt
import pytest
from paho.mqtt.enums import MQTTErrorCode

from controller.mqtt.connection import explain, is_refused_login, may_need_mqtt_3
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


@pytest.mark.parametrize("code", [1, 3, 4, 5])  # as numbers, these mean something else in a broker's answer
@pytest.mark.parametrize("lasted_seconds", [0.0, 1.0])
def test_an_error_of_the_client_library_is_no_answer_of_the_broker(code: int, lasted_seconds: float) -> None:
    error = aiomqtt.MqttCodeError(MQTTErrorCode(code), "Could not publish message")
    found = explain(BROKER, error, lasted_seconds=lasted_seconds)
    assert ("was lost" if lasted_seconds else "cannot be used") in found.problem
    assert not is_refused_login(error)
    assert not may_need_mqtt_3(error)


async def test_publishing_on_a_lost_connection_is_such_an_error(broker: BrokerUrl) -> None:
    async with aiomqtt.Client(broker.host, broker.port) as client:
        client._client._sock_close()
        with pytest.raises(aiomqtt.MqttCodeError) as caught:
            await client.publish("a", "b", qos=1)
    assert "was lost" in explain(broker, caught.value, lasted_seconds=1.0).problem


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
