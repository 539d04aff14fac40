"""A command as a process: it runs to its end or to a signal, and what went wrong is a sentence and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console

from controller.app import SetupError
from controller.mqtt.broker import BrokerError
from controller.station import RefusedStartError
from controller.store.errors import StoreError
from devices.errors import DeviceError
from devices.yaml_file import FileError


def finish(main: Callable[[], Coroutine[Any, Any, int]], cut_off: int = 0) -> None:
    """Run a command, and exit: 0 done, 1 failed, 2 wrong usage or settings, `cut_off` when a signal ended it."""
    try:
        code = asyncio.run(_until_signalled(main(), cut_off))
    except (FileError, SetupError, ValidationError, ValueError) as error:
        code = _complain(error, 2)
    except (DeviceError, BrokerError, RefusedStartError, StoreError) as error:
        code = _complain(error, 1)
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


def log(level: int) -> None:
    """Log to stderr; libraries only what is wrong."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("alembic", "amqtt", "bleak", "bleak_retry_connector", "filelock", "transitions"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    # Bumble logs with a traceback what it also raises, and what is told properly by whoever catches it.
    logging.getLogger("bumble").setLevel(logging.CRITICAL)


async def _until_signalled(main: Coroutine[Any, Any, int], cut_off: int) -> int:
    """Let SIGTERM and Ctrl+C cancel the command, which then ends in order, with the exit code `cut_off`."""
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(each, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return cut_off


def _complain(error: Exception, code: int) -> int:
    Console(stderr=True, soft_wrap=True).print(f"letdown: {error}", style="red", markup=False, highlight=False)
    return code
