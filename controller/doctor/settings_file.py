"""The settings file: whether everybody on this machine may read the passwords and keys in it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from controller.doctor.finding import Finding, fine, trouble
from controller.permissions import OTHERS, shared
from devices.yaml_file import FileError, read_yaml

_SECRETS = frozenset({"password", "key", "local_key", "secret_key"})  # settings whose value is a secret itself


async def settings_file(file: Path) -> Finding:
    """Say whether others may read secrets in the file. Its group may: a service has one of its own."""
    return await asyncio.to_thread(_look, file)


def _look(file: Path) -> Finding:
    try:
        secrets = ", ".join(_secrets(read_yaml(file.read_text(encoding="utf-8"), file)))
    except (FileError, OSError, ValueError) as error:
        return trouble("settings", str(error))
    if not secrets:
        return fine("settings", f"{file} holds no password and no key")
    if shared(file, OTHERS):
        says = f"{file} holds secrets ({secrets}), and everybody on this machine may read or write it"
        return trouble("settings", says, f"chmod o-rwx {shlex.quote(str(file))}")
    return fine("settings", f"{file} holds secrets, and only its owner and its group may read them")


def _secrets(data: object, at: str = "") -> Iterator[str]:
    """Yield the place of each secret in plain data, such as `mqtt.brokers.0`; never the secret."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            place = f"{at}.{key}" if at else str(key)
            if key in _SECRETS and isinstance(value, str):
                yield place
            else:
                yield from _secrets(value, place)
    elif isinstance(data, str) and _has_password(data):
        yield at


def _has_password(text: str) -> bool:
    """Return whether a text is the address of a broker with a password in it."""
    try:
        return text.strip().startswith(("mqtt://", "mqtts://")) and bool(urlsplit(text.strip()).password)
    except ValueError:
        return False
