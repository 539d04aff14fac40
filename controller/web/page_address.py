"""Where the page is: the addresses to print, and the link for a phone."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from controller.web.caller import own_names
from controller.web.web_settings import FIRST_PORT, WebSettings
from devices.support.hosts import is_address

ADDRESS_FILE = "web-address.json"  # beside the token
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound
_SOMEWHERE = "192.0.2.1"  # reserved for documents: nothing is sent


def address_of(settings: WebSettings, port: int) -> str:
    """Return the address for a browser, with a slash at its end."""
    host = own_names()[1] if settings.host in _EVERYWHERE else settings.host
    return url(settings, host, port)


def addresses_for_phones(settings: WebSettings, port: int) -> list[str]:
    """Return addresses by which other devices reach the page, the most likely first; none on loopback."""
    if settings.loopback_only:
        return []
    hosts = list(settings.allowed_hosts)
    if settings.host in _EVERYWHERE:
        hosts += [*([found] if (found := lan_address()) else []), own_names()[1]]
    else:
        hosts.append(settings.host)
    return [url(settings, host, port) for host in hosts]


def url(settings: WebSettings, host: str, port: int) -> str:
    """Return a URL."""
    scheme, usual = ("https", 443) if settings.tls else ("http", 80)
    shown = f"[{host}]" if is_address(host) and ":" in host else host
    return f"{scheme}://{shown}{'' if port == usual else f':{port}'}/"


def lan_address() -> str | None:
    """Return the address of this machine in its network, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_SOMEWHERE, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def noted_port(folder: Path, settings: WebSettings) -> tuple[int, bool]:
    """Return the port of the page, and whether a service is known to serve it."""
    try:
        return int(json.loads((folder / ADDRESS_FILE).read_text(encoding="utf-8"))["port"]), True
    except (OSError, ValueError, KeyError, TypeError):
        return settings.port or FIRST_PORT, False
