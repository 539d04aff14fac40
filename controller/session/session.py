"""The engine: runs one routine at one station, from its first question to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controller.contract.comfort import ComfortAdvice
from controller.contract.event_data import LetDownBy, LetDownData, SessionStartedData, StepStartedData, TripData
from controller.contract.events import EndReason, SessionState, StepOutcome
from controller.contract.pictures import STEP_PICTURES
from controller.contract.stream import Stream
from controller.contract.words import Words
from controller.safety.guard import Guard, HaltedError
from controller.safety.limits import SESSION_SECONDS, Trip
from controller.safety.message import KeyedMessage, NotAllowedError, message, message_of
from controller.safety.stopping import TURNS_TO_STOP, Stopped
from controller.session.day_answers import DayAnswers
from controller.session.guide import GuideDisplay
from controller.session.measurements import Measurements
from controller.session.routine import Routine
from controller.session.session_progress import SessionProgress, planned_step
from controller.session.session_publisher import SessionPublisher
from controller.session.step_context import NoAnswerError, PauseTimeoutError, Signal, Skipped, StepContext
from controller.session.steps import STEPS
from devices.errors import DeviceError
from devices.roles import Role, Scale, Side
from devices.sensor_roles import Thermometer
from devices.support.clock import Clock, give_way

_LOGGER = logging.getLogger(__name__)

_FINAL_MESSAGES = {
    EndReason.COMPLETED: "completed",
    EndReason.STOP: "stopped",
    EndReason.PAIN: "pain",
    EndReason.SYMPTOM: "symptom",
    EndReason.SHUT_DOWN: "shut_down",
}


class Session:
    """One run of a routine. Publishes to the stream and calls no subscriber; `stop` never waits for a step.

    `progress`: how far it is. `context`: what its steps work with. `publisher`: publishes the session as it is now.
    `health`: the fields of a snapshot that the station knows. `comfort`: what is learned of the person's comfort now.
    """

    def __init__(
        self,
        *,
        station: str,
        routine: Routine,
        side: Side,
        clock: Clock,
        guard: Guard,
        devices: Sequence[Role],
        sensors: Sequence[Scale | Thermometer] = (),
        words: Words,
        answers: DayAnswers,
        stream: Stream,
        health: Callable[[], Mapping[str, Any]],
        comfort: Callable[[], ComfortAdvice | None] = lambda: None,
    ) -> None:
        self.id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self.station = station
        self.routine = routine
        self.side = side
        self._clock = clock
        self._guard = guard
        self.progress = SessionProgress(
            station=station,
            session_id=self.id,
            routine=routine.id,
            side=side,
            steps=[planned_step(step, words, side) for step in routine.steps],
        )
        self._guide = GuideDisplay(station, words, stream.publish)
        self._measurements = Measurements(
            devices,
            clock.now,
            self._on_let_down,
            [each for each in sensors if each.role == "scale" and each.side.covers(side)],
            [each for each in sensors if each.role == "thermometer" and each.side.covers(side)],
        )
        self.publisher = SessionPublisher(self.progress, self._measurements, clock, stream, words, health)
        self.context = StepContext(
            progress=self.progress,
            side=side,
            publisher=self.publisher,
            guide=self._guide,
            clock=clock,
            guard=guard,
            devices=devices,
            words=words,
            measurements=self._measurements,
            answers=answers,
            comfort=comfort,
        )
        self._end_explained = False  # the guide already says why it ended
        self._running_steps: asyncio.Task[None] | None = None

    # What it is now

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self.progress.state

    @property
    def suction_on(self) -> bool:
        """Whether pumps run, or the person was asked to run theirs."""
        return self._measurements.suction_on

    # The person's commands

    def signal(self, signal: Signal) -> None:
        """Pass on a skip, a pause, its end, or an answer."""
        self.context.signal(signal)

    def end_for_symptom(self) -> None:
        """Set a reported symptom as the reason of the end, before the guard stops anything because of it."""
        if self.state not in (SessionState.IDLE, SessionState.CHECKING):
            self._finish(SessionState.STOPPED, EndReason.SYMPTOM)

    async def stop(
        self, state: SessionState, reason: EndReason, details: KeyedMessage | None = None
    ) -> dict[str, Stopped]:
        """End now: stop every device first, then the session. Return what each device confirmed.

        `details`: what stopped it, where that is not a command.
        """
        decided = self.progress.decide_end(state, reason, details)
        stopping = self._guard.begin_stop_all()
        self._cancel_steps()  # no next step begins while a device is slow to confirm
        await give_way(TURNS_TO_STOP)  # the stops leave before anything is published
        if decided:
            self._publish_end()
            if details is not None and reason is EndReason.STOP:
                self._explain_end(details.key, **details.values)
        elif reason is EndReason.PAIN:
            self.publisher.publish_pain()  # also when something else had ended it a moment before
        return await stopping

    # The run

    async def run(self) -> None:
        """Run the routine to its end, whatever that is."""
        self.publisher.publish_event(SessionStartedData(routine=self.routine.id, side=self.side))
        if self.progress.outcome is None:  # else it was stopped before it began
            await self._run_to_end()
        self._guard.end_session()
        await self._guard.wait_for_stops()
        self._measurements.unsubscribe()
        self._publish_outcome()
        reason = self.progress.reason_details or self.progress.reason
        _LOGGER.info("session %s: %s (%s)", self.id, self.state.value, reason)

    async def _run_to_end(self) -> None:
        self._guard.begin_session(self.context.answers.symptoms)
        self._measurements.subscribe()
        _LOGGER.info("session %s starts: %s, %s", self.id, self.routine.id, self.side.value)
        self._running_steps = asyncio.create_task(self._run_steps(), name=f"steps of {self.id}")
        try:
            await self._running_steps
        except asyncio.CancelledError:
            self._running_steps.cancel()  # in case this task was cancelled, not that one
            with contextlib.suppress(asyncio.CancelledError):
                await self._running_steps
            self._finish(SessionState.STOPPED, EndReason.CANCELLED)
        except NoAnswerError:
            self._finish(SessionState.STOPPED, EndReason.NO_ANSWER)
            self._explain_end("nobody_answered")
        except PauseTimeoutError:
            self._finish(SessionState.STOPPED, EndReason.PAUSED_TOO_LONG)
        except TimeoutError:
            self._finish(SessionState.STOPPED, EndReason.TIME_OVER, message("time_over", minutes=SESSION_SECONDS / 60))
        except HaltedError:
            self._finish(SessionState.FAILED, EndReason.NOT_ALLOWED, message("halted"))
        except NotAllowedError as error:
            self._finish(SessionState.FAILED, EndReason.NOT_ALLOWED, error.message)
        except DeviceError as error:
            _LOGGER.warning("session %s: %s", self.id, error)
            self._finish(SessionState.FAILED, EndReason.DEVICE_FAILED, message_of(error))
        except Exception:
            _LOGGER.exception("session %s failed", self.id)
            self._finish(SessionState.FAILED, EndReason.ERROR)
        else:
            outcome, reason, details = self.progress.routine_outcome
            self._end_explained = self._end_explained or outcome is SessionState.STOPPED
            self._finish(outcome, reason, details)

    async def _run_steps(self) -> None:
        async with self._clock.timeout(SESSION_SECONDS):
            for index, step in enumerate(self.routine.steps):
                self._begin_step(index)
                try:
                    outcome: StepOutcome = await STEPS[step.kind](step, self.context)
                except Skipped:
                    outcome = "skipped"
                except NotAllowedError as error:
                    _LOGGER.info("%s: %s", step.kind, error)
                    self.progress.blocked.append(error.message)
                    text = self.context.words.sentence(error.message)
                    self._guide.show(step.kind, text, picture=STEP_PICTURES["rest"])
                    outcome = "not_today"
                self.publisher.publish_step_end(outcome)

    def _begin_step(self, index: int) -> None:
        self.context.discard_signals()
        self.progress.begin_step(index, self._clock.now())
        self.publisher.publish_event(StepStartedData(step=self.routine.steps[index].kind, index=index))

    def _cancel_steps(self) -> None:
        if self._running_steps is not None:
            self._running_steps.cancel()

    # Reports of the devices and the guard

    def _on_let_down(self, by: LetDownBy) -> None:
        since_seconds = self.progress.suction_began_seconds
        seconds = None if since_seconds is None else round(self._clock.now() - since_seconds, 1)
        self.progress.let_down_seconds, self.progress.let_down_by = seconds, by
        self.context.signal(Signal.LET_DOWN)
        self.publisher.publish_event(LetDownData(by=by, seconds=seconds))

    def on_trip(self, trip: Trip) -> None:
        """End with a trip."""
        why = message(f"trip_{trip.kind.value}")
        words = self.context.words.reason(why)
        self.publisher.publish_event(TripData(kind=trip.kind, device=trip.device, words=words, detail=trip.detail))
        self._finish(SessionState.TRIPPED, EndReason.TRIP, message("tripped", device=trip.device, why=why))
        self._explain_end("tripped", device=trip.device, words=words)
        self._cancel_steps()

    def on_device_ended(self, device: str, why: KeyedMessage | None) -> None:
        """End because a device stopped: by itself or at its button, or by the guard (`why`)."""
        if why is None:
            reason, details = EndReason.DEVICE_ENDED, message("device_ended", device=device)
        else:
            reason, details = EndReason.DEVICE_STOPPED, message("device_stopped", device=device, why=why)
        if self._finish(SessionState.STOPPED, reason, details):  # else the guide shows what ended it first
            self._explain_end("device_ended" if why is None else "enforced_stop", device=device)
        self._cancel_steps()

    # What it publishes

    def _finish(self, outcome: SessionState, reason: EndReason, details: KeyedMessage | None = None) -> bool:
        """Decide and publish how it ends. The first decision stands; return whether this was it."""
        decided = self.progress.decide_end(outcome, reason, details)
        if decided:
            self._publish_end()
        return decided

    def _publish_end(self) -> None:
        if self.progress.reason is EndReason.PAIN:
            self.publisher.publish_pain()
        self.publisher.publish_snapshot()

    def _publish_outcome(self) -> None:
        progress = self.progress
        self.publisher.publish_step_end("ended" if progress.outcome is not SessionState.COMPLETED else "done")
        progress.state = progress.outcome or SessionState.FAILED
        self.publisher.publish_outcome()
        if not self._guard.uncertain and not self._end_explained:  # else something more important is shown
            default = "failed" if progress.outcome is SessionState.FAILED else "ended"
            self.show_message(_FINAL_MESSAGES.get(progress.reason or EndReason.ERROR, default))

    def _explain_end(self, message: str, **values: object) -> None:
        self._end_explained = True
        self.show_message(message, **values)

    def show_message(self, name: str, **values: object) -> None:
        """Show the person a message of the guide; one that ends the session has a title of its own."""
        if self.progress.outcome is not None:
            self._guide.show_end(name, **values)
            return
        step = self.routine.steps[self.progress.step_index or 0].kind
        self._guide.show_message(step, name, **values)
