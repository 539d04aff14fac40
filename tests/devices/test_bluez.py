"""What BlueZ says, and what is made of it. The whole of it runs on a real one in `tests/bluez`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbus_fast")  # Linux alone

from dbus_fast import Message, MessageType, Variant

from devices import bluez
from devices.bluez import Adapter, choose
from devices.errors import NotFoundError

PATH = "/org/bluez/hci0"
OFF = {"Powered": Variant("b", False)}


def adapter(name: str = "hci0", *, powered: bool = True) -> Adapter:
    return Adapter(name, "00:00:00:00:00:01", powered, discovering=False)


@pytest.fixture(autouse=True)
def switches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let there be no switch but those of the test."""
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
        ([adapter()], "hci1", "there is no adapter hci1; there are hci0"),
        ([adapter(powered=False)], None, "the adapter hci0 is switched off: bluetoothctl power on"),
        (
            [adapter(), adapter("hci1", powered=False)],
            "hci1",
            "the adapter hci1 is switched off: bluetoothctl power on",
        ),
    ],
)
def test_why_there_is_none_is_said_with_what_to_do(known: list[Adapter], wanted: str | None, words: str) -> None:
    with pytest.raises(NotFoundError) as error:
        choose(known, wanted)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("known", [[], [adapter(powered=False)]])
def test_a_switch_is_named_where_it_is_the_reason(known: list[Adapter], switches: Path) -> None:
    switch(switches, "rfkill0", kind="wlan", soft=1)
    switch(switches, "rfkill1", soft=1)
    with pytest.raises(NotFoundError, match="Bluetooth is blocked: sudo rfkill unblock bluetooth"):
        choose(known, None)


def test_a_switch_that_no_program_can_turn_is_named_first(switches: Path) -> None:
    switch(switches, hard=1, soft=1)
    assert "a switch on this machine" in (bluez.blocked() or "")


def test_a_switch_that_is_on_blocks_nothing(switches: Path) -> None:
    switch(switches)
    (switches / "rfkill1").mkdir()  # gone while it was looked at
    assert bluez.blocked() is None


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
    assert bluez._is_the_end(message, PATH) is ends


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", [], "bluetoothd is not running: sudo systemctl start bluetooth"),
        ("org.freedesktop.DBus.Error.NameHasNoOwner", [], "bluetoothd is not running"),
        ("org.freedesktop.DBus.Error.AccessDenied", [], "sudo usermod -aG bluetooth"),
        ("org.bluez.Error.Failed", ["the dog ate it"], "bluetoothd refuses: the dog ate it"),
    ],
)
def test_what_bluez_refuses_is_said_with_what_to_do(name: str, body: list[str], words: str) -> None:
    reply = Message(
        message_type=MessageType.ERROR, error_name=name, reply_serial=1, signature="s" * len(body), body=body
    )
    assert words in bluez._why(reply)


@pytest.mark.parametrize("error", [AttributeError("no transport"), EOFError(), OSError("gone"), TimeoutError()])
async def test_a_d_bus_that_breaks_while_it_is_asked_is_said_and_nothing_worse(error: Exception) -> None:
    class Broken:
        async def call(self, _: Message) -> None:
            raise error

    connection: Any = bluez.BlueZ(Broken())  # type: ignore[arg-type]  # all that is asked of it
    for ask in (connection.adapters, connection.held, partial(connection.power_cycle, "hci0")):
        with pytest.raises(NotFoundError, match="bluetoothd does not answer"):
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


async def test_a_machine_without_d_bus_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(NotFoundError, match="there is no D-Bus"):
        async with bluez.connected():
            pass
