"""Commands from outside, from any interface, and the replies to them. `service` carries them out."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field, JsonValue, ValidationError

from controller.contract.comfort import ComfortArgs
from controller.contract.find_stop import find_stop
from controller.contract.session_record import SessionEdit
from controller.contract.session_state import EPOCH
from controller.contract.stash import MovementKind, Place, StashArgs
from controller.contract.uploads import ResolveUploadArgs
from controller.safety.limits import ComfortVacuum, RequestedVacuum
from controller.safety.message import KeyedMessage, message
from controller.safety.stopping import Stopped
from devices.roles import Frozen, Side

CLOCK_TOLERANCE_SECONDS = 10.0  # between the sender's wall clock and ours, including the time in transit
LONGEST_EXPIRY_SECONDS = 600.0
_REMEMBERED = 512  # ids of recent commands, to detect duplicates
_LONGEST_PAYLOAD_BYTES = 16_384


class Action(StrEnum):
    """What a station can be commanded to do."""

    START = "start"
    STOP = "stop"
    PAIN = "pain"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    NOT_YET = "not_yet"
    START_SUCTION = "start_suction"
    LET_DOWN = "let_down"
    VACUUM_UP = "vacuum_up"
    VACUUM_DOWN = "vacuum_down"
    SET_VACUUM = "set_vacuum"
    SET_WARMTH = "set_warmth"
    SET_START_DEFAULTS = "set_start_defaults"
    ANSWER = "answer"
    ACKNOWLEDGE = "acknowledge"
    LOG_VOLUME = "log_volume"
    EDIT_SESSION = "edit_session"
    PARTS_CLEAN = "parts_clean"
    RESOLVE_UPLOAD = "resolve_upload"
    COMFORT = "comfort"
    STASH = "stash"


ALWAYS = frozenset({Action.STOP, Action.PAIN})  # even if the command is otherwise invalid

STARTING = frozenset({Action.START, Action.RESUME, Action.START_SUCTION})  # what no stale message may cause

# What waits for a database or for another program, and changes nothing at a device
ABOUT_RECORDS = frozenset(
    {
        Action.LOG_VOLUME,
        Action.EDIT_SESSION,
        Action.PARTS_CLEAN,
        Action.RESOLVE_UPLOAD,
        Action.COMFORT,
        Action.STASH,
    }
)

Outcome = Literal["accepted", "limited", "refused", "failed"]

BAD_COMMAND = "bad_command"  # the key of a `Reply` to a command that is malformed


class StartArgs(Frozen):
    """What to start. `no_symptoms: true` answers all questions of the check with no, for apps that ask them themselves.

    Without `routine` or `side`, the start defaults apply: at first `classic`, for both sides.
    """

    routine: str | None = Field(None, description="The id of the routine.")
    side: Side | None = Field(None, description="The breasts.")
    no_symptoms: bool = Field(False, description="Answer all open questions with no.")


class SetVacuumArgs(Frozen):
    """A vacuum in mmHg. It is lowered at once, and raised step by step, within the limits."""

    mmhg: RequestedVacuum = Field(description="The vacuum; limits apply.")


class SetWarmthArgs(Frozen):
    """A temperature in °C for the warm compress that is on. Left out: it stays as it is."""

    celsius: float | None = Field(None, ge=0, le=100, description="The temperature; limits apply.")


class StartDefaultsArgs(Frozen):
    """Routine and side of a start that names none, and the comfort cap in mmHg, which applies at once.

    The comfort cap can be lowered, and raised again up to the owner's setting. What is left out stays as it is.
    """

    routine: str | None = Field(None, description="The id of the routine.")
    side: Side | None = Field(None, description="The breasts.")
    comfort_vacuum_mmhg: ComfortVacuum | None = Field(None, description="The comfort cap.")


class AnswerArgs(Frozen):
    """An answer in the check. `question`: its id, `all` for every open one, or `asked` for the one that is shown."""

    question: str = Field(description="The id of the question, `asked` or `all`.")
    value: bool = Field(description="Yes (true) or no (false).")


class LogVolumeArgs(Frozen):
    """Milk measured by hand, in mL: of the latest session, if that began within 12 hours; else a session of its own.

    A side that is left out keeps what it has.
    """

    left_ml: float | None = Field(None, ge=0, le=1000, description="From the left breast.")
    right_ml: float | None = Field(None, ge=0, le=1000, description="From the right breast.")
    by_hand: bool = Field(False, description="Expressed by hand just now: a session of its own in any case.")


class NoArgs(Frozen):
    """No arguments."""


Args = (
    StartArgs
    | SetVacuumArgs
    | SetWarmthArgs
    | StartDefaultsArgs
    | AnswerArgs
    | LogVolumeArgs
    | SessionEdit
    | ResolveUploadArgs
    | ComfortArgs
    | StashArgs
    | NoArgs
)

ARGS: dict[Action, type[Args]] = {
    Action.START: StartArgs,
    Action.SET_VACUUM: SetVacuumArgs,
    Action.SET_WARMTH: SetWarmthArgs,
    Action.SET_START_DEFAULTS: StartDefaultsArgs,
    Action.ANSWER: AnswerArgs,
    Action.LOG_VOLUME: LogVolumeArgs,
    Action.EDIT_SESSION: SessionEdit,
    Action.RESOLVE_UPLOAD: ResolveUploadArgs,
    Action.COMFORT: ComfortArgs,
    Action.STASH: StashArgs,
}


# What each name in `Snapshot.allowed_actions` stands for: the action with these arguments.
EXAMPLES: dict[str, tuple[Action, Args]] = {
    **{action.value: (action, NoArgs()) for action in Action},
    "start": (Action.START, StartArgs()),
    "set_warmth": (Action.SET_WARMTH, SetWarmthArgs()),
    "set_start_defaults": (Action.SET_START_DEFAULTS, StartDefaultsArgs()),
    "log_volume": (Action.LOG_VOLUME, LogVolumeArgs()),
    "edit_session": (Action.EDIT_SESSION, SessionEdit(session_id="latest")),
    "resolve_upload": (Action.RESOLVE_UPLOAD, ResolveUploadArgs(session_id="all", how="retry")),
    "comfort": (Action.COMFORT, ComfortArgs(what="on")),
    "stash": (Action.STASH, StashArgs(kind=MovementKind.STORED, container="new", ml=1, place=Place.FRIDGE)),
    "set_vacuum": (Action.SET_VACUUM, SetVacuumArgs(mmhg=0)),
    "answer": (Action.ANSWER, AnswerArgs(question="asked", value=True)),
    "answer_all": (Action.ANSWER, AnswerArgs(question="all", value=False)),
}


class Command(Frozen):
    """One command."""

    id: str | None = Field(None, max_length=128, description="Your own id: the reply has it, too. Each id counts once.")
    action: Action = Field(description="What to do.")
    args: dict[str, JsonValue] = Field(default_factory=dict, description="How to do it, by the action.")
    session: str | None = Field(None, description="Refused unless this is the session that runs.")
    sent: AwareDatetime | None = Field(None, description="The time at the sender; at most 10 s off.")
    expires: AwareDatetime | None = Field(None, description="Refused after this time; at most 10 min ahead.")


class Reply(Frozen):
    """The result of a command."""

    id: str | None = Field(None, description="The id of the command; `null` where it had none that can be read.")
    action: str | None = Field(None, description="The action of the command; `null` where it cannot be read.")
    outcome: Outcome = Field(description="What became of it.")
    reasons: tuple[str, ...] = Field(
        (),
        description="Why it is not simply `accepted`, in the language of the settings; of a limit, each layer with the "
        "value that it allows, the deciding one first.",
    )
    keys: tuple[str, ...] = Field(
        (),
        description="The same as stable keys, in the same order: those of `reasons` in the language files, or "
        "`bad_command` for a command that is malformed (its reasons are in English, for developers).",
    )
    detail: str | None = Field(None, description="What went wrong technically, in English, for developers and logs.")
    session_id: str | None = Field(
        None, description="The session that was running when the command came, or that it started; `null`: none."
    )
    devices: dict[str, Stopped] | None = Field(
        None, description="After `stop` and `pain`: what each device confirmed, by its name; else `null`."
    )
    epoch: int | None = Field(None, description=EPOCH)


class BadCommandError(Exception):
    """A payload is not a valid command. `reply` says what is wrong, and what would be valid."""

    def __init__(self, reason: str, id_: str | None = None, action: str | None = None) -> None:
        self.reply = Reply(id=id_, action=action, outcome="refused", reasons=(reason,), keys=(BAD_COMMAND,))
        super().__init__(reason)


def parse_command(payload: bytes) -> tuple[Command, Args]:
    """Return the command in a JSON payload, and its validated arguments. Raise `BadCommandError`.

    An invalid payload in which a stop or pain can be found counts as that stop or pain.
    """
    try:
        return _parse(payload)
    except BadCommandError:
        found = find_stop(payload)
        if found is None:
            raise
        return Command(id=_text(found.id), action=Action(found.action)), NoArgs()


def _parse(payload: bytes) -> tuple[Command, Args]:
    if len(payload) > _LONGEST_PAYLOAD_BYTES:
        raise BadCommandError(f"a command has at most {_LONGEST_PAYLOAD_BYTES} bytes, this has {len(payload)}")
    try:
        data = json.loads(payload, object_pairs_hook=_reject_duplicate_keys)
    except (ValueError, RecursionError):
        raise BadCommandError('not valid JSON; send for example {"id": "1", "action": "stop"}') from None
    if not isinstance(data, dict):
        raise BadCommandError('a command is a JSON object, for example {"id": "1", "action": "stop"}')
    id_, action = _text(data.get("id")), _text(data.get("action"))
    if action in ALWAYS:
        # Nothing else in the payload may make a stop invalid.
        return Command(id=id_, action=Action(action)), NoArgs()
    return _validate(data, id_, action)


def command_for(action: Action, args: dict[str, JsonValue]) -> tuple[Command, Args]:
    """Return the command for an action, and its validated arguments. Raise `BadCommandError`."""
    return _validate({"action": action, "args": args}, None, action)


def _validate(data: dict[str, Any], id_: str | None, action: str | None) -> tuple[Command, Args]:
    try:
        command = Command.model_validate(data)
        # As JSON: then `false` is no number, and "no" is no answer.
        return command, ARGS.get(command.action, NoArgs).model_validate_json(json.dumps(command.args), strict=True)
    except ValidationError as error:
        raise BadCommandError(_explain(error), id_, action) from None


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):  # which one is meant is unclear
        raise ValueError("a key is given twice")
    return data


class _WallClock:
    """The wall clock, and the latest time that it would show now if it had never been set back."""

    def __init__(self) -> None:
        self._latest, self._seconds = datetime.now(UTC), time.monotonic()

    def read(self) -> tuple[datetime, datetime]:
        """Return the time by the wall clock, and the latest time, extrapolated by the monotonic clock."""
        now, seconds = datetime.now(UTC), time.monotonic()
        self._latest = max(now, self._latest + timedelta(seconds=seconds - self._seconds))
        self._seconds = seconds
        return now, self._latest


class CommandValidator:
    """Refuses commands that are retained, out of time, duplicate or for another session."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._clock = _WallClock()

    def refusal(self, command: Command, *, retained: bool, session_id: str | None) -> KeyedMessage | None:
        """Return why the command is refused, or `None`. Stop and pain never are."""
        if command.action in ALWAYS:
            return None
        if command.action is not Action.VACUUM_DOWN:  # lowering always works, however late it comes
            if retained:
                return message("retained")
            if reason := self._out_of_time(command):
                return reason
            if command.session is not None and command.session != session_id:
                return message("wrong_session", session=command.session)
        if command.id is not None:
            if command.id in self._seen:
                return message("duplicate", id=command.id)
            self._seen[command.id] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return None

    def _out_of_time(self, command: Command) -> KeyedMessage | None:
        """Return why a command is too old, or why that is unknown; `None` if it is in time."""
        now, latest = self._clock.read()
        if command.sent is None and command.expires is None:
            return None
        if (back := (latest - now).total_seconds()) > CLOCK_TOLERANCE_SECONDS:
            return message("clock_set_back", seconds=round(back))
        if command.sent is not None:
            late, early = (latest - command.sent).total_seconds(), (command.sent - now).total_seconds()
            if (differ := max(late, early)) > CLOCK_TOLERANCE_SECONDS:
                return message("late_or_clocks_differ" if late > early else "clocks_differ", seconds=round(differ))
        if command.expires is not None:
            if command.expires <= latest:
                return message("expired", seconds=round((latest - command.expires).total_seconds()))
            ahead = (command.expires - now).total_seconds()
            if ahead > LONGEST_EXPIRY_SECONDS:
                return message("expires_too_late", seconds=round(ahead), most_seconds=LONGEST_EXPIRY_SECONDS)
        return None


def _text(value: object) -> str | None:
    """Return a text that can be sent back: JSON input may contain half a surrogate pair, output may not."""
    return value[:128].encode(errors="replace").decode() if isinstance(value, str) else None


def _explain(error: ValidationError) -> str:
    found = ((".".join(map(str, each["loc"])) or "args", each) for each in error.errors())
    return "; ".join(
        f"{where} is unknown" if each["type"] == "extra_forbidden" else f"{where}: {each['msg']}"
        for where, each in found
    )
