"""The engine: one routine running at one station, from its first question to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from controller import safety
from controller.events import Event, EventType, SessionState, Snapshot, StepOutcome, Stream
from controller.guard import Guard, HaltedError, NotAllowedError
from controller.guide import Words
from controller.plan import progress, seconds_left, view
from controller.record import Record
from controller.routine import Routine
from controller.safety import Limit, Trip
from controller.stage import Signal, Skipped, Stage
from controller.steps import STEPS, NobodyAnsweredError
from controller.stopping import Stopped
from devices.clock import Clock
from devices.errors import DeviceError, RefusedError
from devices.roles import Role, Side

_LOGGER = logging.getLogger(__name__)

_DONE = "the routine is done"
SYMPTOM = "a symptom was reported; start again for a gentle session"
SHUT_DOWN = "the controller was shut down"
_LAST_WORDS = {"stop": "stopped", "pain": "pain", SYMPTOM: "symptom", SHUT_DOWN: "shut_down"}
PAUSE_SECONDS = 3600.0  # after an hour nobody will come back to this session


class AbandonedError(Exception):
    """The person did not come back from a pause."""


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
        answers: dict[str, bool],
        stream: Stream,
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
        self._record = Record(devices, clock.now, self._on_let_down)
        self._steps = [view(step, words, side) for step in routine.steps]
        self._index: int | None = None
        self._step_began_seconds = 0.0
        self._limits: dict[str, Limit] = {}
        self._let_down_seconds: float | None = None
        self._let_down_by: str | None = None
        self._stimulated_at_seconds: float | None = None
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
        setting = self._stage.run.setting if self._stage.run else None
        if setting is None or setting.vacuum_mmhg is None:
            return None
        return min(setting.vacuum_mmhg, self._stage.person_mmhg.get(setting.phase, setting.vacuum_mmhg))

    async def set_vacuum(self, vacuum_mmhg: float) -> Limit:
        """Change the vacuum by the person's own command. Raise `RefusedError` when that cannot be."""
        run = self._stage.run
        if run is None:
            raise RefusedError("no pump is running")
        phase, before_mmhg = run.setting.phase, run.setting.vacuum_mmhg
        if before_mmhg is not None:
            # From now on the routine does not climb by itself, even while the pump has not answered yet.
            self._stage.person_mmhg[phase] = min(vacuum_mmhg, before_mmhg)
        limit = await run.adjust(vacuum_mmhg=vacuum_mmhg, by_person=True)
        if run.setting.vacuum_mmhg is not None:
            self._stage.person_mmhg[phase] = run.setting.vacuum_mmhg
        self.changed()
        return limit

    async def nudge(self, up: bool) -> Limit:
        """Ask for a little more or less vacuum: 20 mmHg, or one level. Raise `RefusedError` when that cannot be."""
        setting = self._stage.run.setting if self._stage.run else None
        if self._stage.run is None or setting is None:
            raise RefusedError("no pump is running")
        if setting.level is not None:
            limit = await self._stage.run.adjust(level=max(1, setting.level + (1 if up else -1)), by_person=True)
            self.changed()
            return limit
        step_mmhg = safety.RAISE_STEP_MMHG if up else -safety.RAISE_STEP_MMHG
        return await self.set_vacuum(max(0.0, (setting.vacuum_mmhg or 0.0) + step_mmhg))

    async def keep_within(self, comfort_mmhg: float) -> None:
        """Lower what runs to a comfort cap that was just chosen, if it is above."""
        run = self._stage.run  # pumps that are just starting are held to it by the guard
        if run is not None and (run.setting.vacuum_mmhg or 0.0) > comfort_mmhg:
            with contextlib.suppress(RefusedError):  # it is stopping already, or is set at the pump itself
                await self.set_vacuum(comfort_mmhg)

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
        await self._guard.settled()
        self._record.close()
        self._close()
        _LOGGER.info("session %s: %s (%s)", self.id, self.state.value, self._reason)

    async def _run_to_its_end(self) -> None:
        self._guard.on_trip = self._on_trip
        self._guard.on_ended = self._on_device_ended
        self._guard.on_limit = self._on_limit
        self._guard.begin_session(frozenset(name for name, yes in self._stage.answers.items() if yes))
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
            self._finish(SessionState.COMPLETED, _DONE)

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
                    self._stage.guide(step.kind, self.words.steps[step.kind].title, str(error))
                    outcome = "not_today"
                self._end_step(outcome)

    def _begin(self, index: int) -> None:
        self._index = index
        self._step_began_seconds = self._clock.now()
        self._stage.begin_step()
        kind = self.routine.steps[index].kind
        self.state = SessionState.CHECKING if kind == "check" else SessionState.RUNNING
        if kind in ("stimulate", "express") and self._stimulated_at_seconds is None:
            self._stimulated_at_seconds = self._clock.now()
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
        since_seconds = self._stimulated_at_seconds
        self._let_down_seconds = None if since_seconds is None else round(self._clock.now() - since_seconds, 1)
        self._let_down_by = by
        self._stage.let_down_seen = True
        self._stage.signal(Signal.LET_DOWN)
        self._emit(EventType.LET_DOWN, by=by, seconds=self._let_down_seconds)

    def _on_trip(self, trip: Trip) -> None:
        self._emit(EventType.TRIP, kind=trip.kind.value, device=trip.device, words=trip.words)
        self._finish(SessionState.TRIPPED, f"{trip.device}: {trip.words}")
        self._told_why = True
        self.say("tripped", device=trip.device, words=self.words.message(f"trip_{trip.kind.value}"))
        if self._body is not None:
            self._body.cancel()

    def _on_device_ended(self, device: str) -> None:
        self._finish(SessionState.STOPPED, f"{device} was switched off at the device")
        self._told_why = True
        self.say("device_ended", device=device)
        if self._body is not None:
            self._body.cancel()

    def _on_limit(self, limits: Sequence[Limit]) -> None:
        for limit in limits:
            if self._limits.get(limit.quantity) == limit:
                continue
            self._limits[limit.quantity] = limit
            self._emit(EventType.LIMITED, **limit.model_dump(mode="json"), words=str(limit))

    # What others see

    def _finish(self, state: SessionState, reason: str) -> None:
        """Decide how it ends, and tell it."""
        if self._decide(state, reason):
            self._tell_end()

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
        if self._reason == _DONE:
            if any(step.outcome != "not_today" for step in self._steps[1:]):
                self.say("completed")  # else nothing happened, and why stands there
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
            trip=self._guard.trip,
            uncertain=self._guard.uncertain,
        )

    def _plan_end(self) -> None:
        """Say when the routine is over: anew when a step begins, not every second, since it is a time to look at."""
        self._update_step()
        checking = self.state is SessionState.CHECKING
        left = timedelta(seconds=seconds_left(self._steps))
        self._ends_at = None if checking else datetime.now(UTC).replace(microsecond=0) + left
