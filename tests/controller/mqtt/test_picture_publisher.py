"""The drawing of what to do now, over MQTT: always one, and only when it is another one."""

from __future__ import annotations

from controller.contract.events import Guide, SessionState, Snapshot
from controller.contract.pictures import picture_svg
from controller.mqtt.outbox import Outbox
from controller.mqtt.picture_publisher import PicturePublisher
from controller.mqtt.publisher import _properties
from controller.mqtt.topics import Topics
from devices.roles import Side

TOPICS = Topics()


def published(outbox: Outbox) -> list[str]:
    found = []
    while (message := outbox.take(paced=False)) is not None:
        assert (message.topic, message.qos, message.retain) == (TOPICS.picture("home"), 1, True)
        assert _properties(message).ContentType == "image/svg+xml"
        outbox.acknowledged(message)
        found.append(message.payload)
    return found


def drawn(name: str, side: Side = Side.LEFT) -> str:
    return picture_svg(name, side).decode()


def test_a_picture_is_published_when_it_is_another_one() -> None:
    outbox = Outbox(TOPICS)
    pictures = PicturePublisher(TOPICS, outbox)
    idle = Snapshot(station="home")
    pictures.watch(idle)
    assert published(outbox) == [drawn("prompt")]
    guide = Guide(station="home", picture="stroke", side=Side.LEFT, seconds_left=60)
    pictures.watch(guide)
    assert published(outbox) == [drawn("stroke")]
    pictures.watch(guide.model_copy(update={"seconds_left": 59}))
    pictures.watch(idle.model_copy(update={"progress": 0.5}))
    assert published(outbox) == []
    pictures.watch(guide.model_copy(update={"side": Side.RIGHT}))
    assert published(outbox) == [drawn("stroke", Side.RIGHT)]
    assert drawn("stroke") != drawn("stroke", Side.RIGHT)


def test_what_remains_of_a_session_is_shown_and_never_nothing() -> None:
    outbox = Outbox(TOPICS)
    pictures = PicturePublisher(TOPICS, outbox)
    pictures.watch(Snapshot(station="home", session_id="s", state=SessionState.STOPPED, reason="pain"))
    assert published(outbox) == [drawn("take-off")]
    pictures.watch(Guide(station="home"))
    assert published(outbox) == []


def test_a_picture_of_another_station_is_its_own() -> None:
    outbox = Outbox(TOPICS)
    pictures = PicturePublisher(TOPICS, outbox)
    for station in ("home", "ward"):
        pictures.watch(Snapshot(station=station))
    topics = [message.topic for message in iter(lambda: outbox.take(paced=False), None)]
    assert topics == [TOPICS.picture("home"), TOPICS.picture("ward")]
