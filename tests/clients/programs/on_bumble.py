"""bleak on the virtual radio, and calls from a test to somebody else's client: what the programs here share.

    python use_ooler.py tcp-client:127.0.0.1:6402

Runs under the clients' own Python. Each line of standard input is a call, `{"call": "set_power", "args": [true]}`, and
is answered by a line: `{"result": ...}`, or `{"error": "ValueError", "text": ...}` for what the client raised.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

import bleak
from bleak.backends.device import BLEDevice

from devices.virtual.bumble_backend import BumbleScanner
from devices.virtual.bumble_client import BumbleClient
from devices.virtual.central import CentralRadio
from devices.virtual.transports import open_central

_FIND_SECONDS = 10.0


class _Radios:
    """A radio for each event loop, opened when it is first needed: as bleak's own backends connect to the system's."""

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._opened: dict[asyncio.AbstractEventLoop, asyncio.Future[CentralRadio]] = {}
        self._keepers: set[asyncio.Task[None]] = set()

    async def radio(self) -> CentralRadio:
        """Return the radio of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._opened:
            self._opened[loop] = loop.create_future()
            self._keepers.add(loop.create_task(self._keep(self._opened[loop])))
        return await asyncio.shield(self._opened[loop])

    async def _keep(self, opened: asyncio.Future[CentralRadio]) -> None:
        """Keep a radio open until its loop ends, which cancels this."""
        async with open_central(self._transport) as central:
            opened.set_result(CentralRadio(central))
            await asyncio.Event().wait()


def put_bleak_on(transport: str) -> None:
    """Let bleak choose a virtual radio where it would choose the system's; nothing else of it is changed."""
    radios = _Radios(transport)

    class Scanner(BumbleScanner):
        async def start(self) -> None:
            self.radio = await radios.radio()
            await super().start()

    class Client(BumbleClient):
        async def connect(self, pair: bool, **options: Any) -> None:
            self.radio = await radios.radio()
            await super().connect(pair, **options)

    bleak.get_platform_scanner_backend_type = lambda: (Scanner, "bumble")
    bleak.get_platform_client_backend_type = lambda: (Client, "bumble")


def public(*kinds: type) -> list[str]:
    """Return the names of all that these classes offer to whoever uses them."""
    return sorted({name for kind in kinds for name in dir(kind) if not name.startswith("_")})


async def find(name: str) -> BLEDevice:
    """Return a device by the name that it advertises."""
    device = await bleak.BleakScanner.find_device_by_name(name, _FIND_SECONDS)
    if device is None:
        raise LookupError(f"nothing advertises {name}")
    return device


def plain(value: Any) -> Any:
    """Return what JSON has no word for in a form that it has."""
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "text": str(value)}
    if isinstance(value, enum.Enum):
        return value.value
    return str(value)


async def _answer(target: object, line: str) -> dict[str, Any]:
    asked = json.loads(line)
    try:
        found = getattr(target, asked["call"])
        result = found(*asked["args"]) if callable(found) else found
        if inspect.isawaitable(result):
            result = await result
    except Exception as error:  # noqa: BLE001 - whatever the client raises is its answer
        return plain(error)
    return {"result": result}


async def _serve(make: Callable[[], object]) -> None:
    put_bleak_on(sys.argv[1])
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    target = make()
    async for line in lines:
        print(json.dumps(await _answer(target, line.decode()), default=plain), flush=True)  # noqa: T201 - the answer


def serve(make: Callable[[], object]) -> None:
    """Make something whose methods can be called, and do as standard input says until it ends."""
    asyncio.run(_serve(make))
