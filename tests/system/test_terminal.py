"""A parent at a real terminal: whole sessions by keyboard, at two sizes, in both languages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.contract.words import Words, load_words
from tests.helpers.mosquitto import free_port
from tests.helpers.tmux import Terminal

pytestmark = pytest.mark.system

SIZES = [(80, 24), (60, 20)]
Open = Callable[[int, int], Terminal]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Open terminals, and close them after the test."""
    terminals: list[Terminal] = []

    def open_terminal(width: int, height: int) -> Terminal:
        terminals.append(Terminal(tmp_path, width, height))
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        terminal.end()


def told(words: Words, text: str) -> str:
    """A text of the guide as the terminal shows it."""
    return " ".join(words.name_controls(text, "terminal").split())


def answer_all(terminal: Terminal, words: Words, yes: str = "") -> None:
    for name, question in words.questions.items():
        terminal.until(question.ask)
        time.sleep(0.6)  # nobody reads faster, and what is pressed sooner is ignored
        terminal.press(words.terminal["key_yes"] if name == yes else "n")


def is_restored(folder: Path) -> bool:
    end = time.monotonic() + 5
    after, before = folder / "after", (folder / "before").read_text()
    while not (after.exists() and after.read_text() == before) and time.monotonic() < end:  # the shell still writes it
        time.sleep(0.05)
    return after.read_text() == before != ""


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_whole_session_by_keyboard(opened: Open, tmp_path: Path, width: int, height: int, language: str) -> None:
    words = load_words(language)
    names, stop = words.terminal, words.labels.stop["stopped"]
    terminal = opened(width, height)
    terminal.letdown("demo", "--ask", "--speed", "4", "--language", language)
    answer_all(terminal, words)

    terminal.until(told(words, words.steps["warm"].with_device))
    assert terminal.screen.rstrip("\n").split("\n")[-1].startswith(f"p {names['what_pain']}")
    terminal.paste("sssszzzz")
    time.sleep(0.5)
    terminal.until(told(words, words.steps["warm"].with_device))  # a paste does nothing
    terminal.press("s")
    for side in ("left", "right"):
        for technique in ("spiral", "palm-sweep", "roll", "roll-around"):
            terminal.until(f"{words.techniques[technique].title}: {words.sides[side]}")  # type: ignore[index]
            assert told(words, words.techniques[technique].words) in terminal.until(words.techniques[technique].title)
            time.sleep(0.1)
            terminal.press("s")
    terminal.until(told(words, words.messages["flange_countdown"]))
    terminal.press("w")
    terminal.until(told(words, words.messages["flange_waiting"]))
    terminal.press("f")
    terminal.until(told(words, words.steps["stimulate"].with_device))
    terminal.until(words.of_terminal("target", value="").strip())  # else the flange is asked for anew
    terminal.press("l")
    terminal.until(told(words, words.steps["express"].with_device))
    terminal.press("-")
    terminal.until(words.of_terminal("target", value="80 mmHg"))
    for _ in range(6):
        terminal.press("+")
        time.sleep(0.15)
    limited = words.of_terminal("limited_to", words="").strip()
    terminal.until(limited)  # with its reason
    terminal.press("?")
    terminal.until(names["help_pain"])
    terminal.press("p")
    shown = terminal.until(f"right-pump: {stop}")
    assert f"left-pump: {stop}" in shown
    terminal.until("code=1")
    assert is_restored(tmp_path)


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_yes_leads_to_a_gentler_session(opened: Open, language: str) -> None:
    words = load_words(language)
    terminal = opened(60, 20)
    terminal.letdown("demo", "--ask", "--speed", "20", "--language", language)
    answer_all(terminal, words, yes="lump")
    terminal.until(told(words, words.questions["lump"].if_yes))
    terminal.press("s")
    terminal.until(told(words, words.messages["flange_countdown"]))
    terminal.press("f")
    terminal.until(told(words, words.steps["stimulate"].with_device))
    shown = terminal.until("- " + words.steps["warm"].title)  # not today
    assert "- " + words.steps["massage"].title in shown
    terminal.press(" ")
    terminal.until("code=1")


