"""Who may do what in the cluster that config/fleet/nats.conf sets up: with real clients, against a real nats-server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from controller.cluster.cluster_connection import connected
from controller.cluster.cluster_settings import ClusterSettings
from controller.mqtt.bridge import Bridge
from controller.mqtt.instance import this_process
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.station_client import FRESH_SECONDS, NoContact, StationClient
from controller.mqtt.topics import Topics
from tests.helpers.patience import until
from tests.helpers.shipped_cluster import HOST, ShippedCluster, password, shipped_cluster, three_nodes

pytestmark = pytest.mark.system

ALL, TABLET = ("view", "operate"), "tablet-bed-1"
PEOPLE = (*ALL, TABLET)
BUCKETS = ("KV_letdown_config", "KV_letdown_nodes", "KV_letdown_owners", "KV_letdown_state")
BED_1, BED_2 = Topics("letdown", "bed-1"), Topics("letdown", "bed-2")

RETAINED = {
    topic: f"of {topic}"
    for topics, station in ((BED_1, "bed-1"), (BED_2, "bed-2"))
    for topic in (topics.state(station), topics.device_state(station, "pump"), topics.status())
}

# Filters, and who may subscribe to them.
READ = {
    "letdown/bed-1/#": PEOPLE,
    "letdown/controller/bed-1/#": PEOPLE,
    BED_1.reply("bed-1"): PEOPLE,
    "letdown/#": ALL,
    "letdown/+/state": ALL,
    "letdown/bed-2/#": ALL,
    BED_2.state("bed-2"): ALL,
    "letdown/bed-1x/state": ALL,
    BED_1.of_all_controllers("status"): ALL,
    "homeassistant/#": ALL,
    "#": (),
    "+/bed-1/state": (),
    "$KV/#": (),
    "$KV/letdown_owners/bed-1": (),
    "$JS/#": (),
    "$SYS/#": (),
    "$MQTT/#": (),
    "$MQTT/msgs/#": (),
    "$MQTT/sub/#": (),
    "_INBOX/#": (),
}

# Topics, and who may publish there.
WRITTEN = {
    BED_1.command("bed-1"): ("operate", TABLET),
    BED_1.set("bed-1", "vacuum"): ("operate", TABLET),
    BED_1.device_set("bed-1", "pump", "vacuum"): ("operate", TABLET),
    BED_2.command("bed-2"): ("operate",),
    BED_2.set("bed-2", "vacuum"): ("operate",),
    BED_2.device_set("bed-2", "pump", "vacuum"): ("operate",),
    BED_1.ping(): ("operate", TABLET),
    BED_2.ping(): ("operate",),
    "homeassistant/status": ("operate",),
    BED_1.state("bed-1"): (),
    BED_1.event("bed-1"): (),
    BED_1.reply("bed-1"): (),
    BED_1.status(): (),
    BED_2.instance(): (),
    "homeassistant/device/letdown/config": (),
    "$KV/letdown_owners/bed-2": (),
    "$KV/letdown_config/stations": (),
    "$JS/API/STREAM/DELETE/KV_letdown_owners": (),
    "$JS/API/STREAM/PURGE/$MQTT_rmsgs": (),
    "$MQTT/rmsgs/letdown.bed-2.state": (),
    "$MQTT/msgs/letdown.bed-2.command": (),
    "$MQTT/sess/x": (),
    "$SYS/REQ/SERVER/PING": (),
}


@pytest.fixture
async def cluster() -> AsyncIterator[ShippedCluster]:
    async with shipped_cluster() as found:
        settings = ClusterSettings(
            servers=(f"nats://{HOST}:{found.nats_port}",), user="controller", password=password("controller")
        )
        async with connected(settings, "node-1") as fleet:  # makes the buckets, as a controller does
            await fleet.config.put("stations", b"stations: {}")
        async with found.mqtt("controller") as mqtt:
            for topic, words in RETAINED.items():
                await mqtt.publish(topic, words, qos=1, retain=True)
        yield found


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("user", PEOPLE)
async def test_each_reads_its_own_topics_alone(cluster: ShippedCluster, user: str, qos: int) -> None:
    async with cluster.mqtt(user) as client:
        granted = [topic for topic in READ if await _subscribed(client, topic, qos)]
        got = await _retained(client)
    assert granted == [topic for topic, users in READ.items() if user in users]
    assert got == {topic: words for topic, words in RETAINED.items() if user in ALL or "/bed-1/" in topic}


@pytest.mark.parametrize("user", PEOPLE)
async def test_each_publishes_commands_alone_and_those_of_its_stations(cluster: ShippedCluster, user: str) -> None:
    for qos in (0, 1):
        async with cluster.nats_client("controller") as witness:
            seen = await _published(cluster, witness, user, qos)
        assert seen == {topic.replace("/", ".") for topic, users in WRITTEN.items() if user in users}
    await _is_unharmed(cluster)


@pytest.mark.parametrize("user", PEOPLE)
async def test_a_last_will_reaches_no_topic_that_its_owner_may_not_write(cluster: ShippedCluster, user: str) -> None:
    allowed = BED_1.command("bed-1")
    async with cluster.nats_client("controller") as witness:
        heard = await witness.subscribe("letdown.>")
        await witness.flush()
        for topic in (BED_2.status(), BED_1.status(), allowed):
            await cluster.dies_with_a_will(user, topic, "offline")
        seen = set()
        with contextlib.suppress(NatsTimeoutError):
            while True:
                seen.add((await heard.next_msg(1)).subject)
    assert seen == ({allowed.replace("/", ".")} if user in WRITTEN[allowed] else set())
    await _is_unharmed(cluster)


async def test_who_operates_has_contact_with_a_station_at_rest(cluster: ShippedCluster) -> None:
    """As `letdown watch` has it: a station without devices publishes nothing by itself, but it answers pings."""
    contacts: list[NoContact | None] = []
    bridge = Bridge(
        _settings(cluster, "controller"), BED_1, {}, me=this_process("bed-1", ["bed-1"]), leased=True, mqtt_5=False
    )
    watching = StationClient(_settings(cluster, "operate"), "bed-1", lambda *_: None, contacts.append)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watching.run())]
        await until(lambda: "controller" in contacts)  # it is connected, and there is no controller
        tasks.append(group.create_task(bridge.run()))
        await until(lambda: watching.in_contact)
        await asyncio.sleep(2 * FRESH_SECONDS)
        lost = contacts[contacts.index(None) + 1 :]
        for task in tasks:
            task.cancel()
    assert lost == []


def _settings(cluster: ShippedCluster, user: str) -> MqttSettings:
    broker = BrokerUrl.parse(f"mqtt://{user}:{password(user)}@{HOST}:{cluster.mqtt_port}")
    return MqttSettings(brokers=(broker,), node="bed-1")


async def test_who_takes_the_name_of_another_client_ends_its_connection(cluster: ShippedCluster) -> None:
    """What no permission prevents, and docs/fleet.md says."""
    async with asyncio.timeout(10), contextlib.AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(cluster.mqtt("controller", client_id="letdown-bed-2"))
        await stack.enter_async_context(cluster.mqtt(TABLET, client_id="letdown-bed-2"))
        with pytest.raises(aiomqtt.MqttError):
            await anext(aiter(theirs.messages))


async def test_who_takes_the_name_of_another_client_gets_nothing_of_its_session(cluster: ShippedCluster) -> None:
    topic = BED_2.command("bed-2")
    async with cluster.mqtt("controller", client_id="letdown-bed-2", clean=False) as theirs:
        await theirs.subscribe(topic, qos=1)
    async with cluster.mqtt("controller") as other:
        await other.publish(topic, "while it was away", qos=1)
        async with cluster.mqtt(TABLET, client_id="letdown-bed-2", clean=False) as thief:
            await other.publish(topic, "now", qos=1)
            await other.publish(BED_1.event("bed-1"), "the end", qos=1)
            await thief.subscribe("letdown/bed-1/#", qos=1)
            await other.publish(BED_1.event("bed-1"), "the end", qos=1)
            got = [message.topic.value async for message in _until(thief, "the end")]
    assert topic not in got


@pytest.mark.parametrize("user", PEOPLE)
async def test_people_have_no_way_in_but_mqtt(cluster: ShippedCluster, user: str) -> None:
    with pytest.raises(NatsError, match="Authorization Violation"):
        await cluster.nats_client(user).__aenter__()


async def test_a_wrong_password_opens_nothing(cluster: ShippedCluster) -> None:
    for user in ("controller", "administer", *PEOPLE, "admin", "nobody", ""):
        for word in ("wrong", "", password("node")):
            with pytest.raises(aiomqtt.MqttError):
                await cluster.mqtt(user, word).__aenter__()
            with pytest.raises(NatsError):
                await cluster.nats_client(user, word).__aenter__()


async def test_the_account_of_the_system_sees_nothing_of_the_fleet(cluster: ShippedCluster) -> None:
    async with cluster.nats_client("admin") as admin:
        heard = await admin.subscribe("letdown.>")
        await admin.flush()
        async with cluster.nats_client("controller") as controller:
            await controller.publish("letdown.bed-1.event", b"private")
            await controller.flush()
        with pytest.raises(TimeoutError):
            await heard.next_msg(0.3)


async def test_three_nodes_find_each_other_and_let_in_no_other(tmp_path: Path) -> None:
    async with three_nodes(tmp_path) as (nodes, stranger_is_refused):
        async with nodes[0].mqtt("controller") as client:
            await client.publish(BED_1.state("bed-1"), "kept", qos=1, retain=True)
        async with nodes[2].mqtt("view") as client:
            await client.subscribe(BED_1.state("bed-1"), qos=1)
            assert await _retained(client) == {BED_1.state("bed-1"): "kept"}
        await stranger_is_refused()


async def _subscribed(client: aiomqtt.Client, topic: str, qos: int) -> bool:
    (code,) = await client.subscribe(topic, qos=qos)
    return not getattr(code, "is_failure", code == 0x80)


async def _retained(client: aiomqtt.Client) -> dict[str, str]:
    """Return what comes until nothing has come for a while."""
    got: dict[str, str] = {}
    messages = aiter(client.messages)
    with contextlib.suppress(TimeoutError):
        while True:
            message = await asyncio.wait_for(anext(messages), 0.7)
            got[message.topic.value] = str(message.payload, "utf-8")  # type: ignore[arg-type]
    return got


async def _published(cluster: ShippedCluster, witness: Client, user: str, qos: int) -> set[str]:
    """Let a user publish everywhere. Return the subjects at which anything of it arrived."""
    heard = await witness.subscribe(">")
    await witness.flush()
    async with cluster.mqtt(user) as client:
        for topic in WRITTEN:
            await client.publish(topic, "evil", qos=qos)
        await client.subscribe("letdown/bed-1/#")  # answered after all of it
    await witness.publish("end")
    seen = set()
    while (message := await heard.next_msg(10)).subject != "end":
        if message.data == b"evil" and not message.subject.startswith("$MQTT.msgs."):  # the server's own copy
            seen.add(message.subject)
    return seen


async def _is_unharmed(cluster: ShippedCluster) -> None:
    async with cluster.nats_client("controller") as client:
        streams = {each.config.name for each in await client.jetstream().streams_info()}
        assert {*BUCKETS, "$MQTT_rmsgs"} <= streams
        config = await client.jetstream().key_value("letdown_config")
        assert (await config.get("stations")).value == b"stations: {}"
    async with cluster.mqtt("controller") as mqtt:
        await mqtt.subscribe("letdown/#")
        assert RETAINED.items() <= (await _retained(mqtt)).items()


async def _until(client: aiomqtt.Client, last: str) -> AsyncIterator[aiomqtt.Message]:
    async with asyncio.timeout(10):
        async for message in client.messages:
            yield message
            if message.payload == last.encode():
                return
