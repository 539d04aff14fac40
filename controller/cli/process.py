"""A command as a process: it runs to its end or to a signal, and a failure becomes one sentence and an exit code."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

import typer

if TYPE_CHECKING:
    import asyncio

P = ParamSpec("P")

AGAIN_SECONDS = 10.0  # what has not ended by then hangs, and is interrupted once more


def command(
    *, log: Literal["INFO", "WARNING", "ERROR", "CRITICAL"] = "WARNING", service: bool = False
) -> Callable[[Callable[P, Coroutine[Any, Any, int | None]]], Callable[P, None]]:
    """Make a command of a coroutine, which runs to its end or to a signal.

    Exit codes: 0 or what the coroutine returns, 1 failed, 2 wrong usage or settings; after Ctrl+C 130, after SIGTERM
    143 (0 for a `service`, which is ended like that), and 129 when its terminal was closed. The callback of a group
    does nothing where a command of the group follows. `log`: the lowest level that is logged to stderr, without
    `--verbose`.
    """

    def decorate(main: Callable[P, Coroutine[Any, Any, int | None]]) -> Callable[P, None]:
        @functools.wraps(main)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            if getattr(kwargs.get("context"), "invoked_subcommand", None) is not None:
                return
            from controller.cli.log_output import set_up_logging

            verbose = bool(kwargs.get("verbose"))
            set_up_logging("DEBUG" if verbose else log)
            raise typer.Exit(_run(lambda: main(*args, **kwargs), service=service, verbose=verbose))

        return run

    return decorate


def _run(main: Callable[[], Coroutine[Any, Any, int | None]], *, service: bool, verbose: bool) -> int:
    """Run a coroutine to its end or to a signal, and return the exit code."""
    import asyncio

    from controller.cli.failures import report

    try:
        return asyncio.run(_until_signalled(main(), service=service)) or 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - reported, as one sentence
        return report(error, verbose=verbose)


async def _until_signalled(main: Coroutine[Any, Any, int | None], *, service: bool) -> int | None:
    """Run the command; Ctrl+C, SIGTERM and a closed terminal cancel it, so that it ends in order.

    More of them change nothing: they would interrupt the stopping of devices. Only what hangs is interrupted again.
    """
    import asyncio
    import signal

    from controller.cli.standard_streams import say

    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_error)
    received: list[int] = []
    again_at = 0.0

    def end(number: int) -> None:
        nonlocal again_at
        received.append(number)
        if loop.time() >= again_at:
            again_at = loop.time() + AGAIN_SECONDS
            if len(received) > 1 or not task.cancelling():  # else it is ending already
                task.cancel()
        elif len(received) == 2:  # noqa: PLR2004 - said once
            say("letdown: it is ending, and stops every device first; please wait")

    # Up to where it first waits, it only imports and reads: nothing runs, and a signal ends the process at once.
    await asyncio.sleep(0)
    handled = (signal.SIGINT, signal.SIGTERM, *_hangup())
    for each in handled:
        try:
            loop.add_signal_handler(each, end, each)
        except NotImplementedError:  # Windows: without this, Ctrl+C would end the process with devices still on
            signal.signal(each, lambda number, _frame: loop.call_soon_threadsafe(end, number))
    try:
        return await task
    except (asyncio.CancelledError, OSError) as error:
        if isinstance(error, OSError) and not received:  # else its last output found no terminal any more
            raise
        first = received[0] if received else signal.SIGINT  # the view in the terminal handles Ctrl+C itself
        code = 0 if service and first == signal.SIGTERM else 128 + first
        _wait_for_the_rest(handled, code)
        return code


def _wait_for_the_rest(handled: tuple[int, ...], code: int) -> None:
    """Let later signals not cut off what is still to be printed: the loop would give them back their usual effect."""
    import asyncio
    import os
    import signal
    import time
    from types import FrameType

    until = time.monotonic() + AGAIN_SECONDS

    def leave_if_it_hangs(_number: int, _frame: FrameType | None) -> None:
        if time.monotonic() > until:
            os._exit(code)

    for each in handled:
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().remove_signal_handler(each)
        signal.signal(each, leave_if_it_hangs)


def _hangup() -> tuple[int, ...]:
    """Return SIGHUP, which a closed terminal sends, where it has its usual effect; on Windows, SIGBREAK.

    It has not where `nohup` said to ignore it, nor where the command handles it already, to read its settings again.
    """
    import signal

    number = getattr(signal, "SIGHUP", getattr(signal, "SIGBREAK", None))
    return () if number is None or signal.getsignal(number) is not signal.SIG_DFL else (number,)


def _log_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log exceptions that were never retrieved, but not that a task ended the process: rich does that on a closed pipe.

    Nor that a connection was closed before the loop got to watch it: aiomqtt and asyncio let the loop do that one turn
    later, and the owner of the connection logs that it was lost.
    """
    import errno

    error = context.get("exception")
    closed = isinstance(error, OSError) and error.errno == errno.EBADF and "add_writer" in str(context.get("handle"))
    if not closed and not isinstance(error, SystemExit):
        loop.default_exception_handler(context)
