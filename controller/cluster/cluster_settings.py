"""The owner's settings of a fleet: where the cluster is, and how long a station belongs to a controller by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from devices.support.confidential import Confidential

_SCHEMES = ("nats", "tls", "ws", "wss")
_EXAMPLE = "nats://node-1.lan:4222, or tls:// for TLS"


class ClusterSettings(Confidential):
    """A nats-server cluster with JetStream, of version 2.14.3 or later, that several controllers share.

    `ttl_seconds`: how long a station stays with a controller that does not renew its lease. That controller stops its
    devices after two thirds of it, and another one takes over after all of it.
    """

    servers: tuple[str, ...] = Field(min_length=1, description=f"addresses of the cluster, such as {_EXAMPLE}")
    name: str = Field("letdown", pattern=r"^[A-Za-z0-9_-]{1,40}$", description="of the fleet: begins all its keys")
    ttl_seconds: float = Field(20.0, ge=6, le=60, description="until another controller takes over a station")
    replicas: Literal[1, 3, 5] | None = Field(None, description="copies of what is kept; by default 3 in a cluster")
    user: str | None = Field(None, description="goes with `password` or `password_file`")
    password: SecretStr | None = Field(None, description="of that user; better in `password_file`")
    password_file: Path | None = Field(None, description="a file with the password in its first line")
    credentials_file: Path | None = Field(None, description="a .creds file, instead of user and password")
    ca_file: Path | None = Field(None, description="certificates to trust; without it, the system's")

    @field_validator("servers", mode="before")
    @classmethod
    def _check_servers(cls, servers: object) -> object:
        """Check the whole list: an error may be printed with its input, and an address may hold a password."""
        found = (servers,) if isinstance(servers, str) else servers
        if not isinstance(found, list | tuple):
            return servers
        for number, each in enumerate(found, 1):
            _check_server(each, number)
        return tuple(found)

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("the password is in password or in password_file; name one of them")
        has_password = self.password is not None or self.password_file is not None
        if has_password != (self.user is not None):
            raise ValueError("user and password go together; name both")
        if self.user is not None and self.credentials_file is not None:
            raise ValueError("log in with user and password, or with credentials_file; name one of them")
        return self


def _check_server(server: object, number: int) -> None:
    """Raise a `ValueError` that shows nothing of the address."""
    try:
        parts = urlsplit(server if isinstance(server, str) else "")
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"server {number} is no address of a nats-server; write {_EXAMPLE}")
    if parts.username or parts.password:
        raise ValueError(f"server {number}: write user and password in the settings of their own")
