"""Every reason that the code can give has a text, and every text is used; found by reading the code."""

from __future__ import annotations

import ast
import fnmatch
import functools
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import controller
from controller.contract.words import Words, languages, load_words
from controller.safety.apply_limits import limit_comfort, limit_seconds
from controller.safety.limits import BUDGETS, Limit, OwnerLimits, Reason, Trip, TripKind, budget_key
from controller.safety.message import NotPossibleError, detail_of, message, message_of
from controller.safety.stopping import Stopped
from devices.errors import DeviceError, LinkLostError, RefusedError, UncertainError
from devices.roles import DeviceLimits

CODE = Path(controller.__file__).parent


class Use(NamedTuple):
    """A key in the code, possibly with a wildcard, and the names of its values (`None`: not written out there)."""

    key: str
    values: frozenset[str] | None
    where: str


def keys_of(node: ast.expr) -> Iterator[str]:
    """The keys that an expression can be: a text, one of two, or a text with something in it, as a wildcard."""
    match node:
        case ast.Constant(value=str() as key):
            yield key
        case ast.IfExp(body=body, orelse=other):
            yield from keys_of(body)
            yield from keys_of(other)
        case ast.JoinedStr(values=parts):
            yield "".join(each.value if isinstance(each, ast.Constant) else "*" for each in parts)


def _uses() -> Iterator[Use]:
    for file in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            where = f"{file.name}:{node.lineno}"
            named = {each.arg: each.value for each in node.keywords if each.arg is not None}
            if node.func.id == "message" and node.args:
                for key in keys_of(node.args[0]):
                    yield Use(key, frozenset(named), where)
            elif node.func.id in ("Reason", "_layer") and "key" in named:
                match named.get("values"):
                    case None:
                        values: frozenset[str] | None = frozenset()
                    case ast.Dict(keys=keys):
                        values = frozenset(str(ast.literal_eval(key)) for key in keys if key is not None)
                    case _:
                        values = None
                for key in keys_of(named["key"]):
                    yield Use(key, values, where)


@functools.cache
def uses() -> tuple[Use, ...]:
    return tuple(_uses())


ERRORS = {"device_not_connected", "device_refused", "device_not_confirmed", "device_failed"}  # by `message_of`


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.fixture(params=languages())
def words(request: pytest.FixtureRequest) -> Words:
    return load_words(request.param)


@pytest.mark.system
def test_the_code_is_read() -> None:
    assert len(uses()) > 80
    assert {"no_session", "pace", "not_stopped_*", "retained"} <= {use.key for use in uses()}


def test_every_reason_in_the_code_has_a_text(words: Words) -> None:
    assert [use for use in uses() if not fnmatch.filter(words.reasons, use.key)] == []


def test_every_reason_in_the_code_has_the_values_of_its_text(words: Words) -> None:
    for use in uses():
        for key in fnmatch.filter(words.reasons, use.key):
            if use.values is not None:
                assert placeholders(words.reasons[key]) == use.values, use


def test_no_text_of_a_reason_is_unused(words: Words) -> None:
    used = {key for use in uses() for key in fnmatch.filter(words.reasons, use.key)} | ERRORS
    assert sorted(words.reasons.keys() - used) == []


def test_what_is_named_by_its_kind_has_a_text_for_each_kind(words: Words) -> None:
    names = {f"trip_{kind.value}" for kind in TripKind} | {f"budget_{budget_key(name)}" for name in BUDGETS}
    names |= {f"not_stopped_{result}" for result in Stopped.__args__ if result != "stopped"}  # type: ignore[attr-defined]
    assert names <= words.reasons.keys()


def test_a_reason_can_stand_behind_a_value_and_alone(words: Words) -> None:
    for key, text in words.reasons.items():
        assert not text.endswith((".", " ")), key
        values: dict[str, Any] = dict.fromkeys(placeholders(text), 7)
        sentence = words.sentence(message(key, **values))
        assert sentence[0] == sentence[0].upper()
        assert sentence[-1] in ".?"
        assert "{" not in sentence


# What the words look like