@pytest.mark.parametrize("language", ["en", "de"])
def test_ctrl_c_stops_everything_and_says_what_was_confirmed(opened: Open, tmp_path: Path, language: str) -> None:
    words = load_words(language)
    terminal = opened(80, 24)
    terminal.letdown("demo", "--speed", "10", "--language", language)
    terminal.until(told(words, words.steps["warm"].with_device))
    terminal.press("C-c")
    shown = terminal.until("code=130")
    assert words.terminal["interrupted"] in shown
    for device in ("left-pump", "right-pump", "warm-pad", "massager"):
        assert f"{device}: {words.labels.stop['stopped']}" in shown
    assert is_restored(tmp_path)


def test_ctrl_c_while_it_connects_ends_with_130(opened: Open, tmp_path: Path) -> None:
    terminal = opened(80, 24)
    terminal.letdown("demo", "--speed", "10")
    terminal.until("Connecting to the devices")
    terminal.press("C-c")
    terminal.until("code=130")  # while it only loads, it ends at once, and there is nothing to say
    assert "Traceback" not in terminal.text
    assert is_restored(tmp_path)


def test_resizing_and_suspending_leave_everything_readable(opened: Open, tmp_path: Path) -> None:
    words = load_words("en")
    terminal = opened(80, 24)
    terminal.letdown("demo", "--speed", "2")
    warm = told(words, words.steps["warm"].with_device)
    terminal.until(warm)
    for size in ((60, 20), (100, 40), (40, 14), (80, 24)):
        terminal.resize(*size)
        time.sleep(0.5)
        terminal.until(warm)
    terminal.press("C-z")
    time.sleep(0.5)
    terminal.run("stty -a | tr -d '\\n' > after; cat before after | wc -l; fg")
    terminal.until(warm)
    assert is_restored(tmp_path)
    terminal.press("p")
    terminal.until("left-pump: confirmed off")


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_simple_terminal_gets_plain_lines_and_keys(opened: Open, more: dict[str, str]) -> None:
    words = load_words("en")
    terminal = opened(80, 40)
    terminal.run(" ".join(f"export {name}={value};" for name, value in more.items()))
    terminal.letdown("demo", "--ask", "--speed", "4")
    terminal.until(words.questions["lump"].ask)
    assert "╭" not in terminal.screen
    terminal.press(" ")
    terminal.until(f"left-pump: {words.labels.stop['stopped']}")
    terminal.until("code=1")


@pytest.mark.parametrize("language", ["en", "de"])
def test_watching_controls_a_service_and_knows_when_there_is_no_contact(opened: Open, language: str) -> None:
    words = load_words(language)
    service, watching = opened(80, 24), opened(60, 20)
    port = free_port()
    service.run(f"export LETDOWN_LANGUAGE={language} LETDOWN_MQTT__EMBEDDED_PORT={port}")
    watching.letdown("watch", "--broker", f"mqtt://127.0.0.1:{port}")
    watching.until("No contact")
    service.letdown("run", "--virtual", "--ask", "--speed", "4")
    watching.until("start")
    watching.press("g")
    watching.until(words.questions["lump"].ask)  # in the language of the service from now on
    answer_all(watching, words)
    watching.until(told(words, words.steps["warm"].with_device))
    watching.press("p")
    watching.until(f"left-pump: {words.labels.stop['stopped']}")
    service.until(words.labels.session["stopped"])  # type: ignore[index]
    service.press("C-c")
    service.until("code=130")
    assert told(words, words.messages["pain"]) not in watching.until(words.of_terminal("no_contact_why", why="")[:12])
    watching.press("q")
    watching.until("code=0")
