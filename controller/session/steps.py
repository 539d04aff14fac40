"""The steps of a routine, one coroutine each. Inside an indented `async with context.guard` block, a device runs."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from controller.contract.events import ANSWER_SECONDS, PartView, Question, StepOutcome
from controller.contract.pictures import PROMPT_PICTURES
from controller.safety.message import NotAllowedError
from controller.session.routine import (
    CheckStep,
    ExpressStep,
    MassageStep,
    PromptStep,
    RestStep,
    StimulateStep,
    WarmStep,
)
from controller.session.step_context import NoAnswerError, Signal, Skipped, StepContext
from controller.session.step_suction import check_seal, run_suction, suction
from devices.errors import RefusedError
from devices.roles import Phase, Side

ADVICE_SECONDS = 60.0  # how long advice about a symptom is shown, unless the person skips it


async def check(_: CheckStep, context: StepContext) -> StepOutcome:
    """Ask about symptoms. After any yes, the day has no heat, no vibration, no massage, and a low vacuum."""
    answers = context.answers

    def show_question(left_seconds: float) -> bool:
        open_questions = answers.open_questions
        if open_questions:
            question = Question(open_questions[0])
            ask, answer_by = context.words.questions[question].ask, context.answer_by(left_seconds)
            context.guide.show("check", ask, question=question, answer_by=answer_by)
        return bool(open_questions)

    async def body(left_seconds: float) -> None:
        until_seconds = context.clock.now() + left_seconds
        while show_question(until_seconds - context.clock.now()):
            with contextlib.suppress(Skipped):  # these questions cannot be skipped
                if not await context.wait(until_seconds - context.clock.now(), until=[Signal.ANSWERED]):
                    raise NoAnswerError

    await context.run_pausable(ANSWER_SECONDS, body)
    if answers.open_questions:  # a pause was longer than the questions wait
        raise NoAnswerError
    symptoms = answers.symptoms
    context.guard.symptoms = symptoms
    if symptoms:
        advice = [question.if_yes for name, question in context.words.questions.items() if name in symptoms]
        context.guide.show("check", " ".join(advice), seconds=ADVICE_SECONDS)
        with contextlib.suppress(Skipped):  # the person has read it
            await context.run_pausable(ADVICE_SECONDS, context.wait)
    return "done"


async def warm(step: WarmStep, context: StepContext) -> StepOutcome:
    """Warm with the paired compresses, or guide the person to do it by hand."""
    if context.guard.symptoms:
        return _skip_today(context, "warm", "no_heat_today")
    warmers = context.warmers(context.side)
    context.progress.by_hand = not warmers

    async def body(left_seconds: float) -> None:
        context.show_step("warm", left_seconds, warmers)
        async with contextlib.AsyncExitStack() as stack:
            seconds = left_seconds
            if warmers:
                celsius = context.progress.person_celsius or step.celsius
                heat = context.guard.heat(warmers, celsius, at_most_seconds=left_seconds)
                seconds = await stack.enter_async_context(heat)
            await context.wait(seconds)

    await context.run_pausable(step.planned_seconds, body)
    return "done"


async def massage(step: MassageStep, context: StepContext) -> StepOutcome:
    """Guide through the techniques, first on one breast and then on the other. A skip skips one technique."""
    if context.guard.symptoms:
        return _skip_today(context, "massage", "skip_massage_today")
    context.progress.by_hand = True
    for side in context.sides:
        for technique in step.techniques:
            began_seconds = context.clock.now()
            outcome: StepOutcome = "done"
            try:
                await context.run_pausable(step.seconds_each, _technique(technique, side, step.vibration, context))
            except Skipped:
                outcome = "skipped"
            seconds = round(context.clock.now() - began_seconds, 1)
            context.progress.parts += (PartView(name=technique, side=side, seconds=seconds, outcome=outcome),)
    return "skipped" if all(part.outcome == "skipped" for part in context.progress.parts) else "done"


def _technique(
    technique: str, side: Side, vibration: float, context: StepContext
) -> Callable[[float], Awaitable[None]]:
    words = context.words.techniques[technique]

    async def body(left_seconds: float) -> None:
        context.guide.show(
            "massage",
            words.words,
            title=f"{words.title}: {context.words.sides[side]}",
            technique=technique,
            side=side,
            picture=words.picture,
            seconds=left_seconds,
        )
        massagers = context.massagers(side) if vibration and context.owner.vibration else []
        until_seconds = context.clock.now() + left_seconds
        if massagers:
            with contextlib.suppress(NotAllowedError, RefusedError):  # the massage goes on by hand
                vibrating = context.guard.vibration(massagers, vibration, side, at_most_seconds=left_seconds)
                async with vibrating as seconds:
                    context.progress.by_hand = False
                    await context.wait(seconds)
        await context.wait(until_seconds - context.clock.now())

    return body


async def stimulate(step: StimulateStep, context: StepContext) -> StepOutcome:
    """Run light, quick suction until the let-down, which a device, the flow, or the person's tap reports."""

    async def body(left_seconds: float) -> None:
        async with suction(context, step, Phase.STIMULATION, step.vacuum_mmhg, left_seconds) as seconds:
            await context.wait(seconds, until=[Signal.LET_DOWN], every_second=lambda: check_seal(context))

    if context.progress.let_down_by is None:
        await run_suction(context, step.kind, step.at_most_seconds, body)
    return "done" if context.progress.let_down_by is None else "let_down"


