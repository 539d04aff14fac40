"""The traffic of a device, taken apart in the way that explains it: frames around payloads, or lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from devices.capture.inference.command_templates import Templates
from devices.capture.inference.frame_layout import FrameLayout
from devices.capture.inference.framing import Framing, find_framing
from devices.capture.inference.report_kinds import ReportKind, code_places, kinds_of
from devices.capture.inference.text_protocol import TextProtocol, text_of
from devices.capture.inference.traffic import Traffic
from devices.capture.inference.unwrapped import Content, Unwrapped, unwrap_all

_MOST_OPCODES = 40


@dataclass(frozen=True)
class Interpretation:
    """All messages, and what they were taken apart by. `misfits`: how many frames of framed handles do not fit."""

    framing: Framing
    text: TextProtocol | None
    written: tuple[Unwrapped, ...]
    received: tuple[Unwrapped, ...]
    misfits: int
    selector: dict[int, tuple[int, ...]]

    @cached_property
    def kinds(self) -> list[ReportKind]:
        """What the device sent, by kind."""
        return kinds_of(self.received, self.selector)

    @property
    def has_opcode(self) -> bool:
        """Whether the frame has an opcode."""
        frame = self.framing.layout.frame
        return frame is not None and "opcode" in frame.layout


def interpret(traffic: Traffic) -> Interpretation:
    """Return the traffic, taken apart as text or by the layout of its frames, with no opcode where that is free."""
    text = text_of(traffic)
    if text is not None:
        none = Framing(FrameLayout(None, False, 0), frozenset())
        return _interpreted(traffic, none, text)
    return _interpreted(traffic, find_framing(traffic.frames), None)


def with_opcode(found: Interpretation, templates: Templates | None) -> tuple[Interpretation, int]:
    """Return the traffic with the first bytes of payloads as the opcode, where they are one in both directions.

    `templates`: the kinds of commands, as far as labels show them. Return the size of that opcode, too; 0: none.
    """
    layout = found.framing.layout
    selector = templates.selector if templates else ()
    fields = {fit.at for each in templates.by_key.values() for fit in each.fits} if templates else set()
    if not layout.opcode_free or layout.frame is None:
        return found, 0
    for size in (2, 1) if selector[:2] == (0, 1) else (1,):
        if not fields & set(range(size)) and _have_opcode(found, size):
            return _moved(found, size), size
    return found, 0


def _moved(found: Interpretation, size: int) -> Interpretation:
    """Return the messages with the first bytes of their payloads as the opcode."""
    framing = Framing(found.framing.layout.with_opcode(size), found.framing.framed)

    def move(message: Unwrapped) -> Unwrapped:
        handle, _, payload = message.content
        if handle not in framing.framed:
            return message
        return Unwrapped(message.frame, Content(handle, payload[:size], payload[size:]), message.counter)

    received = tuple(map(move, found.received))
    written = tuple(map(move, found.written))
    return Interpretation(framing, None, written, received, found.misfits, _selectors(received, None))


def _have_opcode(found: Interpretation, size: int) -> bool:
    framed = [each for each in (*found.written, *found.received) if each.frame.handle in found.framing.framed]
    if any(len(each.payload) < size for each in framed):
        return False
    if len({each.payload[:size] for each in framed}) > _MOST_OPCODES:
        return False
    received = [each for each in framed if each.frame.from_device]
    for handle in {message.frame.handle for message in received}:
        each = [message for message in received if message.frame.handle == handle]
        if len({message.payload[:size] for message in each}) > 1 and not code_places(each):
            return False  # the first bytes of its reports are values
    return True


def _interpreted(traffic: Traffic, framing: Framing, text: TextProtocol | None) -> Interpretation:
    if text is not None:
        messages = text.unwrap(traffic.frames)
        misfits = 0
    else:
        messages = unwrap_all(traffic.frames, framing)
        misfits = len(traffic.frames) - len(messages)
    written = tuple(message for message in messages if not message.frame.from_device)
    received = tuple(message for message in messages if message.frame.from_device)
    return Interpretation(framing, text, written, received, misfits, _selectors(received, text))


def _selectors(received: Sequence[Unwrapped], text: TextProtocol | None) -> dict[int, tuple[int, ...]]:
    """Return by handle which places of a payload tell kinds of reports apart, beside opcode and length."""
    if text is not None:
        return {}
    found = {}
    for handle in {message.frame.handle for message in received}:
        each = [message for message in received if message.frame.handle == handle]
        opcodes = {message.content.opcode for message in each}
        if len(opcodes) <= 1:
            found[handle] = code_places(each)
    return found
