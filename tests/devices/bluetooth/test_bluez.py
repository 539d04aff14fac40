"""BlueZ's replies and signals, and the errors made of them. With a real BlueZ: `tests/bluez`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbus_fast")  # Linux alone

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from devices.bluetooth import bluez
from devices.bluetooth.backend import BLEAK_ERRORS
from devices.bluetooth.bluez import BlueZAdapter, choose
from devices.errors import AdapterUnavailableError

PATH = "/org/bluez/hci0"
OFF = {"Powered": Variant("b", False)}


def adapter(name: str = "hci0", *, powered: bool = True) -> BlueZAdapter:
    return BlueZAdapter(name, "00:00:00:00:00:01", powered, discovering=False)


@pytest.fixture(autouse=True)
def switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the rfkill switches of this machine by those of the test."""
    monkeypatch.setattr(bluez, "_RFKILL", tmp_path)
    return tmp_path


def switch(folder: Path, name: str = "rfkill0", *, kind: str = "bluetooth", hard: int = 0, soft: int = 0) -> None:
    (folder / name).mkdir()
    for file, value in (("type", kind), ("hard", hard), ("soft", soft)):
        (folder / name / file).write_text(f"{value}\n")


def test_the_first_adapter_that_is_on_is_used_unless_one_is_named() -> None:
    known = [adapter("hci2"), adapter("hci0", powered=False), adapter("hci1")]
    assert choose(known, None).name == "hci1"
    assert choose(known, "hci2").name == "hci2"


@pytest.mark.parametrize(
    ("known", "wanted", "words"),
    [
        ([], None, "there is no Bluetooth adapter: plug one in"),
        ([], "hci1", "there is no Bluetooth adapter: plug one in"),
        ([adapter()], "hci1", "there is no adapter hci1: name one of these: hci0"),
        ([adapter(powered=False)], None, "the adapter hci0 is switched off: bluetoothctl power on"),
        (
            [adapter(), adapter("hci1", powered=False)],
            "hci1",
            "the adapter hci1 is switched off: bluetoothctl power on",
        ),
    ],
)
def test_the_error_names_the_reason_and_the_remedy(known: list[BlueZAdapter], wanted: str | None, words: str) -> None:
    with pytest.raises(AdapterUnavailableError) as error:
        choose(known, wanted)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("known", [[], [adapter(powered=False)]])
def test_a_soft_rfkill_switch_is_named_as_the_reason(known: list[BlueZAdapter], switches: Path) -> None:
    switch(switches, "rfkill0", kind="wlan", soft=1)
    switch(switches, "rfkill1", soft=1)
    with pytest.raises(AdapterUnavailableError, match="Bluetooth is blocked: sudo rfkill unblock bluetooth"):
        choose(known, None)


def test_a_hard_rfkill_switch_is_named_first(switches: Path) -> None:
    switch(switches, hard=1, soft=1)
    assert "a switch on this machine" in str(bluez.rfkill_error())


def test_an_unblocked_switch_is_no_reason(switches: Path) -> None:
    switch(switches)
    (switches / "rfkill1").mkdir()  # gone while it was looked at
    assert bluez.rfkill_error() is None


def signal(member: str, *body: Any, path: str = PATH) -> Message:
    return Message(path=path, member=member, message_type=MessageType.SIGNAL, interface="org.example", body=list(body))


@pytest.mark.parametrize(
    ("message", "ends"),
    [
        (signal("NameOwnerChanged", "org.bluez", ":1.5", ""), True),
        (signal("NameOwnerChanged", "org.bluez", "", ":1.9"), True),
        (signal("NameOwnerChanged", "org.other", ":1.5", ""), False),
        (signal("InterfacesRemoved", PATH, ["org.bluez.Adapter1"]), True),
        (signal("InterfacesRemoved", PATH, ["org.bluez.GattManager1"]), False),
        (signal("InterfacesRemoved", "/org/bluez/hci1", ["org.bluez.Adapter1"]), False),
        (signal("InterfacesRemoved", f"{PATH}/dev_1", ["org.bluez.Device1"]), False),
        (signal("PropertiesChanged", "org.bluez.Adapter1", OFF, []), True),
        (signal("PropertiesChanged", "org.bluez.Adapter1", {"Powered": Variant("b", True)}, []), False),
        (signal("PropertiesChanged", "org.bluez.Adapter1", {"Discovering": Variant("b", False)}, []), False),
        (
            signal(
                "PropertiesChanged", "org.bluez.Adapter1", {"Powered": Variant("b", False)}, [], path="/org/bluez/hci1"
            ),
            False,
        ),
        (signal("Anything"), False),
    ],
)
def test_which_signals_mean_that_the_adapter_is_gone(message: Message, ends: bool) -> None:
    assert bluez._means_gone(message, PATH) is ends


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", [], "bluetoothd is not running: sudo systemctl start bluetooth"),
        ("org.freedesktop.DBus.Error.NameHasNoOwner", [], "bluetoothd is not running"),
        ("org.freedesktop.DBus.Error.AccessDenied", [], "sudo usermod -aG bluetooth"),
        (
            "org.bluez.Error.Failed",
            ["the dog ate it"],
            "bluetoothd refuses (the dog ate it): sudo systemctl restart bluetooth",
        ),
    ],
)
def test_an_error_of_bluez_has_a_remedy(name: str, body: list[str], words: str) -> None:
    reply = Message(
        message_type=MessageType.ERROR, error_name=name, reply_serial=1, signature="s" * len(body), body=body
    )
    assert words in str(bluez._error_of(reply))


