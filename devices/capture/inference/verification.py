"""Verifies a draft: the real schema loads the draft, and the real codec sends and reads every captured frame of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from devices.capture.inference.command_parts import CommandPart, DraftedCommands
from devices.capture.inference.draft_notes import DraftNotes
from devices.capture.inference.draft_reports import DraftedReport
from devices.capture.inference.interpretation import Interpretation
from devices.capture.inference.safe_span import outside_captured
from devices.driver.fields import unpack
from devices.driver.vocabulary import START_VERB, STOP_VERB, Value
from devices.errors import DeviceError
from devices.profiles.codec import Codec
from devices.profiles.profile_examples import check_examples
from devices.profiles.schema import Profile

_ROUNDS = 12


def verified(
    document: dict[str, Any],
    commands: DraftedCommands,
    reports: Sequence[DraftedReport],
    found: Interpretation,
    notes: DraftNotes,
) -> dict[str, Any] | None:
    """Return the document without what does not hold; `None` where nothing is left that loads."""
    for _ in range(_ROUNDS):
        profile = _loaded(document, notes)
        if profile is None:
            return None
        wrong = {*_wrong_commands(profile, commands, found, notes), *_wrong_reports(profile, reports)}
        checks = [each for each in check_examples(profile) if each.state == "fails"]
        wrong |= {each.what for each in checks if "." in each.what}
        astray = {one.path[1] for each in checks if "." not in each.what for one in each.examples if not one.holds}
        document["examples"] = [each for number, each in enumerate(document["examples"]) if number not in astray]
        if not wrong and not astray:
            return _with_sequences(document, profile)
        for place in sorted(wrong):
            _drop(document, place, notes)
    return None


def _loaded(document: dict[str, Any], notes: DraftNotes) -> Profile | None:
    for _ in range(_ROUNDS):
        try:
            return Profile.model_validate(document)
        except ValidationError as error:
            places = [".".join(map(str, each["loc"][:2])) for each in error.errors()]
            known = [place for place in places if _drop(document, place, notes)]
            if not known and not _drop_by_words(document, str(error), notes):
                return None
    return None


def _drop_by_words(document: dict[str, Any], words: str, notes: DraftNotes) -> bool:
    """Drop what an error of the whole profile names."""
    for kind in ("reports", "commands"):
        for name in list(document.get(kind, {})):
            if f"{kind}.{name}" in words:
                return _drop(document, f"{kind}.{name}", notes)
    for key in ("answer", "connection"):
        if key in document and key in words:
            del document[key]
            return True
    return False


def _drop(document: dict[str, Any], place: str, notes: DraftNotes) -> bool:
    """Take a command, report or channel out, with all that needs it. Return whether it was there."""
    kind, _, name = place.partition(".")
    if kind not in document or (isinstance(document[kind], dict) and name and name not in document[kind]):
        return False
    if not name or not isinstance(document[kind], dict):
        return False
    del document[kind][name]
    notes.wonder(place.replace(".", " "), "did not re-encode every captured frame, and is left out", 0)
    _drop_uses(document, kind, name)
    return True


def _drop_uses(document: dict[str, Any], kind: str, name: str) -> None:
    commands, connection = document.get("commands", {}), document.get("connection", {})
    if kind == "reports":
        for entry in (*commands.values(), *connection.get("handshake", ())):
            if entry.get("answered_by") == name:
                del entry["answered_by"]
        if document.get("answer", {}).get("report") == name:
            del document["answer"]
    if kind == "commands":
        for verb in [verb for verb, entry in commands.items() if name in entry.get("sequence", ())]:
            del commands[verb]
        for stop, starts in ((STOP_VERB[role], START_VERB[role]) for role in document["roles"]):
            if stop not in commands:
                commands.pop(starts, None)
        _drop_from_connection(connection, name)
        for report in document.get("reports", {}).values():
            if report.get("acknowledge") == name:
                del report["acknowledge"]
    document["examples"] = [each for each in document.get("examples", ()) if not _is_about(each, kind, name)]


def _drop_from_connection(connection: dict[str, Any], name: str) -> None:
    connection["handshake"] = [step for step in connection.get("handshake", ()) if step["command"] != name]
    if not connection["handshake"]:
        del connection["handshake"]
    for key in ("keepalive", "clock"):
        value = connection.get(key)
        if value == name or (isinstance(value, dict) and value.get("command") == name):
            del connection[key]
    polls = connection.get("poll", [])
    polls = [each for each in (polls if isinstance(polls, list) else [polls]) if each.get("command") != name]
    if polls:
        connection["poll"] = polls
    else:
        connection.pop("poll", None)


def _is_about(example: Mapping[str, Any], kind: str, name: str) -> bool:
    if kind == "commands":
        return name in example.get("send", ())
    return kind == "channels" and example.get("channel") == name


def _wrong_commands(
    profile: Profile, commands: DraftedCommands, found: Interpretation, notes: DraftNotes
) -> Iterator[str]:
    """Yield the commands that do not send the captured bytes, or that could send others than those between them."""
    codec = Codec(profile)
    for name, part in commands.parts.items():
        if name not in profile.commands:
            continue
        outside = outside_captured(codec, name, part.key, found)
        if outside is not None and "not decided" in outside:
            notes.miss(f"The command {name}: {outside}. Record those values as well.")
        if outside is not None or not _sends_captured(codec, name, part):
            yield f"commands.{name}"


def _sends_captured(codec: Codec, name: str, part: CommandPart) -> bool:
    spec = codec.profile.commands[name]
    for values, message in part.examples:
        given: Mapping[str, Value] = values
        try:
            if not values and spec.payload:
                given = unpack(spec.payload, message.payload, codec.profile.byte_order)
            sent = codec.encode_command(name, given, message.counter or 0)
        except DeviceError:
            return False
        if sent.data != message.frame.data:
            return False
    return True


def _wrong_reports(profile: Profile, reports: Sequence[DraftedReport]) -> Iterator[str]:
    """Yield the reports that the codec does not read as such."""
    codec = Codec(profile)
    for report in reports:
        spec = profile.reports.get(report.name)
        if spec is None:
            continue
        channel = codec.channel_of(spec)
        for data in {message.frame.data for message in report.kind.messages}:
            try:
                name = codec.decode_report(channel, data).name
            except DeviceError:
                name = ""
            if name != report.name:
                yield f"reports.{report.name}"
                break


def _with_sequences(document: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """Add an example of each sequence: its commands one after another, each of which was seen."""
    codec = Codec(profile)
    for verb, command in profile.commands.items():
        if not command.sequence:
            continue
        values: dict[str, Value] = {}
        for example in document["examples"]:
            ((name, given),) = example.get("send", {"": {}}).items()
            if name in {step.command for step in command.sequence}:
                values = {**given, **values}
        try:
            packets = [codec.encode_command(part, given) for part, given, _ in codec.packets(verb, values)]
        except DeviceError:
            continue
        writes = [[packet.channel, packet.data.hex(" ")] for packet in packets]
        document["examples"].append({"send": {verb: values}, "writes": writes})
    return document
