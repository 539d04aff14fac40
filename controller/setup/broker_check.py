"""A broker as a person names it, and whether it can be used; what is wrong is a key of the texts, not a sentence."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Literal

import aiomqtt

from controller.mqtt.broker_login import CredentialsError
from controller.mqtt.connection import connection, explain, is_refused_login, may_need_mqtt_3
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings

Trouble = Literal["host", "refused", "silent", "login", "certificate", "tls", "other"]

_TROUBLES: tuple[tuple[type[BaseException], Trouble], ...] = (  # the first that fits; special ones come first
    (socket.gaierror, "host"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "silent"),
)


@dataclass(frozen=True)
class BrokerAnswer:
    """Whether a broker answers. `trouble`: what is wrong, `None`: nothing; `problem`: in English, with a remedy."""

    trouble: Trouble | None = None
    problem: str = ""


def broker_named(text: str) -> BrokerUrl:
    """Return the broker of an address; one without mqtt:// or mqtts:// is a host. Raise `ValueError`."""
    text = text.strip()
    return BrokerUrl.parse(text if "://" in text else f"mqtt://{text}")


async def try_broker(broker: BrokerUrl, settings: MqttSettings) -> BrokerAnswer:
    """Connect to a broker as the service would, and disconnect."""
    for protocol in (aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311):
        try:
            # With a client identifier of its own: the same one would disconnect the service.
            async with connection(broker, settings, identifier=f"letdown-{settings.node}-setup", protocol=protocol):
                return BrokerAnswer()
        except (aiomqtt.MqttError, OSError, CredentialsError) as error:
            if protocol is aiomqtt.ProtocolVersion.V5 and may_need_mqtt_3(error):
                continue
            explained = explain(broker, error, username=broker.username or settings.username)
            return BrokerAnswer(_trouble(error), f"{explained.problem}; {explained.remedy}")
    raise AssertionError("the last protocol returns")


def _trouble(error: BaseException) -> Trouble:
    if is_refused_login(error):
        return "login"
    causes: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in causes:
        causes.append(each)
        each = each.__cause__ or each.__context__
    for kind, trouble in _TROUBLES:
        if any(isinstance(cause, kind) for cause in causes):
            return trouble
    return "silent" if "timed out" in str(error).lower() else "other"
