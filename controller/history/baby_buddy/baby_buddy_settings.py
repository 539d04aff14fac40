"""The owner's settings of Baby Buddy: where it is, for which child, in which unit. The token is never shown."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from devices.support.confidential import Confidential

_EXAMPLE = "https://baby.example.org, or http:// for one in your own network"
_LOCAL_NAMES = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localhost")


def _check_url(url: str) -> str:
    """Return the address with one `/` at its end. Raise a `ValueError` that shows nothing of it."""
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise ValueError(f"host or port of the address is wrong; write {_EXAMPLE}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the address begins with https:// or http:// and a host; write {_EXAMPLE}")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(f"the address has no user, no password, no ? and no #; write {_EXAMPLE}")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise ValueError("over http:// anybody on the way could read the token; write https://")
    path = re.sub(r"/(api/?)?$", "", parts.path)  # as copied from a browser
    return f"{parts.scheme}://{parts.netloc}{path}/"


def is_local(host: str) -> bool:
    """Return whether a host, by address or name, is on this machine or in the network at home."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.rstrip(".").endswith(_LOCAL_NAMES)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_link_local or (mapped.is_private and not mapped.is_unspecified))


def _number(child: Any) -> Any:
    """Return the number of a child as one: the environment has texts alone."""
    return int(child) if isinstance(child, str) and child.isascii() and child.isdigit() else child


def _check_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value().strip()):
        raise ValueError("this is no token; copy it from Baby Buddy: Settings, at the end, `API key`")
    return SecretStr(token.get_secret_value().strip())


class BabyBuddySettings(Confidential):
    """Baby Buddy. `child`: its number, or its name as in the address of its page, such as `mia-smith`.

    `token`: the API key of a user who may view, add, change and delete pumping entries; or the first line of a file.
    `unit`: of the amounts, which Baby Buddy shows without one.
    """

    url: Annotated[str, AfterValidator(_check_url)] = Field(
        description="its address; over http:// only on this machine or in your network"
    )
    child: Annotated[
        Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=r"^[\w-]+$", max_length=100)],
        BeforeValidator(_number),
    ] = Field(description="its number, or its name in the address of its page, such as `mia-smith`")
    token: Annotated[SecretStr, AfterValidator(_check_token)] | None = Field(
        None, description="the API key of a user who may view, add, change and delete pumping entries"
    )
    token_file: Path | None = Field(None, description="a file with that key in its first line")
    ca_file: Path | None = Field(None, description="the certificate of an https:// server that signs its own")
    unit: Literal["mL", "oz"] = Field("mL", description="of the amounts, which Baby Buddy shows without one")

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.token is None) == (self.token_file is None):
            raise ValueError("the token is in token or in token_file; name one of them")
        return self

    def read_token(self) -> str:
        """Return the token. Raise `ValueError` for a file without one, and `OSError`."""
        if self.token_file is None:
            assert self.token is not None  # noqa: S101 - see `_one_token`
            return self.token.get_secret_value()
        text = self.token_file.read_text(encoding="utf-8")
        return _check_token(SecretStr(text.split("\n")[0])).get_secret_value()

    @property
    def on_this_machine(self) -> bool:
        """Whether it is on this machine: simulated sessions go nowhere else."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def target(self) -> str:
        """What identifies this Baby Buddy and child in the table of what was sent where."""
        return f"baby_buddy {self.child} {self.url}"
