"""What opens a broker's door: password and certificates, read at each connection, so that a new one counts at once."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from controller.mqtt.settings import BrokerUrl, MqttSettings


class RefusedError(Exception):
    """A broker cannot be used as things are. `str()` says why and what to do, and goes on after the broker's name."""


def login(broker: BrokerUrl, settings: MqttSettings) -> tuple[str | None, str | None]:
    """Return user and password: of each, what the broker's address says, else the settings. Raise `RefusedError`."""
    username = broker.username or settings.username
    if broker.password is not None:
        return username, broker.password.get_secret_value()
    if settings.password_env is not None:
        if settings.password_env not in os.environ:
            # The variable is not named: whoever put the password itself there would read it in a log.
            raise RefusedError("cannot be entered: the environment variable that mqtt.password_env names is not set")
        return username, os.environ[settings.password_env]
    if settings.password_file is None:
        return username, None
    lines = _text(settings.password_file, "password_file").splitlines()
    if not lines or not lines[0].strip():
        raise RefusedError(f"cannot be entered: the file in mqtt.password_file ({settings.password_file}) is empty")
    return username, lines[0].strip()


def tls(settings: MqttSettings) -> ssl.SSLContext:
    """Return what a connection with TLS is made with. Raise `RefusedError`."""
    for name in ("ca_file", "cert_file", "key_file"):
        if (path := getattr(settings, name)) is not None:
            _text(path, name)
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except ssl.SSLError:
        raise RefusedError(
            f"cannot be trusted: there is no certificate in mqtt.ca_file ({settings.ca_file}); it begins with "
            "-----BEGIN CERTIFICATE-----"
        ) from None
    if settings.cert_file is not None:
        try:
            # Without an answer here, OpenSSL would ask at the terminal for the password of a key.
            context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: "")
        except ssl.SSLError:
            raise RefusedError(
                "cannot be shown our certificate: mqtt.cert_file and mqtt.key_file do not belong together, or the key "
                "has a password; take one without"
            ) from None
    return context


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise RefusedError(
            f"cannot be used: the file in mqtt.{name} ({path}) cannot be read: {why}; correct its path"
        ) from None
