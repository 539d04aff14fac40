"""Each broker of the settings, by connecting to it as the service would."""

from __future__ import annotations

import aiomqtt

from controller.doctor.finding import Finding, fine, note, trouble
from controller.mqtt.connection import connection, explain, speaks_older
from controller.mqtt.secrets import RefusedError
from controller.mqtt.settings import BrokerUrl, MqttSettings

_V5, _V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311


async def brokers(settings: MqttSettings) -> list[Finding]:
    """Say of each whether it can be used."""
    if settings.embedded:
        says = f"none is named: the service runs its own, at mqtt://127.0.0.1:{settings.embedded_port}"
        return [note("broker", says, "name yours in mqtt.brokers, for Home Assistant for example")]
    return [await _try(broker, settings) for broker in settings.brokers]


async def _try(broker: BrokerUrl, settings: MqttSettings) -> Finding:
    for protocol in (_V5, _V311):
        try:
            # Under a name of its own: the same name would throw the service out.
            async with connection(broker, settings, identifier=f"letdown-{settings.node}-doctor", protocol=protocol):
                return fine("broker", f"{broker} answers, in MQTT {'5' if protocol is _V5 else '3.1.1'}")
        except (aiomqtt.MqttError, OSError, RefusedError) as error:
            if protocol is _V5 and speaks_older(error):
                continue
            return trouble("broker", explain(broker, error, username=broker.username or settings.username))
    raise AssertionError("the last protocol returns")
