"""Names and addresses of hosts, as settings name them: what is valid, and what is this machine alone."""

from __future__ import annotations

import ipaddress
import re

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?")


def check_host(host: str) -> str:
    """Return an IP address or a name, in lower case. Raise `ValueError`."""
    host = host.strip().lower()
    if is_address(host) or (_NAME.fullmatch(host) and not re.fullmatch(r"[\d.]+", host)):
        return host
    raise ValueError(
        "this is no IP address and no name; write for example 127.0.0.1, 0.0.0.0 or pump.example.org, "
        "without http:// and without a port"
    )


def is_address(host: str) -> bool:
    """Return whether this is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host, by address or name, is this machine alone. IPv4 inside IPv6 counts as IPv4."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    if not is_address(host):
        return False
    address = ipaddress.ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
