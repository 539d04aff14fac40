"""What a press may do: every event, every choice of the owner, and every degree of trust."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.bthome.packet import BthomePacket
from devices.bthome.presses import BURST_GAP_SECONDS, BURST_SECONDS, PressMemory, event_in, meaning_of
from devices.roles import PressEvent, PressMeaning, PressTrust

NOW = 1_800_000_000.0
TRUSTS: tuple[PressTrust, ...] = get_args(PressTrust)


def sealed(counter: int, packet_id: int | None = None) -> BthomePacket:
    return BthomePacket(encrypted=True, verified=True, counter=counter, packet_id=packet_id, buttons=(1,))


def test_nothing_that_a_press_can_mean_starts_or_raises() -> None:
    assert {each.value for each in PressMeaning} == {"stop", "pain", "let_down"}


@pytest.mark.parametrize("event", PressEvent)
def test_every_press_stops_unless_the_owner_chose_otherwise(event: PressEvent) -> None:
    assert all(meaning_of(event, trust, {}) is PressMeaning.STOP for trust in TRUSTS)


@pytest.mark.parametrize(("event", "trust"), [*itertools.product(PressEvent, TRUSTS)])
def test_only_what_is_verified_is_a_let_down(event: PressEvent, trust: PressTrust) -> None:
    chosen = dict.fromkeys(PressEvent, PressMeaning.LET_DOWN)
    allowed = trust == "verified" and event is not PressEvent.UNKNOWN
    assert meaning_of(event, trust, chosen) is (PressMeaning.LET_DOWN if allowed else PressMeaning.STOP)


@pytest.mark.parametrize(("event", "trust"), [*itertools.product(PressEvent, TRUSTS)])
def test_pain_is_not_reported_twice_by_one_press(event: PressEvent, trust: PressTrust) -> None:
    chosen = dict.fromkeys(PressEvent, PressMeaning.PAIN)
    allowed = trust in ("verified", "plain") and event is not PressEvent.UNKNOWN
    assert meaning_of(event, trust, chosen) is (PressMeaning.PAIN if allowed else PressMeaning.STOP)


@pytest.mark.parametrize(
    ("buttons", "event"),
    [
        ((), None),
        ((0,), None),
        ((0, 0), None),
        ((1,), PressEvent.PRESS),
        ((0, 3), PressEvent.TRIPLE_PRESS),
        ((5,), PressEvent.LONG_DOUBLE_PRESS),
        ((0x80,), PressEvent.HOLD),
        ((1, 1), PressEvent.UNKNOWN),
        ((7,), PressEvent.UNKNOWN),
        ((0xFF,), PressEvent.UNKNOWN),
    ],
)
def test_what_claims_a_press_is_one(buttons: tuple[int, ...], event: PressEvent | None) -> None:
    assert event_in(BthomePacket(buttons=buttons)) is event


def test_what_cannot_be_read_may_be_a_press() -> None:
    assert event_in(BthomePacket(encrypted=True, readable=False)) is PressEvent.UNKNOWN


def test_the_first_encrypted_packet_says_only_where_the_counter_is() -> None:
    memory = PressMemory(has_key=True)
    assert [memory.trust(sealed(n), NOW) for n in (10, 11, 11, 5, 10, 12, 400)] == [
        *("repeated", "verified", "repeated", "repeated", "repeated", "verified", "verified"),
    ]


@given(st.lists(st.integers(0, 20), max_size=40))
def test_no_counter_is_ever_taken_for_new_twice(counters: list[int]) -> None:
    memory = PressMemory(has_key=True)
    verified = [n for n in counters if memory.trust(sealed(n), NOW) == "verified"]
    assert verified == sorted(set(verified))


def test_one_packet_with_two_counters_is_one() -> None:
    memory = PressMemory(has_key=True)
    packets = [sealed(1, 250), sealed(2, 251), sealed(3, 251), sealed(4, 250), sealed(5, 1)]
    assert [memory.trust(each, NOW) for each in packets] == ["repeated", "verified", "repeated", "repeated", "verified"]


def test_where_there_is_a_key_nothing_else_is_trusted() -> None:
    memory = PressMemory(has_key=True)
    assert memory.trust(BthomePacket(buttons=(1,)), NOW) == "unverified"
    assert memory.trust(BthomePacket(encrypted=True, readable=False), NOW) == "unreadable"


def test_without_a_key_the_packet_id_tells_repeats() -> None:
    memory = PressMemory(has_key=False)
    trusts = [memory.trust(BthomePacket(packet_id=n, buttons=(1,)), NOW) for n in (254, 254, 253, 255, 3, 250)]
    assert trusts == ["plain", "repeated", "repeated", "plain", "plain", "repeated"]


def test_a_time_in_a_packet_that_is_not_now_makes_it_late() -> None:
    memory = PressMemory(has_key=False)
    assert memory.trust(BthomePacket(unix_seconds=int(NOW) - 3), NOW) == "plain"
    assert memory.trust(BthomePacket(unix_seconds=int(NOW) - 30), NOW) == "repeated"
    assert memory.trust(BthomePacket(unix_seconds=int(NOW) + 30), NOW) == "repeated"


def test_one_press_that_is_sent_several_times_is_one() -> None:
    memory = PressMemory(has_key=False)
    assert [memory.in_burst("press", at) for at in (0.0, 0.4, 2.0, 2.0 + BURST_GAP_SECONDS)] == [
        False,
        True,
        True,
        False,
    ]
    assert not memory.in_burst("another", 2.1)


def test_a_device_that_never_falls_silent_is_heard_again() -> None:
    memory = PressMemory(has_key=False)
    heard = [at / 2 for at in range(100) if not memory.in_burst("press", at / 2)]
    assert heard == [0, BURST_SECONDS, 2 * BURST_SECONDS, 3 * BURST_SECONDS, 4 * BURST_SECONDS]
