"""Commands from outside, however they come in, and the replies to them. `service` carries them out."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field, JsonValue, ValidationError

from controller.find_stop import find_stop
from devices.roles import Frozen, Side

CLOCK_TOLERANCE_SECONDS = 10.0  # between the sender's wall clock and ours; also how long a command may be on its way
LONGEST_EXPIRY_SECONDS = 600.0
_REMEMBERED = 512  # ids of recent commands, so that one that comes twice is done once
_LONGEST_PAYLOAD_BYTES = 16_384


class Action(StrEnum):
    """What can be asked of a station."""

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
    CHOOSE = "choose"
    ANSWER = "answer"
    ACKNOWLEDGE = "acknowledge"
    LOG_VOLUME = "log_volume"


ALWAYS = frozenset({Action.STOP, Action.PAIN})  # whatever is wrong with the command otherwise

STARTING = frozenset({Action.START, Action.RESUME, Action.START_SUCTION})  # what no stale message may do

Outcome = Literal["accepted", "limited", "refused", "failed"]


class StartArgs(Frozen):
    """`no_symptoms: true` answers all questions of the check with no; an app that asked them itself may send it.

    Without `routine` or `side`, it is what was chosen last; at first `classic`, for both sides.
    """

    routine: str | None = None
    side: Side | None = None
    no_symptoms: bool = False


class SetVacuumArgs(Frozen):
    """A vacuum in mmHg."""

    mmhg: float = Field(ge=0, le=400)


class ChooseArgs(Frozen):
    """What the next start takes that names nothing, and how much vacuum in mmHg is comfortable from now on.

    The comfort cap can be lowered here, and raised again to what the owner set; never above.
    """

    routine: str | None = None
    side: Side | None = None
    comfort_vacuum_mmhg: float | None = Field(None, ge=60, le=250)


class AnswerArgs(Frozen):
    """An answer to a question of the check: `all` answers every one that is open, `asked` the one that is shown."""

    question: str
    value: bool


class LogVolumeArgs(Frozen):
    """Milk measured by hand, in mL."""

    left_ml: float | None = Field(None, ge=0, le=1000)
    right_ml: float | None = Field(None, ge=0, le=1000)


class NoArgs(Frozen):
    """Nothing."""


Args = StartArgs | SetVacuumArgs | ChooseArgs | AnswerArgs | LogVolumeArgs | NoArgs

ARGS: dict[Action, type[Args]] = {
    Action.START: StartArgs,
    Action.SET_VACUUM: SetVacuumArgs,
    Action.CHOOSE: ChooseArgs,
    Action.ANSWER: AnswerArgs,
    Action.LOG_VOLUME: LogVolumeArgs,
}


class Command(Frozen):
    """One command. `session`, if given, must be the one that runs.

    `sent`: the time at the sender, with its zone. `expires`: a time with its zone, after which it is not carried out.
    """

    id: str | None = Field(None, max_length=128)
    action: Action
    args: dict[str, JsonValue] = Field(default_factory=dict)
    session: str | None = None
    sent: AwareDatetime | None = None
    expires: AwareDatetime | None = None


class Reply(Frozen):
    """What became of a command. `devices`: after a stop or pain, what each device confirmed."""

    id: str | None = None
    action: str | None = None
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    session_id: str | None = None
    devices: dict[str, str] | None = None


class BadCommandError(Exception):
    """A payload that is no command. `reply` says where, and what would fit."""

    def __init__(self, reason: str, id_: str | None = None, action: str | None = None) -> None:
        self.reply = Reply(id=id_, action=action, outcome="refused", reasons=(reason,))
        super().__init__(reason)


def parse_command(payload: bytes) -> tuple[Command, Args]:
    """Return the command in a payload, with its checked arguments. Raise `BadCommandError`.

    A payload that is not a valid command, but in which a stop or pain can be found, is that stop or pain.
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
        data = json.loads(payload, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        raise BadCommandError('not valid JSON; send for example {"id": "1", "action": "stop"}') from None
    if not isinstance(data, dict):
        raise BadCommandError('a command is a JSON object, for example {"id": "1", "action": "stop"}')
    id_, action = _text(data.get("id")), _text(data.get("action"))
    if action in ALWAYS:
        # Nothing else in the payload may keep a stop from being one.
        return Command(id=id_, action=Action(action)), NoArgs()
    try:
        command = Command.model_validate(data)
        return command, ARGS.get(command.action, NoArgs).model_validate(command.args)
    except ValidationError as error:
        raise BadCommandError("; ".join(_explain(error)), id_, action) from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):  # what was meant is not clear
        raise ValueError("a key is given twice")
    return made


