"""The steps of a routine, one coroutine each. They read like the routine; what is on shows by the indentation."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from controller import safety
from controller.events import PartView, StepOutcome
from controller.guard import NotAllowedError
from controller.routine import (
    CheckStep,
    ExpressStep,
    MassageStep,
    PromptStep,
    RestStep,
    StimulateStep,
    WarmStep,
)
from controller.stage import Signal, Skipped, Stage
from devices.errors import LinkLostError, RefusedError
from devices.roles import Phase, PumpSetting, Side

ANSWER_SECONDS = 600.0  # how long the questions wait
ADVICE_SECONDS = 60.0  # how long advice about a symptom stays, unless the person goes on


class AbandonedError(Exception):
    """The person did not come back from a pause."""


class NobodyAnsweredError(Exception):
    """The questions of the check stayed open."""


async def check(_: CheckStep, stage: Stage) -> StepOutcome:
    """Ask about symptoms. Any yes makes the day a gentle one: no heat, no vibration, no massage, low vacuum."""
    title = stage.words.steps["check"].title

    def ask() -> bool:
        open_questions = stage.answers.open
        if open_questions:
            question = stage.words.questions[open_questions[0]]
            stage.guide("check", title, question.ask, question=open_questions[0])
        return bool(open_questions)

    async def answered(signal: Signal) -> bool:
        return signal is Signal.ANSWERED

    async def body(left_seconds: float) -> None:
        until_seconds = stage.clock.now() + left_seconds
        while ask():
            with contextlib.suppress(Skipped):  # these questions cannot be skipped
                if not await stage.hold(until_seconds - stage.clock.now(), on_signal=answered):
                    raise NobodyAnsweredError

    await stage.pausable(ANSWER_SECONDS, body)
    if ask():  # a pause was longer than the questions wait
        raise NobodyAnsweredError
    symptoms = stage.answers.symptoms
    stage.guard.symptoms = symptoms
    if symptoms:
        words = " ".join(stage.words.questions[name].if_yes for name in stage.words.questions if name in symptoms)
        stage.guide("check", title, words, seconds=ADVICE_SECONDS)
        with contextlib.suppress(Skipped):  # read; go on
            await stage.pausable(ADVICE_SECONDS, lambda left_seconds: _held(stage, left_seconds))
    return "done"


async def warm(step: WarmStep, stage: Stage) -> StepOutcome:
    """Warm with a compress, or lead the person through it."""
    if stage.guard.symptoms:
        return _not_today(stage, "warm", "no_heat_today")
    warmers = stage.warmers(stage.side)
    stage.by_hand = not warmers

    async def body(left_seconds: float) -> None:
        stage.guide_step("warm", seconds=left_seconds, devices=warmers)
        async with contextlib.AsyncExitStack() as stack:
            seconds = left_seconds
            if warmers:
                heat = stage.guard.heat(warmers, step.celsius, at_most_seconds=left_seconds)
                seconds = await stack.enter_async_context(heat)
            await stage.hold(seconds)

    await stage.pausable(step.planned_seconds, body)
    return "done"


async def massage(step: MassageStep, stage: Stage) -> StepOutcome:
    """Lead through the techniques, side by side. A skip skips one technique."""
    if stage.guard.symptoms:
        return _not_today(stage, "massage", "skip_massage_today")
    stage.by_hand = True
    for side in stage.sides:
        for technique in step.techniques:
            began_seconds = stage.clock.now()
            outcome: StepOutcome = "done"
            try:
                await stage.pausable(step.seconds_each, _technique(technique, side, step.vibration, stage))
            except Skipped:
                outcome = "skipped"
            seconds = round(stage.clock.now() - began_seconds, 1)
            stage.parts += (PartView(name=technique, side=side, seconds=seconds, outcome=outcome),)
    return "skipped" if all(part.outcome == "skipped" for part in stage.parts) else "done"


def _technique(technique: str, side: Side, vibration: float, stage: Stage) -> Callable[[float], Awaitable[None]]:
    words = stage.words.techniques[technique]

    async def body(left_seconds: float) -> None:
        stage.guide(
            "massage",
            f"{words.title}: {stage.words.sides[side]}",
            words.words,
            technique=technique,
            side=side,
            picture=words.picture,
            seconds=left_seconds,
        )
        massagers = stage.massagers(side) if vibration and stage.owner.vibration else []
        until_seconds = stage.clock.now() + left_seconds
        if massagers:
            with contextlib.suppress(NotAllowedError, RefusedError):  # the hands go on alone
                vibrating = stage.guard.vibration(massagers, vibration, side, at_most_seconds=left_seconds)
                async with vibrating as seconds:
                    await stage.hold(seconds)
        await stage.hold(until_seconds - stage.clock.now())

    return body


async def stimulate(step: StimulateStep, stage: Stage) -> StepOutcome:
    """Run light, quick suction until the let-down, which a device, the flow or the person's tap tells."""

    async def noticed(signal: Signal) -> bool:
        return signal is Signal.LET_DOWN

    async def each() -> bool:
        _expect_seal(stage)
        return False

    async def body(left_seconds: float) -> None:
        wanted_mmhg = stage.person_mmhg.get(Phase.STIMULATION, step.vacuum_mmhg)
        setting = PumpSetting(phase=Phase.STIMULATION, vacuum_mmhg=wanted_mmhg, rate_cpm=step.rate_cpm, side=stage.side)
        async with _suction(stage, "stimulate", setting, left_seconds, step.at_most_mmhg) as seconds:
            await stage.hold(seconds, on_signal=noticed, each=each)

    if not stage.let_down_seen:
        await _with_seal(stage, step.kind, step.at_most_seconds, body)
    return "let_down" if stage.let_down_seen else "done"


