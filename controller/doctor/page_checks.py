"""Checks of the web page: whether it can be served, who can reach it, and what restricts access."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import shlex
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from controller.assembly.extras import SetupError, serves_page
from controller.doctor.check_result import CheckResult, note, ok, problem
from controller.doctor.installation_check import facts_here, recognised
from controller.settings import Settings
from controller.web.web_settings import WebSettings
from devices.support.file_permissions import OTHERS, shared
from devices.support.hosts import is_loopback

_PAGE, _TOKEN, _CERTIFICATE, _INGRESS = "web page", "token", "certificate", "ingress"
_SOON = timedelta(days=14)
_ANSWER_SECONDS = 3.0
_HEALTH = "/api/v1/health"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
_ADD_ON = "SUPERVISOR_TOKEN"  # what Home Assistant gives its add-ons


async def web_page(settings: Settings, *, service_runs: bool, now: datetime | None = None) -> list[CheckResult]:
    """Check the page as the service would serve it. Changes nothing; a port that is free is opened for a moment."""
    try:
        if not serves_page(settings):
            return [_without_page(settings.web)]
    except SetupError as error:
        message, _, remedy = str(error).partition(": ")
        return [problem(_PAGE, message, remedy)]
    web = settings.web
    results = [await asyncio.to_thread(_served, web, settings.web_token_file.parent, service_runs)]
    if not web.loopback_only:
        results.append(await asyncio.to_thread(_token, settings.web_token_file))
    if web.certificate is not None and web.key is not None:
        results.append(await asyncio.to_thread(_certificate, web.certificate, web.key, now or datetime.now(UTC)))
    elif not web.loopback_only:
        words = "who is in the same network can read along: the page is served without https"
        results.append(note(_CERTIFICATE, words, "name a certificate: web.certificate and web.key"))
    if web.ingress is not None:
        results.append(_ingress(web, web.ingress))
    return results


def _without_page(web: WebSettings) -> CheckResult:
    if web.enabled is False:
        return note(_PAGE, "is off, by web.enabled")
    return note(_PAGE, "there is none: it needs an extra", recognised(facts_here()).adding("web"))


def _served(web: WebSettings, folder: Path, service_runs: bool) -> CheckResult:
    """Check whether our own service serves the page, or whether it could be served."""
    from controller.web.page_address import address_of, noted_port
    from controller.web.web_server import WebError, bind

    port, _ = noted_port(folder, web)
    if port and _answers(web, port):
        return ok(_PAGE, f"the service serves it at {address_of(web, port)}, {_reach(web)}")
    try:
        with contextlib.closing(bind(web)) as listening:
            address = address_of(web, listening.getsockname()[1])
    except WebError as error:
        message, _, remedy = str(error).partition("; ")
        return problem(_PAGE, message, remedy or None)
    if service_runs:
        message = f"a service runs, and serves no page at {address}"
        return problem(_PAGE, message, "restart it with these settings; its log says why there is no page")
    return ok(_PAGE, f"can be served at {address}, {_reach(web)}")


def _reach(web: WebSettings) -> str:
    return "for this machine only" if web.loopback_only else "for the network, with the token"


def _answers(web: WebSettings, port: int) -> bool:
    """Return whether a Letdown answers at this port."""
    host = _EVERYWHERE.get(web.host, web.host)
    connection: http.client.HTTPConnection
    if web.tls:
        unchecked = ssl.create_default_context()  # whose certificate it is, is checked by its file
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=_ANSWER_SECONDS, context=unchecked)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("GET", _HEALTH, headers={"host": f"localhost:{port}"})
            answer = connection.getresponse()
            return answer.status == http.HTTPStatus.OK and json.loads(answer.read(1000)) == {"status": "ok"}
        except (OSError, ValueError, http.client.HTTPException):
            return False


def _token(file: Path) -> CheckResult:
    """Check the file with the token, which is created at the first start."""
    from controller.web.access_token import is_token

    if not file.exists():
        return note(_TOKEN, f"{file} does not exist yet: created on first `letdown run`")
    try:
        text = file.read_bytes()[:4096].decode(errors="replace").strip()
    except OSError as error:
        return problem(
            _TOKEN, f"{file} cannot be read: {error.strerror}", "run this as the service's user, or set web.token_file"
        )
    if not is_token(text):
        return problem(_TOKEN, f"{file} holds no token", "delete the file, and a new one is created")
    if shared(file):
        message = f"others than its owner may read {file}, and with it open the page"
        return problem(_TOKEN, message, f"chmod 600 {shlex.quote(str(file))}")
    return ok(_TOKEN, f"{file} can be read by its owner alone; `letdown web link` signs a phone in")


def _certificate(certificate: Path, key: Path, now: datetime) -> CheckResult:
    """Check whether certificate and key fit, and how long it is valid."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        until = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError) as error:  # SSLError is an OSError
        message = f"{certificate} with {key} cannot be used: {error}"
        return problem(
            _CERTIFICATE, message, "correct web.certificate and web.key; the service must be able to read both"
        )
    ends, begins = until.not_valid_after_utc, until.not_valid_before_utc
    if shared(key, OTHERS):
        return problem(
            _CERTIFICATE, f"every user of this machine may use {key}", f"chmod o-rwx {shlex.quote(str(key))}"
        )
    if now >= ends:
        return problem(
            _CERTIFICATE, f"{certificate} has expired on {ends:%Y-%m-%d}", "renew it, and restart the service"
        )
    if now < begins:
        return problem(
            _CERTIFICATE, f"{certificate} is not valid before {begins:%Y-%m-%d}", "check the clock, or renew it"
        )
    message = f"{certificate} is valid until {ends:%Y-%m-%d}"
    return note(_CERTIFICATE, message, "renew it soon") if ends - now < _SOON else ok(_CERTIFICATE, message)


def _ingress(web: WebSettings, ingress: str) -> CheckResult:
    """Check the address from which everything is believed to be authorised by Home Assistant."""
    if is_loopback(ingress):
        message = f"every program on this machine may use the page without the token: web.ingress is {ingress}"
        return problem(_INGRESS, message, "name the address of Home Assistant's supervisor, 172.30.32.2, or remove it")
    if web.loopback_only:
        message = f"Home Assistant cannot reach the page from {ingress}: it is served for this machine only"
        return problem(_INGRESS, message, "set web.host to 0.0.0.0, or remove web.ingress")
    if _ADD_ON not in os.environ:
        message = f"this is no add-on of Home Assistant, and a client with the address {ingress} needs no token"
        return note(_INGRESS, message, "remove web.ingress, unless that machine asks for a password itself")
    return ok(_INGRESS, f"Home Assistant, at {ingress}, needs no token: it has asked for the password")
