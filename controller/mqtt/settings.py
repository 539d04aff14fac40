"""What the owner says about MQTT: the brokers, the base topic, this controller's name. Passwords never show."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from controller.mqtt.topics import check_base, check_name
from devices.confidential import Confidential

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "mqtt://user:password@broker.lan:1883, or mqtts:// for TLS"


class BrokerUrl(Confidential):
    """Where a broker is and how to enter. `str()` leaves user and password out."""

    host: str = Field(min_length=1)
    port: int = Field(1883, ge=1, le=65535)
    tls: bool = False
    username: str | None = None
    password: SecretStr | None = None

    @classmethod
    def parse(cls, url: str) -> BrokerUrl:
        """Read `mqtt://user:password@host:port` or `mqtts://…`. The `ValueError` if it is neither shows no password."""
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError:
            raise ValueError(f"host or port of the broker's address is wrong; write {_EXAMPLE}") from None
        if parts.scheme not in _PORTS:
            raise ValueError(f"a broker's address begins with mqtt:// or mqtts://; write {_EXAMPLE}")
        if not parts.hostname:
            raise ValueError(f"the broker's address names no host; write {_EXAMPLE}")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(
                f"a broker's address ends with its port; write {_EXAMPLE} "
                "(in a user name or password, write / as %2F, ? as %3F, # as %23, @ as %40)"
            )
        if port == 0:
            raise ValueError(f"a broker's port is 1 to 65535, not 0; write {_EXAMPLE}")
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            username=unquote(parts.username) if parts.username else None,
            password=SecretStr(unquote(parts.password)) if parts.password else None,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.tls else ''}://{host}:{self.port}"


def default_node() -> str:
    """Return this machine's name as it can stand in a topic."""
    name = socket.gethostname().partition(".")[0].lower()
    return re.sub(r"[^a-z0-9_-]+", "-", name).strip("-") or "local"


class MqttSettings(Confidential):
    """`brokers` are tried in turn; without any, the embedded broker runs on this machine for this machine only."""

    brokers: tuple[BrokerUrl, ...] = ()
    base_topic: Annotated[str, AfterValidator(check_base)] = "letdown"
    node: Annotated[str, AfterValidator(check_name)] = Field(default_factory=default_node)
    username: str | None = Field(None, description="for brokers whose address names no user")
    password_file: Path | None = Field(None, description="a file with the password in its first line")
    password_env: str | None = Field(None, description="the environment variable with the password")
    ca_file: Path | None = Field(None, description="certificates to trust for mqtts://; without it, the system's")
    cert_file: Path | None = Field(None, description="our own certificate, for brokers that want one")
    key_file: Path | None = Field(None, description="the key of cert_file; without it, the key is in cert_file")
    embedded_port: int = Field(1883, ge=0, le=65535, description="port of the embedded broker; 0 takes a free one")
    discovery: Literal["device", "components", "off"] = Field(
        "device",
        description="how Home Assistant learns of everything; `components`: as older clients know it, such as openHAB",
    )
    discovery_prefix: Annotated[str, AfterValidator(check_base)] = "homeassistant"

    @property
    def embedded(self) -> bool:
        """Whether the embedded broker is to run."""
        return not self.brokers

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file goes with cert_file; name both")
        if self.password_file is not None and self.password_env is not None:
            raise ValueError("the password is in password_file or in password_env; name one of them")
        nameless = self.username is None and not all(broker.username for broker in self.brokers)
        if nameless and (self.password_file is not None or self.password_env is not None):
            raise ValueError("a password goes with a username; name that, too")
        return self

    @model_validator(mode="before")
    @classmethod
    def _one_broker_is_a_list_of_one(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("brokers"), str | BrokerUrl):
            return {**data, "brokers": [data["brokers"]]}
        return data

    # The whole list is judged here, not each address by `BrokerUrl`: who prints an error may print the value that it
    # is about, and a list is less likely to be printed than a string with a password in it.
    @field_validator("brokers", mode="before")
    @classmethod
    def _addresses(cls, brokers: Any) -> Any:
        if not isinstance(brokers, list | tuple):
            return brokers
        read = []
        for number, each in enumerate(brokers, 1):
            try:
                read.append(BrokerUrl.parse(each) if isinstance(each, str) else each)
            except ValueError as error:
                raise ValueError(f"broker {number}: {error}") from None
        return read
