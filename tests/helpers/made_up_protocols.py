"""Protocols of pumps that do not exist, put together at random, and what a capture of their app would hold.

The truth is a profile; the frames are encoded by the real codec. What is drafted from the capture is compared with it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from devices.capture.conversation import (
    CapturedCharacteristic,
    CapturedConnection,
    CapturedDevice,
    GattMessage,
    MessageKind,
)
from devices.capture.labels import LabeledAction, Labels
from devices.driver.checksums import ChecksumKind
from devices.driver.vocabulary import Value
from devices.profiles.codec import Codec
from devices.profiles.schema import Profile

BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
ADDRESS = "F0:0D:00:00:4C:1F"
TX, RX = 16, 18
PHASES = ("stimulation", "expression")


@dataclass
class MadeUpProtocol:
    """A profile, what the app does with it, and the highest level."""

    profile: Profile
    levels: int
    start: tuple[str, ...]
    adjust_level: tuple[str, ...]
    adjust_phase: tuple[str, ...]
    pauses: bool
    noisy: bool
    greets: bool
    polls_seconds: float | None
    reports_seconds: float
    acknowledges: bool
    seed: int
    late: random.Random = field(default_factory=random.Random)


def _opcodes(chance: random.Random, count: int) -> list[str]:
    return [f"{code:02x}" for code in chance.sample(range(1, 0x7F), count)]


def _frame(chance: random.Random, *, checksum: bool = True) -> dict[str, Any]:
    head = bytes(chance.randrange(0x80, 0x100) for _ in range(chance.choice((1, 1, 2))))
    layout = ["head", *chance.choice((["length", "opcode"], ["opcode", "length"], ["opcode"])), "payload"]
    if chance.random() < 0.3:
        layout.insert(chance.randrange(1, layout.index("payload")), "counter")
    frame: dict[str, Any] = {"head": head.hex(" ")}
    if "length" in layout:
        wide = {"type": "u16", "order": chance.choice(("big", "little"))} if chance.random() < 0.2 else {}
        frame["length"] = {"counts": chance.choice(("frame", "payload", "rest")), **wide}
    if checksum:
        layout.append("checksum")
        over: Any = chance.choice(("frame", (layout[1], "payload"), "frame"))
        frame["checksum"] = {"kind": chance.choice(get_args(ChecksumKind)), "over": over, "order": "big"}
    if chance.random() < 0.25:
        layout.append("tail")
        frame["tail"] = f"{chance.randrange(256):02x}"
    frame["layout"] = layout
    return frame


def made_up(seed: int, *, checksum: bool = True) -> MadeUpProtocol:
    """Return the protocol of a number; the same number makes the same one."""
    chance = random.Random(seed)
    levels = chance.randrange(3, 10)
    codes = dict(zip(chance.sample(range(0x60), 2), PHASES, strict=True))
    encoding = chance.choice(({}, {}, {"bias": chance.choice((-1, 1, 16))}, {"scale": 0.1}))
    level = {"level": "u8", **encoding, "range": [1, levels]}
    phase = {"phase": "u8", "is": codes}
    both = chance.choice(([phase, level], [level, phase], [phase, "00", level]))
    on, setting, second, off, ask, hello, status, answer, pause, resume = _opcodes(chance, 10)
    style = chance.choice(("together", "apart", "one", "fixed start"))
    commands: dict[str, Any] = {"stop_it": {"opcode": off}}
    if style == "together":
        commands |= {"begin": {"opcode": on, "payload": both}, "change": {"opcode": setting, "payload": both}}
        start, by_level, by_phase = ("begin",), ("change",), ("change",)
    elif style == "apart":
        commands |= {
            "switch": {"opcode": on, "payload": ["01"]},
            "stop_it": {"opcode": on, "payload": ["00"]},
            "level": {"opcode": setting, "payload": [level]},
            "phase": {"opcode": second, "payload": [phase]},
        }
        start = chance.choice((("phase", "level", "switch"), ("switch", "phase", "level")))
        by_level, by_phase = ("level",), ("phase", "level")
    elif style == "one":
        commands |= {
            "change": {"opcode": setting, "payload": ["01", *both]},
            "stop_it": {"opcode": setting, "payload": ["00" * (3 + len([each for each in both if each == "00"]))]},
        }
        start, by_level, by_phase = ("change",), ("change",), ("change",)
    else:
        commands |= {
            "begin": {"opcode": on, "payload": chance.choice((["01"], []))},
            "change": {"opcode": setting, "payload": both},
        }
        start, by_level, by_phase = ("begin", "change"), ("change",), ("change",)
    commands |= {"ask": {"opcode": ask}, "hello": {"opcode": hello, "payload": ["4c 44"]}}
    commands |= {"pause_it": {"opcode": pause}, "resume_it": {"opcode": resume}}
    fields: list[Any] = [
        {"run_state": "u8", "is": dict(zip(chance.sample(range(6), 3), ("stopped", "running", "paused"), strict=True))},
        {"phase": "u8", "is": codes},
        {"level": "u8", **encoding},
        {"noise": "u8"},
        {"battery_percent": "u8"},
    ]
    chance.shuffle(fields)
    profile = Profile.model_validate(
        {
            "id": "made-up",
            "name": "Made up",
            "roles": ["pump"],
            "confidence": "unverified",
            "provenance": "made up by chance for a test",
            "match": {"name": "Made-*"},
            "channels": {
                "tx": {"service": "ff50", "characteristic": "ff51", "write": "without-response"},
                "rx": {"service": "ff50", "characteristic": "ff52", "notify": True},
            },
            "frame": _frame(chance, checksum=checksum),
            "commands": commands,
            "reports": {
                "status": {"opcode": status, "payload": fields},
                "answer": {"opcode": answer, "payload": [{"request": "u8"}, "00"]},
            },
        }
    )
    return MadeUpProtocol(
        profile,
        levels,
        start,
        by_level,
        by_phase,
        pauses=chance.random() < 0.6,
        noisy=chance.random() < 0.7,
        greets=chance.random() < 0.6,
        polls_seconds=chance.choice((None, None, 2.0, 10.0)),
        reports_seconds=chance.choice((0.5, 1.0, 2.0)),
        acknowledges=chance.random() < 0.5,
        seed=seed,
        late=random.Random(seed + 1),
    )


class _Recorder:
    """Plays an app and its pump, and keeps what went over the air."""

    def __init__(self, protocol: MadeUpProtocol) -> None:
        self.protocol = protocol
        self.codec = Codec(protocol.profile)
        self.chance = random.Random(protocol.seed + 2)
        self.now = BEGAN.timestamp() + 3.0
        self.values: dict[str, Value] = {"run_state": "stopped", "phase": "stimulation", "level": 1}
        self.battery = 90.0
        self.connections: list[CapturedConnection] = []
        self.messages: list[GattMessage] = []
        self.labels: list[LabeledAction] = []
        self.counter = self.own_counter = 0
        self.began = 0.0
        self.next_report = self.next_poll = 0.0

    def connect(self) -> None:
        self.began = self.now
        self.messages = []
        self.counter = self.own_counter = 0
        self.next_report, self.next_poll = self.now + 0.7, self.now + 3.1
        self.now += 0.3
        if self.protocol.greets:
            self.write("hello", {})
            self.report("answer", {"request": self._opcode("hello")})
        self.label("connect", {})

    def disconnect(self) -> None:
        number = len(self.connections) + 1
        messages = tuple(sorted(self.messages, key=lambda message: message.at_seconds))
        self.connections.append(CapturedConnection(number, self.began, self.now, messages))
        self.now += 10

    def label(self, do: str, values: Mapping[str, Value]) -> None:
        at = max(self.now - BEGAN.timestamp() - self.protocol.late.uniform(0.1, 0.9), 0)
        self.labels.append(LabeledAction.model_validate({"at_seconds": at, "do": do, **values}))

    def write(self, name: str, values: Mapping[str, Value]) -> None:
        self.counter += 1
        data = self.codec.encode_command(name, values, self.counter).data
        self._keep("write-without-response", TX, data)
        if self.protocol.acknowledges and name not in ("hello", "ask"):
            self.report("answer", {"request": self._opcode(name)})
        if name == "ask":
            self.report("status", self._status())

    def report(self, name: str, values: Mapping[str, Value]) -> None:
        self.own_counter += 1
        self._keep("notify", RX, self.codec.encode_report(name, values, self.own_counter).data)

    def act(self, do: str, names: tuple[str, ...], labeled: Mapping[str, Value], run_state: str) -> None:
        self.wait(5 + self.chance.uniform(0, 3))
        self.label(do, labeled)
        self.values |= {**labeled, "run_state": run_state}
        for name in names:
            self.write(name, self.values)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            due = [self.next_report] + ([self.next_poll] if self.protocol.polls_seconds else [])
            if min(due) > until:
                break
            self.now = max(self.now, min(due))
            if min(due) == self.next_report:
                self.next_report += self.protocol.reports_seconds
                self.battery -= 0.02 * self.protocol.reports_seconds
                self.report("status", self._status())
            else:
                self.next_poll += self.protocol.polls_seconds or 0
                self.write("ask", {})
        self.now = until

    def _status(self) -> dict[str, Value]:
        noise = self.chance.randrange(256) if self.protocol.noisy else 0
        return {**self.values, "noise": noise, "battery_percent": round(self.battery)}

    def _opcode(self, name: str) -> int:
        return int.from_bytes(self.protocol.profile.commands[name].opcode or b"", "big")

    def _keep(self, kind: MessageKind, handle: int, data: bytes) -> None:
        self.now += min(0.004, self.protocol.reports_seconds / 4)
        self.messages.append(GattMessage(self.now, kind, handle, data))

    def see_battery(self) -> None:
        self.label("see", {"battery_percent": round(self.battery)})


def _play(recorder: _Recorder) -> Iterator[None]:
    protocol = recorder.protocol
    level, phase = protocol.adjust_level, protocol.adjust_phase
    recorder.connect()
    recorder.wait(12)
    recorder.see_battery()
    recorder.act("start", protocol.start, {"phase": "stimulation", "level": 1}, "running")
    for each in (*range(2, protocol.levels + 1), protocol.levels - 1, 2, 1):
        recorder.act("adjust", level, {"level": each}, "running")
    recorder.act("adjust", phase, {"phase": "expression", "level": 1}, "running")
    for each in (2, 3, protocol.levels, 1):
        recorder.act("adjust", level, {"level": each}, "running")
    recorder.act("adjust", phase, {"phase": "stimulation", "level": 1}, "running")
    recorder.act("adjust", level, {"level": 2}, "running")
    if protocol.pauses:
        recorder.act("pause", ("pause_it",), {}, "paused")
        recorder.act("resume", ("resume_it",), {}, "running")
    recorder.act("stop", ("stop_it",), {}, "stopped")
    recorder.act("start", protocol.start, {"phase": "stimulation", "level": 2}, "running")
    recorder.act("stop", ("stop_it",), {}, "stopped")
    recorder.wait(6)
    recorder.disconnect()
    yield
    recorder.connect()
    recorder.wait(12)
    recorder.act("start", protocol.start, {"phase": "stimulation", "level": 1}, "running")
    recorder.act("stop", ("stop_it",), {}, "stopped")
    recorder.see_battery()
    recorder.wait(5)
    recorder.disconnect()


def recorded(protocol: MadeUpProtocol) -> tuple[CapturedDevice, Labels]:
    """Return the capture of a session with the app, and its labels."""
    recorder = _Recorder(protocol)
    list(_play(recorder))
    service = "0000ff50-0000-1000-8000-00805f9b34fb"
    table = {
        TX: _row(TX, "0000ff51", service, "write-without-response"),
        RX: _row(RX, "0000ff52", service, "notify"),
    }
    device = CapturedDevice(ADDRESS, "Made-4C1F", tuple(recorder.connections), table)
    return device, Labels(role="pump", app="Made 1.0", began=BEGAN, actions=tuple(recorder.labels))


def _row(handle: int, short: str, service: str, kind: str) -> CapturedCharacteristic:
    return CapturedCharacteristic(handle, f"{short}-0000-1000-8000-00805f9b34fb", service, frozenset({kind}))