@pytest.mark.parametrize("error", [EOFError(), OSError("gone"), TimeoutError()])
async def test_a_d_bus_error_during_a_call_is_an_unavailable_adapter(error: Exception) -> None:
    class Broken:
        async def call(self, _: Message) -> None:
            raise error

    connection: Any = bluez.BlueZ(Broken())  # type: ignore[arg-type]  # all that is asked of it
    for ask in (connection.adapters, connection.connected_devices, partial(connection.power_cycle, "hci0")):
        with pytest.raises(AdapterUnavailableError, match="bluetoothd does not answer"):
            await ask()


@pytest.mark.parametrize("error", [None, EOFError(), OSError("gone")])
async def test_a_d_bus_that_ends_means_that_the_adapter_is_gone(error: Exception | None) -> None:
    ended = asyncio.Event()

    class Bus:
        def add_message_handler(self, _: object) -> None: ...

        def disconnect(self) -> None: ...

        async def call(self, _: Message) -> Message:
            return Message(message_type=MessageType.METHOD_RETURN, reply_serial=1)

        async def wait_for_disconnect(self) -> None:
            await ended.wait()
            if error is not None:
                raise error

    connection = bluez.BlueZ(Bus())  # type: ignore[arg-type]  # all that is asked of it
    gone = await connection.gone("hci0")
    await asyncio.sleep(0)
    assert not gone.done()
    ended.set()
    async with asyncio.timeout(2):
        await gone
    await connection.close()


async def test_without_d_bus_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(AdapterUnavailableError, match="there is no D-Bus"):
        async with bluez.connected():
            pass


# What dbus-fast raises: `BLEAK_ERRORS` relies on it


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a client log in to D-Bus, and end the connection at its next call."""
    await reader.readexactly(1)
    while not (line := await reader.readline()).startswith(b"BEGIN"):
        writer.write(b"OK 0123456789abcdef\r\n" if line.startswith(b"AUTH") else b"AGREE_UNIX_FD\r\n")
    await reader.read(4096)  # Hello
    hello = Message(message_type=MessageType.METHOD_RETURN, reply_serial=1, signature="s", body=[":1.1"], serial=1)
    writer.write(bytes(hello._marshall(False)))
    await reader.read(4096)
    writer.close()


async def test_calls_on_a_d_bus_connection_that_ends_raise_what_is_expected_of_bleak(tmp_path: Path) -> None:
    question = partial(Message, destination="org.bluez", path="/", interface="org.bluez.Adapter1", member="Any")
    server = await asyncio.start_unix_server(accept, tmp_path / "bus")
    bus = MessageBus(f"unix:path={tmp_path}/bus", negotiate_unix_fd=True)
    await bus.connect()
    raised = []
    for _ in ("a call that waits when it ends", "a call afterwards"):
        with pytest.raises(BLEAK_ERRORS) as error:
            await bus.call(question())
        raised.append(type(error.value))
    assert raised == [EOFError, OSError]
    server.close()


async def test_a_d_bus_connection_that_was_never_opened_raises_something_else(tmp_path: Path) -> None:
    bus = MessageBus(f"unix:path={tmp_path}/none")
    with pytest.raises(FileNotFoundError):
        await bus.connect()
    with pytest.raises(AttributeError):  # so no such connection may be used: see `BlueZClient.start_notify`
        await bus.call(Message(destination="org.bluez", path="/", interface="org.bluez.Adapter1", member="Any"))
