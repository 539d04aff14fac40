"""What the presses of a station's buttons do: they stop; and where the owner allows it, one means that the milk flows.

A press does not pass through `Service`: like a person's Stop, it has no prerequisites, and nothing is in front of it.
There is no way from here to a start, a raise, or the end of a pause.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from controller.contract.event_data import ButtonPressedData
from controller.contract.events import EndReason, SessionState
from controller.contract.words import Words
from controller.safety.message import KeyedMessage, message
from controller.safety.stopping import TURNS_TO_STOP, Stopped
from controller.service.body import Body
from controller.service.station_reporter import StationReporter
from devices.roles import Button, ButtonPress, PressMeaning
from devices.support.clock import Clock, give_way

_LOGGER = logging.getLogger(__name__)


_AGAIN_SECONDS = 0.25  # ours


class _Pressed(NamedTuple):
    """A press that stops, and how."""

    button: Button
    press: ButtonPress
    did: PressMeaning


class PressedStation(Protocol):
    """What a press needs of its station."""

    name: str
    body: Body
    words: Words
    reporter: StationReporter

    async def stop(
        self, reason: EndReason, state: SessionState = ..., details: KeyedMessage | None = ...
    ) -> dict[str, Stopped]:
        """Stop every device of the body at once."""


class ButtonPresses:
    """Listens to the buttons of one station from its creation on.

    A press stops at once. Of presses that follow within `_AGAIN_SECONDS`, one stops once more at the end of that time:
    anybody near can send hundreds a second, and each stop is written to every device.
    """

    def __init__(self, station: PressedStation, buttons: Sequence[Button], clock: Clock) -> None:
        self._station = station
        self._clock = clock
        self._stops: set[asyncio.Task[None]] = set()
        self._stopped_at_seconds = -math.inf
        self._waiting: _Pressed | None = None
        for button in buttons:
            button.on_press(partial(self._on_press, button))

    def _on_press(self, button: Button, press: ButtonPress) -> None:
        if press.meaning is PressMeaning.LET_DOWN and self._record_let_down():
            self._publish(button, press, PressMeaning.LET_DOWN)
            return
        # A let-down that cannot be one now, such as outside of suction, is a press like any other.
        did = PressMeaning.PAIN if press.meaning is PressMeaning.PAIN else PressMeaning.STOP
        pressed = _Pressed(button, press, did)
        wait_seconds = self._stopped_at_seconds + _AGAIN_SECONDS - self._clock.now()
        if self._waiting is not None:
            if did is PressMeaning.PAIN:
                self._waiting = pressed
            return
        if wait_seconds > 0:
            self._waiting = pressed
            self._in_background(self._stop_again(wait_seconds))
            return
        self._stopped_at_seconds = self._clock.now()
        self._in_background(self._stop(pressed))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="pressed button")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop_again(self, wait_seconds: float) -> None:
        await self._clock.sleep(wait_seconds)
        pressed, self._waiting = self._waiting, None
        if pressed is not None:
            self._stopped_at_seconds = self._clock.now()
            await self._stop(pressed)

    def _record_let_down(self) -> bool:
        """Record the let-down, if there is suction now; return whether there is."""
        session = self._station.body.active_session
        if session is None or session.state is not SessionState.RUNNING or not session.suction_on:
            return False
        session.context.measurements.record_let_down("tap")
        return True

    async def _stop(self, pressed: _Pressed) -> None:
        button, press, did = pressed
        details = _why(did, button.name)
        stopping = asyncio.create_task(self._station.stop(EndReason(did.value), details=details))
        await give_way(TURNS_TO_STOP)  # the stops leave before anything is published
        self._publish(button, press, did)
        results = await stopping
        unconfirmed = [name for name, result in results.items() if result != "stopped"]
        if did is PressMeaning.PAIN and unconfirmed:
            self._station.reporter.show_not_reached(unconfirmed)

    def _publish(self, button: Button, press: ButtonPress, did: PressMeaning) -> None:
        words = self._station.words.reason(_why(did, button.name))
        _LOGGER.info("%s at %s: %s (%s)", words, self._station.name, press.event.value, press.trust)
        self._station.reporter.publish_event(
            ButtonPressedData(device=button.name, press=press.event, trust=press.trust, did=did, words=words)
        )


def _why(did: PressMeaning, device: str) -> KeyedMessage:
    """Return what a button did."""
    match did:
        case PressMeaning.PAIN:
            return message("pain_by_button", device=device)
        case PressMeaning.LET_DOWN:
            return message("let_down_by_button", device=device)
        case _:
            return message("stopped_by_button", device=device)
