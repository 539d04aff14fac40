"""A profile before it is known to fit together: its fields, and what follows from them. `schema.Profile` checks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

from pydantic import Field

from devices.driver.device_model import OFTEN_SECONDS, DeviceModel
from devices.driver.field_spec import FieldSpec
from devices.driver.fields import least_value
from devices.driver.vocabulary import OWNER, VERB_ARGUMENTS, ByteOrder, Name, Uuid, filled, is_family, is_member
from devices.profiles.frame_spec import Frame, Text
from devices.profiles.profile_parts import (
    AnswerSpec,
    Channel,
    CommandSpec,
    ConnectionSpec,
    Example,
    LinkQuirks,
    ReportSpec,
)
from devices.support.file_error import Misfits


class UncheckedProfile(DeviceModel):
    """What a profile adds to a device model. `member`: one published service of its family, for the virtual twin."""

    member: Uuid | None = None
    byte_order: ByteOrder = "little"
    channels: Mapping[Name, Channel] = Field(default_factory=dict)
    frame: Frame | None = None
    text: Text | None = None
    commands: Mapping[Name, CommandSpec] = Field(default_factory=dict)
    reports: Mapping[Name, ReportSpec] = Field(default_factory=dict)
    answer: AnswerSpec | None = None
    connection: ConnectionSpec = ConnectionSpec()
    link: LinkQuirks = LinkQuirks()
    examples: tuple[Example, ...] = ()

    @property
    def verbs(self) -> Set[str]:
        """The commands that are verbs of its roles; the others are parts of sequences, or belong to the connection."""
        return {verb for role in self.roles for verb in VERB_ARGUMENTS[role]} & self.commands.keys()

    @property
    def reported(self) -> frozenset[str]:
        """The names of all values that reports and readable channels carry."""
        names = [name for report in self.reports.values() for name in report.names]
        names += [name for channel in self.channels.values() for name in channel.names]
        return frozenset(names)

    @property
    def regular(self) -> frozenset[str]:
        """The names of the values that come at least every 5 s, by themselves or because they are polled."""
        names = [name for report in self.reports.values() if _often(report.every_seconds) for name in report.names]
        polls = [poll for poll in self.connection.poll if _often(poll.every_seconds)]
        polled = {poll.channel for poll in polls}
        for key, channel in self.channels.items():
            if _often(channel.every_seconds) or key in polled:
                names += channel.names
                names += [name for report in self.reports.values() if report.channel == key for name in report.names]
        answers = {name for poll in polls if poll.command for name in self.commands[poll.command].answered_by}
        names += [name for key, report in self.reports.items() if key in answers for name in report.names]
        return frozenset(names)

    @property
    def repeats_start(self) -> bool:
        """Whether a run is kept up by sending its start once more."""
        return any(command.repeat is not None for command in self.commands.values())

    @property
    def template(self) -> tuple[str, ...]:
        """The channels whose UUIDs the owner has to supply."""
        return tuple(
            name for name, channel in self.channels.items() if OWNER in (channel.service, channel.characteristic)
        )

    def place_of(self, verb: str) -> str:
        """Return the key under which the file describes a verb."""
        return f"commands.{verb}"

    def carried_by(self, verb: str) -> frozenset[str]:
        """Return the names of the values that a command carries, those of its sequence included."""
        command = self.commands[verb]
        names = set(command.names)
        for step in command.sequence:
            names |= self.carried_by(step.command) - set(step.values)
        return frozenset(names)

    def least(self, verb: str, setting: str, *, above_zero: bool) -> float | None:
        """Return the lowest value of a setting that a command can carry: the highest of those of all its fields."""
        found = [least_value(field, above_zero=above_zero) for field in self._fields(verb) if field.name == setting]
        return max((value for value in found if value is not None), default=None)

    def _fields(self, verb: str) -> Iterator[FieldSpec]:
        """Yield the fields of a command that are not fixed by a sequence."""
        command = self.commands[verb]
        yield from (*command.payload, *command.fields.values())
        for step in command.sequence:
            yield from (field for field in self._fields(step.command) if field.name not in step.values)

    @property
    def control(self) -> str | None:
        """The channel that commands go through when they name none: the only writable one."""
        writable = [name for name, channel in self.channels.items() if channel.write]
        return writable[0] if len(writable) == 1 else None

    def beginnings(self, channel: str) -> tuple[str, ...]:
        """Return how the value of a channel must begin for it to be this model; nothing where it may be anything."""
        must_be = self.channels[channel].must_be
        if must_be == "manufacturer":
            return self.match.manufacturer.data if self.match.manufacturer else ()
        return must_be

    def problems(self) -> Misfits:
        """Yield what does not fit together of families: there is one, with a published member for the virtual twin."""
        yield from super().problems()
        families = list(dict.fromkeys(each.service for each in self.channels.values() if is_family(each.service)))
        families += [each for each in self.match.services if is_family(each) and each not in families]
        if len(families) > 1:
            listed = " and ".join(map(str, families))
            yield "channels", f"there is one family of services in a profile, and here are {listed}"
        elif families and self.member is None:
            yield "member", f"give one published service of the family {families[0]}: the virtual twin has it"
        elif families and self.member and not is_member(self.member, families[0] or ""):
            yield "member", f"{self.member} is not of the family {families[0]}"
        elif self.member is not None and not families:
            yield "member", "it belongs to a family of services, and no service here has digits that are open (?)"


def member_among(channels: Mapping[str, Channel], offered: Iterable[tuple[str, str]]) -> str | None:
    """Return the first service that a device offers, as (service, characteristic), with all that the family needs."""
    wanted = [each for each in channels.values() if is_family(each.service)]
    found = list(offered)
    for service in dict.fromkeys(service for service, _ in found):
        there = {characteristic for offering, characteristic in found if offering == service}
        needed = [each.characteristic or "" for each in wanted if not each.optional]
        fits = all(is_member(service, each.service or "") for each in wanted)
        if wanted and fits and all(filled(characteristic, service) in there for characteristic in needed):
            return service
    return None


def _often(every_seconds: float | None) -> bool:
    return every_seconds is not None and every_seconds <= OFTEN_SECONDS
