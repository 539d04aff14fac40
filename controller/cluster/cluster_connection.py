"""The connection to the cluster, which reconnects for ever, and the buckets that the fleet keeps there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError
from nats.js.kv import KeyValue

from controller.cluster.answer import within
from controller.cluster.cluster_error import ClusterError
from controller.cluster.cluster_settings import ClusterSettings

__all__ = ["CLUSTER_ERRORS", "Cluster", "ClusterError", "KeyValue", "connected", "explain"]

_LOGGER = logging.getLogger(__name__)

# What a call may raise while the cluster cannot be reached or has no leader.
CLUSTER_ERRORS = (NatsError, OSError, TimeoutError)

_ANSWER_SECONDS = 2.0
_OPEN_SECONDS = 20.0  # of the buckets
_PING_SECONDS = 2  # a partition is noticed after two of them
_RECONNECT_SECONDS = 0.5
_SAME_SECONDS = 0.001  # the server counts nanoseconds
_REFUSED = "authorization violation"
_EXISTS = 10058  # nats-server: the stream is there already, with other settings
_CONFIG_VERSIONS = 64  # the most that a bucket keeps of a key


@dataclass(frozen=True)
class Cluster:
    """The buckets of a fleet.

    `owners`: who owns a station, each key for `ttl_seconds` only; `nodes`: the same for the controllers themselves;
    `state`: what safety must remember; `config`: the shared settings, with their earlier versions. `ended`: why the
    connection has ended for good, if it has: the cluster refuses this client, and only a new one may be let in.
    """

    client: Client
    owners: KeyValue
    nodes: KeyValue
    state: KeyValue
    config: KeyValue
    ttl_seconds: float
    ended: asyncio.Future[str]

    @property
    def reachable(self) -> bool:
        """Whether there is a connection now."""
        return self.client.is_connected


@contextlib.asynccontextmanager
async def connected(settings: ClusterSettings, name: str) -> AsyncIterator[Cluster]:
    """Connect as `name`, however long it takes, and make sure that the buckets exist. Raise `ClusterError`."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    client = await _connect(settings, name, ended)
    try:
        yield await _opened(client, settings, ended)
    finally:
        with contextlib.suppress(*CLUSTER_ERRORS):
            await within(_ANSWER_SECONDS, client.close())


async def _connect(settings: ClusterSettings, name: str, ended: asyncio.Future[str]) -> Client:
    said: set[str] = set()
    refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def on_error(error: Exception) -> None:
        words = explain(error)
        if _REFUSED in words.lower() and not refused.done():
            refused.set_result(words)
        elif words not in said:
            said.add(words)
            _LOGGER.warning("the cluster cannot be reached (%s); trying again", words)

    async def on_connected() -> None:
        said.clear()
        _LOGGER.info("connected to the cluster")

    async def on_closed() -> None:
        if not ended.done():
            ended.set_result(explain(client.last_error) if client.last_error else "it was closed")

    client = Client()
    options = {
        "servers": list(settings.servers),
        "name": name,
        "connect_timeout": int(_ANSWER_SECONDS),
        "reconnect_time_wait": _RECONNECT_SECONDS,
        "max_reconnect_attempts": -1,
        "ping_interval": _PING_SECONDS,
        "error_cb": on_error,
        "reconnected_cb": on_connected,
        "closed_cb": on_closed,
        **_login(settings),
    }
    connecting = asyncio.create_task(client.connect(**options), name="connect to the cluster")
    try:
        first: set[asyncio.Future[Any]] = {connecting, refused}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if refused.done():
            remedy = "check user and password, or credentials_file, of the section fleet"
            raise ClusterError(f"the cluster refuses this controller ({refused.result()}): {remedy}")
        connecting.result()
    except (NatsError, OSError, ValueError) as error:
        raise ClusterError(f"the cluster of the section fleet cannot be used: {explain(error)}") from error
    finally:
        if not connecting.done():  # it may take no notice of that in time
            connecting.cancel()
            await asyncio.wait({connecting}, timeout=_RECONNECT_SECONDS)
    await on_connected()
    return client


def _login(settings: ClusterSettings) -> dict[str, Any]:
    """Return the options of user, password and certificates. Raise `ClusterError`."""
    options: dict[str, Any] = {}
    try:
        if settings.credentials_file is not None:
            settings.credentials_file.read_bytes()
            options["user_credentials"] = str(settings.credentials_file)
        if settings.user is not None:
            options["user"] = settings.user
            options["password"] = _password(settings)
        if settings.ca_file is not None:
            options["tls"] = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ValueError) as error:
        raise ClusterError(f"a file of the section fleet cannot be read: {error}") from None
    return options


