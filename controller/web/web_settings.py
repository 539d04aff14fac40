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

    A host name that is not expected is refused, as it may be a web site that points at this machine (DNS rebinding).
    Requests from `ingress` were authorised by Home Assistant.
    """

    enabled: bool | None = Field(None, description="by default, where the extra `web` is installed")
    host: Annotated[str, AfterValidator(check_host)] = Field(
        "127.0.0.1", description="where it listens; 0.0.0.0: reachable from your network, and it asks for a token"
    )
    port: int | None = Field(
        None, ge=0, le=65535, description="by default 8080, or the next free one up to 8089; 0 takes a free one"
    )
    token_file: Path | None = Field(
        None, description="created at the first start; by default `web-token` beside the store"
    )
    certificate: Path | None = Field(None, description="for https: a file with a certificate")
    key: Path | None = Field(None, description="for https: a file with its key")
    allowed_hosts: tuple[Annotated[str, AfterValidator(check_host)], ...] = Field(
        (),
        description="further names of this machine, such as pump.example.org behind a proxy; other names are refused",
    )
    ingress: Annotated[str, AfterValidator(_check_address)] | None = Field(
        None, description="as a Home Assistant add-on, the address of its ingress: 172.30.32.2"
    )
    units: Units = Field(Units.ML, description="of milk on the page; each browser can choose its own")

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
