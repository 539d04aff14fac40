"""The kinds of plug by the name in their model file."""

from __future__ import annotations

from devices.plugs.plug_model import KindName
from devices.plugs.plug_protocol import PlugKind
from devices.plugs.plug_settings import PlugSettings
from devices.plugs.shelly import ShellyPlug
from devices.plugs.tasmota import TasmotaPlug
from devices.plugs.zigbee2mqtt import Zigbee2mqttPlug


def plug_kind(kind: KindName, settings: PlugSettings, source: str) -> PlugKind:
    """Return how a plug is spoken to. `source`: what it is to answer to. Raise `ValueError` for what cannot be."""
    if kind == "shelly":
        return ShellyPlug(settings.topic, source, settings.channel or 0)
    if kind == "tasmota":
        if settings.channel == 0:
            raise ValueError("plug.channel: Tasmota counts its relays from 1")
        return TasmotaPlug(settings.topic, settings.channel or 1, settings.full_topic)
    if settings.channel is not None:
        raise ValueError("plug.channel: a Zigbee plug with several relays cannot be used")
    if not settings.topic.startswith(f"{settings.base}/"):
        raise ValueError(f"plug.topic: write all of it, such as {settings.base}/{settings.topic}")
    return Zigbee2mqttPlug(settings.topic, settings.base)
