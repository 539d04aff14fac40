"""The settings of Baby Buddy: where a token may go, and what is wrong with the rest, without showing it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.settings import load_settings

TOKEN = "s3cret-t0ken"


def settings(url: str = "https://baby.example.org", **more: object) -> BabyBuddySettings:
    return BabyBuddySettings.model_validate({"url": url, "child": 1, "token": TOKEN} | more)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://baby.example.org", "https://baby.example.org/"),
        ("https://example.org/baby/", "https://example.org/baby/"),
        ("https://example.org/baby/api/", "https://example.org/baby/"),
        ("https://example.org:8443/api", "https://example.org:8443/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
        ("http://192.168.1.5", "http://192.168.1.5/"),
        ("http://[fd00::5]/", "http://[fd00::5]/"),
        ("http://babybuddy:8000", "http://babybuddy:8000/"),
        ("http://baby.local", "http://baby.local/"),
        ("http://baby.fritz.home.arpa", "http://baby.fritz.home.arpa/"),
    ],
)
def test_an_address_that_a_token_may_go_to(written: str, read: str) -> None:
    assert settings(written).url == read


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("http://baby.example.org", "write https://"),
        ("http://8.8.8.8", "write https://"),
        ("http://0.0.0.0", "write https://"),
        ("http://[::ffff:8.8.8.8]/", "write https://"),
        ("http://local", None),
        ("http://evil.local.example.org", "write https://"),
        ("ftp://baby.local", "begins with https://"),
        ("baby.example.org", "begins with https://"),
        ("https://", "begins with https://"),
        (f"https://ann:{TOKEN}@baby.example.org", "no user"),
        (f"https://baby.example.org/?token={TOKEN}", "no ?"),
        ("https://baby.example.org:99999", "port"),
    ],
)
def test_any_other_address_is_refused_and_not_shown(written: str, words: str | None) -> None:
    if words is None:
        assert settings(written)
        return
    with pytest.raises(ValidationError) as caught:
        settings(written)
    assert words in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "more", [{"token": None}, {"token_file": "x"}, {"token": "two words"}, {"child": 0}, {"child": "a/b"}]
)
def test_a_wrong_token_or_child_is_refused_and_not_shown(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**more)
    assert TOKEN not in str(caught.value)
    assert "two words" not in str(caught.value)


def test_a_token_comes_from_the_first_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}  \nmore\n", encoding="utf-8")
    found = settings(token=None, token_file=file)
    assert found.read_token() == TOKEN
    assert TOKEN not in f"{found!r} {found} {found.model_dump_json()}"
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no token"):
        found.read_token()


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://192.168.1.5", False),
        ("https://a.b", False),
    ],
)
def test_simulated_sessions_go_to_this_machine_alone(url: str, here: bool) -> None:
    assert settings(url).on_this_machine is here


def test_the_client_is_not_imported_where_it_is_off() -> None:
    code = "import sys, controller.app, controller.cli.main; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_it_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text("baby_buddy: {url: 'http://localhost', child: mia, token_file: token}\n", encoding="utf-8")
    found = load_settings(file).baby_buddy
    assert found is not None
    assert (found.child, found.token_file) == ("mia", tmp_path / "token")
    for name, value in {"URL": "https://baby.example.org", "CHILD": "3", "TOKEN": TOKEN}.items():
        monkeypatch.setenv(f"LETDOWN_BABY_BUDDY__{name}", value)
    found = load_settings(None).baby_buddy
    assert found is not None
    assert (found.child, found.read_token()) == (3, TOKEN)
