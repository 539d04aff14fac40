from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.virtual.thermal import Pad, PadModel


def warmed(celsius: float = 40.0, seconds: float = 900.0, *, worn: bool = True) -> Pad:
    pad = Pad(1, worn=worn)
    pad.set_target(celsius)
    pad.advance(seconds)
    return pad


def test_a_pad_starts_at_room_temperature_and_skin_at_33() -> None:
    pad = Pad(1)
    pad.advance(600)
    assert pad.surface_celsius == pytest.approx(24)
    assert pad.skin_celsius == pytest.approx(33)
    assert pad.target_celsius is None


def test_heating_has_a_time_constant_of_90_seconds() -> None:
    # Driven toward the target and twice the overshoot: 24 to 41.
    assert warmed(seconds=90).surface_celsius == pytest.approx(41 - 17 / math.e)


def test_a_pad_overshoots_by_half_a_degree_and_then_holds() -> None:
    pad = Pad(1)
    pad.set_target(40)
    seen = []
    for second in range(1, 1200):
        pad.advance(second)
        seen.append(pad.surface_celsius)
    assert max(seen) == pytest.approx(40.5, abs=0.05)
    assert 200 < next(second for second, celsius in enumerate(seen) if celsius >= 40) < 300
    assert seen[-600:] == pytest.approx([40.0] * 600)


def test_a_pad_that_is_off_cools_with_240_seconds() -> None:
    pad = warmed()
    pad.off()
    pad.advance(900 + 240)
    assert pad.surface_celsius == pytest.approx(24 + 16 / math.e)


def test_a_lower_target_is_reached_from_above_and_a_higher_one_from_below() -> None:
    pad = warmed()
    pad.set_target(38)
    pad.advance(910)
    assert 38 < pad.surface_celsius < 40
    pad.advance(1500)
    assert pad.surface_celsius == pytest.approx(38)
    pad.set_target(39)
    pad.advance(1700)
    assert pad.surface_celsius == pytest.approx(39)


def test_skin_follows_a_worn_pad_a_degree_and_a_half_below() -> None:
    pad = warmed(seconds=3600)
    assert pad.skin_celsius == pytest.approx(38.5)
    assert 35 < warmed(seconds=300).skin_celsius < 38


def test_skin_follows_with_120_seconds() -> None:
    pad = warmed(seconds=900, worn=False)
    assert pad.skin_celsius == pytest.approx(33)
    pad.worn = True
    pad.advance(900 + 120)
    assert pad.skin_celsius == pytest.approx(38.5 - 5.5 / math.e)


def test_a_cold_pad_does_not_cool_the_skin() -> None:
    pad = warmed(seconds=3600)
    pad.off()
    for minute in range(1, 60):
        pad.advance(3600 + minute * 60)
        assert pad.skin_celsius >= 33
    assert pad.skin_celsius == pytest.approx(33, abs=0.01)


def test_the_closed_form_agrees_with_a_fine_numerical_solution() -> None:
    pad, numeric_pad, numeric_skin, dt = Pad(1), 24.0, 33.0, 0.001
    pad.set_target(42)
    for _ in range(200_000):
        numeric_pad += (43 - numeric_pad) / 90 * dt
        numeric_skin += (max(33.0, numeric_pad - 1.5) - numeric_skin) / 120 * dt
    pad.advance(200)
    assert pad.surface_celsius == pytest.approx(numeric_pad, abs=1e-3)
    assert pad.skin_celsius == pytest.approx(numeric_skin, abs=1e-3)


def test_the_sensor_scatters_by_a_fifth_of_a_degree_around_the_surface() -> None:
    pad = warmed()
    seen = [pad.read_celsius() for _ in range(2000)]
    assert statistics.mean(seen) == pytest.approx(40, abs=0.02)
    assert statistics.stdev(seen) == pytest.approx(0.2, abs=0.02)


def test_a_frozen_sensor_repeats_its_last_reading_while_the_pad_heats_on() -> None:
    pad = warmed(seconds=60)
    last = pad.read_celsius()
    pad.frozen_sensor = True
    pad.advance(400)
    assert pad.read_celsius() == last
    assert pad.surface_celsius > last + 3
    pad.frozen_sensor = False
    assert pad.read_celsius() == pytest.approx(pad.surface_celsius, abs=1)


def test_a_runaway_passes_43_degrees_and_ends_when_switched_off_or_repaired() -> None:
    pad = warmed()
    pad.runaway = True
    pad.advance(960)
    assert pad.surface_celsius > 44
    pad.off()
    top = pad.surface_celsius
    pad.advance(970)
    assert pad.surface_celsius < top
    pad.set_target(40)
    pad.advance(1200)
    assert pad.surface_celsius > 50
    pad.runaway = False
    pad.advance(2000)
    assert pad.surface_celsius == pytest.approx(40)


def test_the_same_seed_reads_the_same() -> None:
    assert [warmed().read_celsius()] == [warmed().read_celsius()]
    assert Pad(1).read_celsius() != Pad(2).read_celsius()


def test_equal_time_constants_are_refused() -> None:
    with pytest.raises(ValueError, match="time constants"):
        PadModel(skin_tau_s=90)


@given(
    commands=st.lists(
        st.tuples(st.one_of(st.none(), st.floats(30, 42)), st.floats(0.1, 400), st.booleans(), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    pieces=st.integers(2, 40),
)
def test_steps_of_any_size_agree_and_nothing_leaves_its_range(
    commands: list[tuple[float | None, float, bool, bool]], pieces: int
) -> None:
    once, often, now = Pad(1), Pad(1), 0.0
    for target, seconds, worn, runaway in commands:
        for pad in (once, often):
            pad.worn, pad.runaway = worn, runaway
            if target is None:
                pad.off()
            else:
                pad.set_target(target)
        for piece in range(1, pieces + 1):
            often.advance(now + seconds * piece / pieces)
        now += seconds
        once.advance(now)
        assert often.surface_celsius == pytest.approx(once.surface_celsius, abs=1e-6)
        assert often.skin_celsius == pytest.approx(once.skin_celsius, abs=1e-6)
        assert 24 - 1e-6 <= once.surface_celsius <= 60
        assert 33 - 1e-6 <= once.skin_celsius <= max(33, 60 - 1.5)