async def express(step: ExpressStep, stage: Stage) -> StepOutcome:
    """Run slow, stronger suction until the time is over or no milk has come for a while."""
    asked_mmhg = stage.owner.comfortable_mmhg if step.vacuum_mmhg == "comfort" else float(step.vacuum_mmhg)
    dry = False

    async def body(left_seconds: float) -> None:
        nonlocal dry
        began_seconds = stage.clock.now()
        # The guard begins where anyone may begin, and climbs there in steps.
        wanted_mmhg = stage.person_mmhg.get(Phase.EXPRESSION, asked_mmhg)
        setting = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=wanted_mmhg, rate_cpm=step.rate_cpm, side=stage.side)

        async def each() -> bool:
            _expect_seal(stage)
            return _is_dry(step, stage, began_seconds)

        async with _suction(stage, "express", setting, left_seconds, step.at_most_mmhg) as seconds:
            dry = await stage.hold(seconds, each=each)

    await _with_seal(stage, step.kind, step.planned_seconds, body)
    return "dry" if dry else "done"


async def rest(step: RestStep, stage: Stage) -> StepOutcome:
    """Wait, with nothing on."""
    stage.by_hand = not stage.pumps(stage.side)

    async def body(left_seconds: float) -> None:
        stage.guide_step("rest", seconds=left_seconds)
        await stage.hold(left_seconds)

    await stage.pausable(step.planned_seconds, body)
    return "done"


async def prompt(step: PromptStep, stage: Stage) -> StepOutcome:
    """Say something, and wait until the person goes on."""
    stage.by_hand = True
    title = stage.words.steps["prompt"].title

    async def body(left_seconds: float) -> None:
        stage.guide("prompt", title, stage.words.prompts[step.words], seconds=left_seconds)
        with contextlib.suppress(Skipped):  # going on is what a prompt waits for
            await stage.hold(left_seconds)

    await stage.pausable(step.at_most_seconds, body)
    return "done"


STEPS: dict[str, Callable[[Any, Stage], Awaitable[StepOutcome]]] = {
    "check": check,
    "warm": warm,
    "massage": massage,
    "stimulate": stimulate,
    "express": express,
    "rest": rest,
    "prompt": prompt,
}