def _password(settings: ClusterSettings) -> str:
    if settings.password_file is not None:
        return settings.password_file.read_text(encoding="utf-8").split("\n")[0].strip()
    return "" if settings.password is None else settings.password.get_secret_value()


async def _opened(client: Client, settings: ClusterSettings, ended: asyncio.Future[str]) -> Cluster:
    """Open the buckets, however long it takes: a cluster that was just started has no leader yet."""
    said: set[str] = set()
    while not ended.done():
        info = client._server_info or {}
        if not info.get("jetstream"):
            raise ClusterError(f"nats-server {info.get('version', '')} runs without JetStream: start it with -js")
        try:
            return await within(_OPEN_SECONDS, _buckets(client, settings, ended))
        except (TimeoutError, NatsError, OSError) as error:
            permanent = isinstance(error, APIError) and not isinstance(error, ServiceUnavailableError)
            words = explain(error)
            if permanent:
                remedy = "may this user use JetStream, and are there as many servers as replicas?"
                raise ClusterError(
                    f"the buckets of the fleet {settings.name} cannot be opened ({words}): {remedy}"
                ) from error
            if words not in said:
                said.add(words)
                _LOGGER.warning("the buckets of the fleet cannot be opened yet (%s); trying again", words)
        await asyncio.sleep(_RECONNECT_SECONDS)
    raise ClusterError(f"the connection to the cluster was ended ({ended.result()})")


async def _buckets(client: Client, settings: ClusterSettings, ended: asyncio.Future[str]) -> Cluster:
    streams = client.jetstream(timeout=_ANSWER_SECONDS)
    clustered = "cluster" in (client._server_info or {})
    replicas = settings.replicas or (3 if clustered else 1)

    async def bucket(name: str, *, ttl_seconds: float = 0.0, versions: int = 1) -> KeyValue:
        return await _bucket(streams, f"{settings.name}_{name}", ttl_seconds, versions, replicas)

    return Cluster(
        client=client,
        owners=await bucket("owners", ttl_seconds=settings.ttl_seconds),
        nodes=await bucket("nodes", ttl_seconds=settings.ttl_seconds),
        state=await bucket("state"),
        config=await bucket("config", versions=_CONFIG_VERSIONS),
        ttl_seconds=settings.ttl_seconds,
        ended=ended,
    )


async def _bucket(streams: JetStreamContext, name: str, ttl_seconds: float, versions: int, replicas: int) -> KeyValue:
    """Return a bucket, which is made if it is missing. Raise `ClusterError` where it has another TTL."""
    stream = f"KV_{name}"
    try:
        found = await streams.stream_info(stream)
    except NotFoundError:
        try:
            found = await streams.add_stream(_stream_config(stream, name, ttl_seconds, versions, replicas))
        except APIError as error:
            if error.err_code != _EXISTS:  # another controller was quicker
                raise
            found = await streams.stream_info(stream)
    kept_seconds = found.config.max_age or 0.0
    if abs(kept_seconds - ttl_seconds) > _SAME_SECONDS:
        raise ClusterError(
            f"the fleet's bucket {name} was made with ttl_seconds {kept_seconds:g}, not {ttl_seconds:g}: all "
            "controllers need the same; to change it, end all of them and delete that bucket"
        )
    # Reads go to the leader: a follower may be behind, and the state of a station must be the latest.
    return KeyValue(name=name, stream=stream, pre=f"$KV.{name}.", js=streams, direct=False)


def _stream_config(stream: str, bucket: str, ttl_seconds: float, versions: int, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=stream,
        subjects=[f"$KV.{bucket}.>"],
        allow_rollup_hdrs=True,
        deny_delete=True,
        discard=DiscardPolicy.NEW,
        duplicate_window=min(120.0, ttl_seconds or 120.0),
        max_age=ttl_seconds or None,
        max_msgs_per_subject=versions,
        num_replicas=replicas,
        # On the disk: a cluster that is restarted at once must still know who owns what.
        storage=StorageType.FILE,
        # Revisions are epochs, and a database refuses lower ones. A bucket that was deleted and made again goes on
        # above its former revisions: it gains less than a hundred thousand in a second.
        first_seq=int(time.time() * 100_000),
    )


def explain(error: BaseException) -> str:
    """Return an error of the cluster in words."""
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return "no answer"
    return " ".join(str(error).split()) or type(error).__name__
