"""One connection to one broker: opened, closed within a bounded time, and explained when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from controller.mqtt.inbox import Inbox
from controller.mqtt.secrets import RefusedError, login, tls
from controller.mqtt.settings import BrokerUrl, MqttSettings

WINDOW = 16  # publications that may be under way at once; paho's own limit is 20
STEADY_SECONDS = 10.0  # a connection that lasted this long was a good one
_KEEPALIVE_SECONDS = 15  # a broker sends the will after one and a half of these
_ANSWER_SECONDS = 5.0
_CONNECT_SECONDS = 3.0
_CLOSE_SECONDS = 0.15

# What paho logs as an error is a lost connection, of which the bridge tells in its own words.
_PAHO_LOGGER = logging.getLogger(f"{__name__}.paho")
_PAHO_LOGGER.setLevel(logging.CRITICAL)

# CONNACK codes of MQTT 3.1.1, and the MQTT 5 codes by which paho calls them.
_NOT_WELCOME = frozenset({4, 5, 134, 135})
_OTHER_VERSION = frozenset({1, 132})
_FULL = {
    3: "is there, and not ready",
    136: "is there, and not ready",
    137: "is busy",
    151: "has no room for more: its quota is used up",
    149: "takes no packets as large as ours",
    159: "lets nobody in so often",
}

# What brokers say in TLS, where no certificate came or one that they do not trust.
_ALERTS = re.compile(r"(?i)alert.*(certificate|unknown.ca|handshake)|certificate_required")


class _WantsCertificateError(Exception):
    """Stands for what OpenSSL says when the other side wants a certificate, or another one."""


# The first that fits; more special ones come first.
_CAUSES: dict[type[BaseException], str] = {
    socket.gaierror: "the broker {broker} has an unknown host name; correct it in mqtt.brokers, or see to the network",
    ssl.SSLCertVerificationError: "the broker {broker} shows a certificate that is not trusted "
    "({cause.verify_message}); set mqtt.ca_file to the certificate of its authority",
    _WantsCertificateError: "the broker {broker} wants to see a certificate of ours; set mqtt.cert_file and "
    "mqtt.key_file to one that its authority has signed",
    ssl.SSLError: "the broker {broker} does not speak TLS on this port; for plain MQTT write mqtt:// in mqtt.brokers",
    ConnectionRefusedError: "nothing answers at {broker}; start the broker there, or correct mqtt.brokers",
    ConnectionError: "the broker {broker} hangs up; see whether it has room for one more client "
    "(its log says so), wants mqtt:// or mqtts://, or a certificate of ours (mqtt.cert_file)",
    TimeoutError: "the broker {broker} does not answer; see whether it runs, whether the network reaches it, and "
    "whether it wants mqtt:// or mqtts://, or a certificate of ours (mqtt.cert_file)",
}


@contextlib.asynccontextmanager
async def connection(
    broker: BrokerUrl,
    settings: MqttSettings,
    *,
    identifier: str,
    protocol: aiomqtt.ProtocolVersion,
    will: aiomqtt.Will | None = None,
    open_seconds: float | None = None,
) -> AsyncIterator[aiomqtt.Client]:
    """Connect for the block. Cancelled, it takes its leave; after an error it hangs up, so that the will is sent.

    `open_seconds`: how long a broker that says nothing is waited for at most, where that is to be less than usual.

    Raise `RefusedError` where a password or a certificate cannot be had.
    """
    username, password = login(broker, settings)
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=username,
        password=password,
        # Always the same: so the broker ends a dead connection of ours when we return, and sends its will before our
        # `online`, not a minute after it.
        identifier=identifier,
        protocol=protocol,
        # A command that was sent while we were away must not be carried out when we return. (With MQTT 5, a new client
        # begins clean, and its session ends with the connection.)
        clean_session=None if protocol is aiomqtt.ProtocolVersion.V5 else True,
        will=will,
        keepalive=_KEEPALIVE_SECONDS,
        timeout=_ANSWER_SECONDS if open_seconds is None else min(_ANSWER_SECONDS, open_seconds),
        queue_type=Inbox,
        logger=_PAHO_LOGGER,
        # Without it, the reply to a pain waits some 40 ms for the acknowledgement of the packet before it.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        tls_context=tls(settings) if broker.tls else None,
    )
    client.pending_calls_threshold = WINDOW + 4
    client._client.connect_timeout = _CONNECT_SECONDS if open_seconds is None else min(_CONNECT_SECONDS, open_seconds)
    _notice_hang_up(client)
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
        _drop(client)


def _notice_hang_up(client: aiomqtt.Client) -> None:
    """Let the opening fail when the broker hangs up before it has answered; aiomqtt 2.5 waits for an answer then."""
    paho, loop = client._client, asyncio.get_running_loop()
    known = paho.on_disconnect

    def fail() -> None:
        if not client._connected.done():
            error = aiomqtt.MqttError("it hung up before it answered")
            error.__cause__ = ConnectionAbortedError()
            client._connected.set_exception(error)

    def on_disconnect(*told: Any) -> None:
        loop.call_soon_threadsafe(fail)  # paho may write its first packet in another thread
        if known is not None:
            known(*told)

    paho.on_disconnect = on_disconnect


def _drop(client: aiomqtt.Client) -> None:
    """Close the socket, whatever state it is in.

    aiomqtt 2.5 leaves it open, read and pinged after a connect that timed out or was cancelled: a ghost whose will
    would be published long after we are back. A connect still waiting in its thread must not come to life either.
    """
    paho = client._client
    paho.on_socket_open = None
    with contextlib.suppress(OSError, ValueError):
        paho._sock_close()
    if client._disconnected.done():
        client._disconnected.exception()  # seen; asyncio need not complain that nobody asked


def speaks_older(error: BaseException) -> bool:
    """Say whether a broker may know MQTT 3.1.1 alone: it said so, or hung up on MQTT 5 without a word."""
    if isinstance(error, aiomqtt.MqttCodeError):
        return _code(error) in _OTHER_VERSION
    cause = error.__cause__ or error.__context__ or error
    return not isinstance(cause, socket.gaierror | ssl.SSLError | ConnectionRefusedError | RefusedError)


def explain(
    broker: BrokerUrl, error: BaseException, *, lasted_seconds: float = 0.0, username: str | None = None
) -> str:
    """Say in one line what is wrong with a broker and what to do about it.

    `lasted_seconds` is how long the connection lasted that is now lost; 0 if there was none.
    """
    if isinstance(error, RefusedError):
        return f"the broker {broker} {error}"
    if isinstance(error, aiomqtt.MqttCodeError) and _code(error) in _FULL:
        return f"the broker {broker} {_FULL[_code(error) or 0]}; see its log and its limits; trying again"
    if isinstance(error, aiomqtt.MqttCodeError) and _code(error) in _NOT_WELCOME:
        who = f"the user {username!r}" if username else "a client without user name"
        return (
            f"the broker {broker} does not let {who} in; "
            "set user name and password in mqtt.brokers: mqtt://user:password@host:port"
        )
    cause = error.__cause__ or error.__context__ or error  # aiomqtt keeps only the text of an OSError, as its context
    if "timed out" in str(error):
        cause = TimeoutError()
    if lasted_seconds and not isinstance(cause, TimeoutError):
        # Brokers hang up on the first of two clients with the same name, without a word why.
        twins = "; if it goes on, see that no other controller has the same mqtt.node"
        short = lasted_seconds < STEADY_SECONDS
        return f"the connection to the broker {broker} was lost; see whether it still runs{twins if short else ''}"
    if isinstance(cause, ssl.SSLError) and _ALERTS.search(str(cause)):
        cause = _WantsCertificateError()
    for kind, words in _CAUSES.items():
        if isinstance(cause, kind):
            return words.format(broker=broker, cause=cause)
    return f"the broker {broker} cannot be used ({error}); see its log"


def _code(error: aiomqtt.MqttCodeError) -> int | None:
    return error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
