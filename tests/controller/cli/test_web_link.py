"""The link that signs a phone in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.assembly.extras import SetupError
from controller.cli.web_link import print_link
from controller.settings import Settings
from controller.web.access_token import AccessToken, read_token
from controller.web.role import Role
from controller.web.role_tokens import RoleTokens, token_file_of
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


def of_a_fleet(tmp_path: Path, *roles: Role) -> Settings:
    """Return the settings of a page of a fleet that has made the tokens of these roles."""
    for role in roles:
        read_token(token_file_of(tmp_path / "web-token", role))
    return settings(tmp_path, host="0.0.0.0")


def test_the_link_of_a_role_works_with_its_token_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_link(of_a_fleet(tmp_path, Role.VIEW, Role.OPERATE), None, "operate", as_json=True) == 0
    code = json.loads(capsys.readouterr().out)["links"][0].partition("code=")[2]
    tokens = {role: AccessToken(read_token(token_file_of(tmp_path / "web-token", role))) for role in Role}
    assert RoleTokens(tokens).redeem(code) is Role.OPERATE


def test_the_page_of_a_fleet_needs_a_role_that_it_has(tmp_path: Path) -> None:
    found = of_a_fleet(tmp_path, Role.VIEW)
    with pytest.raises(SetupError, match="say with --role"):
        print_link(found, None, as_json=True)
    with pytest.raises(SetupError, match="no page with the role administer here"):
        print_link(found, None, "administer", as_json=True)
    assert not (tmp_path / "web-token").exists()


def test_the_page_of_a_controller_has_no_roles(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="`letdown fleet page` serves one"):
        print_link(of_a_fleet(tmp_path), None, "administer", as_json=True)