def reply_of(limit: Limit, language: str = "en") -> tuple[str, ...]:
    return load_words(language).limit_reasons(limit)


@pytest.mark.parametrize(
    ("quantity", "allows", "en", "de"),
    [
        ("vacuum_mmhg", 150.0, "150 mmHg", "150 mmHg"),
        ("comfort_vacuum_mmhg", 90.0, "90 mmHg", "90 mmHg"),
        ("celsius", 40.5, "40.5 °C", "40,5 °C"),
        ("level", 3, "level 3", "Stufe 3"),
        ("intensity", 1 / 3, "33.3 %", "33,3 %"),
        ("rate_cpm", 90.0, "90 cpm", "90 pro min"),
        ("seconds", 1200.0, "20 min", "20 min"),
    ],
)
def test_each_quantity_has_its_unit(quantity: str, allows: float, en: str, de: str) -> None:
    limit = Limit(
        quantity=quantity, asked=999, allowed=allows, reasons=(Reason(who="step", allows=allows, key="step"),)
    )
    assert reply_of(limit) == (f"{en}: this step of the routine",)
    assert reply_of(limit, "de") == (f"{de}: dieser Schritt des Ablaufs",)


def test_each_layer_says_what_it_allows_itself_and_the_lowest_comes_first() -> None:
    reasons = tuple(Reason(who="x", allows=allows, key=key) for allows, key in ((120, "step"), (150, "comfort_cap")))
    limit = Limit(quantity="vacuum_mmhg", asked=250, allowed=120, reasons=reasons)
    assert reply_of(limit) == ("120 mmHg: this step of the routine", "150 mmHg: your comfort cap")


def test_a_published_limit_has_its_words_its_keys_and_its_values() -> None:
    window = message("budget_heat", most_minutes=20, in_minutes=50)
    limit = load_words("de").limit(limit_seconds(2000, 1200, DeviceLimits(), window))
    (reason,) = limit.model_dump(mode="json")["reasons"]
    assert reason == {
        "who": "budget",
        "allows": 1200,
        "key": "budget_heat",
        "values": {"most_minutes": 20, "in_minutes": 50},
        "words": "20 min Wärme in 50 min",
    }


def test_a_cap_above_the_settings_is_limited_by_them() -> None:
    limit = limit_comfort(200, OwnerLimits(comfort_vacuum_mmhg=150))
    assert reply_of(limit, "de") == ("150 mmHg: die Komfortgrenze in deinen Einstellungen",)


def test_a_trip_says_what_happened_in_the_language_and_keeps_what_was_measured_for_the_log() -> None:
    trip = Trip(kind=TripKind.VACUUM, device="left-pump", detail="the vacuum reached 305 mmHg")
    told = load_words("de").trip(trip)
    assert told is not None
    assert (told.words, told.detail) == ("der Unterdruck war zu hoch", "the vacuum reached 305 mmHg")
    assert load_words("de").trip(None) is None


def test_a_name_at_the_beginning_stays_as_it_is_written() -> None:
    words = load_words("en")
    assert words.sentence(message("not_stopped_unconfirmed", device="left-pump")).startswith("left-pump does not")
    assert words.sentence(message("no_session")) == "No session is running."


@pytest.mark.parametrize(
    ("error", "en"),
    [
        (LinkLostError("x"), "left-pump is not connected."),
        (RefusedError("x"), "left-pump did not accept that."),
        (UncertainError("x"), "left-pump did not confirm that."),
        (DeviceError("x"), "left-pump did not do that."),
    ],
)
def test_an_error_of_a_device_is_told_plainly_and_its_details_are_kept(error: DeviceError, en: str) -> None:
    words = load_words("en")
    assert words.sentence(message_of(error)) == en.replace("left-pump", "The device")
    error.device = "left-pump"
    assert words.sentence(message_of(error)) == en
    assert detail_of(error) == "x"


def test_an_error_with_a_message_of_its_own_says_that() -> None:
    error = NotPossibleError(message("no_pump_runs"))
    assert (message_of(error), detail_of(error)) == (message("no_pump_runs"), None)
    assert str(error) == "no_pump_runs"