@contextlib.asynccontextmanager
async def _suction(
    stage: Stage, step: str, setting: PumpSetting, at_most_seconds: float, at_most_mmhg: float | None
) -> AsyncIterator[float]:
    """Run the pumps of this side inside the block; without any, ask the person to run theirs.

    Yield for how many seconds that may be: the step ends by itself when no more is left of the time of suction.
    """
    pumps = stage.pumps(stage.side) if stage.flange_on else []  # one that came only now waits for the flange
    lost = stage.pumped - {pump.name for pump in pumps}
    if lost and not stage.owner.go_on_with_one_pump:
        raise LinkLostError(f"no pump begins again: {', '.join(sorted(lost))} cannot be reached")
    stage.pumped |= {pump.name for pump in pumps}
    stage.by_hand = not pumps
    stage.guide_step(step, seconds=at_most_seconds, devices=pumps or stage.all_of("pump", stage.side))
    if not pumps:
        stage.note_suction()
        yield at_most_seconds
        return
    suction = stage.guard.suction(pumps, setting, at_most_seconds=at_most_seconds, at_most_mmhg=at_most_mmhg)
    async with suction as run:
        stage.run, stage.flange_on = run, True
        stage.note_suction()
        stage.changed()
        try:
            yield run.seconds
        finally:
            stage.run = None


async def _held(stage: Stage, seconds: float) -> None:
    await stage.hold(seconds)


def _is_dry(step: ExpressStep, stage: Stage, since_seconds: float) -> bool:
    if step.until_dry_minutes is None or not stage.record.reports_flow:
        return False
    return stage.record.dry_seconds(since_seconds) >= step.until_dry_minutes * 60


def _not_today(stage: Stage, step: str, message: str) -> StepOutcome:
    stage.guide(step, stage.words.steps[step].title, stage.words.message(message))
    return "not_today"


class _NoSeal(Exception):  # noqa: N818 - control flow, not an error
    """The pumps have pulled at nothing for a minute: switch them off, and ask."""


def _expect_seal(stage: Stage) -> None:
    """Say that a pump measures no vacuum, and raise `_NoSeal` after a minute of it."""
    run = stage.run
    seconds = None if run is None else stage.guard.unsealed_seconds(run)
    if seconds is not None and seconds >= safety.NO_SEAL_SECONDS:
        raise _NoSeal
    stage.show_seal(missing=seconds is not None and seconds >= safety.SEAL_LOST_SECONDS)


async def _with_seal(stage: Stage, step: str, seconds: float, body: Callable[[float], Awaitable[None]]) -> None:
    """Run a body of suction once the flange is on; where it finds no seal, ask again, and run it with what is left."""
    left_seconds, ask = seconds, stage.owner.start_suction == "ask"
    while left_seconds >= 1:
        await _flange_on(stage, step, ask=ask)
        began_seconds = stage.clock.now()
        try:
            await stage.pausable(left_seconds, body)
        except _NoSeal:
            left_seconds -= stage.clock.now() - began_seconds
            stage.flange_on, ask = False, True
        else:
            return


async def _flange_on(stage: Stage, step: str, *, ask: bool) -> None:
    """Give the person time to put the flange on: a countdown, or until they say so. Nothing is on meanwhile."""
    if stage.flange_on or not stage.pumps(stage.side):
        return
    title = stage.words.message("flange_title")
    waiting = ask

    async def said(signal: Signal) -> bool:
        nonlocal waiting
        waiting = waiting or signal is Signal.NOT_YET
        return signal in (Signal.NOT_YET, Signal.START_SUCTION)

    async def body(_: float) -> None:
        if not waiting:
            words = stage.words.message("flange_countdown")
            seconds = safety.FLANGE_SECONDS
            stage.guide(step, title, words, side=stage.side, seconds=seconds, waits_for="flange")
            with stage.counting_down():
                if not await stage.hold(seconds, on_signal=said) or not waiting:
                    return
        stage.guide(step, title, stage.words.message("flange_waiting"), side=stage.side, waits_for="flange")
        with stage.waiting_for_flange():
            if not await stage.hold(ANSWER_SECONDS, on_signal=started):
                raise NobodyAnsweredError

    async def started(signal: Signal) -> bool:
        return signal is Signal.START_SUCTION

    await stage.pausable(math.inf, body)
    stage.flange_on = True
