"""The entry point of `letdown`. Ctrl+C is answered before anything is imported, and nothing leaves as a traceback.

Nothing runs while the modules of a command are imported, so Ctrl+C ends the process at once there. Once the command
itself runs, `process.py` lets it end in order, with every device stopped; after that, nothing is left to be done.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` would first import `enum`, and that takes its time
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` would take as long to import as all the rest of this module
    from types import FrameType
    from typing import NoReturn

_BY_SIGNAL = 128  # and its number
_INTERRUPTED = 130
_TERMINATED = 143


def main() -> NoReturn:
    """Run the command line, and exit: 0 done, 1 failed, 2 wrong usage or settings, 130 Ctrl+C."""
    try:
        on_interrupt_exit(_INTERRUPTED)
        if os.getpid() == 1:  # in a container: Linux drops signals that its first process does not handle
            _signal.signal(_signal.SIGTERM, lambda *_: os._exit(_TERMINATED))
        code = _run()
        if code >= _BY_SIGNAL:
            os._exit(code)  # while Python ends, one more signal would kill it, and change the exit code
        on_interrupt_exit(code)
        sys.exit(code)
    except KeyboardInterrupt:  # between two handlers of the signal
        os._exit(_INTERRUPTED)


def on_interrupt_exit(code: int) -> None:
    """From now on, end the process at once on Ctrl+C: nothing runs that would have to be stopped."""
    if _signal.getsignal(_signal.SIGINT) == _signal.SIG_IGN:
        return  # as for a job in the background

    def leave(_number: int, _frame: FrameType | None) -> None:
        os._exit(code)

    _signal.signal(_signal.SIGINT, leave)


def _run() -> int:
    from controller.cli.standard_streams import flush, prepare

    prepare()
    try:
        from controller.cli.main import app

        app()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except Exception as error:  # noqa: BLE001 - the last place that can report it in a sentence
        from controller.cli.failures import report

        code = report(error)
    else:
        code = 0
    unwritten = flush()
    return code if code >= _BY_SIGNAL else unwritten or code


if __name__ == "__main__":
    main()
