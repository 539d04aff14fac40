"""The plainest pump there is, one that answers, and a peer that does."""

from __future__ import annotations

from typing import Any

from devices.driver.device_roles import DevicePump
from tests.helpers.peer import Peer

STOP, START = b"\x0f", b"\x33"

PLAIN = """
    commands:
      start: {payload: "33"}
      stop: {payload: "0f"}
"""
ANSWERED = """
    frame: {layout: [opcode, counter, payload]}
    commands:
      start: {opcode: "33", payload: [{level: u8}]}
      quiet: {opcode: "34", answered: false}
      stop: {opcode: "0f"}
    reports:
      result: {opcode: "96", payload: [{request: u8}, {number: u8}, {result: u8, is: {0: done, 1: too_strong}}]}
    answer: {report: result, opcode: request, counter: number, result: result, accepted: done, within_seconds: 3}
"""
SEQUENCE = """
    commands:
      power: {payload: ["01", {on: bool}]}
      level: {payload: ["02", {level: u8, range: [1, 9]}]}
      start: {sequence: [{command: power, values: {on: true}, then_wait_seconds: 0.5}, level]}
      stop: {sequence: [{command: power, values: {on: false}}]}
"""


def pump(talk: Any) -> DevicePump:
    assert isinstance(talk.role, DevicePump)
    return talk.role


def answering(peer: Peer, result: str = "done", *, request: int = 0, number: int = 0) -> None:
    """Let a peer answer each command, or the command and number beside it."""

    def on_write(channel: str, data: bytes) -> None:
        peer.report("result", request=data[0] + request, number=data[1] + number, result=result)

    peer.on_write = on_write
