"""Checks the examples of a plug's model file: what is published, and what a message means."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from devices.driver.example_check import ExampleCheck, by_part, compared
from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.plugs.plug_kinds import plug_kind
from devices.plugs.plug_model import PlugExample, PlugSpec
from devices.plugs.plug_protocol import PlugKind, PlugMessage, PlugReport
from devices.plugs.plug_settings import PlugSettings

_SOURCE, _NUMBER = "letdown", 1
_PARTS = ("commands.set_target", "commands.renew", "commands.off", "reports.message")
_PART = {"on": _PARTS[0], "renew": _PARTS[1], "off": _PARTS[2]}


def check_examples(spec: PlugSpec) -> list[ExampleCheck]:
    """Return the result of each part of a model file."""
    kind = plug_kind(spec.kind, PlugSettings(topic=spec.topic), _SOURCE)
    return by_part(_PARTS, ("plug", "examples"), _tried(spec, kind))


def _tried(spec: PlugSpec, kind: PlugKind) -> Iterator[tuple[tuple[str, ...], str, str, str | None]]:
    for example in spec.examples:
        if example.send is not None:
            expected = [_plain(*each) for each in example.publishes]
            found = [_plain(each.topic, each.payload) for each in _published(example, kind)]
            yield (_PART[example.send],), "; ".join(expected), "; ".join(found), example.seen_in
        if example.receive is not None:
            topic, payload = example.receive
            try:
                report = kind.decode(topic, payload.encode(), retained=example.retained)
            except ProtocolError as error:
                yield (_PARTS[3],), "a message that means something", str(error), example.seen_in
                continue
            yield (_PARTS[3],), *compared(example.means, _values(report)), example.seen_in


def _published(example: PlugExample, kind: PlugKind) -> list[PlugMessage]:
    if example.send == "on":
        return [*kind.prepare(example.seconds, _NUMBER), *kind.switch_on(example.seconds, _NUMBER)]
    return [*(kind.renew(example.seconds, _NUMBER) if example.send == "renew" else kind.switch_off(_NUMBER))]


def _plain(topic: str, payload: str) -> str:
    """Return a message as one line; JSON in one order of keys."""
    with contextlib.suppress(ValueError):
        payload = json.dumps(json.loads(payload), sort_keys=True)
    return f"{topic} {payload}".rstrip()


def _values(report: PlugReport) -> dict[str, Value]:
    return {
        "on": report.on,
        "power_w": report.power_w,
        "timer_seconds": report.timer_seconds,
        "prepared_seconds": report.prepared_seconds,
        "online": report.online,
        "was_on": report.was_on,
        "refused": report.refusal is not None,
    }
