"""The section `plug` in the settings of a device: where on the broker it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from devices.support.confidential import Confidential

_WILDCARDS = frozenset("+#")


def _check_topic(topic: str) -> str:
    if not topic or _WILDCARDS & set(topic) or topic != topic.strip("/ \0"):
        raise ValueError("is one topic of the broker, without +, # or a / at its ends, such as shellyplusplugs-a1b2c3")
    return topic


def _check_full_topic(topic: str) -> str:
    if topic.count("%prefix%") != 1 or "%topic%" not in topic or not topic.endswith("/") or _WILDCARDS & set(topic):
        raise ValueError("is the FullTopic of the Tasmota device, such as %prefix%/%topic%/")
    return topic


Topic = Annotated[str, AfterValidator(_check_topic)]


class PlugSettings(Confidential):
    """Which plug it is."""

    topic: Topic = Field(
        description="of a Shelly its MQTT prefix, of a Zigbee plug the whole topic, of Tasmota its `Topic`"
    )
    channel: int | None = Field(
        None, ge=0, le=31, description="which relay, where there are several: from 0 with Shelly, from 1 with Tasmota"
    )
    base: Topic = Field("zigbee2mqtt", description="the base topic of zigbee2mqtt")
    full_topic: Annotated[str, AfterValidator(_check_full_topic)] = Field(
        "%prefix%/%topic%/", description="the `FullTopic` of Tasmota, where it was changed"
    )
