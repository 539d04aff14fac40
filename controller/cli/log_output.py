"""The log on standard error: of libraries warnings only, and of an error one line, unless more is asked for."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

_LINE = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_NOISY = ("amqtt", "bleak", "bleak_retry_connector", "filelock", "transitions")

_Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLineFormatter(logging.Formatter):
    """Says where an error comes from in one line: `KeyError: 'x' (bridge.py:12 < service.py:40)`."""

    def formatException(self, ei: _Raised) -> str:  # noqa: N802 - a name of `logging`
        """Return the error, and the lines that led to it, the last first."""
        frames = traceback.extract_tb(ei[2])
        places = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames))
        words = " ".join(f"{ei[0].__name__ if ei[0] else 'unknown'}: {ei[1]}".split())
        return f"  {words} ({places})"


def set_up_logging(level: str) -> None:
    """Log to stderr; of libraries, warnings and errors only."""
    logging.raiseExceptions = False  # where standard error is closed or full, the log goes nowhere
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_LINE) if level == "DEBUG" else OneLineFormatter(_LINE))
    logging.basicConfig(level=level, handlers=[handler])
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.getLogger().level, logging.WARNING))
    # Bumble logs a traceback of what it also raises, and the code that catches it reports it properly.
    logging.getLogger("bumble").setLevel(logging.CRITICAL)
