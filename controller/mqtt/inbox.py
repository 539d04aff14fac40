"""Where messages from the broker wait for the bridge: bounded, so that a flood costs no memory, yet a stop gets in."""

from __future__ import annotations

import asyncio
import logging

from aiomqtt import Message

from controller.commands import ALWAYS, parse_command

_LOGGER = logging.getLogger(__name__)

_MOST = 256
_MOST_WITH_STOPS = 4096  # by then, thousands of stops wait to be carried out; one more changes nothing
_DROPS_PER_WARNING = 1000
_STOPS = tuple(f"/{action.value}/set" for action in ALWAYS)


class Inbox(asyncio.Queue[Message]):
    """The queue that aiomqtt fills. When it is full, only a stop or pain is still let in."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize or _MOST_WITH_STOPS)
        self.dropped = 0

    def put_nowait(self, item: Message) -> None:
        """Let a message in, or drop it if there are too many."""
        if self.qsize() >= self.maxsize or (self.qsize() >= _MOST and not _always(item)):
            self.dropped += 1
            if self.dropped % _DROPS_PER_WARNING == 1:
                _LOGGER.warning("more commands than can be read; %d dropped so far, stop and pain kept", self.dropped)
            return
        super().put_nowait(item)


def _always(message: Message) -> bool:
    if message.topic.value.endswith(_STOPS):
        return True
    try:
        return isinstance(message.payload, bytes) and parse_command(message.payload)[0].action in ALWAYS
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is no stop
        return False
