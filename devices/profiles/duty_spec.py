"""What a connection owes a device, as a profile says it: answers, a hello, the clock, keepalives, polls, quirks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from devices.profiles.vocabulary import Name, Names, Value, one_or_more
from devices.roles import Frozen


class Answer(Frozen):
    """Which report answers a command: it names the command's opcode and counter, and says yes or no.

    Without `opcode` any such report answers the command that waits; without `result` its coming means yes.
    `refused_by`: a report that turns down whatever waits. `silence`: what it means when no answer came in time; some
    devices say yes only now and then.
    """

    report: Name
    opcode: Name | None = None
    counter: Name | None = None
    result: Name | None = None
    accepted: Names = ()
    within_seconds: float = Field(2.0, gt=0, le=30)
    refused_by: Name | None = None
    silence: Literal["uncertain", "accepted"] = "uncertain"


class Acknowledge(Frozen):
    """The command that answers what the device asks, and how long the device waits for it: later is not at all."""

    command: Name
    within_seconds: float = Field(2.0, gt=0, le=30)


class Hello(Frozen):
    """What must be said first, and by when. `answered_by`: the report that must come.

    `optional`: a device that turns it down, or says nothing, is used all the same.
    """

    command: Name
    values: Mapping[str, Value] = Field(default_factory=dict)
    answered_by: Name | None = None
    within_seconds: float = Field(5.0, gt=0, le=60)
    optional: bool = False


class Periodic(Frozen):
    """A command that is sent, or a channel that is read, again and again."""

    command: Name | None = None
    channel: Name | None = None
    every_seconds: float = Field(ge=0.2, le=3600)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.command is None) == (self.channel is None):
            raise ValueError("say which command is sent, or which channel is read")
        return self


class Duties(Frozen):
    """What a connection owes the device. `clock`: the command that carries the time."""

    hello: Annotated[tuple[Hello, ...], BeforeValidator(one_or_more)] = ()
    clock: Name | None = None
    keepalive: Periodic | None = None
    poll: Annotated[tuple[Periodic, ...], BeforeValidator(one_or_more)] = ()


class Quirks(Frozen):
    """How this device wants to be spoken to. `acquire_notify`: on BlueZ it needs AcquireNotify, not StartNotify."""

    gap_seconds: float = Field(0, ge=0, le=2)
    chunk_bytes: int | None = Field(None, ge=1, le=512)
    acquire_notify: bool = False
