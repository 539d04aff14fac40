"""The engine: one routine running at one station, from its first question to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from controller import safety
from controller.answers import DayAnswers
from controller.events import Event, EventType, SessionState, Snapshot, StepOutcome, Stream
from controller.guard import Guard, HaltedError, NotAllowedError
from controller.guide import Words
from controller.plan import DONE, ending, progress, seconds_left, view
from controller.record import Record
from controller.routine import Routine
from controller.safety import Limit, Trip
from controller.stage import Signal, Skipped, Stage
from controller.steps import STEPS, AbandonedError, NobodyAnsweredError
from controller.stopping import Stopped
from devices.clock import Clock
from devices.errors import DeviceError
from devices.roles import Massager, Role, Side

_LOGGER = logging.getLogger(__name__)

SYMPTOM = "a symptom was reported; start again for a gentle session"
SHUT_DOWN = "the controller was shut down"
_LAST_WORDS = {"stop": "stopped", "pain": "pain", SYMPTOM: "symptom", SHUT_DOWN: "shut_down"}
PAUSE_SECONDS = 3600.0  # after an hour nobody will come back to this session


class Session:
    """Runs once. Tells everything through the stream; calls no watcher. `stop` and `pain` never wait for a step."""

    def __init__(
        self,
        *,
        station: str,
        routine: Routine,
        side: Side,
        clock: Clock,
        guard: Guard,
        devices: Sequence[Role],
        words: Words,
        answers: DayAnswers,
        stream: Stream,
        health: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self.station = station
        self.routine = routine
        self.side = side
        self.words = words
        self.state = SessionState.IDLE
        self._clock = clock
        self._guard = guard
        self._stream = stream
        self._health = health
        self._blocked: list[str] = []  # why something could not start
        self._record = Record(devices, clock.now, self._on_let_down)
        self._steps = [view(step, words, side) for step in routine.steps]
        self._index: int | None = None
        self._step_began_seconds = 0.0
        self._limits: dict[str, Limit] = {}
        self._let_down_seconds: float | None = None
        self._let_down_by: str | None = None
        self._reason: str | None = None
        self._end: SessionState | None = None
        self._ends_at: datetime | None = None
        self._pained = False
        self._told_why = False  # the guide says already why it ended
        self._resumed = asyncio.Event()
        self._body: asyncio.Task[None] | None = None
        self._stage = Stage(
            station=station,
            side=side,
            clock=clock,
            guard=guard,
            devices=devices,
            words=words,
            record=self._record,
            answers=answers,
            changed=self.changed,
            publish_guide=stream.publish,
            wait_for_resume=self._wait_for_resume,
        )

    # What the person does

    def signal(self, signal: Signal) -> None:
        """Skip, pause, resume, or an answer."""
        if signal is Signal.RESUME:
            self._resumed.set()
        elif not (signal is Signal.PAUSE and self.state is SessionState.PAUSED):
            self._stage.signal(signal)

    def tap_let_down(self) -> None:
        """Note that the person felt the let-down."""
        self._record.let_down("tap")

    @property
    def asked_mmhg(self) -> float | None:
        """The vacuum asked for, also while the pumps still lower to it; `None` where no vacuum is set."""
        run = self._stage.run
        if run is None or run.setting.vacuum_mmhg is None or run.wish.vacuum_mmhg is None:
            return None
        return min(run.setting.vacuum_mmhg, run.wish.vacuum_mmhg)

    @property
    def massagers(self) -> list[Massager]:
        """The massagers that this session can use."""
        return self._stage.massagers(self.side)

    @property
    def waits_for_flange(self) -> bool:
        """Whether the pumps wait for the flange, with or without a countdown."""
        return self._stage.waits_for_flange or self._stage.suction_starts_in_seconds is not None

    async def set_vacuum(self, vacuum_mmhg: float) -> Limit:
        """Change the vacuum by the person's own command. Raise `RefusedError` when that cannot be."""
        try:
            return await self._stage.set_vacuum(vacuum_mmhg)
        finally:
            self.changed()

    async def nudge(self, up: bool) -> Limit:
        """Ask for a little more or less vacuum: 20 mmHg, or one level. Raise `RefusedError` when that cannot be."""
        try:
            return await self._stage.nudge(up)
        finally:
            self.changed()

    def note_symptom(self) -> None:
        """Note that a symptom ends it, before anything is held to that symptom."""
        if self.state not in (SessionState.IDLE, SessionState.CHECKING):
            self._finish(SessionState.STOPPED, SYMPTOM)

    async def stop(self, state: SessionState, reason: str) -> dict[str, Stopped]:
        """End now: stop every device first, then the session. Return what each device confirmed."""
        decided = self._decide(state, reason)
        stopping = asyncio.ensure_future(self._guard.stop_all())
        await asyncio.sleep(0)  # the stops are written before anything is told to anyone
        if self._body is not None:
            self._body.cancel()  # no next step begins while a device is slow to confirm
        if decided:
            self._tell_end()
        elif reason == "pain":
            self.note_pain()  # also when something else had ended it a moment before
        return await stopping

    # The run

    async def run(self) -> None:
        """Run the routine to its end, whatever that is."""
        self._emit(EventType.SESSION_STARTED, routine=self.routine.id, side=self.side.value)
        if self._end is None:  # else it was stopped before it began, and nothing begins
            await self._run_to_its_end()
        self._guard.end_session()
        await self._guard.settled()
        self._record.close()
        self._close()
        _LOGGER.info("session %s: %s (%s)", self.id, self.state.value, self._reason)

    async def _run_to_its_end(self) -> None:
        self._guard.begin_session(self._stage.answers.symptoms)
        self._record.open()
        _LOGGER.info("session %s begins: %s, %s", self.id, self.routine.id, self.side.value)
        self._body = asyncio.create_task(self._run_steps(), name=f"steps of {self.id}")
        try:
            await self._body
        except asyncio.CancelledError:
            self._body.cancel()  # in case it was we who were cancelled
            with contextlib.suppress(asyncio.CancelledError):
                await self._body
            self._finish(SessionState.STOPPED, "cancelled")
        except NobodyAnsweredError:
            self._finish(SessionState.STOPPED, "nobody answered the questions")
            self.say("nobody_answered")
            self._told_why = True
        except AbandonedError as error:
            self._finish(SessionState.STOPPED, str(error))
        except TimeoutError:
            self._finish(SessionState.STOPPED, f"a session ends after {safety.SESSION_SECONDS / 60:.0f} minutes")
        except (HaltedError, NotAllowedError, DeviceError) as error:
            self._finish(SessionState.FAILED, str(error))
        except Exception:
            _LOGGER.exception("the session failed")
            self._finish(SessionState.FAILED, "an error in the controller; see its log")
        else:
            state, reason = ending(self._steps, self._blocked)
            self._told_why = self._told_why or state is SessionState.STOPPED
            self._finish(state, reason)

    async def _run_steps(self) -> None:
        async with self._clock.timeout(safety.SESSION_SECONDS):
            for index, step in enumerate(self.routine.steps):
                self._begin(index)
                try:
                    outcome: StepOutcome = await STEPS[step.kind](step, self._stage)
                except Skipped:
                    outcome = "skipped"
                except NotAllowedError as error:
                    _LOGGER.info("%s: %s", step.kind, error)
                    self._blocked.append(str(error))
                    self._stage.guide(step.kind, self.words.steps[step.kind].title, str(error))
                    outcome = "not_today"
                self._end_step(outcome)

    def _begin(self, index: int) -> None:
        self._index = index
        self._step_began_seconds = self._clock.now()
        kind = self.routine.steps[index].kind
        self._stage.begin_step(kind)
        self.state = SessionState.CHECKING if kind == "check" else SessionState.RUNNING
        self._plan_end()
        self._emit(EventType.STEP_STARTED, step=kind, index=index)

    def _end_step(self, outcome: StepOutcome) -> None:
        if self._index is None or self._steps[self._index].outcome is not None:
            return
        self._update_step(outcome)
        step = self._steps[self._index]
        self._emit(EventType.STEP_FINISHED, step=step.name, index=self._index, outcome=outcome, seconds=step.seconds)

    def _update_step(self, outcome: StepOutcome | None = None) -> None:
        if self._index is None or self._steps[self._index].outcome is not None:
            return
        self._steps[self._index] = self._steps[self._index].model_copy(
            update={
                "seconds": round(self._clock.now() - self._step_began_seconds, 1),
                "outcome": outcome,
                "by_hand": self._stage.by_hand,
                "parts": self._stage.parts,
            }
        )

    async def _wait_for_resume(self) -> None:
        before, self.state = self.state, SessionState.PAUSED
        self._ends_at = None
        self._resumed.clear()
        self._emit(EventType.PAUSED)
        self.say("paused")
        try:
            async with self._clock.timeout(PAUSE_SECONDS):
                await self._resumed.wait()
        except TimeoutError:
            raise AbandonedError("it was paused for an hour") from None
        self.state = before
        self._plan_end()
        self._emit(EventType.RESUMED)

    # What devices and the guard say

    def _on_let_down(self, by: str) -> None:
        since_seconds = self._stage.suction_began_seconds
        self._let_down_seconds = None if since_seconds is None else round(self._clock.now() - since_seconds, 1)
        self._let_down_by = by
        self._stage.let_down_seen = True
        self._stage.signal(Signal.LET_DOWN)
        self._emit(EventType.LET_DOWN, by=by, seconds=self._let_down_seconds)

    def on_trip(self, trip: Trip) -> None:
        """End with a trip."""
        self._emit(EventType.TRIP, kind=trip.kind.value, device=trip.device, words=trip.words)
        self._finish(SessionState.TRIPPED, f"{trip.device}: {trip.words}")
        self._told_why = True
        self.say("tripped", device=trip.device, words=self.words.message(f"trip_{trip.kind.value}"))
        if self._body is not None:
            self._body.cancel()

    def on_device_ended(self, device: str, words: str | None) -> None:
        """End because what ran has ended: at the device, or (`words`) because it did not do as it was told."""
        reason = f"{device} was switched off at the device" if words is None else f"{device} was stopped: {words}"
        if self._finish(SessionState.STOPPED, reason):  # else something else has ended it, and says so
            self._told_why = True
            self.say("device_ended" if words is None else "enforced_stop", device=device)
        if self._body is not None:
            self._body.cancel()

    def on_limit(self, limits: Sequence[Limit]) -> None:
        """Note what a wish met."""
        for limit in limits:
            if self._limits.get(limit.quantity) == limit:
                continue
            self._limits[limit.quantity] = limit
            self._emit(EventType.LIMITED, **limit.model_dump(mode="json"), words=str(limit))

    # What others see

    def _finish(self, state: SessionState, reason: str) -> bool:
        """Decide how it ends, and tell it; the first word counts. Return whether this was it."""
        decided = self._decide(state, reason)
        if decided:
            self._tell_end()
        return decided

    def _decide(self, state: SessionState, reason: str) -> bool:
        """Note how it ends; the first word counts. Return whether this was it."""
        if self._end is not None:
            return False
        self._end, self._reason = state, reason
        self.state = SessionState.STOPPING
        return True

    def _tell_end(self) -> None:
        if self._reason == "pain":
            self.note_pain()
        self.changed()

    def note_pain(self) -> None:
        """Tell of pain, once a session."""
        if not self._pained:
            self._pained = True
            self._emit(EventType.PAIN)

    def _close(self) -> None:
        self._end_step("ended" if self._end is not SessionState.COMPLETED else "done")
        self.state = self._end or SessionState.FAILED
        snapshot = self.snapshot()
        self._emit(
            EventType.SESSION_FINISHED,
            outcome=self.state.value,
            reason=self._reason,
            routine=self.routine.id,
            **snapshot.model_dump(
                mode="json", include={"let_down_seconds", "volume_ml", "peak_vacuum_mmhg", "warmest_celsius"}
            ),
        )
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        """Say the last words, unless more important ones stand there already."""
        if self._guard.uncertain or self._told_why:
            return
        if self._reason == DONE:
            self.say("completed")
            return
        self.say(_LAST_WORDS.get(self._reason or "", "failed" if self._end is SessionState.FAILED else "ended"))

    def say(self, name: str, **values: object) -> None:
        """Show the person one of the messages of the guide."""
        step = self._steps[self._index].name if self._index is not None else "check"
        self._stage.guide(step, self.words.steps[step].title, self.words.message(name, **values))

    def _emit(self, kind: EventType, /, **data: Any) -> None:
        self._stream.publish(Event(station=self.station, session_id=self.id, type=kind, data=data))
        self.changed()

    def changed(self) -> None:
        """Tell how things stand now."""
        self._update_step()
        self._stream.publish(self.snapshot())

    def snapshot(self) -> Snapshot:
        """Return all there is to know right now."""
        run = self._stage.run
        record = self._record
        over = self.state.over
        return Snapshot(
            station=self.station,
            state=self.state,
            session_id=self.id,
            routine=self.routine.id,
            side=self.side,
            step=None if over or self._index is None else self._steps[self._index].name,
            step_index=None if over else self._index,
            steps=tuple(self._steps),
            step_seconds_left=None if over else self._stage.seconds_left,
            ends_at=None if over else self._ends_at,
            progress=1.0 if self.state is SessionState.COMPLETED else progress(self._steps),
            phase=run.setting.phase if run else None,
            target_vacuum_mmhg=run.setting.vacuum_mmhg if run else None,
            level=run.setting.level if run else None,
            rate_cpm=run.setting.rate_cpm if run else None,
            limits=tuple(self._limits.values()),
            let_down_seconds=self._let_down_seconds,
            let_down_by=self._let_down_by,
            volume_ml=record.volume_ml,
            peak_vacuum_mmhg=record.peak_vacuum_mmhg,
            warmest_celsius=record.warmest_celsius,
            reason=self._reason,
            suction_starts_in_seconds=None if over else self._stage.suction_starts_in_seconds,
            waits_for_flange=not over and self._stage.waits_for_flange,
            **self._health(),
        )

    def _plan_end(self) -> None:
        """Say when the routine is over: anew when a step begins, not every second, since it is a time to look at."""
        self._update_step()
        checking = self.state is SessionState.CHECKING
        left = timedelta(seconds=seconds_left(self._steps))
        self._ends_at = None if checking else datetime.now(UTC).replace(microsecond=0) + left
