"""What devices did is held against who owned their station: each violation is found, and none in a healthy record."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fleet.made_records import LEFT, delete, down, made, off, put, renew, start, stop, up
from tests.fleet.observer import Violation
from tests.fleet.ownership_observer import drove_without_ownership, longest_ownership, outlived_ownership, ownerships

TTL_SECONDS = 6.0
SLACK_SECONDS = 1.0


def unowned(record: list[dict[str, Any]], stored: list[dict[str, Any]]) -> list[Violation]:
    return drove_without_ownership(record, ownerships(stored, TTL_SECONDS))


def test_nothing_is_found_in_a_healthy_record() -> None:
    first = [up(0.5), *start(1), *(renew(at) for at in (5, 9, 13)), *stop(15), down(16)]
    second = [up(20, "c2"), *start(21, "c2"), *stop(30, "c2"), down(31, "c2")]
    owned = [*(put(at) for at in range(17)), delete(16.5), *(put(at, "c2") for at in range(18, 31))]
    assert unowned(made(first, second), owned) == []
    assert outlived_ownership(made(first, second), owned, [], TTL_SECONDS, SLACK_SECONDS) == []


def owned_until(at: float) -> list[dict[str, object]]:
    return [put(each) for each in range(int(at) + 1)]


def test_driving_after_the_ownership_has_expired_is_found() -> None:
    record = made(up(0), *start(1), renew(8), renew(11))
    (found,) = unowned(record, owned_until(4))
    assert found.at == 11
    assert "1.00 s after it had lost it" in found.detail


def test_driving_what_another_one_owns_is_found() -> None:
    record = made(up(0), *start(1), renew(8), renew(11))
    (found,) = unowned(record, [*owned_until(4), put(10.5, "c2")])
    assert found.at == 11
    assert "the owner was c2" in found.detail


def test_driving_after_giving_it_up_is_found() -> None:
    (found,) = unowned(made(up(0), *start(1), renew(5)), [put(0), delete(4)])
    assert "the owner was no controller" in found.detail


def test_driving_what_was_never_owned_is_found() -> None:
    (found,) = unowned(made(up(0), *start(1)), [put(0, station="s2")])
    assert "without ever being the owner" in found.detail


def test_the_clocks_of_the_cluster_and_of_the_devices_may_differ_a_little() -> None:
    assert unowned(made(up(0), *start(1)), [put(1.01)]) == []


def test_giving_it_up_a_moment_after_the_last_command_is_fine() -> None:
    record = made(up(0), *start(1), *stop(2))
    assert unowned(record, [put(0), delete(1.1), put(1.2, "c2")]) == []


def test_a_lease_is_held_through_renewals_that_were_not_recorded() -> None:
    first, last, again = put(0, lease="a"), put(20, lease="a"), put(20, lease="b")
    record = made(up(0), *start(1), renew(9), renew(17))
    assert unowned(record, [first, last]) == []
    assert [each.at for each in unowned(record, [first, again])] == [9, 17]


def test_the_next_lease_ends_the_one_before() -> None:
    found = ownerships([put(0, lease="a"), put(2, lease="a"), put(5, "c2"), delete(9)], TTL_SECONDS)
    assert [(each.node, each.began, each.ended) for each in found] == [("c1", 0, 5), ("c2", 5, 9)]


# An owner that cannot renew any more


def cut_off(ended: float) -> list[dict[str, object]]:
    """A run of an owner that renewed last at 4, which ends then."""
    return made(up(0), *start(1), renew(4), off(ended, "commanded"), *stop(30))


def test_one_that_stops_within_two_thirds_of_the_time_is_fine() -> None:
    assert outlived_ownership(cut_off(8.5), owned_until(4), [], TTL_SECONDS, SLACK_SECONDS) == []


def test_one_that_lets_a_device_run_longer_is_found() -> None:
    (found,) = outlived_ownership(cut_off(10), owned_until(4), [], TTL_SECONDS, SLACK_SECONDS)
    assert (found.at, found.subject) == (9, LEFT)
    assert "6.00 s after its last renewal" in found.detail


def test_a_renewal_that_only_the_cluster_has_counts() -> None:
    heard, stored = owned_until(2), [put(3) | {"revision": 7}, put(4) | {"revision": 8}]
    record = cut_off(8.5)
    assert outlived_ownership(record, [*heard, *stored], [], TTL_SECONDS, SLACK_SECONDS) == []
    assert len(outlived_ownership(record, heard, [], TTL_SECONDS, SLACK_SECONDS)) == 1


@pytest.mark.parametrize(
    "faults",
    [
        [{"at": 4.5, "what": "freeze", "controller": "c1"}, {"at": 8, "what": "end_of_freeze", "controller": "c1"}],
        [{"at": 4.5, "what": "freeze", "controller": "c1"}],
        [{"at": 5, "what": "ended_by_itself", "controller": "c1"}],
        [{"at": 12, "what": "ended_by_itself", "controller": "c1"}],  # it hung before
    ],
)
def test_one_that_could_not_act_is_not_to_blame(faults: list[dict[str, object]]) -> None:
    assert outlived_ownership(cut_off(10), owned_until(4), faults, TTL_SECONDS, SLACK_SECONDS) == []


def test_what_happened_to_another_one_or_before_is_no_excuse() -> None:
    other = [{"at": 4.5, "what": "freeze", "controller": "c2"}]
    earlier = [{"at": 1, "what": "freeze", "controller": "c1"}, {"at": 2, "what": "end_of_freeze", "controller": "c1"}]
    for faults in (other, earlier):
        assert len(outlived_ownership(cut_off(10), owned_until(4), faults, TTL_SECONDS, SLACK_SECONDS)) == 1


def test_the_longest_time_since_a_renewal_is_measured() -> None:
    assert longest_ownership(made(up(0), *start(1), renew(6.5)), [put(0), put(3)]) == 3.5
