"""Puts the parts of a draft together, and keeps what the real profile schema and codec agree with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.capture.conversation import CapturedDevice
from devices.capture.draft import Draft
from devices.capture.inference.command_parts import CommandPart, DraftedCommands
from devices.capture.inference.command_templates import TemplateKey, Templates
from devices.capture.inference.draft_answers import general_answer, own_answers
from devices.capture.inference.draft_channels import battery_channel, channel_names, match_of, used_channels
from devices.capture.inference.draft_connection import ConnectionDrafter, DraftedConnection, echo_name
from devices.capture.inference.draft_examples import add_examples
from devices.capture.inference.draft_layout import layout_entries
from devices.capture.inference.draft_notes import DraftNotes
from devices.capture.inference.draft_reports import DraftedReport, ReportDrafter, name_reports, note_unexplained
from devices.capture.inference.encryption import SESSION_KEY
from devices.capture.inference.exchanges import Confirmation, answers_of, confirmations_of
from devices.capture.inference.frame_roles import groups_of
from devices.capture.inference.interpretation import Interpretation
from devices.capture.inference.labeled_actions import Timeline
from devices.capture.inference.labeled_states import LabeledStates
from devices.capture.inference.missing_settings import shown_vacuum
from devices.capture.inference.report_fields import ReportField
from devices.capture.inference.report_kinds import ReportKind
from devices.capture.inference.text_protocol import NUMBER_BYTES, command_text, report_pattern
from devices.capture.inference.traffic import Traffic
from devices.capture.inference.unwrapped import Content, by_content
from devices.capture.inference.verification import verified
from devices.capture.labels import Labels
from devices.driver.vocabulary import START_VERB

_LIMITS = ("level", "vacuum_mmhg", "rate_cpm", "celsius")
NOTHING_HOLDS = (
    "Nothing that was inferred re-encodes the captured frames. Record again: a start, at least three levels, two "
    "phases and a stop, one thing at a time."
)


class ProfileDrafter:
    """Makes the document of one profile."""

    def __init__(
        self,
        device: CapturedDevice,
        labels: Labels,
        traffic: Traffic,
        found: Interpretation,
        timeline: Timeline,
        templates: Templates,
        commands: DraftedCommands,
        notes: DraftNotes,
    ) -> None:
        self._device = device
        self._labels = labels
        self._traffic = traffic
        self._found = found
        self._timeline = timeline
        self._templates = templates
        self._commands = commands
        self._notes = notes
        self._names = channel_names(traffic)
        self._channels = used_channels(
            device, self._names, found.framing.framed, has_frame=found.framing.layout.frame is not None
        )
        if found.text is not None:
            for handle, name in self._names.items():
                if handle not in found.text.handles:
                    self._channels[name]["framed"] = False

    def draft(self, profile_id: str, name: str, provenance: str) -> Draft:
        """Return the draft."""
        kinds = self._found.kinds
        began = {one.number: one.began_seconds for one in self._device.connections if one.began_seconds is not None}
        states = LabeledStates(self._timeline.actions, began)
        fits = [fit for each in self._templates.by_key.values() if each.usable for fit in each.fits]
        battery = battery_channel(self._device)
        answered = answers_of(self._found.written, kinds, self._templates.key_of)
        confirmations = confirmations_of(self._found.written, kinds)
        general = general_answer(answered, lambda message: message.content.opcode)
        own = own_answers(answered, lambda message: message.content.opcode)
        reserved = {each.report.key: _echo_fields(each) for each in confirmations}
        if general is not None:
            reserved[general.kind.key] = general.fields()
        drafter = ReportDrafter(kinds, self._found.selector, states, fits, self._notes, reserved, self._may_be)
        reports = drafter.draft(self._timeline.seen, has_battery=battery is not None)
        connection = ConnectionDrafter(
            self._timeline, self._commands, kinds, answered, self._templates.key_of, self._gives_energy, self._notes
        ).draft(confirmations)
        if connection.refusal:
            return Draft(
                None, refusal=SESSION_KEY, groups=groups_of(self._found, {}), missing=tuple(self._notes.missing)
            )
        self._mark_needed(reports, connection, general.kind.key if general else None, own)
        answers = dict.fromkeys(connection.acknowledge, "asks") | ({general.kind.key: "result"} if general else {})
        name_reports(reports, answers)
        kept = [report for report in reports if report.names or report.needed]
        document = self._head(profile_id, name, provenance)
        document["channels"] = dict(self._channels)
        if battery is not None:
            document["channels"]["battery"] = battery[0]
        document |= layout_entries(self._traffic, self._found, self._names, self._notes)
        by_key = {report.kind.key: report.name for report in kept}
        document["commands"] = self._command_entries(own, general.keys if general else frozenset(), by_key, connection)
        document["reports"] = {
            report.name: self._report_entry(report, connection) for report in kept if not self._is_read(report)
        }
        self._add_read_channels(document, kept)
        if general is not None:
            document["answer"] = general.entry(by_key[general.kind.key])
            self._notes.prove("answer", "comes after each command, and repeats its opcode", len(general.kind.messages))
        self._add_connection(document, connection, by_key)
        self._add_limits(document)
        self._note_leftovers(reports, kept)
        self._finish(document)
        add_examples(document, self._commands, kept, self._found, provenance, battery[1] if battery else ())
        holding = verified(document, self._commands, kept, self._found, self._notes)
        groups = groups_of(self._found, self._group_names(kept))
        if holding is None:
            return Draft(None, refusal=NOTHING_HOLDS, groups=groups, missing=tuple(self._notes.missing))
        return Draft(
            holding,
            tuple(self._notes.evidence.values()),
            tuple(self._notes.unexplained),
            tuple(self._notes.missing),
            None,
            groups,
        )

    def _gives_energy(self, content: Content) -> bool:
        """Return whether bytes are of a kind that starts or changes something: no connection may send them itself."""
        return self._templates.key_of(content) in self._templates.by_key

    def _may_be(self, kind: ReportKind, field: ReportField) -> bool:
        text = self._found.text
        if text is None or kind.handle not in text.handles:
            return True
        payloads = [message.payload for message in kind.messages]
        scale = float(field.entry.get("scale", 1))
        return text.may_be(kind.key[1], payloads, field.at, field.width, scale)

    # The head of the document

    def _head(self, profile_id: str, name: str, provenance: str) -> dict[str, Any]:
        return {
            "id": profile_id,
            "name": name,
            "roles": [self._labels.role],
            "confidence": "unverified",
            "provenance": provenance,
            "match": match_of(self._device),
        }

    # Commands

    def _command_entries(
        self,
        own: Mapping[TemplateKey, Any],
        generally: frozenset[TemplateKey],
        reports: Mapping[TemplateKey, str],
        connection: DraftedConnection,
    ) -> dict[str, Any]:
        """Return all commands. A verb that is one command, which nothing else uses, is that command itself."""
        self._inline_verbs(connection)
        entries: dict[str, Any] = {}
        for name, part in self._commands.parts.items():
            entry = self._command_entry(part)
            answer = connection.answered_by.get(name) or (own[part.key].key if part.key in own else None)
            if answer is not None and answer in reports:
                entry["answered_by"] = reports[answer]
            elif generally and part.key not in generally:
                entry["answered"] = False
            entries[name] = entry
        for verb, steps in self._commands.verbs.items():
            if steps != [verb]:
                entries[verb] = {"sequence": steps}
        order = ("start", "set_target", "run", "adjust", "pause", "resume", "stop", "off")
        return dict(sorted(entries.items(), key=lambda item: order.index(item[0]) if item[0] in order else -1))

    def _inline_verbs(self, connection: DraftedConnection) -> None:
        used = [step for steps in self._commands.verbs.values() for step in steps]
        alone = {step["command"] for step in connection.entry.get("handshake", ())}
        alone |= set(connection.acknowledge.values()) | {connection.entry.get("clock", "")}
        for verb, steps in self._commands.verbs.items():
            if len(steps) == 1 and used.count(steps[0]) == 1 and steps[0] not in alone and verb != steps[0]:
                part = self._commands.parts.pop(steps[0])
                part.name = verb
                self._commands.parts[verb] = part
                for key in [key for key in self._notes.evidence if key.startswith(f"commands.{steps[0]}.")]:
                    each = self._notes.evidence.pop(key)
                    place = key.replace(f".{steps[0]}.", f".{verb}.")
                    self._notes.prove(place, each.words, each.frame_count, each.alternatives)
                self._commands.verbs[verb] = [verb]

    def _command_entry(self, part: CommandPart) -> dict[str, Any]:
        entry: dict[str, Any] = {}
        writable = [name for name, each in self._channels.items() if "write" in each]
        if len(writable) > 1 or "framed" in self._channels[self._names[part.key[0]]]:
            entry["channel"] = self._names[part.key[0]]
        if self._found.text is not None:
            line = part.examples[0][1].frame.data.decode("ascii")
            entry["text"], fields = command_text(line, part.fits)
            return {**entry, **({"fields": fields} if fields else {})}
        opcode = part.examples[0][1].content.opcode
        if opcode:
            entry["opcode"] = opcode.hex(" ")
        if part.payload:
            entry["payload"] = part.payload
        return entry

    # Reports

    def _mark_needed(
        self,
        reports: list[DraftedReport],
        connection: DraftedConnection,
        general: TemplateKey | None,
        own: Mapping[TemplateKey, Any],
    ) -> None:
        needed = {general, *connection.answered_by.values(), *connection.acknowledge, *connection.greeted_by}
        needed |= {kind.key for kind in own.values()}
        solicited = {*connection.answered_by.values(), *(kind.key for kind in own.values()), general}
        for report in reports:
            report.needed = report.kind.key in needed and not report.kind.was_read
            if report.kind.key not in solicited:
                report.every_seconds = report.kind.every_seconds()

    def _is_read(self, report: DraftedReport) -> bool:
        return report.kind.was_read

    def _add_read_channels(self, document: dict[str, Any], kept: list[DraftedReport]) -> None:
        """Describe characteristics that are only read: the layout of each is a channel's."""
        polls = []
        for report in kept:
            if not report.kind.was_read:
                continue
            name = self._names[report.kind.handle]
            channel = document["channels"][name]
            if "fields" in channel or channel.get("notify") or "write" in channel:
                continue
            channel.pop("framed", None)
            channel["fields"] = report.layout()
            report.name = name
            if report.kind.every_seconds():
                polls.append({"channel": name, "every_seconds": report.kind.every_seconds()})
        if polls:
            document["connection"] = {"poll": polls[0] if len(polls) == 1 else polls}

    def _report_entry(self, report: DraftedReport, connection: DraftedConnection) -> dict[str, Any]:
        entry: dict[str, Any] = {}
        notifying = [name for name, each in self._channels.items() if each.get("notify") or each.get("indicate")]
        if len(notifying) > 1 or "framed" in self._channels[self._names[report.kind.handle]]:
            entry["channel"] = self._names[report.kind.handle]
        first = report.kind.messages[0]
        if self._found.text is not None:
            fields = {
                each.at // NUMBER_BYTES: (
                    each.name,
                    {key: value for key, value in each.entry.items() if key not in (each.name, "order")},
                )
                for each in report.fields
            }
            line = first.frame.data.decode("ascii")
            entry |= report_pattern(line, fields, self._found.text.decimals.get(first.content.opcode, ()))
        else:
            if first.content.opcode:
                entry["opcode"] = first.content.opcode.hex(" ")
            entry["payload"] = report.layout()
            if not entry["payload"]:
                del entry["payload"]
        if report.every_seconds is not None:
            entry["every_seconds"] = report.every_seconds
        if report.kind.key in connection.acknowledge:
            entry["acknowledge"] = connection.acknowledge[report.kind.key]
        count = len(report.kind.messages)
        self._notes.prove(f"reports.{report.name}", f"came {count} times", count)
        for each in report.fields:
            place = f"reports.{report.name}.payload.{each.name}"
            self._notes.prove(place, f"byte {each.at} {each.words}", count, each.alternatives)
        return entry

    # The rest

    def _add_connection(
        self, document: dict[str, Any], connection: DraftedConnection, reports: Mapping[TemplateKey, str]
    ) -> None:
        for step, key in zip(connection.entry.get("handshake", ()), connection.greeted_by, strict=False):
            if key is not None and key in reports:
                step["answered_by"] = reports[key]
        if connection.entry:
            document["connection"] = {**document.get("connection", {}), **connection.entry}

    def _add_limits(self, document: dict[str, Any]) -> None:
        limits: dict[str, float] = {}
        for part in self._commands.parts.values():
            for fit in part.fits:
                if fit.name in _LIMITS:
                    value = float(fit.value_of(fit.span()[-1]) or 0)
                    limits[fit.name] = max(limits.get(fit.name, 0), int(value) if value == int(value) else value)
        limits = {name: value for name, value in limits.items() if value > 0}
        shown = shown_vacuum(self._timeline.actions)
        if shown and "level" in limits and "vacuum_mmhg" not in limits:
            within = {level: mmhg for level, mmhg in shown.items() if level <= limits["level"]}
            document["levels"] = {"vacuum_mmhg": within, "source": "what the app shows; not measured"}
            self._notes.prove("levels", "labelled together with the levels", len(within))
        if limits:
            document["limits"] = limits
            for name in limits:
                self._notes.prove(f"limits.{name}", "the highest that was captured, not the most it can do", 1)

    def _finish(self, document: dict[str, Any]) -> None:
        document["on_link_loss"] = "unknown"
        document["notes"] = [
            "Drafted from a capture, and never tried: run `letdown devices test` first, with the device off the body.",
            "What it does when the link is lost, and whether it switches itself off, was not captured.",
        ]
        if START_VERB[self._labels.role] not in self._commands.verbs:
            document["notes"].append("It is not started from here: the capture does not show how, or not how to stop.")

    def _note_leftovers(self, reports: list[DraftedReport], kept: list[DraftedReport]) -> None:
        for report in kept:
            note_unexplained(report, self._notes, NUMBER_BYTES if self._found.text else 1)
        for report in reports:
            if report not in kept:
                words = f"{len(report.kind.messages)} reports such as {report.kind.messages[0].frame.data.hex(' ')}"
                self._notes.wonder(f"report {report.kind.key[1].hex(' ')}".strip(), words, len(report.kind.messages))
        for content, messages in by_content(self._timeline.stray).items():
            data = messages[0].frame.data
            self._notes.wonder(f"write {data.hex(' ')}", "at no label, and not regularly", len(messages))
            del content

    def _group_names(self, kept: list[DraftedReport]) -> dict[tuple[int, bytes, int], tuple[str, dict[int, str]]]:
        """Return the name and the named places of each kind of frame."""
        found: dict[tuple[int, bytes, int], tuple[str, dict[int, str]]] = {}
        for part in self._commands.parts.values():
            places = {fit.at + more: fit.name for fit in part.fits for more in range(fit.width)}
            found.setdefault((part.key[0], _opcode(part), part.key[2]), (part.name, places))
        for report in kept:
            places = {each.at + more: each.name for each in report.fields for more in range(each.width)}
            found.setdefault((report.kind.handle, report.kind.key[1], report.kind.size), (report.name, places))
        return found


def _opcode(part: CommandPart) -> bytes:
    return part.examples[0][1].content.opcode


def _echo_fields(confirmation: Confirmation) -> list[ReportField]:
    """Return the bytes of a report that its confirmation repeats."""
    return [
        ReportField(place, 1, {echo_name(at): "u8"}, "is repeated by what the app answers")
        for at, place in confirmation.echoes.items()
    ]
