"""Which plugs are on a broker: what each kind announces there. Asks Shellys what they are, and switches nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from devices.errors import ProtocolError
from devices.plugs.broker_connection import OpenBroker, ReceivedMessage
from devices.plugs.plug_model import KindName
from devices.plugs.plug_protocol import PlugMessage, as_json, json_object, part_of
from devices.plugs.zigbee2mqtt import has_switch
from devices.support.clock import Clock

_ONLINE, _DEVICES, _TASMOTA = "+/online", "+/bridge/devices", "tasmota/discovery/+/config"
_SHELLY = "shelly"  # its MQTT prefix is its id, unless its owner changed it; nothing else gets a request
_RELAY = 1  # in the list `rl` of a Tasmota device
_PREFIXES = ["cmnd", "stat", "tele"]


@dataclass(frozen=True)
class FoundPlug:
    """One plug. `settings`: its section of the settings. `refusal`: why it cannot be used."""

    kind: KindName
    name: str
    settings: dict[str, object] = field(hash=False)
    refusal: str | None = None


async def find_plugs(open_broker: OpenBroker, clock: Clock, seconds: float, source: str) -> list[FoundPlug]:
    """Listen for `seconds`, and return the plugs that are there. `source`: our own name. Raise `LinkLostError`."""
    found: dict[tuple[str, object, object], FoundPlug] = {}
    requested: set[str] = set()
    async with open_broker() as broker:

        async def listen() -> None:
            async for message in broker.messages():
                for plug in announced(message, source):
                    found[plug.kind, plug.settings["topic"], plug.settings.get("channel")] = plug
                if (topic := shelly_online(message)) is not None and topic not in requested:
                    requested.add(topic)
                    await broker.publish(_question(topic, source), qos=0)

        task = asyncio.create_task(listen(), name="plugs on the broker")
        try:
            await broker.subscribe([_ONLINE, _DEVICES, _TASMOTA, f"{source}/rpc"])
            await clock.sleep(seconds)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    return sorted(found.values(), key=lambda plug: (plug.refusal is not None, plug.kind, plug.name))


def shelly_online(message: ReceivedMessage) -> str | None:
    """Return the MQTT prefix of a Shelly that reports that it is online."""
    prefix, _, last = message.topic.rpartition("/")
    is_shelly = last == "online" and prefix.startswith(_SHELLY) and message.payload.strip() == b"true"
    return prefix if is_shelly else None


def announced(message: ReceivedMessage, source: str) -> Iterator[FoundPlug]:
    """Yield the plugs that a message announces. What cannot be read announces none."""
    parts = message.topic.split("/")
    with contextlib.suppress(ProtocolError, ValueError, RecursionError):
        if message.topic == f"{source}/rpc":
            yield from _shelly(json_object(message.payload))
        elif parts[1:] == ["bridge", "devices"]:
            yield from _zigbee(parts[0], json.loads(message.payload))
        elif parts[:2] == ["tasmota", "discovery"]:
            yield from _tasmota(json_object(message.payload))


def _question(topic: str, source: str) -> PlugMessage:
    frame = {"id": 1, "src": source, "method": "Shelly.GetStatus", "params": {}}
    return PlugMessage(f"{topic}/rpc", as_json(frame))


def _shelly(message: dict[str, object]) -> Iterator[FoundPlug]:
    """Yield a plug for a device with a switch; its prefix is its `src`, to which the request went."""
    topic, status = message.get("src"), message.get("result")
    if isinstance(topic, str) and isinstance(status, dict) and "switch:0" in status:
        yield FoundPlug("shelly", topic, {"topic": topic})


def _zigbee(base: str, devices: object) -> Iterator[FoundPlug]:
    for device in devices if isinstance(devices, list) else ():
        name = part_of(device, "friendly_name")
        if isinstance(name, str) and has_switch(part_of(device, "definition", "exposes")):
            own_base = {} if base == "zigbee2mqtt" else {"base": base}
            yield FoundPlug("zigbee2mqtt", name, {"topic": f"{base}/{name}", **own_base})


def _tasmota(config: dict[str, object]) -> Iterator[FoundPlug]:
    topic, relays, name = config.get("t"), config.get("rl"), config.get("dn")
    if not isinstance(topic, str) or not isinstance(relays, list):
        return
    full_topic = config.get("ft")
    own_topic = {} if full_topic in (None, "%prefix%/%topic%/") else {"full_topic": full_topic}
    other_prefixes = config.get("tp") not in (None, _PREFIXES)
    refusal = "its prefixes are not cmnd, stat and tele: set Prefix1 to Prefix3 to these" if other_prefixes else None
    several = sum(relay == _RELAY for relay in relays) > 1
    for channel, relay in enumerate(relays, 1):
        if relay == _RELAY:
            shown = name if isinstance(name, str) and name else topic
            own_channel: dict[str, object] = {"channel": channel} if several else {}
            label = f"{shown} {channel}" if several else shown
            yield FoundPlug("tasmota", label, {"topic": topic, **own_topic, **own_channel}, refusal)
