"""Publishes the drawing of what to do now, for a screen or a dashboard that shows an image."""

from __future__ import annotations

from controller.contract.events import Guide, Item, Snapshot
from controller.contract.pictures import picture_svg, shown_picture
from controller.mqtt.outbox import Outbox
from controller.mqtt.topics import Topics
from devices.roles import Side

# A person in an armchair: there is always a picture, as Home Assistant shows a missing one as an error.
_NOTHING_TO_DO = "prompt"


class PicturePublisher:
    """A subscriber of the stream: `watch` takes every item, and queues the drawing when it has changed."""

    def __init__(self, topics: Topics, outbox: Outbox) -> None:
        self._topics = topics
        self._outbox = outbox
        self._guides: dict[str, Guide] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._shown: dict[str, tuple[str, Side]] = {}

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        match item:
            case Guide():
                self._guides[item.station] = item
            case Snapshot():
                self._snapshots[item.station] = item
            case _:
                return
        self._show(item.station)

    def _show(self, station: str) -> None:
        guide = self._guides.get(station) or Guide(station=station)
        snapshot = self._snapshots.get(station) or Snapshot(station=station)
        name, side = shown_picture(guide, snapshot)
        shown = (name or _NOTHING_TO_DO, side)
        if self._shown.get(station) != shown:
            self._shown[station] = shown
            self._outbox.retain(self._topics.picture(station), picture_svg(*shown).decode())
