"""One connection to one broker: opened and closed within bounded times, with a bounded queue and explained errors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiomqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from controller.contract.commands import ALWAYS, parse_command
from controller.mqtt.broker_login import CredentialsError, login, tls
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings

WINDOW = 16  # publications in flight; paho's own limit is 20
STABLE_SECONDS = 10.0  # a connection that lasted this long was good
_KEEPALIVE_SECONDS = 15  # a broker publishes the will after one and a half of these
_ANSWER_SECONDS = 5.0
_CONNECT_SECONDS = 3.0
_CLOSE_SECONDS = 0.15

_MOST_MESSAGES = 256
_MOST_MESSAGES_WITH_STOPS = 4096  # then thousands of stops are queued; one more changes nothing
_DROPS_PER_WARNING = 1000
_STOPS = tuple(f"/{action.value}/set" for action in ALWAYS)

_LOGGER = logging.getLogger(__name__)
# paho logs a lost connection as an error; the bridge logs it itself.
_PAHO_LOGGER = logging.getLogger(f"{__name__}.paho")
_PAHO_LOGGER.setLevel(logging.CRITICAL)

# CONNACK codes of MQTT 3.1.1, and the MQTT 5 codes by which paho calls them.
_NOT_AUTHORIZED = frozenset({4, 5, 134, 135})
_UNSUPPORTED_VERSION = frozenset({1, 132})
_UNAVAILABLE = {
    3: "is running, but not ready",
    136: "is running, but not ready",
    137: "is busy",
    151: "has reached its quota",
    149: "accepts no packets as large as ours",
    159: "limits the rate of connections",
}

# TLS alerts of brokers that received no certificate, or one that they do not trust.
_ALERTS = re.compile(r"(?i)alert.*(certificate|unknown.ca|handshake)|certificate_required")


class _ClientCertificateError(Exception):
    """Stands for OpenSSL's error when the broker requires a client certificate, or another one."""


# The first that matches; special ones come first.
_CAUSES: dict[type[BaseException], tuple[str, str]] = {
    socket.gaierror: (
        "the broker {broker} has an unknown host name",
        "correct it in mqtt.brokers, or check the network",
    ),
    ssl.SSLCertVerificationError: (
        "the broker {broker} shows a certificate that is not trusted ({cause.verify_message})",
        "set mqtt.ca_file to the certificate of its authority",
    ),
    _ClientCertificateError: (
        "the broker {broker} requires a client certificate",
        "set mqtt.cert_file and mqtt.key_file to one that its authority has signed",
    ),
    ssl.SSLError: (
        "the broker {broker} does not speak TLS on this port",
        "for plain MQTT write mqtt:// in mqtt.brokers",
    ),
    ConnectionRefusedError: ("nothing answers at {broker}", "start the broker there, or correct mqtt.brokers"),
    ConnectionError: (
        "the broker {broker} closes the connection",
        "check whether it allows another client (see its log), and whether it expects mqtt:// or mqtts://, or a client "
        "certificate (mqtt.cert_file)",
    ),
    TimeoutError: (
        "the broker {broker} does not answer",
        "check whether it runs, whether the network reaches it, and whether it expects mqtt:// or mqtts://, or a "
        "client certificate (mqtt.cert_file)",
    ),
}


class Inbox(asyncio.Queue[aiomqtt.Message]):
    """The queue of messages from the broker: bounded, so that a flood takes no memory, but always open to a stop.

    aiomqtt fills it. When it is full, it only takes a stop or pain.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize or _MOST_MESSAGES_WITH_STOPS)
        self.dropped = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Add a message, or drop it if there are too many."""
        if self.qsize() >= self.maxsize or (self.qsize() >= _MOST_MESSAGES and not _is_stop(item)):
            self.dropped += 1
            if self.dropped % _DROPS_PER_WARNING == 1:
                _LOGGER.warning(
                    "more commands than can be processed; %d dropped so far, but no stop or pain", self.dropped
                )
            return
        super().put_nowait(item)


def _is_stop(message: aiomqtt.Message) -> bool:
    if message.topic.value.endswith(_STOPS):
        return True
    try:
        return isinstance(message.payload, bytes) and parse_command(message.payload)[0].action in ALWAYS
    except Exception:  # noqa: BLE001 - then it is no stop
        return False


