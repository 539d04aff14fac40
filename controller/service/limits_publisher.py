"""Publishes what limits a station today: when a default is set, and every few seconds when something has changed."""

from __future__ import annotations

from controller.contract.events import StartDefaults
from controller.contract.limits_view import LimitsView
from controller.contract.stream import Stream
from controller.contract.words import Words
from controller.safety.ceilings import Ceiling, body_ceilings, device_ceilings
from controller.service.station import Station
from devices.support.clock import Clock

LIMITS_EVERY_SECONDS = 5.0


class LimitsPublisher:
    """Publishes the limits of one station while `run` runs."""

    def __init__(self, station: Station, clock: Clock, stream: Stream) -> None:
        self._station = station
        self._clock = clock
        self._stream = stream
        self._view: LimitsView | None = None
        stream.subscribe(self._on_defaults, StartDefaults)

    async def run(self) -> None:
        """Publish what has changed, until cancelled."""
        while True:
            self._publish()
            await self._clock.sleep(LIMITS_EVERY_SECONDS)

    def _on_defaults(self, defaults: StartDefaults) -> None:
        if defaults.station == self._station.name:
            self._publish()

    def _publish(self) -> None:
        view = limits_of(self._station)
        if view != self._view:
            self._view = view
            self._stream.publish(view)


def limits_of(station: Station) -> LimitsView:
    """Return what limits a station now, with the words of its language."""
    guard, words = station.guard, station.words
    layers = guard.today
    return LimitsView(
        station=station.name,
        limits=tuple(_with_words(each, words) for each in body_ceilings(layers)),
        devices={
            role.name: tuple(_with_words(each, words) for each in device_ceilings(role, layers))
            for role in station.roles
        },
        budgets=tuple(each.model_copy(update={"words": words.reason(each.window)}) for each in guard.budgets_left()),
    )


def _with_words(ceiling: Ceiling, words: Words) -> Ceiling:
    reasons = (each.model_copy(update={"words": words.reason(each.message)}) for each in ceiling.reasons)
    return ceiling.model_copy(update={"reasons": tuple(reasons)})
