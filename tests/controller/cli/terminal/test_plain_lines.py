"""Plain lines: one for each thing that happens, with questions and instructions."""

from __future__ import annotations

import os
import threading
import time

from controller.cli.terminal.plain_lines import PlainLines
from controller.cli.terminal.screen import TerminalWriter
from controller.contract.events import DeviceView, Event, EventType, Guide, SessionState, Snapshot
from controller.contract.words import load_words
from devices.roles import ButtonReading, LinkState, PumpReading, RunState, Side


def lines_of(*items: object, language: str = "en", keys: bool = False) -> list[str]:
    lines: list[str] = []
    plain = PlainLines(load_words(language), lines.append, keys=keys)
    for item in items:
        plain.take(item)
    return lines


def event(kind: EventType, /, **data: object) -> Event:
    return Event(station="home", session_id="s", type=kind, data=data)


def test_an_instruction_is_one_line_until_it_changes() -> None:
    guide = Guide(station="home", title="Warmth", words="Lean back.", seconds_left=9)
    later = guide.model_copy(update={"seconds_left": 8})
    assert lines_of(guide, later, guide.model_copy(update={"words": "Rest."})) == [
        "Warmth: Lean back.",
        "Warmth: Rest.",
    ]


def test_controls_are_called_by_their_keys_where_there_are_keys() -> None:
    guide = Guide(station="home", title="T", words='Press "Pain".', template="If it hurts, {press_pain}.")
    assert lines_of(guide, keys=True) == ["T: If it hurts, press p."]
    assert lines_of(guide, keys=True, language="de") == ["T: If it hurts, drück p."]
    assert lines_of(guide) == ['T: Press "Pain".']


def test_a_question_says_how_to_answer() -> None:
    guide = Guide(station="home", title="Wie geht's dir?", words="Fieber?", question="fever")
    assert lines_of(guide, keys=True, language="de") == ["Wie geht's dir? Fieber? (j: ja, n: nein)"]


def test_events_states_and_devices_are_lines() -> None:
    view = DeviceView(
        station="home",
        device="left-pump",
        profile="x",
        side=Side.LEFT,
        link=LinkState.CONNECTED,
        available=True,
        reading=PumpReading(run_state=RunState.RUNNING),
    )
    assert lines_of(
        Snapshot(station="home", routine="classic", state=SessionState.RUNNING),
        event(EventType.STEP_STARTED, step="warm", index=1),
        view,
        view,
        event(EventType.LET_DOWN, by="tap", seconds=40),
        event(EventType.STEP_FINISHED, step="warm", index=1, outcome="not_today", seconds=61),
        event(EventType.TRIP, kind="vacuum", device="left-pump", words="-"),
        view.model_copy(update={"available": False}),
        language="de",
    ) == [
        "classic: läuft",
        "Wärme ...",
        "  left-pump: an",
        "  Milchspendereflex, von dir bemerkt",
        "Wärme: heute nicht, 1:01",
        "  Zur Sicherheit gestoppt. left-pump: der Unterdruck war zu hoch",
        "  left-pump: unbekannt",
    ]


def test_a_button_is_heard_and_says_what_it_did() -> None:
    view = DeviceView(
        station="home",
        device="chair",
        profile="x",
        side=Side.BOTH,
        link=LinkState.HEARD,
        available=True,
        reading=ButtonReading(),
    )
    pressed = event(
        EventType.BUTTON_PRESSED, device="chair", press="press", trust="plain", did="stop", words="stopped by chair"
    )
    assert lines_of(view, pressed) == ["  chair: heard", "  stopped by chair"]


def test_a_terminal_that_takes_nothing_holds_up_nobody() -> None:
    reading, writing = os.pipe()
    try:
        writer = TerminalWriter(writing)
        began = time.monotonic()
        for _ in range(2000):
            writer.write("x" * 1000 + "\n")  # far more than a pipe holds
            writer.show(lambda: "y" * 100_000)
        assert time.monotonic() - began < 1
        writer.close()
        assert time.monotonic() - began < 3
    finally:
        threading.Thread(target=_drain, args=(reading,), daemon=True).start()


def _drain(fd: int) -> None:
    while os.read(fd, 65536):
        pass


def test_a_frame_that_nobody_could_take_is_replaced_by_the_latest() -> None:
    reading, writing = os.pipe()
    writer = TerminalWriter(writing)
    writer.write("a" * 200_000)  # blocks
    time.sleep(0.05)
    for number in range(100):
        writer.show(lambda number=number: f"<{number}>")  # type: ignore[misc]
    received = b""
    while b">" not in received:
        received = received[-10:] + os.read(reading, 65536)
    assert received.endswith(b"<99>")
    writer.close()
    os.close(reading)
    os.close(writing)
