"""The owner's MQTT settings: the brokers, the base topic, the name of this controller. Passwords are never shown."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from controller.mqtt.topics import check_base, check_name
from devices.support.confidential import Confidential

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "mqtt://user:password@broker.lan:1883, or mqtts:// for TLS"


class BrokerUrl(Confidential):
    """Address of a broker, and credentials. `str()` leaves out user and password."""

    host: str = Field(min_length=1)
    port: int = Field(1883, ge=1, le=65535)
    tls: bool = False
    username: str | None = None
    password: SecretStr | None = None

    @classmethod
    def parse(cls, url: str) -> BrokerUrl:
        """Parse `mqtt://user:password@host:port` or `mqtts://…`. Raise a `ValueError` that shows no password."""
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
    """Return the name of this machine, made valid for a topic."""
    name = socket.gethostname().partition(".")[0].lower()
    return re.sub(r"[^a-z0-9_-]+", "-", name).strip("-") or "local"


class MqttSettings(Confidential):
    """MQTT settings. `brokers` are tried in turn; without any, the embedded broker runs, for this machine only."""

    brokers: tuple[BrokerUrl, ...] = Field(
        (),
        description="addresses, such as mqtt://user:password@homeassistant.local:1883; the next is tried if one fails",
    )
    base_topic: Annotated[str, AfterValidator(check_base)] = Field("letdown", description="begins all topics")
    node: Annotated[str, AfterValidator(check_name)] = Field(
        default_factory=default_node,
        description="this controller's name in topics; by default the name of this machine",
    )
    username: str | None = Field(None, description="for brokers whose address names no user")
    password_file: Path | None = Field(None, description="a file with the password in its first line")
    password_env: str | None = Field(None, description="the environment variable with the password")
    ca_file: Path | None = Field(None, description="certificates to trust for mqtts://; without it, the system's")
    cert_file: Path | None = Field(None, description="client certificate, for brokers that require one")
    key_file: Path | None = Field(None, description="the key of cert_file; without it, the key is in cert_file")
    embedded_port: int = Field(1883, ge=0, le=65535, description="port of the embedded broker; 0 takes a free one")
    publish: Literal["all", "minimal"] = Field(
        "all", description="`minimal`: without what is a health record, such as milk, let-downs, and the history"
    )
    publish_recent_sessions: bool = Field(
        False, description="publish the latest sessions, with their milk, for everyone who may read the broker"
    )
    discovery: Literal["device", "components", "off"] = Field(
        "device",
        description="Home Assistant discovery; `components`: one message per entity, for other clients such as openHAB",
    )
    discovery_prefix: Annotated[str, AfterValidator(check_base)] = Field(
        "homeassistant", description="where Home Assistant looks for discovery"
    )

    @property
    def embedded(self) -> bool:
        """Whether to run the embedded broker."""
        return not self.brokers

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.publish == "minimal" and self.publish_recent_sessions:
            raise ValueError("publish_recent_sessions goes with publish: all; minimal leaves out what they are")
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file goes with cert_file; name both")
        if self.password_file is not None and self.password_env is not None:
            raise ValueError("the password is in password_file or in password_env; name one of them")
        nameless = self.username is None and not all(broker.username for broker in self.brokers)
        if nameless and (self.password_file is not None or self.password_env is not None):
            raise ValueError("a password needs a username; name that, too")
        return self

    @model_validator(mode="before")
    @classmethod
    def _accept_single_broker(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("brokers"), str | BrokerUrl):
            return {**data, "brokers": [data["brokers"]]}
        return data

    # The whole list is validated here, not each address by `BrokerUrl`: errors may be printed with their input, and a
    # list is less likely to be printed than a string that contains a password.
    @field_validator("brokers", mode="before")
    @classmethod
    def _parse_addresses(cls, brokers: Any) -> Any:
        if not isinstance(brokers, list | tuple):
            return brokers
        parsed = []
        for number, each in enumerate(brokers, 1):
            try:
                parsed.append(BrokerUrl.parse(each) if isinstance(each, str) else each)
            except ValueError as error:
                raise ValueError(f"broker {number}: {error}") from None
        return parsed
