"""The owner's settings of the web page and the HTTP API."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from controller.contract.units import Units
from devices.support.confidential import Confidential
from devices.support.hosts import check_host, is_address, is_loopback

FIRST_PORT = 8080
LAST_PORT = 8089  # the ports to try where the settings name none


def _check_address(address: str) -> str:
    if not is_address(address):
        raise ValueError("this is no IP address; Home Assistant's ingress comes from 172.30.32.2")
    return str(ipaddress.ip_address(address))


class WebSettings(Confidential):
    """The page and the API. On loopback they are open to this machine; anywhere else they ask for a token.

    `enabled`: by default, where the extra `web` is installed. `port`: 0 takes a free one; by default 8080, or the next
    free one up to 8089. `allowed_hosts`: further names by which browsers reach the page; a name that is not expected
    is refused, as it may be a web site that points at this machine (DNS rebinding). `ingress`: the address of Home
    Assistant's ingress, where Letdown is its add-on; requests from there were authorised by Home Assistant. `units`: of
    milk on the page, where a browser has chosen none.
    """

    enabled: bool | None = None
    host: Annotated[str, AfterValidator(check_host)] = "127.0.0.1"
    port: int | None = Field(None, ge=0, le=65535)
    token_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    allowed_hosts: tuple[Annotated[str, AfterValidator(check_host)], ...] = ()
    ingress: Annotated[str, AfterValidator(_check_address)] | None = None
    units: Units = Units.ML

    @model_validator(mode="after")
    def _check_certificate(self) -> Self:
        if (self.key is None) != (self.certificate is None):
            raise ValueError("TLS needs certificate and key; name both, or neither")
        return self

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def tls(self) -> bool:
        """Whether it is served over https."""
        return self.certificate is not None
