"""Events of a unit that no broker has acknowledged yet: the node delivers what the unit's own bridge could not."""

from __future__ import annotations

from collections.abc import Callable

from controller.contract.events import Event
from controller.fleet.node_backlog import UnitBacklog
from controller.mqtt.backlog import Backlog
from tests.helpers.stores import began, ended


class ListedBacklog(Backlog):
    """A backlog that a test can look into."""

    def __init__(self, *earlier: Event) -> None:
        self.events = {event.id: event for event in earlier}

    def take_unpublished(self) -> list[Event]:
        return list(self.events.values())

    def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:
        self.events[event.id] = event
        saved()

    def remove(self, event_id: str) -> None:
        self.events.pop(event_id, None)


def test_what_is_added_is_on_the_disk_of_the_node_until_a_broker_has_it() -> None:
    saved, event = ListedBacklog(), began("s1")
    backlog = UnitBacklog(saved)
    backlog.add(event)
    assert list(saved.events.values()) == [event]
    backlog.remove(event.id)
    assert saved.events == {}


def test_an_event_may_be_published_when_the_node_has_saved_it() -> None:
    class Slow(ListedBacklog):
        def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:
            self.saved = saved

    slow, done = Slow(), list[str]()
    UnitBacklog(slow).add(began("s1"), lambda: done.append("saved"))
    assert done == []
    slow.saved()
    assert done == ["saved"]


def test_what_earlier_runs_left_is_not_delivered_by_every_unit() -> None:
    saved = ListedBacklog(began("s0"))
    assert list(UnitBacklog(saved).take_unpublished()) == []
    assert len(saved.events) == 1


def test_what_is_left_is_handed_over_once_in_order_and_stays_saved() -> None:
    saved = ListedBacklog(began("s0"))
    backlog = UnitBacklog(saved)
    first, second, third = began("s1"), began("s2"), ended("s1")
    for event in (first, second, third):
        backlog.add(event)
    backlog.remove(second.id)
    delivered: list[Event] = []
    backlog.hand_over(delivered.append)
    assert delivered == [first, third]
    assert {first.id, third.id} < saved.events.keys()
    backlog.hand_over(delivered.append)
    assert len(delivered) == 2


def test_what_its_bridge_never_added_is_removed_without_an_error() -> None:
    saved = ListedBacklog(began("s0"))
    UnitBacklog(saved).remove("unknown")
    assert len(saved.events) == 1
