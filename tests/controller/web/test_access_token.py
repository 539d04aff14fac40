"""The token, its file, and what is signed with it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from controller.web.access_token import COOKIE_SECONDS, LINK_SECONDS, AccessToken, TokenError, read_token

TOKEN = "a" * 43


class Wall:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_token_is_created_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "web-token"
    token = read_token(file)
    assert len(token) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_token(file) == token
    assert [each.name for each in file.parent.iterdir()] == ["web-token"]


def test_a_token_that_others_could_read_is_made_private_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "web-token"
    read_token(file)
    file.chmod(0o644)
    read_token(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "others could read" in caplog.text


@pytest.mark.parametrize("content", ["", "short", "x" * 31, "ä" * 40])
def test_a_file_without_a_token_is_refused_with_the_remedy(content: str, tmp_path: Path) -> None:
    file = tmp_path / "web-token"
    file.write_text(content, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(TokenError, match="delete the file"):
        read_token(file)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenError, match=r"web\.token_file"):
        read_token(tmp_path / "file" / "web-token")


def test_only_the_token_matches() -> None:
    token = AccessToken(TOKEN)
    assert token.matches(TOKEN)
    for other in ("", TOKEN[:-1], TOKEN + "a", TOKEN.upper(), "ä", "\ud800"):
        assert not token.matches(other)


def test_a_cookie_is_not_the_token_and_ends_after_400_days() -> None:
    wall = Wall()
    token = AccessToken(TOKEN, now=wall)
    cookie = token.cookie()
    assert TOKEN not in cookie
    assert not token.matches(cookie)
    assert token.accepts_cookie(cookie)
    assert not AccessToken("b" * 43, now=wall).accepts_cookie(cookie)
    wall.seconds += COOKIE_SECONDS + 1
    assert not token.accepts_cookie(cookie)


def test_a_link_works_once_for_ten_minutes_and_in_another_process() -> None:
    wall = Wall()
    made, used = AccessToken(TOKEN, now=wall), AccessToken(TOKEN, now=wall)
    first, second = made.link_code(), made.link_code()
    assert used.redeem(first)
    assert not used.redeem(first)
    wall.seconds += LINK_SECONDS + 1
    assert not used.redeem(second)
    assert not used.redeem(first)


def test_one_purpose_does_not_serve_another() -> None:
    token = AccessToken(TOKEN)
    assert not token.redeem(token.cookie())
    assert not token.accepts_cookie(token.link_code())


@pytest.mark.parametrize("value", ["", ".", "..", "9999999999.x.", "x.y.z", "9" * 400, "\ud800.a.b", "é.é.é"])
def test_what_is_not_signed_is_refused(value: str) -> None:
    token = AccessToken(TOKEN)
    assert not token.accepts_cookie(value)
    assert not token.redeem(value)
