"""Locks between the controllers of one machine: a Bluetooth device is controlled by one process at a time.

One lock file for each address, in a folder that all users share; no broker, settings or store needed. The operating
system releases a lock when the process that holds it ends, however it ends.
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

from devices.errors import DeviceInUseError

_LOGGER = logging.getLogger(__name__)

_SHARED = Path("/run/lock/letdown")
_SHARED_MODE = 0o1777  # as /tmp: every user may add a file, none may remove another user's
_FILE_MODE = 0o666  # a service runs as another user than a person at the terminal; each must be able to try the lock
_LONGEST_PID = 20


class AddressLocks:
    """The locks of one controller. `folder`: where the lock files are; by default, `lock_folder()`.

    `take_over`: continue with a warning where another process holds a lock.
    """

    def __init__(self, folder: Path | None = None, *, take_over: bool = False) -> None:
        self._folder = folder or lock_folder()
        self._take_over = take_over

    @contextlib.contextmanager
    def hold(self, address: str) -> Iterator[None]:
        """Hold the lock of an address inside the block. Raise `DeviceInUseError` if another process holds it."""
        # A hash: a file name must not reveal which devices somebody owns.
        name = hashlib.sha256(address.lower().encode()).hexdigest()[:16]
        path = self._folder / f"{name}.lock"
        lock = FileLock(path, mode=_FILE_MODE, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
            _write_pid(path)
        except (Timeout, OSError) as error:
            problem, remedy = _explain(path, error)
            if not self._take_over:
                lock.release()
                raise DeviceInUseError(problem, f"{remedy}, or run with --take-over") from None
            _LOGGER.warning("taking a device over: %s", problem)
        try:
            yield
        finally:
            lock.release()


def lock_folder() -> Path:
    """Return the folder of the lock files, created if it is missing.

    `/run/lock` is meant for this (Filesystem Hierarchy Standard 5.9), is emptied at every boot, and is not hidden by
    systemd's `PrivateTmp`. If it does not exist or is not writable: a private folder of this user in the temporary
    folder, since a shared one there could have been created by anybody.
    """
    with contextlib.suppress(OSError):
        if not _SHARED.exists():
            _SHARED.mkdir()
            _SHARED.chmod(_SHARED_MODE)  # chmod ignores the umask
        if stat.S_ISDIR(_SHARED.lstat().st_mode) and os.access(_SHARED, os.W_OK | os.X_OK):
            return _SHARED
    user = os.getuid() if hasattr(os, "getuid") else "user"
    own = Path(tempfile.gettempdir()) / f"letdown-locks-{user}"
    with contextlib.suppress(OSError):  # then acquiring a lock there fails, with an error
        own.mkdir(0o700, exist_ok=True)
    return own


def _write_pid(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "w") as file:
        file.write(str(os.getpid()))


def _explain(path: Path, error: Timeout | OSError) -> tuple[str, str]:
    """Return why a lock cannot be acquired, and what to do."""
    if not isinstance(error, Timeout):
        return f"the lock of this device cannot be acquired ({error})", f"check the permissions of {path.parent}"
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor) as file:
            process = f" (process {int(file.read(_LONGEST_PID))})"
    except (OSError, ValueError):  # acquired only just now, or the system does not let a locked file be read (Windows)
        process = ""
    return f"another controller on this machine{process} uses this device", "end it"
