"""What the steps with suction share: the time to put the flange on, the pumps, and the check for a seal."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Literal

from controller.contract.events import ANSWER_SECONDS
from controller.contract.pictures import MESSAGE_PICTURES
from controller.safety.apply_limits import lowest
from controller.safety.limits import FLANGE_SECONDS, NO_SEAL_SECONDS, SEAL_LOST_SECONDS, Limit, Reason
from controller.safety.message import PumpLostError, message
from controller.session.routine import ExpressStep, StimulateStep
from controller.session.step_context import NoAnswerError, Signal, StepContext
from devices.roles import Phase, PumpSetting


@contextlib.asynccontextmanager
async def suction(
    context: StepContext, step: StimulateStep | ExpressStep, phase: Phase, routine_mmhg: float, at_most_seconds: float
) -> AsyncIterator[float]:
    """Run the pumps of this side inside the block; without any, ask the person to run theirs.

    The guard starts them gently, and raises them step by step to the vacuum that the person chose for this phase, or
    else to that of the routine, or to what was learned if that is less. Yield for how many seconds suction is allowed:
    fewer where a budget of suction ends sooner.
    """
    progress = context.progress
    pumps = context.pumps(context.side) if progress.flange_on else []  # a pump that connects now waits for the flange
    lost = progress.pumps_used - {pump.name for pump in pumps}
    if lost and not context.owner.go_on_with_one_pump:
        raise PumpLostError(message("pump_lost", devices=", ".join(sorted(lost))))
    progress.pumps_used |= {pump.name for pump in pumps}
    progress.by_hand = not pumps
    context.show_step(step.kind, at_most_seconds, pumps or context.connected("pump", context.side))
    _weigh_bottles(context)
    if not pumps:
        progress.mark_suction(context.clock.now())
        with _suction_on(context):
            yield at_most_seconds
        return
    start = _start_vacuum(context, phase, routine_mmhg, accepts_more=step.vacuum_mmhg == "comfort")
    setting = PumpSetting(phase=phase, vacuum_mmhg=start.allowed, rate_cpm=step.rate_cpm, side=context.side)
    run_block = context.guard.suction(pumps, setting, at_most_seconds=at_most_seconds, at_most_mmhg=step.at_most_mmhg)
    async with context.pumps_starting(), run_block as run:
        progress.pump_run, progress.flange_on = run, True
        context.pumps_started()
        progress.mark_suction(context.clock.now())
        if start.limited and run.requested.vacuum_mmhg == start.allowed:  # else a limit is lower, and is shown
            context.publisher.publish_limits([start])
        context.publisher.publish_snapshot()
        try:
            with _suction_on(context):
                yield run.seconds
        finally:
            progress.pump_run = None


def _weigh_bottles(context: StepContext) -> None:
    """Take the bottles for empty, once for all steps of suction that follow each other, and not again after a pause."""
    if not context.progress.bottle_weighed:
        context.progress.bottle_weighed = True
        context.measurements.scales.tare()


@contextlib.contextmanager
def _suction_on(context: StepContext) -> Iterator[None]:
    context.measurements.suction_on = True
    try:
        yield
    finally:
        context.measurements.suction_on = False


def _start_vacuum(context: StepContext, phase: Phase, routine_mmhg: float, *, accepts_more: bool) -> Limit:
    """Return to which vacuum suction is raised by itself. The limits are applied to it like to any other.

    What was learned can only lower it; with `accepts_more`, what the person has accepted takes the routine's place.
    """
    if (chosen_mmhg := context.progress.person_mmhg.get(phase)) is not None:
        return Limit(quantity="vacuum_mmhg", asked=chosen_mmhg, allowed=chosen_mmhg)
    advice = context.comfort()
    learned = None if advice is None else advice.learned_for(context.side, phase)
    if learned is None:
        return Limit(quantity="vacuum_mmhg", asked=routine_mmhg, allowed=routine_mmhg)
    if accepts_more and learned.because == "accepted":
        routine_mmhg = learned.mmhg
    reason = Reason(who="learned", allows=learned.mmhg, key=f"learned_{learned.because}")
    return lowest("vacuum_mmhg", routine_mmhg, [reason], step=1)


class _NoSeal(Exception):  # noqa: N818 - control flow, not an error
    """A pump has measured no vacuum for a minute: stop the pumps, and ask about the flange."""


def check_seal(context: StepContext) -> bool:
    """Show that a pump measures no vacuum, and raise `_NoSeal` after a minute of it; `False`: suction goes on."""
    run = context.progress.pump_run
    seconds = None if run is None else context.guard.unsealed_seconds(run)
    if seconds is not None and seconds >= NO_SEAL_SECONDS:
        raise _NoSeal
    context.guide.show_seal_warning(missing=seconds is not None and seconds >= SEAL_LOST_SECONDS)
    return False


async def run_suction(
    context: StepContext, step: str, seconds: float, body: Callable[[float], Awaitable[None]]
) -> None:
    """Run `body(seconds_left)` once the flange is on; without a seal, ask about the flange, and run it again."""
    left_seconds, ask = seconds, context.owner.start_suction == "ask"
    while left_seconds >= 1:
        await _wait_for_flange(context, step, ask=ask)
        began_seconds = context.clock.now()
        try:
            await context.run_pausable(left_seconds, body)
        except _NoSeal:
            left_seconds -= context.clock.now() - began_seconds
            context.progress.flange_on, ask = False, True
        else:
            return


async def _wait_for_flange(context: StepContext, step: str, *, ask: bool) -> None:
    """Wait until the flange is on: for a countdown, or (`ask`) until the person starts suction. Every device is off."""
    progress = context.progress
    if progress.flange_on or not context.pumps(context.side):
        return
    title = context.words.message("flange_title")

    def show(message: str, *, seconds: float | None = None, answer_by: datetime | None = None) -> None:
        text, picture = context.words.message(message), MESSAGE_PICTURES[message]
        more = {"side": context.side, "seconds": seconds, "answer_by": answer_by, "waits_for": "flange"}
        context.guide.show(step, text, title=title, picture=picture, **more)

    async def body(_: float) -> None:
        nonlocal ask
        if not ask:
            show("flange_countdown", seconds=FLANGE_SECONDS)
            with _flange_wait(context, "countdown"):
                signal = await context.wait(FLANGE_SECONDS, until=[Signal.NOT_YET, Signal.START_SUCTION])
            if signal is not Signal.NOT_YET:
                return
            ask = True
        show("flange_waiting", answer_by=context.answer_by(ANSWER_SECONDS))
        with _flange_wait(context, "command"):
            progress.step_seconds_left = None
            context.publisher.publish_snapshot()
            if not await context.wait(ANSWER_SECONDS, until=[Signal.START_SUCTION]):
                raise NoAnswerError

    await context.run_pausable(math.inf, body)
    progress.flange_on = True


@contextlib.contextmanager
def _flange_wait(context: StepContext, wait: Literal["countdown", "command"]) -> Iterator[None]:
    context.progress.flange_wait = wait
    try:
        yield
    finally:
        context.progress.flange_wait = None
