"""A flood of commands costs neither memory nor a stop."""

from __future__ import annotations

import pytest
from aiomqtt import Message

from controller.mqtt.connection import Inbox


def message(payload: bytes, topic: str = "letdown/home/command") -> Message:
    return Message(topic, payload, 1, retain=False, mid=1, properties=None)


def test_in_a_flood_only_stop_and_pain_get_in(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    for _ in range(1000):
        inbox.put_nowait(message(b'{"action": "skip"}'))
    for payload in (b'{"action": "stop"}', b"stop, please", b'{"action": "pain", "id": "1"}', b'"start"', b"stop"):
        inbox.put_nowait(message(payload))
    waiting = [inbox.get_nowait().payload for _ in range(inbox.qsize())]
    assert len(waiting) == 259
    assert waiting[256:] == [b'{"action": "stop"}', b'{"action": "pain", "id": "1"}', b"stop"]
    assert inbox.dropped == 746
    assert len(caplog.records) == 1


def test_even_a_flood_of_stops_is_bounded() -> None:
    inbox = Inbox()
    for _ in range(10_000):
        inbox.put_nowait(message(b'{"action": "stop"}'))
    assert inbox.qsize() == 4096


def test_in_a_flood_a_pressed_stop_or_pain_gets_in() -> None:
    inbox = Inbox()
    for _ in range(1000):
        inbox.put_nowait(message(b"PRESS", "letdown/home/skip/set"))
    for name in ("stop", "pain", "start"):
        inbox.put_nowait(message(b"", f"letdown/home/{name}/set"))
    waiting = [inbox.get_nowait().topic.value for _ in range(inbox.qsize())]
    assert waiting[256:] == ["letdown/home/stop/set", "letdown/home/pain/set"]
