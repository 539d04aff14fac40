"""A program that tells what it was started with, and then does what its argument says: `exit`, `raise` or `wait`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    """Print it as JSON on the standard output, and a word on the standard error."""
    told = {
        "arguments": sys.argv,
        "folder": str(Path.cwd()),
        "env": dict(os.environ),
        "stdin": os.read(0, 100).decode(),
        "files": sorted(int(each.name) for each in Path("/proc/self/fd").iterdir())[:-1],  # the last reads this folder
        "threads": threading.active_count(),
        "blocked": [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "handlers": [signal.getsignal(each) in (signal.SIG_DFL, signal.default_int_handler) for each in SIGNALS],
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stderr.write("a word\n")
    if "exit" in sys.argv:
        raise SystemExit(7)
    if "raise" in sys.argv:
        raise RuntimeError("an error")
    if "wait" in sys.argv:
        sys.stdout.flush()
        time.sleep(60)


SIGNALS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)
