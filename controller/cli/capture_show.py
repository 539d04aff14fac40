"""`letdown capture show`: the devices in a capture, and the messages between one of them and its app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from controller.cli.advertised_data import hex_of
from controller.cli.capture_rows import capture_row, device_row, short_form
from controller.cli.capture_timeline import TimelineRow, timeline
from controller.cli.printing import print_line, print_rows
from controller.cli.standard_streams import print_json
from devices.capture.conversation import Capture, CapturedCharacteristic, CapturedConnection, CapturedDevice
from devices.capture.reading.capture_file import read_capture

_SEEN_FROM_BYTES = 4 << 20  # what is smaller is read in a moment
_ATT_ERRORS = {
    0x01: "invalid handle",
    0x02: "read not permitted",
    0x03: "write not permitted",
    0x05: "insufficient authentication",
    0x06: "request not supported",
    0x08: "insufficient authorization",
    0x0D: "invalid length of the value",
    0x0E: "unlikely error",
    0x0F: "insufficient encryption",
}
_ARROWS = {True: ("← device", "green"), False: ("app →   ", "cyan")}


async def show_capture(file: Path, number: int | None, *, whole_addresses: bool, as_json: bool) -> None:
    """Print a capture. `number`: of the device, from 1; `None`: the one with most values. Raise `FileError`."""
    capture = await read_with_progress(file, quiet=as_json)
    device = chosen_device(capture, number)
    if as_json:
        print_json(capture_row(capture, device, whole_addresses=whole_addresses))
        return
    print_line(f"{capture.file_format}, {capture.packet_count} packets")
    for problem in capture.problems:
        Console().print(Text(f"! {problem}", style="yellow"), soft_wrap=True)
    if device is not None:
        _print_devices(capture, whole_addresses=whole_addresses)
        console = Console()
        for line in _device_lines(capture, device, whole_addresses=whole_addresses):
            console.print(line, soft_wrap=True)


async def read_with_progress(file: Path, *, quiet: bool) -> Capture:
    """Read a capture, with a bar on a terminal where it is large. It can be interrupted."""
    console, ended = Console(stderr=True), False

    def raise_if_ended(*_: int) -> None:
        if ended:
            raise asyncio.CancelledError

    async def read(on_progress: Callable[[int, int], None]) -> Capture:
        nonlocal ended
        try:
            return await asyncio.to_thread(read_capture, file, on_progress)
        finally:
            ended = True

    if quiet or not console.is_terminal or not _is_large(file):
        return await read(raise_if_ended)
    columns = TextColumn("reading"), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("")

        def on_progress(done: int, size: int) -> None:
            raise_if_ended()
            progress.update(task, completed=done, total=size)

        return await read(on_progress)


def _is_large(file: Path) -> bool:
    return file.is_file() and file.stat().st_size >= _SEEN_FROM_BYTES


def chosen_device(capture: Capture, number: int | None) -> CapturedDevice | None:
    """Return the device of a number, from 1, or the one with most values; `None`: there is none.

    Raise `ValueError` where there is no such number.
    """
    if number is None:
        return max(capture.devices, key=lambda each: len(each.messages), default=None)
    if number > len(capture.devices):
        count = len(capture.devices)
        raise ValueError(f"--device {number}: the capture has {count} {'device' if count == 1 else 'devices'}")
    return capture.devices[number - 1]


def _print_devices(capture: Capture, *, whole_addresses: bool) -> None:
    shown = ("device", "name", "address", "connections", "values", "advertised_services")
    rows = []
    for number, device in enumerate(capture.devices, 1):
        row = device_row(number, device, whole_addresses=whole_addresses)
        row["advertised_services"] = [short_form(each) for each in device.advertised_services]
        rows.append({key: row[key] for key in shown})
    print_rows(rows, as_json=False, nothing="")


def _device_lines(capture: Capture, device: CapturedDevice, *, whole_addresses: bool) -> Iterator[Text]:
    yield Text(f"Device {capture.devices.index(device) + 1}", style="bold")
    yield from _table_lines(device)
    began = min((each.at_seconds for each in device.messages), default=0.0)
    began = min([began, *(each.began_seconds for each in device.connections if each.began_seconds is not None)])
    for connection in device.connections:
        yield Text("")
        yield Text(_connection_words(connection, began), style="bold")
        for row in timeline(connection):
            yield _row_line(row, device, began, whole_addresses=whole_addresses)


def _table_lines(device: CapturedDevice) -> Iterator[Text]:
    services: dict[str | None, list[CapturedCharacteristic]] = {}
    for row in device.characteristics.values():
        services.setdefault(row.service, []).append(row)
    for service, rows in services.items():
        yield Text(f"  service {short_form(service) if service else 'unknown: the app did not look for services'}")
        for row in rows:
            uuid = short_form(row.uuid) if row.uuid else "unknown"
            yield Text(f"    {_handle(row.handle)}  {uuid:<36}  {', '.join(sorted(row.properties))}", style="dim")


def _connection_words(connection: CapturedConnection, first_seconds: float) -> str:
    began = (
        "began before the capture"
        if connection.began_seconds is None
        else f"began at {connection.began_seconds - first_seconds:.1f} s"
    )
    ended = "" if connection.ended_seconds is None else f", ended at {connection.ended_seconds - first_seconds:.1f} s"
    encrypted = ", encrypted" if connection.encrypted else ""
    return f"Connection {connection.number}: {began}{ended}, MTU {connection.mtu_bytes} bytes{encrypted}"


def _row_line(row: TimelineRow, device: CapturedDevice, first_seconds: float, *, whole_addresses: bool) -> Text:
    message = row.message
    arrow, style = _ARROWS[message.from_device]
    characteristic = device.characteristics.get(message.handle)
    named = characteristic.uuid if characteristic is not None and characteristic.uuid else None
    line = Text(f"{message.at_seconds - first_seconds:9.3f}  ")
    line.append(f"{arrow} ", style=style)
    line.append(f"{short_form(named)[:8] if named else _handle(message.handle):<8}  {message.kind:<22} ", style="dim")
    octets = hex_of(message.value, device.address, whole_addresses=whole_addresses).split()
    for place, octet in enumerate(octets):
        line.append(octet, style="bold yellow" if place in row.changed else "")
        line.append(" ")
    if not octets:
        line.append("(empty) ")
    line.append("  ".join(_remarks(row)), style="magenta")
    line.rstrip()
    return line


def _remarks(row: TimelineRow) -> Iterator[str]:
    if row.handshake:
        yield "handshake"
    if row.times > 1:
        yield f"×{row.times}, until {row.until_seconds - row.message.at_seconds:.1f} s later"  # noqa: RUF001
    if row.answered_seconds is not None:
        yield f"answers after {row.answered_seconds * 1000:.0f} ms"
    if row.message.error is not None:
        yield f"refused: {_ATT_ERRORS.get(row.message.error, f'error {row.message.error:#04x}')}"


def _handle(handle: int) -> str:
    return f"0x{handle:04X}"
