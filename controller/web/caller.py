"""Who sends a request, and whether a browser was tricked into it. Pure functions of its headers and addresses."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from controller.web.problems import ProblemError
from controller.web.web_settings import WebSettings
from devices.support.hosts import is_address, is_loopback

Headers = Mapping[str, Sequence[str]]

_SAFE_METHODS = frozenset({"GET", "HEAD"})
# A path like /api/hassio_ingress/TOKEN: it ends up in links.
_INGRESS_PATH = re.compile(r"(/[A-Za-z0-9_-]{1,128}){1,6}")
_PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_LONGEST_USER = 128


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    `address`: of the peer. `host`: the name in the URL, without the port. `direct`: not through a proxy.
    `ingress`: by Home Assistant's ingress, which has authorised the person; then `user` is that person's id, and
    `base_path` where the page is in the URL that the browser shows.
    """

    address: str
    host: str
    authority: str
    direct: bool = True
    ingress: bool = False
    user: str | None = None
    base_path: str = ""

    @property
    def key(self) -> str:
        """What belongs to one client: an address, a network of IPv6, or a person behind the ingress."""
        if self.user is not None:
            return f"user {self.user}"
        if is_address(self.address) and ":" in self.address:
            return str(ipaddress.ip_network((self.address, 64), strict=False))
        return self.address


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    """Return all values of each header, by its name in lower case."""
    found: dict[str, list[str]] = {}
    for name, value in raw:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def caller_of(headers: Headers, peer: str, settings: WebSettings) -> Caller:
    """Return who sends a request. Raise `ProblemError` where it names no host, or several."""
    if len(headers.get("host", ())) != 1:
        raise ProblemError(400, "a request has exactly one Host header")
    address = plain_address(peer)
    authority = headers["host"][0].strip().lower()
    host = host_of(authority)
    if host is None:
        raise ProblemError(400, "the Host header is not valid")
    if settings.ingress is None or address != settings.ingress:
        return Caller(address, host, authority, direct=not any(name in headers for name in _PROXY_HEADERS))
    forwarded = _single(headers, "x-forwarded-host")
    path = _single(headers, "x-ingress-path") or ""
    return Caller(
        address,
        host,
        (forwarded or authority).strip().lower(),
        direct=False,
        ingress=True,
        user=(_single(headers, "x-remote-user-id") or "")[:_LONGEST_USER] or None,
        base_path=path if _INGRESS_PATH.fullmatch(path) else "",
    )


def check_host(caller: Caller, settings: WebSettings, local_address: str) -> None:
    """Raise `ProblemError` for a name by which this controller is not known: a web site may point it here.

    `local_address`: the address of this machine that the request came to.
    """
    if caller.ingress:
        return  # Home Assistant has checked it
    known = {settings.host, plain_address(local_address), *settings.allowed_hosts, *own_names()}
    host = caller.host.rstrip(".")
    if is_loopback(host) or host in {name.rstrip(".") for name in known}:
        return
    raise ProblemError(421, "this controller is not known by that name; its owner can add it to web.allowed_hosts")


def check_origin(caller: Caller, headers: Headers, method: str, path: str) -> None:
    """Raise `ProblemError` where a page of another site sends the request: to change something, or to read data.

    Browsers send where a request comes from; programs such as curl do not, and are let through.
    """
    if method in _SAFE_METHODS and not path.startswith("/api/"):
        return  # a link to the page
    site = _single(headers, "sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise ProblemError(403, "a page of another site may not do this")
    origin = _single(headers, "origin")
    if origin is None and site is None and method not in _SAFE_METHODS:
        origin = _single(headers, "referer")
    if origin is not None and _authority(origin) != caller.authority:
        raise ProblemError(403, "a page of another site may not do this")


def is_local(caller: Caller, settings: WebSettings) -> bool:
    """Return whether a request needs no token: only this machine can reach the page, and it names this machine."""
    return settings.loopback_only and caller.direct and is_loopback(caller.address) and is_loopback(caller.host)


def own_names() -> tuple[str, ...]:
    """Return the names of this machine: its own, and that of mDNS."""
    name = socket.gethostname().lower()
    return name, f"{name.partition('.')[0]}.local"


def plain_address(address: str) -> str:
    """Return an address without zone; IPv4 inside IPv6 as IPv4."""
    address = address.partition("%")[0].lower()
    if not is_address(address):
        return address
    parsed = ipaddress.ip_address(address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def host_of(authority: str) -> str | None:
    """Return the host of `host:port`; `None` if that is not valid."""
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", authority)
    if match is None:
        return None
    if match[1] is None:
        return match[2]
    return plain_address(match[1]) if is_address(match[1]) else None


def _authority(origin: str) -> str | None:
    """Return host and port of an origin; `None` for `null` and everything else that is none."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None


def _single(headers: Headers, name: str) -> str | None:
    """Return the value of a header; if it is given several times, one that fits nothing."""
    values = headers.get(name, ())
    return ", ".join(values) if values else None
