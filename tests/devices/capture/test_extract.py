"""The extract: it reads as the same conversation, and nothing else of the capture is in it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.capture.conversation import (
    Capture,
    CapturedCharacteristic,
    CapturedConnection,
    CapturedDevice,
    GattMessage,
    MessageKind,
)
from devices.capture.extract import BEGIN_SECONDS, write_extract
from devices.capture.private_bytes import FAKE_ADDRESS
from devices.capture.reading.capture_file import read_capture
from tests.helpers.capture_bytes import ADDRESS, COMMAND_HANDLE, REPORT_HANDLE, T0, Recording, btsnoop, on_air, talk
from tests.helpers.sampling import examples

KINDS: tuple[MessageKind, ...] = ("write", "write-without-response", "read", "notify", "indicate")
UUIDS = (
    "0000fff1-0000-1000-8000-00805f9b34fb",
    "6e400002-b5a3-f393-e0a9-e50e24dcca9e",
    "12345678-9abc-def0-1234-56789abcdef0",
)
MICROSECONDS = 3e-6
NO_TEXT = bytes(0xFF if 0x20 <= byte < 0x7F else byte for byte in range(256))


def shape(device: CapturedDevice, shift: float | None = None) -> object:
    """Return all of a device that an extract keeps. `shift`: its times are to be so many seconds later."""

    def time(seconds: float | None) -> object:
        return seconds if seconds is None or shift is None else pytest.approx(seconds + shift, abs=MICROSECONDS)

    return (
        device.characteristics,
        [
            (
                time(each.began_seconds),
                time(each.ended_seconds),
                each.mtu_bytes,
                each.encrypted,
                [(message.kind, message.handle, message.value, message.error) for message in each.messages],
            )
            for each in device.connections
        ],
    )


def extracted(capture: Capture, device: CapturedDevice, folder: Path, name: str | None = None) -> CapturedDevice:
    write_extract(capture, device, folder / "extract.log", name=name)
    (again,) = read_capture(folder / "extract.log").devices
    return again


def read(it: Recording, folder: Path) -> Capture:
    (folder / "whole.log").write_bytes(btsnoop(it.records))
    return read_capture(folder / "whole.log")


def test_an_extract_reads_as_the_same_conversation(tmp_path: Path) -> None:
    capture = read(talk(talk()), tmp_path)
    (device,) = capture.devices
    summary = write_extract(capture, device, tmp_path / "extract.log", name="Moon S1")
    (again,) = read_capture(tmp_path / "extract.log").devices
    assert shape(again) == shape(device, summary.offset_seconds)
    assert (again.address, again.name) == (FAKE_ADDRESS, "Moon S1")
    assert again.advertised_services == device.advertised_services
    assert again.connections[0].began_seconds == BEGIN_SECONDS
    for one, other in zip(device.messages, again.messages, strict=True):
        assert other.at_seconds - one.at_seconds == pytest.approx(summary.offset_seconds, abs=MICROSECONDS)
    assert (summary.replaced_count, summary.left_out_count) == (0, 0)


# Whatever a capture has in it


@st.composite
def devices(draw: st.DrawFn) -> CapturedDevice:
    """Return a device as readers make it: characteristics known or not, one or several connections."""
    handles = [3 * number for number in range(1, draw(st.integers(1, 5)) + 1)]
    services = st.sampled_from(UUIDS)
    known = draw(st.booleans())
    rows = {}
    for handle in handles if known else ():
        names = draw(st.sets(st.sampled_from(KINDS), min_size=1))
        uuid, service = draw(st.sampled_from(UUIDS)), draw(services)
        rows[handle] = CapturedCharacteristic(handle, uuid, service, frozenset(names))
    began_before = not known and draw(st.booleans())
    at, connections = T0, []
    for number in range(1, 2 if began_before else draw(st.integers(1, 3)) + 1):
        began, messages = at, []
        mtu = draw(st.sampled_from((23, 24, 185, 517)))
        for _ in range(draw(st.integers(1, 8))):
            at += draw(st.integers(1, 2_000_000)) / 1e6
            kind = draw(st.sampled_from(KINDS))
            longest = mtu - 3 if kind in ("write-without-response", "notify", "indicate") else 60
            error = draw(st.sampled_from((None, None, 0x03, 0x80))) if kind in ("write", "read") else None
            raw = draw(st.binary(min_size=2, max_size=longest - 1))
            value = b"" if kind == "read" and error else b"\x07" + raw.translate(NO_TEXT)
            messages.append(GattMessage(at, kind, draw(st.sampled_from(handles)), value, error))
        at += 1.0
        connections.append(
            CapturedConnection(
                number,
                None if began_before else began,
                at if draw(st.booleans()) else None,
                tuple(messages),
                mtu,
                encrypted=draw(st.booleans()),
            )
        )
    if not known:
        used: dict[int, set[str]] = {}
        for message in itertools.chain.from_iterable(each.messages for each in connections):
            used.setdefault(message.handle, set()).add(message.kind)
        for handle in sorted(used):
            rows[handle] = CapturedCharacteristic(handle, None, None, frozenset(used[handle]), discovered=False)
    address = "handle 0x0040" if began_before else ADDRESS
    return CapturedDevice(address, None, tuple(connections), rows)


@settings(max_examples=examples(30))
@given(device=devices())
def test_any_conversation_survives_its_extract(
    device: CapturedDevice, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    capture = Capture("made up", (device,), 1)
    summary = write_extract(capture, device, folder / "extract.log")
    (again,) = read_capture(folder / "extract.log").devices
    assert shape(again) == shape(device, summary.offset_seconds)


# Nothing else of the capture


SECRETS = {
    "the device": ADDRESS,
    "another device": "D0:01:02:03:04:05",
    "the phone": "AC:37:43:0A:0B:0C",
    "a private address": "5A:99:98:97:96:95",
}
KEY = bytes(range(0x60, 0x70))


def private_recording() -> Recording:
    """Return a recording with everything that must stay at home, in packets and inside values."""
    it = Recording(cut=200)
    it.command(0x0C13, b"Anna's phone".ljust(248, b"\0"))
    it.event(0x0E, b"\x01\x09\x10\x00" + on_air(SECRETS["the phone"]))
    it.advertise(SECRETS["another device"], b"\x0c\x09Bob's watch")
    it.advertise(data=b"\x0c\x09Anna's pump" + b"\x09\xff\x34\x12" + on_air(ADDRESS))
    it.connect(SECRETS["a private address"])
    it.frame(0x0006, b"\x06" + KEY, True)
    it.frame(0x0006, b"\x09\x00" + on_air(ADDRESS), True)
    it.discover()
    it.app("0a 0300")
    it.device("0b " + b"Anna's pump".hex())
    for address in SECRETS.values():
        for raw in (
            on_air(address),
            on_air(address)[::-1],
            address.encode(),
            address.replace(":", "").lower().encode(),
        ):
            it.app("12 1300 55 " + raw.hex() + " 77")
            it.device("13", "1b 1000 aa " + raw.hex())
    for text in (b"Anna's phone", b"Anna's pump", b"Bob's watch"):
        it.device("1b 1000 " + text.hex())
    it.handle = 0x0041
    it.connect(SECRETS["another device"])
    it.device("1b 1000 " + KEY.hex())
    return it


def test_nothing_else_of_the_capture_is_in_the_extract(tmp_path: Path) -> None:
    capture = read(private_recording(), tmp_path)
    device = capture.devices[0]
    assert device.address == ADDRESS, "the address that it keeps, not the private one"
    assert set(capture.private_addresses) == {SECRETS["the phone"], SECRETS["a private address"]}
    device = replace(device, name="Anna's pump")
    write_extract(replace(capture, devices=(device, *capture.devices[1:])), device, tmp_path / "extract.log")
    content = (tmp_path / "extract.log").read_bytes()
    for whose, address in SECRETS.items():
        raw = on_air(address)
        texts = (address, address.lower(), address.replace(":", ""), address.replace(":", "").lower())
        for form in (raw, raw[::-1], *(each.encode() for each in texts)):
            assert form not in content, (whose, form)
    for secret in (KEY, b"Anna", b"Bob", b"phone", b"watch"):
        assert secret not in content
    (again,) = read_capture(tmp_path / "extract.log").devices
    assert again.name is None
    assert again.manufacturer_data == {}
    assert [len(each.value) for each in again.messages] == [
        len(each.value) for each in device.messages if each.handle in (REPORT_HANDLE, COMMAND_HANDLE)
    ]


def test_serial_numbers_and_names_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = {
        handle: CapturedCharacteristic(
            handle, f"0000{number:04x}-0000-1000-8000-00805f9b34fb", None, frozenset({"read"})
        )
        for handle, number in ((3, 0x2A00), (5, 0x2A25), (7, 0x2A19))
    }
    messages = tuple(GattMessage(T0 + handle, "read", handle, b"SN-1234567") for handle in rows)
    device = CapturedDevice(ADDRESS, None, (CapturedConnection(1, T0, None, messages),), rows)
    summary = write_extract(Capture("made up", (device,), 3), device, tmp_path / "extract.log")
    (again,) = read_capture(tmp_path / "extract.log").devices
    assert [each.handle for each in again.messages] == [7]
    assert summary.left_out_count == 2
    assert summary.texts == ("SN-1234567",), "a person sees what text is left"


def test_a_text_that_was_read_where_no_uuid_is_known_is_left_out(tmp_path: Path) -> None:
    messages = (
        GattMessage(T0, "read", 3, b"Anna's pump"),
        GattMessage(T0 + 1, "read", 5, b"\x01\x02"),
        GattMessage(T0 + 2, "notify", 7, b"LEVEL 3;"),
    )
    device = CapturedDevice(ADDRESS, None, (CapturedConnection(1, T0, None, messages),), {})
    again = extracted(Capture("made up", (device,), 3), device, tmp_path)
    assert [each.handle for each in again.messages] == [5, 7]


def test_the_name_of_a_model_stays_in_values_where_it_is_allowed(tmp_path: Path) -> None:
    message = GattMessage(T0, "notify", 3, b"\x01Moon S1")
    device = CapturedDevice(ADDRESS, "Moon S1", (CapturedConnection(1, T0, None, (message,)),), {})
    capture = Capture("made up", (device,), 1)
    assert extracted(capture, device, tmp_path, "Moon S1").messages[0].value == b"\x01Moon S1"
    assert extracted(capture, device, tmp_path).messages[0].value == b"\x01xxxxxxx"


def test_zeros_are_no_address(tmp_path: Path) -> None:
    message = GattMessage(T0, "notify", 3, bytes(12))
    device = CapturedDevice("00:00:00:00:00:00", None, (CapturedConnection(1, T0, None, (message,)),), {})
    assert extracted(Capture("made up", (device,), 1), device, tmp_path).messages[0].value == bytes(12)


def test_an_extract_of_a_device_without_values_can_be_read(tmp_path: Path) -> None:
    device = CapturedDevice(ADDRESS, None, (CapturedConnection(1, T0, T0 + 1, ()),), {})
    again = extracted(Capture("made up", (device,), 1), device, tmp_path)
    assert again.connections == (CapturedConnection(1, BEGIN_SECONDS, BEGIN_SECONDS + 1, ()),)
