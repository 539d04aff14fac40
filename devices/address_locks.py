"""Locks between the controllers of one machine: a Bluetooth device is driven by one process at a time.

Needs no broker, and knows nothing of settings or stores: one lock file for each address, in a folder that all users
share. The operating system releases a lock when the process that holds it ends, however it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from devices.errors import NotFoundError

_LOGGER = logging.getLogger(__name__)

_SHARED = Path("/run/lock/letdown")
_SHARED_MODE = 0o1777  # as /tmp: everybody may add a file, nobody may remove another user's
_FILE_MODE = 0o666  # a service runs as another user than a person at the terminal; each must be able to try the lock
_LONGEST_PID = 20


class HeldElsewhereError(NotFoundError):
    """Another process on this machine uses the device."""


class AddressLocks:
    """The locks of one controller. `folder`: where the lock files are; without it, where all users find them.

    `take_over`: go on where another process holds a lock, with a warning.
    """

    def __init__(self, folder: Path | None = None, *, take_over: bool = False) -> None:
        self._folder = folder or lock_folder()
        self._take_over = take_over

    @contextlib.contextmanager
    def hold(self, address: str) -> Iterator[None]:
        """Hold the lock of an address inside the block. Raise `HeldElsewhereError` where another process has it."""
        # A hash: nobody needs to learn from a file name which devices somebody owns.
        name = hashlib.sha256(address.lower().encode()).hexdigest()[:16]
        path = self._folder / f"{name}.lock"
        lock = FileLock(path, mode=_FILE_MODE, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
            _write_pid(path)
        except (Timeout, OSError) as error:
            trouble = _why(path, error)
            if not self._take_over:
                lock.release()
                raise HeldElsewhereError(f"{trouble}, or run with --take-over") from None
            _LOGGER.warning("taking a device over: %s", trouble)
        try:
            yield
        finally:
            lock.release()


def lock_folder() -> Path:
    """Return the folder of the lock files, created where it is missing.

    `/run/lock` is for this (Filesystem Hierarchy Standard 5.9), is emptied at every boot, and systemd's `PrivateTmp`
    does not hide it. Where it does not exist or may not be written, the temporary folder serves, for this user alone:
    a folder there that others may write could have been put there by anybody.
    """
    with contextlib.suppress(OSError):
        if not _SHARED.exists():
            _SHARED.mkdir()
            _SHARED.chmod(_SHARED_MODE)  # the umask does not count here
        if stat.S_ISDIR(_SHARED.lstat().st_mode) and os.access(_SHARED, os.W_OK | os.X_OK):
            return _SHARED
    user = os.getuid() if hasattr(os, "getuid") else "user"
    own = Path(tempfile.gettempdir()) / f"letdown-locks-{user}"
    with contextlib.suppress(OSError):  # then no lock can be had there, and it is said so when one is needed
        own.mkdir(0o700, exist_ok=True)
    return own


def _write_pid(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "w") as file:
        file.write(str(os.getpid()))


def _why(path: Path, error: Timeout | OSError) -> str:
    """Say why a lock cannot be had, and what to do."""
    if not isinstance(error, Timeout):
        return f"the lock of this device cannot be had ({error}): see to {path.parent}"
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor) as file:
            process = f" (process {int(file.read(_LONGEST_PID))})"
    except (OSError, ValueError):  # it has only just taken it, or the system lets nobody read a locked file (Windows)
        process = ""
    return f"another controller on this machine{process} uses this device: end it"
