"""Standard input, output and errors, however they were left: closed, full, or without most characters.

A character that cannot be written becomes one that can: `✓` becomes `+`, `°` becomes `deg`, `ä` becomes `ae`.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from typing import Any, TextIO

_HANDLER = "letdown.readable"
_CLOSED = (errno.EBADF, errno.EIO, errno.EPIPE)
_IN_ASCII = {
    "✓✗•·…": ("+", "x", "*", "-", "..."),
    "→←–—×": ("->", "<-", "-", "-", "x"),  # noqa: RUF001
    "„“”‘’": ('"', '"', '"', "'", "'"),  # noqa: RUF001
    "äöüß°": ("ae", "oe", "ue", "ss", "deg"),
    "ÄÖÜ█▌": ("Ae", "Oe", "Ue", "#", "#"),
    "▁▂▃▄▅": ("_", "_", "-", "-", "="),
    "▆▇━╸≤": ("=", "#", "-", "-", "<="),
}
_REPLACED = {each: other for signs, others in _IN_ASCII.items() for each, other in zip(signs, others, strict=True)}


def prepare() -> None:
    """Make the three streams usable, whatever they are connected to."""
    _open_descriptors()
    codecs.register_error(_HANDLER, _readable)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process lives
    sys.stdout, sys.stderr = _usable(sys.stdout), _usable(sys.stderr)


def _usable(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - as long as the process lives
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_HANDLER)
    return stream


def _open_descriptors() -> None:
    """Open what is closed: otherwise a database or a socket would get the number of an output, and its text."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:  # noqa: PLR2004 - standard error
            os.close(descriptor)
            return


def _readable(error: UnicodeError) -> tuple[str, int]:
    """Return what to write for characters that an encoding lacks; a codec's error handler."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end


def _in_ascii(character: str) -> str:
    if character in _REPLACED:
        return _REPLACED[character]
    import unicodedata

    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode("ascii")
    return letters or "?"


def print_json(data: Any) -> None:
    """Print data as JSON; with escapes where the output cannot be UTF-8."""
    import json

    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    print(json.dumps(data, ensure_ascii=not unicode, indent=2))  # noqa: T201 - what was asked for


def flush() -> int:
    """Write what is left. Return 0, or 1 where the output was not taken: quietly, where its reader is gone."""
    code = 0
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            code = 1
            if number == 1 and isinstance(error, OSError):
                say_unwritten(error)
            else:
                _discard(number)
    return code


def is_unwritten(error: OSError) -> bool:
    """Return whether an error that names no file may come from writing to an output."""
    return error.errno in (*_CLOSED, errno.EDQUOT, errno.EFBIG, errno.ENOSPC)


def say_unwritten(error: OSError) -> None:
    """Print that the output was not written, unless it is closed: then its reader has seen enough.

    What is still to be written is dropped, so that the error is printed once, and Python reports none at its end.
    """
    _discard(1)
    if error.errno not in _CLOSED:
        say(f"letdown: the output cannot be written: {error.strerror}; make room there, or send it elsewhere")


def say(line: str) -> None:
    """Print a line to standard error, if that is possible."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - an error


def _discard(number: int) -> None:
    """Let what cannot be written go nowhere."""
    with contextlib.suppress(OSError):
        nowhere: Any = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
