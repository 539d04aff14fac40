"""The link that signs a phone in to the web page, with its QR code."""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from controller.assembly.extras import SetupError
from controller.settings import Settings
from controller.web.access_token import LINK_SECONDS, AccessToken, TokenError, read_token
from controller.web.page_address import addresses_for_phones, noted_port
from controller.web.page_address import url as url_of
from controller.web.role import Role
from controller.web.role_tokens import token_file_of


def print_link(settings: Settings, url: str | None, role: str | None = None, *, as_json: bool) -> int:
    """Print a link to the page of these settings, or to the page at `url`. Raise `SetupError`.

    `role`: what the device may do there, which the page of a fleet needs to know.
    """
    bases = _bases(settings, url)
    file = _token_file(settings.web_token_file, role)
    try:
        code = AccessToken(read_token(file)).link_code()
    except TokenError as error:
        raise SetupError(str(error)) from None
    links = [f"{base}sign-in?code={code}" for base in bases]
    if as_json:
        print(json.dumps({"links": links, "valid_seconds": LINK_SECONDS}))  # noqa: T201 - what was asked for
        return 0
    console = Console(highlight=False, soft_wrap=True)
    if url is None and settings.web.loopback_only:
        console.print(
            "The page is open to this machine only, without a link. For a phone, set web.host to 0.0.0.0, "
            "restart Letdown, and ask for a link again."
        )
        return 1
    _print_qr_code(console, links[0])
    console.print(f"Open one of these on the phone; it works once, for {LINK_SECONDS / 60:.0f} minutes:")
    for each in links:
        console.print(each, markup=False)
    _, is_running = noted_port(settings.web_token_file.parent, settings.web)
    if not is_running:
        console.print("Letdown does not seem to run: start it with `letdown run` first.")
    if not links[0].startswith("https:"):
        console.print(
            "Without TLS, others in your network can read along; see web.certificate in the settings.", style="dim"
        )
    return 0


def _token_file(file: Path, role: str | None) -> Path:
    """Return the file with the token of a role, which the page of a fleet has made. Raise `SetupError`."""
    is_fleet = token_file_of(file, Role.VIEW).exists()
    if is_fleet and role is None:
        raise SetupError("the page of a fleet has roles: say with --role what the device may do there")
    found = token_file_of(file, Role(role or Role.ADMINISTER))
    if role is not None and not (is_fleet and found.exists()):
        raise SetupError(f"there is no page with the role {role} here: `letdown fleet page` serves one")
    return found


def _bases(settings: Settings, url: str | None) -> list[str]:
    """Return the addresses of the page, each with a slash at its end."""
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise SetupError(f"{url!r} is no address of a page; write for example --url https://pump.example.org/")
        return [url.rstrip("/") + "/"]
    port, _ = noted_port(settings.web_token_file.parent, settings.web)
    return addresses_for_phones(settings.web, port) or [url_of(settings.web, settings.web.host, port)]


def _print_qr_code(console: Console, link: str) -> None:
    if not console.is_terminal or find_spec("segno") is None:
        return
    import segno

    drawn = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(drawn, border=2, compact=True)
    console.file.write(drawn.getvalue())
