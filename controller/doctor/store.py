"""The store: whether it can be used, whether a service has it, and who else may read it."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path

from controller.doctor.finding import Finding, fine, note, trouble
from controller.store.errors import StoreError


async def store(path: Path) -> tuple[Finding, bool]:
    """Say whether it can be used, and whether a service is using it now. Makes and changes nothing."""
    return await asyncio.to_thread(_look, path)


def _look(path: Path) -> tuple[Finding, bool]:
    from controller.store.files import in_use, make_file, revision_of, shared_files, too_new
    from controller.store.tables import REVISION

    runs = in_use(path)
    if not path.exists():
        return _without_file(path, runs), runs
    try:
        make_file(path)  # it is there: this only sees whether it can be written
        revision = revision_of(path) or REVISION
        if revision > REVISION:
            raise too_new(path, revision)
    except StoreError as error:
        return trouble("store", str(error)), runs
    if exposed := shared_files(path):
        says = f"others than its owner may read or write {path}, which tells of somebody's health"
        return trouble("store", says, f"chmod 600 {shlex.join(map(str, exposed))}"), runs
    says = "is in use: a service runs" if runs else "can be used; no service runs now"
    return fine("store", f"{path} {says}"), runs


def _without_file(path: Path, runs: bool) -> Finding:
    if runs:
        remedy = "see for yourself that every device is off, and restart Letdown"
        return trouble("store", f"{path} is gone, and a service runs that had it", remedy)
    folder = next(each for each in path.parents if each.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return note("store", f"{path} is not there yet: the service makes it when it runs")
    return trouble("store", f"{path} cannot be made", f"let this user write in {folder}, or set store.path")