class _WallClock:
    """The wall clock, and the latest that it would show now had it never been set back."""

    def __init__(self) -> None:
        self._latest, self._seconds = datetime.now(UTC), time.monotonic()

    def read(self) -> tuple[datetime, datetime]:
        """Return the time that the wall clock shows, and the latest time, carried on by the monotonic clock."""
        now, seconds = datetime.now(UTC), time.monotonic()
        self._latest = max(now, self._latest + timedelta(seconds=seconds - self._seconds))
        self._seconds = seconds
        return now, self._latest


class CommandValidator:
    """Judges whether a command may be carried out at all, apart from what it asks for."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._clock = _WallClock()

    def refusal(self, command: Command, *, retained: bool, session_id: str | None) -> str | None:
        """Return why the command is refused, or `None`. Stop and pain never are."""
        if command.action in ALWAYS:
            return None
        if command.action is not Action.VACUUM_DOWN:  # lowering always works, however late it comes
            if retained:
                return "it was retained by the broker; send commands without the retain flag"
            if trouble := self._out_of_time(command):
                return trouble
            if command.session is not None and command.session != session_id:
                return f"it is for session {command.session}; now there is {session_id or 'none'}"
        if command.id is not None:
            if command.id in self._seen:
                return f"a command with the id {command.id} came before"
            self._seen[command.id] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return None

    def _out_of_time(self, command: Command) -> str | None:
        """Return why a command is too old, or why that cannot be known."""
        now, latest = self._clock.read()
        if command.sent is None and command.expires is None:
            return None
        if (back := (latest - now).total_seconds()) > CLOCK_TOLERANCE_SECONDS:
            return f"this controller's clock was set back by {back:.0f} s: restart it once its clock is right"
        if command.sent is not None:
            late, early = (latest - command.sent).total_seconds(), (command.sent - now).total_seconds()
            if (differ := max(late, early)) > CLOCK_TOLERANCE_SECONDS:
                way = f", or it was {differ:.0f} s on its way" if late > early else ""
                return f"the sender's clock and this controller's differ by {differ:.0f} s: set both by NTP{way}"
        if command.expires is not None:
            if command.expires <= latest:
                return f"it expired at {command.expires.isoformat()}"
            ahead = (command.expires - now).total_seconds()
            if ahead > LONGEST_EXPIRY_SECONDS:
                return (
                    f"it expires only in {ahead:.0f} s, and at most {LONGEST_EXPIRY_SECONDS:.0f} s are allowed: "
                    "the sender's clock and this controller's differ (set both by NTP), or it expires too late"
                )
        return None


def _text(value: object) -> str | None:
    """Return a text as it can be sent back: JSON lets half a surrogate pair in, but not out."""
    return value[:128].encode(errors="replace").decode() if isinstance(value, str) else None


def _explain(error: ValidationError) -> list[str]:
    words = []
    for each in error.errors():
        where = ".".join(str(part) for part in each["loc"]) or "args"
        if each["type"] == "extra_forbidden":
            words.append(f"{where} is not known here")
        else:
            words.append(f"{where}: {each['msg']}")
    return words
