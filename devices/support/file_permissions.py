"""Who may use a file besides its owner."""

from __future__ import annotations

import os
from pathlib import Path

GROUP_AND_OTHERS, OTHERS = 0o077, 0o007


def shared(file: Path, whom: int = GROUP_AND_OTHERS) -> bool:
    """Return whether an existing file is open to its group or to others. Only POSIX systems have that in a mode."""
    try:
        return os.name == "posix" and bool(file.stat().st_mode & whom)
    except OSError:  # there is none, or not for us to see
        return False
