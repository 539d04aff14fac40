"""What the screens of devices and settings show: devices, limits, and the steps of a test; pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from controller.contract.about import About
from controller.contract.device_setup import signal_of
from controller.contract.device_test_view import DeviceTestStep, DeviceTestView
from controller.contract.events import DeviceView
from controller.contract.limits_view import LimitsView
from controller.contract.words import Words
from controller.safety.ceilings import BudgetLeft, Ceiling
from controller.web.event_hub import StationView
from controller.web.session_view import sentence
from devices.roles import ButtonReading, MassagerReading, PumpReading, RunState, ScaleReading, WarmerReading
from devices.sensor_roles import ThermometerReading

_NOW_SECONDS = 20  # the time of the last report is at most 10 s old by itself
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class LimitLine(NamedTuple):
    """One limit: what, how much, and which layer decides. `others`: all layers, the deciding one first."""

    title: str
    value: str
    why: str
    layer: str
    others: list[str]


class BudgetLine(NamedTuple):
    """What is left of an energy, and of which window."""

    title: str
    left: str
    window: str


class DeviceCard(NamedTuple):
    """A device, the name of its model, and what is known of it, in words. `startable`: a test can run it.

    `weight`: of a scale, the weight on it; `pressed`: of a button, how it was last; `temperature`: of a thermometer;
    `None` for any other device.
    """

    view: DeviceView
    model: str
    can: list[str]
    signal: str
    reported: str
    limits: list[LimitLine]
    startable: bool
    weight: str | None
    pressed: str | None
    temperature: str | None


def device_cards(view: StationView, about: About, words: Words, now: datetime | None = None) -> list[DeviceCard]:
    """Return the devices of a station, with what each can do, how it is received, and what limits it."""
    known = {device.name: device for each in about.stations for device in each.devices}
    found = []
    for each in view.devices.values():
        device = known.get(each.device)
        capabilities = device.capabilities if device is not None else ()
        found.append(
            DeviceCard(
                each,
                device.model if device is not None else each.profile,
                [words.setup[f"can_{can}"] for can in capabilities if f"can_{can}" in words.setup],
                signal_words(each.rssi_dbm, words),
                ago_words(each.reported_at, now or datetime.now(UTC), words),
                limit_lines(view.limits.of_device(each.device) if view.limits else (), words),
                "start" in capabilities,
                _weight_words(each.reading, words) if isinstance(each.reading, ScaleReading) else None,
                _press_words(each.reading, words) if isinstance(each.reading, ButtonReading) else None,
                _temperature_words(each.reading, words) if isinstance(each.reading, ThermometerReading) else None,
            )
        )
    return found


def _weight_words(reading: ScaleReading, words: Words) -> str:
    """Return the weight on a scale; that it is unknown, where it is."""
    return words.web["unknown"] if reading.weight_g is None else words.amount("weight_g", round(reading.weight_g, 1))


def _press_words(reading: ButtonReading, words: Words) -> str:
    """Return how a button was pressed last; `unknown` where no press was received."""
    return words.web["unknown"] if reading.last_press is None else words.web[f"pressed_{reading.last_press.value}"]


def _temperature_words(reading: ThermometerReading, words: Words) -> str:
    """Return what a thermometer measures; that it is unknown, where it is."""
    return words.web["unknown"] if reading.celsius is None else words.amount("celsius", round(reading.celsius, 1))


def signal_words(rssi_dbm: int | None, words: Words) -> str:
    """Return how well a device is received; that it is unknown, where it is."""
    if rssi_dbm is None:
        return words.web["unknown"]
    return f"{words.web[f'signal_{signal_of(rssi_dbm)}']} ({rssi_dbm} dBm)".replace("-", "\N{MINUS SIGN}")


def ago_words(at: datetime | None, now: datetime, words: Words) -> str:
    """Return how long ago something was."""
    if at is None:
        return words.web["never"]
    seconds = (now - at).total_seconds()
    if seconds < _NOW_SECONDS:
        return words.web["ago_now"]
    if seconds < _HOUR:
        return words.web["ago_minutes"].format(minutes=max(1, round(seconds / _MINUTE)))
    if seconds < _DAY:
        return words.web["ago_hours"].format(hours=round(seconds / _HOUR))
    return words.web["ago_days"].format(days=round(seconds / _DAY))


def limit_lines(ceilings: Iterable[Ceiling], words: Words) -> list[LimitLine]:
    """Return limits with the layer that decides each."""
    return [_limit_line(each, words) for each in ceilings]


def lacks_comfort_cap(limits: LimitsView | None) -> bool:
    """Return whether expression is limited because no comfort cap is set yet."""
    ceilings = () if limits is None else limits.limits
    return any(reason.key == "no_comfort_cap" for each in ceilings for reason in each.reasons)


def _limit_line(ceiling: Ceiling, words: Words) -> LimitLine:
    web = words.web
    layers = [f"{_amount(ceiling, each.allows, words)}: {words.reason(each.message)}" for each in ceiling.reasons]
    first = ceiling.reasons[0] if ceiling.reasons else None
    return LimitLine(
        web[f"limit_{ceiling.id}"],
        _amount(ceiling, ceiling.allows, words),
        words.reason(first.message) if first is not None else web["loosest"],
        web.get(f"layer_{first.who}", "") if first is not None else "",
        layers,
    )


def _amount(ceiling: Ceiling, value: float, words: Words) -> str:
    return words.web["not_allowed"] if value <= 0 else words.amount(ceiling.quantity, value)


def budget_lines(budgets: Iterable[BudgetLeft], words: Words) -> list[BudgetLine]:
    """Return what is left of each energy."""
    titles = {"heat": "limit_heat", "vibration": "limit_vibration"}
    return [
        BudgetLine(
            words.web[titles.get(each.budget, f"budget_{each.budget}")],
            words.web["minutes_left"].format(minutes=each.left_minutes),
            words.reason(each.window),
        )
        for each in budgets
    ]


def trial_lines(test: DeviceTestView, words: Words) -> list[str]:
    """Return the steps of a test as sentences."""
    return [_test_line(step, words) for step in test.steps]


def _test_line(step: DeviceTestStep, words: Words) -> str:
    if step.caution is not None:
        return words.message(f"caution_{step.caution}", device=step.role)
    unknown = "_unknown" if step.kind == "link_loss" and step.profile_line is None else ""
    return sentence(
        words.web[f"step_{step.kind}{unknown}"].format(
            reading=reading_words(step.reading, words, battery=step.kind == "reads"),
            why="" if step.why is None else words.reason(step.why),
            stopped="" if step.stopped is None else words.labels.stop[step.stopped],
            line=step.profile_line,
            seconds=round(step.seconds or 0),
            minutes=math.ceil((step.seconds or 0) / 60),
        )
    )


def reading_words(
    reading: PumpReading | WarmerReading | MassagerReading | None, words: Words, *, battery: bool = True
) -> str:
    """Return what a device reported, as far as it is known."""
    if reading is None:
        return ""
    return ", ".join(_reading_parts(reading, words, battery=battery)) or words.web["nothing_reported"]


def _reading_parts(
    reading: PumpReading | WarmerReading | MassagerReading, words: Words, *, battery: bool
) -> Iterator[str]:
    if reading.run_state is not RunState.UNKNOWN:
        yield words.labels.run[reading.run_state]
    for name, quantity in (("level", "level"), ("surface_celsius", "celsius"), ("intensity", "intensity")):
        if (value := getattr(reading, name, None)) is not None:
            yield words.amount(quantity, value)
    if (power_w := getattr(reading, "power_w", None)) is not None:
        yield f"{round(power_w)} W"
    if peak_mmhg := getattr(reading, "peak_vacuum_mmhg", None):
        yield words.web["reads_peak"].format(value=words.amount("vacuum_mmhg", round(peak_mmhg)))
    if battery and reading.battery_percent is not None:
        yield words.web["reads_battery"].format(value=round(reading.battery_percent))
