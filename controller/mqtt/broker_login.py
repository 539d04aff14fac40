"""Credentials for a broker: password and certificates, read for each connection, so that changes apply at once."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings


class CredentialsError(Exception):
    """A broker cannot be used with these credentials. `problem` and `str()` continue after the broker's name."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


def login(broker: BrokerUrl, settings: MqttSettings) -> tuple[str | None, str | None]:
    """Return user and password: from the broker's address, else from the settings. Raise `CredentialsError`."""
    username = broker.username or settings.username
    if broker.password is not None:
        return username, broker.password.get_secret_value()
    if settings.password_env is not None:
        if settings.password_env not in os.environ:
            # The variable is not named: it may be the password itself, by mistake.
            raise CredentialsError(
                "cannot be logged in to: the environment variable that mqtt.password_env names is not set", "set it"
            )
        return username, os.environ[settings.password_env]
    if settings.password_file is None:
        return username, None
    lines = _text(settings.password_file, "password_file").splitlines()
    if not lines or not lines[0].strip():
        raise CredentialsError(
            f"cannot be logged in to: the file in mqtt.password_file ({settings.password_file}) is empty",
            "write the password in its first line",
        )
    return username, lines[0].strip()


def tls(settings: MqttSettings) -> ssl.SSLContext:
    """Return the TLS context of a connection. Raise `CredentialsError`."""
    for name in ("ca_file", "cert_file", "key_file"):
        if (path := getattr(settings, name)) is not None:
            _text(path, name)
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except ssl.SSLError:
        raise CredentialsError(
            f"cannot be trusted: there is no certificate in mqtt.ca_file ({settings.ca_file})",
            "name a file that begins with -----BEGIN CERTIFICATE-----",
        ) from None
    if settings.cert_file is not None:
        try:
            # Without this, OpenSSL would prompt at the terminal for the password of a key.
            context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: "")
        except ssl.SSLError:
            raise CredentialsError(
                "cannot be used with our certificate: mqtt.cert_file and mqtt.key_file do not match, or the key has a "
                "password",
                "use a matching key without a password",
            ) from None
    return context


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CredentialsError(
            f"cannot be used: the file in mqtt.{name} ({path}) cannot be read: {why}", "correct its path"
        ) from None
