"""What is printed when a command fails: one sentence, and an exit code. Details of a bug go to a file."""

from __future__ import annotations

import contextlib
import sys

from controller.cli.standard_streams import is_unwritten, say, say_unwritten

_FAILED, _WRONG = 1, 2


def report(error: Exception, *, verbose: bool = False) -> int:
    """Print a failure, and return its exit code. `verbose`: with the traceback of a bug."""
    if isinstance(error, OSError):
        _say_os_error(error)
        return _FAILED
    code = _exit_code(error)
    if code is None:
        _say_bug(error, verbose=verbose)
        return _FAILED
    print_error(str(error))
    return code


def _exit_code(error: Exception) -> int | None:
    """Return the exit code of an error that is explained to the user; None for a bug."""
    from controller.assembly.extras import SetupError
    from controller.cluster.cluster_error import ClusterError
    from controller.contract.session_record import HistoryError
    from controller.journal.store_errors import StoreError
    from controller.mqtt.embedded_broker import BrokerError
    from controller.service.station import RefusedStartError
    from devices.errors import DeviceError
    from devices.support.file_error import FileError

    # pydantic's ValidationError is a ValueError.
    if isinstance(error, FileError | SetupError | ValueError):
        return _WRONG
    return (
        _FAILED
        if isinstance(error, DeviceError | BrokerError | ClusterError | HistoryError | RefusedStartError | StoreError)
        else None
    )


def print_error(words: str) -> None:
    """Print a sentence about what went wrong."""
    from rich.console import Console

    with contextlib.suppress(OSError, ValueError):
        Console(stderr=True, soft_wrap=True).print(f"letdown: {words}", style="red", markup=False, highlight=False)


def _say_os_error(error: OSError) -> None:
    if error.filename is not None:
        print_error(f"{error.filename}: {error.strerror or error}")
    elif is_unwritten(error):
        say_unwritten(error)
    else:
        print_error(error.strerror or str(error) or type(error).__name__)


def _say_bug(error: Exception, *, verbose: bool) -> None:
    """Report a bug of ours, and where its details are."""
    import traceback

    details = "".join(traceback.format_exception(error))
    words = " ".join(f"{type(error).__name__}: {error}".split())
    if verbose:
        say(details)
        print_error(f"an error in Letdown itself ({words})")
        return
    print_error(f"an error in Letdown itself ({words}); {_kept(details)}")


def _kept(details: str) -> str:
    """Save the details for a report; print where they are."""
    import tempfile
    from importlib.metadata import version
    from pathlib import Path

    try:
        with tempfile.NamedTemporaryFile("w", prefix="letdown-error-", suffix=".txt", delete=False) as file:
            file.write(f"Letdown {version('letdown')}, Python {sys.version}, {sys.platform}\n\n{details}")
    except OSError:
        return "please report it"
    return f"please report it with the details in {Path(file.name)}"
