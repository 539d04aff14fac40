"""How a device outside Bluetooth reaches the MQTT broker of the settings."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

Credentials = tuple[str | None, str | None, ssl.SSLContext | None]
"""User, password, and the TLS context; `None` for plain MQTT."""


@dataclass(frozen=True)
class BrokerAccess:
    """Address of a broker, and how to log in.

    `credentials` reads them for each connection, so that changed ones apply at once. It raises `LinkLostError` where
    some are missing, with what to do.
    """

    host: str
    port: int
    credentials: Callable[[], Credentials] = field(repr=False)
