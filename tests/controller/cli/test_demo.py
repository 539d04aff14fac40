"""`letdown demo`: a whole session on virtual devices, in a process of its own."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import letdown, letdown_afresh, printed

SHORT = ("demo", "--routine", "soften-for-latch")

NUMBER = int | float


@pytest.mark.system
def test_the_demo_prints_one_json_object(tmp_path: Path) -> None:
    done = letdown("demo", "--speed", "1000", "--json", cwd=tmp_path)
    session = printed(done)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""

    kinds: dict[str, Any] = {
        "outcome": str,
        "reason": str,
        "session_id": str,
        "routine": str,
        "side": str,
        "steps": list,
        "let_down_seconds": NUMBER,
        "let_down_by": str,
        "volume_ml": dict,
        "highest_target_mmhg": NUMBER,
        "peak_vacuum_mmhg": NUMBER,
        "warmest_celsius": NUMBER,
        "limits": list,
        "mqtt": dict,
    }
    assert session.keys() == kinds.keys()
    for key, kind in kinds.items():
        assert isinstance(session[key], kind), key

    assert (session["outcome"], session["routine"], session["side"]) == ("completed", "classic", "both")
    assert [step["name"] for step in session["steps"]] == ["check", "warm", "massage", "stimulate", "express"]
    for step in session["steps"]:
        assert step.keys() == {"name", "seconds", "outcome", "by_hand", "parts"}
        assert step["seconds"] > 0
    assert [step["outcome"] for step in session["steps"]] == ["done", "done", "done", "let_down", "done"]
    assert [step["by_hand"] for step in session["steps"]] == [False] * 5

    techniques = ["spiral", "palm-sweep", "roll", "roll-around"]
    parts = session["steps"][2]["parts"]
    assert [(part["name"], part["side"]) for part in parts] == [(t, s) for s in ("left", "right") for t in techniques]
    assert all(part["outcome"] == "done" and part["seconds"] == 30 for part in parts)
    assert all(step["parts"] == [] for step in session["steps"] if step["name"] != "massage")

    assert session["volume_ml"].keys() == {"left", "right"}
    assert all(0 < volume < 500 for volume in session["volume_ml"].values())
    assert 0 < session["let_down_seconds"] <= 120
    assert 100 < session["peak_vacuum_mmhg"] <= 250
    assert 38 < session["warmest_celsius"] < 43
    assert session["mqtt"]["published"] > 50


@pytest.mark.system
def test_a_short_demo_completes_and_prints_one_json_object(tmp_path: Path) -> None:
    done = letdown(*SHORT, "--speed", "1000", "--json", cwd=tmp_path)
    session = printed(done)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert (session["outcome"], session["routine"]) == ("completed", "soften-for-latch")
    assert session["mqtt"]["published"] > 20


@pytest.mark.system
def test_a_seed_is_one_mother_at_any_speed_and_another_seed_another(tmp_path: Path) -> None:
    def session(seed: str, speed: str) -> dict[str, Any]:
        data = printed(letdown(*SHORT, "--seed", seed, "--speed", speed, "--json", cwd=tmp_path))
        assert data.pop("session_id")
        assert data.pop("mqtt")["published"] > 0
        return data

    seven = session("7", "1000")
    assert session("7", "150") == seven
    assert session("8", "1000")["volume_ml"] != seven["volume_ml"]


@pytest.mark.system
def test_without_a_terminal_the_demo_prints_plain_lines_and_warns_of_nothing(tmp_path: Path) -> None:
    strict = ("-W", "error")
    done = letdown_afresh("demo", "--routine", "first-days", "--speed", "1000", cwd=tmp_path, python=strict)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0].startswith("virtual devices, seed 2, at 1000x real time")
    assert [line for line in lines if line.endswith(" ...")] == ["How are you? ...", "Massage ...", "For you ..."]
    assert "first-days: completed" in lines


@pytest.mark.system
def test_the_demo_ends_in_order_in_the_middle(start: Any) -> None:
    demo = start("demo", "--speed", "1")
    demo.until("How are you? ...")
    code, seconds, rest = demo.end_by(signal.SIGINT)
    assert code == 130
    assert seconds < 5
    assert "Traceback" not in rest
    assert "left-pump: confirmed off" in rest


@pytest.mark.system
def test_keep_goes_on_until_it_is_ended(start: Any) -> None:
    demo = start("demo", "--routine", "first-days", "--speed", "1000", "--keep")
    said = demo.until("keep running until you press Ctrl+C")
    port = int(re.findall(r"mqtt://127\.0\.0\.1:(\d+)", said)[-1])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        assert demo.process.poll() is None
    code, seconds, rest = demo.end_by(signal.SIGTERM)
    assert code == 0
    assert seconds < 5
    assert "Traceback" not in rest
