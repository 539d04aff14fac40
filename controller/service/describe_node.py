"""Describe a controller for other programs: its stations and devices, the routines and questions, and the versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from controller.contract.about import (
    CONTRACT_VERSION,
    About,
    AboutDevice,
    AboutQuestion,
    AboutRoutine,
    AboutStation,
    RoleName,
)
from controller.contract.events import ANSWER_SECONDS
from controller.contract.words import languages, load_words
from controller.safety.limits import RAISE_STEP_MMHG, OwnerLimits
from controller.service.station import Station
from controller.session.routine import MassageStep, Routine, WarmStep
from controller.session.session_progress import planned_seconds
from controller.session.step_context import PAUSE_SECONDS
from devices.roles import Side

_SUCTION = frozenset({"stimulate", "express"})


def describe_node(
    node: str,
    stations: Sequence[Station],
    routines: Mapping[str, Routine],
    owner: OwnerLimits,
    language: str,
    *,
    recent_sessions: bool,
    history: bool = False,
) -> About:
    """Return what a controller publishes about itself. `recent_sessions`, `history`: whether it publishes them."""
    return About(
        contract_version=CONTRACT_VERSION,
        letdown_version=version("letdown"),
        node=node,
        language=language,
        languages=languages(),
        stations=tuple(map(_station, stations)),
        routines=tuple(_routine(each, owner) for each in routines.values()),
        questions=_questions(),
        answer_seconds=ANSWER_SECONDS,
        pause_seconds=PAUSE_SECONDS,
        vacuum_step_mmhg=RAISE_STEP_MMHG,
        remote_raise=owner.remote_raise == "allow",
        recent_sessions=recent_sessions,
        history=history,
    )


def _station(station: Station) -> AboutStation:
    devices = tuple(
        AboutDevice(
            name=role.name,
            role=role.role,
            model=role.model_name,
            profile=role.model_id,
            confidence=role.confidence,
            side=role.side,
            capabilities=tuple(sorted(role.capabilities)),
        )
        for role in station.all_roles
    )
    return AboutStation(name=station.name, body=station.body.name, devices=devices)


def _routine(routine: Routine, owner: OwnerLimits) -> AboutRoutine:
    vibrates = any(isinstance(step, MassageStep) and step.vibration for step in routine.steps)
    uses: dict[RoleName, bool] = {
        "pump": any(step.kind in _SUCTION for step in routine.steps),
        "warmer": any(isinstance(step, WarmStep) for step in routine.steps),
        "massager": vibrates and owner.vibration,
    }
    needs_vibration = routine.opt_in == "vibration"
    return AboutRoutine(
        id=routine.id,
        name=routine.name,
        summary=routine.summary,
        steps=tuple(step.kind for step in routine.steps),
        longest_seconds=sum(planned_seconds(step, Side.BOTH) or 0.0 for step in routine.steps),
        uses=tuple(role for role, used in uses.items() if used),
        needs=("massager",) if needs_vibration else (),
        off="limits.vibration" if needs_vibration and not owner.vibration else None,
    )


def _questions() -> tuple[AboutQuestion, ...]:
    words = {language: load_words(language) for language in languages()}
    first = next(iter(words.values()))
    return tuple(
        AboutQuestion(
            id=id_,
            text={language: each.questions[id_].ask for language, each in words.items()},
            if_yes={language: each.questions[id_].if_yes for language, each in words.items()},
        )
        for id_ in first.questions
    )
