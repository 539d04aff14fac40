"""The store: whether it can be written, and whether a service has it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from controller.doctor.finding import Finding, fine, note, trouble
from controller.store.errors import InUseError, StoreError


async def store(path: Path) -> tuple[Finding, bool]:
    """Say whether it can be used, and whether a service is using it now. Makes and changes nothing."""
    return await asyncio.to_thread(_look, path)


def _look(path: Path) -> tuple[Finding, bool]:
    from controller.store.files import hold, revision_of, too_new
    from controller.store.tables import REVISION

    if not path.exists():
        folder = next(each for each in path.parents if each.exists())
        if os.access(folder, os.W_OK | os.X_OK):
            return note("store", f"{path} is not there yet: the service makes it when it runs"), False
        return trouble("store", f"{path} cannot be made", f"let this user write in {folder}, or set store.path"), False
    try:
        hold(path).release()
        revision = revision_of(path) or REVISION
        if revision > REVISION:
            raise too_new(path, revision)
    except InUseError:
        return fine("store", f"{path} is in use: a service runs"), True
    except StoreError as error:
        return trouble("store", str(error)), False
    return fine("store", f"{path} can be used; no service runs now"), False
