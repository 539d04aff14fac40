"""Checks of the store, and of the secrets in the settings file: who uses them, and whether others may read them."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from controller.doctor.check_result import CheckResult, note, ok, problem, problem_of
from controller.journal.store_errors import StoreError
from devices.support.file_error import FileError
from devices.support.file_permissions import OTHERS, shared
from devices.support.yaml_file import parse_document

_ADDRESSES = ("mqtt://", "mqtts://", "postgres://", "postgresql://")
_SECRETS = frozenset({"password", "key", "local_key", "secret_key"})  # settings whose value is a secret itself


async def store(path: Path) -> tuple[CheckResult, bool]:
    """Check whether it can be used; return also whether a service is using it now. Creates and changes nothing."""
    return await asyncio.to_thread(_check_store, path)


def _check_store(path: Path) -> tuple[CheckResult, bool]:
    from controller.journal.store_files import create_file, in_use, revision_of, shared_files, too_new
    from controller.journal.tables import REVISION

    runs = in_use(path)
    if not path.exists():
        return _without_file(path, runs), runs
    try:
        create_file(path)  # it exists: this only checks whether it can be written
        revision = revision_of(path) or REVISION
        if revision > REVISION:
            raise too_new(path, revision)
    except StoreError as error:
        return problem_of("store", error), runs
    if exposed := shared_files(path):
        message = f"others than its owner may read or write {path}, which contains health data"
        return problem("store", message, f"chmod 600 {shlex.join(map(str, exposed))}"), runs
    message = "is in use: a service runs" if runs else "can be used; no service runs now"
    return ok("store", f"{path} {message}"), runs


def _without_file(path: Path, runs: bool) -> CheckResult:
    if runs:
        remedy = "check that every device is off, and restart Letdown"
        return problem("store", f"{path} was deleted while a service runs that uses it", remedy)
    folder = next(each for each in path.parents if each.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return note("store", f"{path} does not exist yet: created on first `letdown run`")
    return problem("store", f"{path} cannot be created", f"let this user write in {folder}, or set store.path")


async def settings_file(file: Path) -> CheckResult:
    """Check whether others may read secrets in the file. Its group may: a service has a group of its own."""
    return await asyncio.to_thread(_check_settings, file)


def _check_settings(file: Path) -> CheckResult:
    try:
        secrets = ", ".join(secrets_in(parse_document(file.read_text(encoding="utf-8"), file).data))
    except (FileError, OSError, ValueError) as error:
        return problem("settings", str(error), f"correct {file}")
    if not secrets:
        return ok("settings", f"{file} contains no password and no key")
    if shared(file, OTHERS):
        message = f"{file} contains secrets ({secrets}), and every user of this machine may read or write it"
        return problem("settings", message, f"chmod o-rwx {shlex.quote(str(file))}")
    return ok("settings", f"{file} contains secrets, which only its owner and its group may read")


def secrets_in(data: object, parent: str = "") -> Iterator[str]:
    """Yield the path of each secret in plain data, such as `mqtt.brokers.0`; never the secret itself."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            path = f"{parent}.{key}" if parent else str(key)
            if key in _SECRETS and isinstance(value, str):
                yield path
            else:
                yield from secrets_in(value, path)
    elif isinstance(data, str) and _has_password(data):
        yield parent


def _has_password(text: str) -> bool:
    """Return whether a text is the address of a broker or of a database with a password in it."""
    try:
        return text.strip().startswith(_ADDRESSES) and bool(urlsplit(text.strip()).password)
    except ValueError:
        return False
