"""Whether a command would be refused now. The decision alone: `service` carries out what is not refused.

The same code decides about a command and says in each snapshot what would be accepted, so that both always agree.
"""

from __future__ import annotations

from controller.contract.comfort import ComfortArgs, may_raise
from controller.contract.commands import (
    Action,
    AnswerArgs,
    Args,
    SetVacuumArgs,
    SetWarmthArgs,
    StartArgs,
    StartDefaultsArgs,
)
from controller.contract.events import SessionState
from controller.safety.message import KeyedMessage, NotAllowedError, message
from controller.service.station import Station

_ANYTIME = frozenset(
    {
        Action.STOP,
        Action.PAIN,
        Action.SET_START_DEFAULTS,
        Action.LOG_VOLUME,
        Action.EDIT_SESSION,
        Action.PARTS_CLEAN,
        Action.RESOLVE_UPLOAD,
        Action.COMFORT,
        Action.STASH,
    }
)


def refusal(station: Station, action: Action, args: Args) -> NotAllowedError | None:
    """Return why a command to a station is refused now; `None` where it is carried out."""
    if action in _ANYTIME:
        return None
    match args:
        case StartArgs():
            return station.start_refusal(args.routine, args.side)
        case AnswerArgs():
            found = station.body.answer_refusal(args.question)
        case _ if action is Action.ACKNOWLEDGE:
            found = None if station.body.to_acknowledge else message("nothing_to_acknowledge")
        case _:
            found = _refusal_in_session(station, action)
    return None if found is None else NotAllowedError(found)


def _refusal_in_session(station: Station, action: Action) -> KeyedMessage | None:
    session = station.session
    if session is None or not station.running:
        return message("no_session")
    match action:
        case Action.RESUME if session.state is not SessionState.PAUSED:
            return message("not_paused")
        case Action.NOT_YET | Action.START_SUCTION if session.progress.flange_wait is None:
            return message("no_flange_wait")
        case Action.SET_VACUUM | Action.VACUUM_UP | Action.VACUUM_DOWN:
            return session.context.vacuum_refusal(in_mmhg=action is Action.SET_VACUUM)
        case Action.SET_WARMTH:
            return session.context.warmth_refusal
    return None


def may_answer_all(station: Station) -> bool:
    """Return whether all open questions can be answered with no at once."""
    return station.body.answer_refusal("asked") is None and not station.body.answers.to_answer_singly


def raises(station: Station, action: Action, args: Args) -> bool:
    """Return whether a command would raise a vacuum or a temperature; a routine may raise by itself."""
    session = station.session
    asked_mmhg = session.progress.requested_mmhg if session is not None and station.running else None
    match args:
        case SetVacuumArgs():
            return asked_mmhg is not None and args.mmhg > asked_mmhg
        case StartDefaultsArgs():
            return args.comfort_vacuum_mmhg is not None and args.comfort_vacuum_mmhg > station.comfort_mmhg
        case SetWarmthArgs():
            block = station.guard.heat_block
            return block is not None and args.celsius is not None and args.celsius > block.requested_celsius
        case ComfortArgs():
            return may_raise(station.comfort, args.what)
        case _:
            return action is Action.VACUUM_UP