async def express(step: ExpressStep, context: StepContext) -> StepOutcome:
    """Run slow, stronger suction until the time is over or no milk has flowed for a while."""
    routine_mmhg = context.owner.comfortable_mmhg if step.vacuum_mmhg == "comfort" else float(step.vacuum_mmhg)
    dry = False

    async def body(left_seconds: float) -> None:
        nonlocal dry
        began_seconds = context.clock.now()

        def is_over() -> bool:
            return check_seal(context) or _is_dry(step, context, began_seconds)

        async with suction(context, step, Phase.EXPRESSION, routine_mmhg, left_seconds) as seconds:
            dry = await context.wait(seconds, every_second=is_over) is True

    await run_suction(context, step.kind, step.planned_seconds, body)
    return "dry" if dry else "done"


async def rest(step: RestStep, context: StepContext) -> StepOutcome:
    """Wait, with every device off."""
    context.progress.by_hand = not context.pumps(context.side)

    async def body(left_seconds: float) -> None:
        context.show_step("rest", left_seconds)
        await context.wait(left_seconds)

    await context.run_pausable(step.planned_seconds, body)
    return "done"


async def prompt(step: PromptStep, context: StepContext) -> StepOutcome:
    """Show a text of the guide until the person skips it or the time is over."""
    context.progress.by_hand = True

    async def body(left_seconds: float) -> None:
        text, picture = context.words.prompts[step.words], PROMPT_PICTURES.get(step.words)
        context.guide.show("prompt", text, picture=picture, seconds=left_seconds)
        with contextlib.suppress(Skipped):  # that is how a prompt ends
            await context.wait(left_seconds)

    await context.run_pausable(step.at_most_seconds, body)
    return "done"


def _is_dry(step: ExpressStep, context: StepContext, since_seconds: float) -> bool:
    if step.until_dry_minutes is None or not context.measurements.reports_flow:
        return False
    return context.measurements.dry_seconds(since_seconds) >= step.until_dry_minutes * 60


def _skip_today(context: StepContext, step: str, message: str) -> StepOutcome:
    context.guide.show_message(step, message)
    return "not_today"


STEPS: dict[str, Callable[[Any, StepContext], Awaitable[StepOutcome]]] = {
    "check": check,
    "warm": warm,
    "massage": massage,
    "stimulate": stimulate,
    "express": express,
    "rest": rest,
    "prompt": prompt,
}
