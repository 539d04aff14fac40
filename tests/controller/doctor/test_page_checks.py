"""The doctor's checks of the web page: what keeps it from being served, or lets strangers in, has a remedy."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.doctor import page_checks
from controller.doctor.check_result import CheckResult
from controller.doctor.installation_check import InstallationFacts
from controller.settings import Settings
from controller.web.access_token import new_token
from controller.web.web_settings import WebSettings
from tests.helpers.certificate import write_certificate
from tests.helpers.mosquitto import free_port
from tests.helpers.web_client import Asked, parts_of, served

EVERYWHERE = "0.0.0.0"


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


async def checked(*, service_runs: bool = False, now: datetime | None = None, **web: Any) -> dict[str, CheckResult]:
    settings = Settings(web=WebSettings.model_validate({"enabled": True, "port": free_port(), **web}))
    found = await page_checks.web_page(settings, service_runs=service_runs, now=now)
    return {each.subject: each for each in found}


def states(found: dict[str, CheckResult]) -> dict[str, str]:
    return {name: each.state for name, each in found.items()}


# Whether it is served


async def test_a_page_that_can_be_served_says_where_and_for_whom() -> None:
    found = await checked(port=0)
    assert states(found) == {"web page": "ok"}
    assert "for this machine only" in found["web page"].message


async def test_a_page_that_is_off_or_not_installed_is_a_note_and_one_that_is_wanted_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (await checked(enabled=False))["web page"].state == "note"
    monkeypatch.setattr("controller.assembly.extras.find_spec", lambda _: None)
    monkeypatch.setattr("controller.doctor.page_checks.facts_here", lambda: InstallationFacts(Path("/opt/letdown")))
    missing, wanted = (await checked(enabled=None))["web page"], (await checked())["web page"]
    assert (missing.state, missing.remedy) == ("note", "/opt/letdown/bin/python -m pip install 'letdown[web]'")
    assert wanted.state == "problem"
    assert "pip install 'letdown[web]'" in (wanted.remedy or "")


@pytest.mark.parametrize("tls", [False, True])
async def test_a_page_of_our_own_service_is_recognised(tls: bool, tmp_path: Path) -> None:
    files = {"certificate": tmp_path / "c.pem", "key": tmp_path / "k.pem"} if tls else {}
    if tls:
        write_certificate(*files.values())
    async with served(parts_of(Asked().handle), WebSettings(port=0, **files)) as (server, port):
        found = await checked(port=port, service_runs=True, **files)
        assert found["web page"].state == "ok"
        assert f"the service serves it at {server.address}" in found["web page"].message


@contextlib.asynccontextmanager
async def taken() -> AsyncIterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_a_port_of_another_program_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_checks, "_ANSWER_SECONDS", 0.1)
    async with taken() as port:
        found = (await checked(port=port))["web page"]
    assert found.state == "problem"
    assert f"port {port}: it is in use by another program" in found.message
    assert found.remedy == "end that, or set web.port to another one"


async def test_an_address_that_this_machine_has_not_is_a_problem() -> None:
    found = (await checked(host="192.0.2.1"))["web page"]
    assert found.state == "problem"
    assert "set web.host" in (found.remedy or "")


async def test_a_service_that_serves_no_page_is_a_problem() -> None:
    found = (await checked(service_runs=True))["web page"]
    assert found.state == "problem"
    assert "restart it" in (found.remedy or "")


async def test_checking_leaves_the_port_free_and_creates_no_token(tmp_path: Path) -> None:
    file = tmp_path / "state" / "token"
    port = free_port()
    await checked(host=EVERYWHERE, port=port, token_file=file)
    assert not file.parent.exists()
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))


# The token


async def test_the_token_is_checked_where_the_network_can_reach_the_page(tmp_path: Path) -> None:
    file = tmp_path / "token"

    async def token() -> CheckResult:
        found = (await checked(host=EVERYWHERE, token_file=file))["token"]
        assert not file.is_file() or file.read_text() not in str(found)
        return found

    assert (await token()).state == "note"
    for text, mode, state, remedy in (
        (new_token(), 0o600, "ok", None),
        (new_token(), 0o640, "problem", f"chmod 600 {file}"),
        ("too short", 0o600, "problem", "delete the file, and a new one is created"),
    ):
        file.write_text(text)
        file.chmod(mode)
        found = await token()
        assert (found.state, found.remedy) == (state, remedy)
    file.unlink()
    file.mkdir()
    assert (await token()).state == "problem"


async def test_a_page_without_https_in_the_network_is_worth_knowing(tmp_path: Path) -> None:
    found = (await checked(host=EVERYWHERE, token_file=tmp_path / "token"))["certificate"]
    assert (found.state, found.remedy) == ("note", "name a certificate: web.certificate and web.key")


# The certificate


async def test_a_certificate_is_checked_for_its_dates_and_its_key(tmp_path: Path) -> None:
    files = {"certificate": tmp_path / "c.pem", "key": tmp_path / "k.pem"}
    write_certificate(*files.values(), days=30)
    files["key"].chmod(0o600)
    now = datetime.now(UTC)
    for later, state, words in (
        (0, "ok", "is valid until"),
        (20, "note", "is valid until"),
        (31, "problem", "has expired on"),
        (-61, "problem", "is not valid before"),
    ):
        found = (await checked(now=now + timedelta(days=later), **files))["certificate"]
        assert found.state == state, later
        assert words in found.message
        assert (found.remedy is None) is (state == "ok")
    files["key"].chmod(0o644)
    found = (await checked(**files))["certificate"]
    assert (found.state, found.remedy) == ("problem", f"chmod o-rwx {files['key']}")


async def test_a_certificate_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    certificate, key, other = (tmp_path / name for name in ("c.pem", "k.pem", "o.pem"))
    write_certificate(certificate, key)
    write_certificate(tmp_path / "unused.pem", other)
    for broken in (other, tmp_path / "missing.pem", certificate):
        found = (await checked(certificate=certificate, key=broken))["certificate"]
        assert found.state == "problem"
        assert "web.certificate" in (found.remedy or "")


# The ingress


@pytest.mark.parametrize(
    ("host", "ingress", "add_on", "state", "words"),
    [
        (EVERYWHERE, "172.30.32.2", True, "ok", "has asked for the password"),
        (EVERYWHERE, "172.30.32.2", False, "note", "needs no token"),
        (EVERYWHERE, "127.0.0.1", True, "problem", "every program on this machine"),
        ("127.0.0.1", "172.30.32.2", True, "problem", "cannot reach the page"),
    ],
)
async def test_an_ingress_is_believed_only_where_there_is_one(
    host: str, ingress: str, add_on: bool, state: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if add_on:
        monkeypatch.setenv("SUPERVISOR_TOKEN", "x")
    else:
        monkeypatch.delenv("SUPERVISOR_TOKEN", raising=False)
    found = (await checked(host=host, ingress=ingress, token_file=tmp_path / "token"))["ingress"]
    assert found.state == state
    assert words in found.message
    assert (found.remedy is None) is (state == "ok")
