"""What a drafted connection does by itself: handshake, clock, keepalive, polls; and what answers what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.capture.inference.clock_setting import clock_layout
from devices.capture.inference.command_parts import CommandPart, DraftedCommands
from devices.capture.inference.command_templates import TemplateKey
from devices.capture.inference.draft_notes import DraftNotes
from devices.capture.inference.exchanges import (
    Answered,
    Confirmation,
    Replies,
    greeted_by,
    greeting_of,
    repeated_of,
)
from devices.capture.inference.labeled_actions import Timeline
from devices.capture.inference.report_kinds import ReportKind
from devices.capture.inference.unwrapped import Content, Unwrapped

_MOST_GREETINGS = 8


def echo_name(at: int) -> str:
    """Return the name of a byte of a confirmation that repeats one of the report."""
    return f"echo_{at}"


def _echoing(confirmation: Confirmation) -> list[Any]:
    """Return the payload of a confirmation that repeats bytes of the report."""
    return [
        {echo_name(at): "u8"} if at in confirmation.echoes else f"{byte:02x}"
        for at, byte in enumerate(confirmation.messages[0].payload)
    ]


@dataclass
class DraftedConnection:
    """The `connection` of a draft, with the reports and commands that it needs.

    `answered_by`: by the name of a command, the kind of report that answers it.
    `acknowledge`: by the kind of a report, the command that confirms it.
    """

    entry: dict[str, Any] = field(default_factory=dict)
    answered_by: dict[str, TemplateKey] = field(default_factory=dict)
    acknowledge: dict[TemplateKey, str] = field(default_factory=dict)
    greeted_by: list[TemplateKey | None] = field(default_factory=list)
    refusal: bool = False


class ConnectionDrafter:
    """Makes the connection of a draft, and adds its commands to the others."""

    def __init__(
        self,
        timeline: Timeline,
        commands: DraftedCommands,
        kinds: Sequence[ReportKind],
        answered: Answered,
        key_of: Callable[[Content], TemplateKey],
        energy: Callable[[Content], bool],
        notes: DraftNotes,
    ) -> None:
        self._timeline = timeline
        self._commands = commands
        self._kinds = kinds
        self._answered = answered
        self._key_of = key_of
        self._energy = energy
        self._notes = notes
        self.drafted = DraftedConnection()

    def draft(self, confirmations: Sequence[Confirmation]) -> DraftedConnection:
        """Return what the connection does by itself."""
        self._add_confirmations(confirmations)
        self._add_greeting()
        confirmed = {message.content for each in confirmations for message in each.messages}
        background = {
            content: messages
            for content, messages in self._timeline.background.items()
            if content not in confirmed and not self._energy(content)
        }
        self._add_repeated(background)
        return self.drafted

    def _command(self, name: str, content: Content, message: Unwrapped) -> str:
        """Return the name of the command that sends a content; add it where there is none."""
        key = self._key_of(content)
        known = self._commands.part_of(content, key)
        if known is not None and not known.fits:
            return known.name
        payload = [content.payload.hex(" ")] if content.payload else []
        return self._commands.add(CommandPart(name, key, payload, [({}, message)]))

    # Confirmations

    def _add_confirmations(self, confirmations: Sequence[Confirmation]) -> None:
        for each in confirmations:
            if any(self._energy(message.content) for message in each.messages):
                continue
            first = each.messages[0]
            if each.echoes:
                part = CommandPart(
                    "confirm", self._key_of(first.content), _echoing(each), [({}, m) for m in each.messages[:4]]
                )
                name = self._commands.add(part)
            else:
                name = self._command("confirm", first.content, first)
            self.drafted.acknowledge[each.report.key] = name
            self._notes.prove(
                f"commands.{name}", "written at once after each such report of the device", len(each.messages)
            )

    # Greeting

    def _add_greeting(self) -> None:
        before = self._timeline.before
        common, varying = greeting_of(before)
        replies = Replies(self._kinds)
        steps: list[dict[str, Any]] = []
        contents = [content for content in common if not self._energy(content)][:_MOST_GREETINGS]
        for content in contents:
            messages = [m for each in before.values() for m in each if m.content == content]
            name = self._command("hello" if not steps else f"hello_{len(steps) + 1}", content, messages[0])
            kind = greeted_by(messages, replies)
            step: dict[str, Any] = {"command": name}
            if len(before) == 1:
                step["optional"] = True
            steps.append(step)
            self.drafted.greeted_by.append(kind.key if kind else None)
            self._notes.prove(
                f"connection.handshake.{name}", f"first on each of {len(before)} connections", len(messages)
            )
        if steps:
            self.drafted.entry["handshake"] = steps
            if len(before) == 1:
                self._notes.miss(
                    "Whether the greeting is always the same: one connection was captured from its beginning. "
                    "Let the app connect a second time."
                )
        if not self._timeline.beginnings:
            self._notes.miss("The greeting: the capture does not show how a connection begins. Record from before it.")
        for messages in varying:
            self._add_clock(messages)

    def _add_clock(self, messages: Sequence[Unwrapped]) -> None:
        layout = clock_layout(messages)
        first = messages[0]
        if layout is None:
            self.drafted.refusal = True
            self._notes.wonder(
                "the greeting",
                f"{first.payload.hex(' ')} differs on each connection, and is not the time",
                len(messages),
            )
            return
        part = CommandPart("set_clock", self._key_of(first.content), layout, [({}, first)])
        name = self._commands.add(part)
        self.drafted.entry["clock"] = name
        self._notes.prove(f"commands.{name}", "is the time at which it was written, on each connection", len(messages))

    # Again and again

    def _add_repeated(self, background: Mapping[Content, Sequence[Unwrapped]]) -> None:
        polls: list[dict[str, Any]] = []
        for each in repeated_of(background, self._answered, self._key_of):
            name = self._command("ask" if each.answer else "keep_alive", each.content, each.messages[0])
            entry = {"command": name, "every_seconds": each.every_seconds}
            words = f"written every {each.every_seconds:g} s"
            if each.answer is None and "keepalive" not in self.drafted.entry:
                self.drafted.entry["keepalive"] = entry
                self._notes.prove("connection.keepalive", f"{words}, and not answered", len(each.messages))
                continue
            polls.append(entry)
            if each.answer is not None:
                self.drafted.answered_by[name] = each.answer.key
            self._notes.prove(f"connection.poll.{name}", f"{words}, and answered", len(each.messages))
        if polls:
            self.drafted.entry["poll"] = polls[0] if len(polls) == 1 else polls