@contextlib.asynccontextmanager
async def connection(
    broker: BrokerUrl,
    settings: MqttSettings,
    *,
    identifier: str,
    protocol: aiomqtt.ProtocolVersion,
    will: aiomqtt.Will | None = None,
    open_seconds: float | None = None,
    queue_type: type[asyncio.Queue[aiomqtt.Message]] = Inbox,
) -> AsyncIterator[aiomqtt.Client]:
    """Connect for the block. If cancelled, send DISCONNECT; after an error, only close: the will is published.

    `open_seconds`: the timeout for connecting, if it should be shorter than the default. `queue_type`: where messages
    wait until they are read.

    Raise `CredentialsError` if a password or a certificate is missing.
    """
    username, password = login(broker, settings)
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=username,
        password=password,
        # Always the same: so the broker closes a stale connection of ours when we reconnect, and publishes its will
        # before our `online`, not a minute after it.
        identifier=identifier,
        protocol=protocol,
        # A command that was sent while we were disconnected must not be carried out later. (With MQTT 5, a new client
        # starts clean, and its session ends with the connection.)
        clean_session=None if protocol is aiomqtt.ProtocolVersion.V5 else True,
        will=will,
        keepalive=_KEEPALIVE_SECONDS,
        timeout=_ANSWER_SECONDS if open_seconds is None else min(_ANSWER_SECONDS, open_seconds),
        queue_type=queue_type,
        logger=_PAHO_LOGGER,
        # Without it, the reply to a pain waits some 40 ms for the TCP acknowledgement of the previous packet.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        tls_context=tls(settings) if broker.tls else None,
    )
    client.pending_calls_threshold = WINDOW + 4
    client._client.connect_timeout = _CONNECT_SECONDS if open_seconds is None else min(_CONNECT_SECONDS, open_seconds)
    _fail_on_early_disconnect(client)
    try:
        await client.__aenter__()
        client.timeout = _ANSWER_SECONDS
        try:
            yield client
        except asyncio.CancelledError:
            client.timeout = _CLOSE_SECONDS
            with contextlib.suppress(aiomqtt.MqttError, OSError):  # must not hide the cancellation
                await client.__aexit__(None, None, None)
            raise
    finally:
        _close_socket(client)


def _fail_on_early_disconnect(client: aiomqtt.Client) -> None:
    """Let connecting fail when the broker closes before its CONNACK; aiomqtt 2.5 then waits until its timeout."""
    paho, loop = client._client, asyncio.get_running_loop()
    original = paho.on_disconnect

    def fail() -> None:
        if not client._connected.done():
            error = aiomqtt.MqttError("it closed the connection before CONNACK")
            error.__cause__ = ConnectionAbortedError()
            client._connected.set_exception(error)

    def on_disconnect(*args: Any) -> None:
        loop.call_soon_threadsafe(fail)  # paho may write its first packet in another thread
        if original is not None:
            original(*args)

    paho.on_disconnect = on_disconnect


def _close_socket(client: aiomqtt.Client) -> None:
    """Close the socket in any state.

    After a connect that timed out or was cancelled, aiomqtt 2.5 leaves it open, read and pinged: a stale connection
    whose will would be published long after we have reconnected. A connect that still waits in its thread must not
    open one either.
    """
    paho = client._client
    paho.on_socket_open = None
    with contextlib.suppress(OSError, ValueError):
        paho._sock_close()
    if client._disconnected.done():
        client._disconnected.exception()  # retrieved, so that asyncio does not warn


def may_need_mqtt_3(error: BaseException) -> bool:
    """Return whether a broker may only support MQTT 3.1.1: it said so, or closed the connection without a CONNACK."""
    if isinstance(error, aiomqtt.MqttCodeError):
        return _code(error) in _UNSUPPORTED_VERSION
    cause = error.__cause__ or error.__context__ or error
    return not isinstance(cause, socket.gaierror | ssl.SSLError | ConnectionRefusedError | CredentialsError)


def is_refused_login(error: BaseException) -> bool:
    """Return whether a broker does not accept this user, or this password."""
    return isinstance(error, aiomqtt.MqttCodeError) and _code(error) in _NOT_AUTHORIZED


class BrokerProblem(NamedTuple):
    """What is wrong with a broker, and what to do about it. `str()` is both in one line."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}"


def explain(
    broker: BrokerUrl, error: BaseException, *, lasted_seconds: float = 0.0, username: str | None = None
) -> BrokerProblem:
    """Return what is wrong with a broker, and what to do about it.

    `lasted_seconds`: how long the connection lasted that is now lost; 0 if there was none.
    """
    if isinstance(error, CredentialsError):
        return BrokerProblem(f"the broker {broker} {error.problem}", error.remedy)
    if isinstance(error, aiomqtt.MqttCodeError) and _code(error) in _UNAVAILABLE:
        return BrokerProblem(f"the broker {broker} {_UNAVAILABLE[_code(error) or 0]}", "check its log and its limits")
    if is_refused_login(error):
        who = f"the user {username!r}" if username else "a client without user name"
        return BrokerProblem(
            f"the broker {broker} refuses {who}",
            "set user name and password in mqtt.brokers: mqtt://user:password@host:port",
        )
    cause = error.__cause__ or error.__context__ or error  # aiomqtt 2.5 has an OSError as context only
    if lasted_seconds and not isinstance(cause, TimeoutError):
        # Of two clients with the same id, brokers close the first connection without a reason.
        twins = "; if it continues, check that no other controller has the same mqtt.node"
        short = lasted_seconds < STABLE_SECONDS
        remedy = f"check whether it still runs{twins if short else ''}"
        return BrokerProblem(f"the connection to the broker {broker} was lost", remedy)
    if isinstance(cause, ssl.SSLError) and _ALERTS.search(str(cause)):
        cause = _ClientCertificateError()
    for kind, (problem, remedy) in _CAUSES.items():
        if isinstance(cause, kind):
            return BrokerProblem(problem.format(broker=broker, cause=cause), remedy)
    return BrokerProblem(f"the broker {broker} cannot be used ({error})", "check its log")


def _code(error: aiomqtt.MqttCodeError) -> int | None:
    """Return the broker's code; `None` for an error of paho itself, whose numbers mean something else."""
    if isinstance(error.rc, MQTTErrorCode):
        return None
    return error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
