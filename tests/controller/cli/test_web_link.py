"""The link that signs a phone in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.assembly.extras import SetupError
from controller.cli.web_link import print_link
from controller.settings import Settings
from controller.web.access_token import AccessToken
from controller.web.web_settings import WebSettings


@pytest.fixture(autouse=True)
def only_these_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


def settings(tmp_path: Path, **values: object) -> Settings:
    return Settings(web=WebSettings.model_validate({"token_file": tmp_path / "web-token", **values}))


def test_a_link_works_with_the_token_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_link(settings(tmp_path, host="192.168.1.5", port=8090), None, as_json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["valid_seconds"] == 600
    (link,) = data["links"]
    beginning, code = link.split("?code=")
    assert beginning == "http://192.168.1.5:8090/sign-in"
    assert AccessToken((tmp_path / "web-token").read_text().strip()).redeem(code)


def test_people_read_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_link(settings(tmp_path, host="192.168.1.5"), None, as_json=False) == 0
    out = capsys.readouterr().out
    assert "works once, for 10 minutes" in out
    assert "http://192.168.1.5:8080/sign-in?code=" in out
    assert "does not seem to run" in out
    assert "Without TLS" in out
    assert (tmp_path / "web-token").read_text().strip() not in out


def test_on_loopback_no_phone_can_reach_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_link(settings(tmp_path), None, as_json=False) == 1
    assert "web.host to 0.0.0.0" in capsys.readouterr().out


def test_behind_a_proxy_the_address_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_link(settings(tmp_path), "https://pump.example.org/letdown", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["links"][0].startswith("https://pump.example.org/letdown/sign-in?code=")
    for url in ("pump.example.org", "ftp://x", "https://", "https://x/?a=b"):
        with pytest.raises(SetupError, match="no address of a page"):
            print_link(settings(tmp_path), url, as_json=True)


def test_a_token_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    (tmp_path / "web-token").write_text("short")
    with pytest.raises(SetupError, match="delete the file"):
        print_link(settings(tmp_path, host="192.168.1.5"), None, as_json=True)
