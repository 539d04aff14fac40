"""Which bytes carry which setting: lines, codes, inverses, and what may be sent between captured values."""

from __future__ import annotations

from typing import Any

import pytest

from devices.capture.inference.command_values import explained, fits_at


def rows(name: str, pairs: dict[int | float | str, bytes]) -> list[tuple[bytes, dict[str, Any]]]:
    return [(payload, {name: value}) for value, payload in pairs.items()]


@pytest.mark.parametrize(
    ("name", "pairs", "entry"),
    [
        ("level", {1: b"\x01", 2: b"\x02", 5: b"\x05"}, {"level": "u8"}),
        ("level", {1: b"\x11", 2: b"\x12", 5: b"\x15"}, {"level": "u8", "bias": 16}),
        ("level", {1: b"\x0a", 2: b"\x14", 3: b"\x1e"}, {"level": "u8", "scale": 0.1}),
        ("intensity", {0.05: b"\x01", 0.5: b"\x0a", 1: b"\x14"}, {"intensity": "u8", "full_scale": 20}),
        ("celsius", {30: b"\x56", 35: b"\x5f", 40: b"\x68"}, {"celsius": "u8", "unit": "fahrenheit"}),
        ("celsius", {30: b"\x1e", 31: b"\x1f", 40: b"\x28"}, {"celsius": "u8"}),
        (
            "vacuum_mmhg",
            {50: b"\x01\xf4", 120: b"\x04\xb0", 200: b"\x07\xd0"},
            {"vacuum_mmhg": "u16", "scale": 0.1, "order": "big"},
        ),
        (
            "phase",
            {"stimulation": b"\x07", "expression": b"\x09"},
            {"phase": "u8", "is": {7: "stimulation", 9: "expression"}},
        ),
    ],
)
def test_a_field_is_found(name: str, pairs: dict[int | float | str, bytes], entry: dict[str, Any]) -> None:
    fit = next(fits_at(rows(name, pairs), 0))
    assert fit.entry() == entry
    for value, payload in pairs.items():
        read = fit.value_of(fit.wire_of(payload))
        assert read == value if isinstance(value, str) else read == pytest.approx(value, abs=0.3)


@pytest.mark.parametrize(
    "pairs",
    [
        {1: b"\x01", 2: b"\x04", 3: b"\x09"},  # no straight line
        {1: b"\x09", 2: b"\x05", 3: b"\x01"},  # falls, so that "rounded down" would be more
        {1: b"\x01", 2: b"\x01", 3: b"\x01"},  # never differs
    ],
)
def test_what_is_no_rising_line_is_no_level(pairs: dict[int | float | str, bytes]) -> None:
    assert list(fits_at(rows("level", pairs), 0)) == []


def test_only_captured_values_without_a_gap_are_sent_where_the_line_was_not_checked() -> None:
    two = next(fits_at(rows("level", {3: b"\x03", 4: b"\x04"}), 0))
    assert (two.checked, two.span(), two.entry(ranged=True)["range"]) == (False, (3, 4), [3, 4])
    apart = next(fits_at(rows("level", {3: b"\x03", 7: b"\x07"}), 0))
    assert apart.entry(ranged=True)["range"] == [3, 3]
    three = next(fits_at(rows("level", {1: b"\x01", 3: b"\x03", 7: b"\x07"}), 0))
    assert three.entry(ranged=True)["range"] == [1, 7]
    assert three.entry(ranged=True, least=3)["range"] == [3, 7]


def test_the_inverse_of_a_field_is_recognised() -> None:
    samples = rows("level", {level: bytes([level, 0xFF - level]) for level in (1, 2, 5)})
    fits, inverses, unexplained, ambiguous = explained(samples)
    assert [fit.name for fit in fits] == ["level"]
    assert (inverses, unexplained, ambiguous) == ({1: "level"}, (), {})


def test_a_byte_without_a_reason_stays_unexplained() -> None:
    samples = [(bytes([level, noise]), {"level": level}) for level, noise in ((1, 9), (2, 3), (3, 200), (1, 7))]
    assert explained(samples)[2] == (1,)


def test_two_settings_that_changed_together_are_ambiguous_until_another_command_shows_which() -> None:
    together = [(b"\x01", {"phase": "stimulation", "level": 1}), (b"\x02", {"phase": "expression", "level": 2})]
    assert set(explained(together)[3][0]) == {"phase", "level"}
    known = next(fits_at(rows("level", {1: b"\x01", 2: b"\x02", 5: b"\x05"}), 0))
    fits, _, _, ambiguous = explained(together, [known])
    assert ([fit.name for fit in fits], ambiguous) == (["level"], {})
