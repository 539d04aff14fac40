"""Logs of nRF Connect, in the styles of its exports. Lines are as people have published them; addresses are made up."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from devices.capture.conversation import Capture, CapturedDevice
from devices.capture.reading.capture_file import read_capture

ANDROID = """nRF Connect, 2021-09-30
Moon Pump EF6AC2 (00:1A:7D:DA:71:13)
D\t01:37:11.304\tgatt.close()
D\t01:37:11.308\twait(200)
V\t01:37:11.509\tConnecting to 00:1A:7D:DA:71:13...
D\t01:37:11.509\tgatt = device.connectGatt(autoConnect = false, TRANSPORT_LE, preferred PHY = LE 1M)
D\t01:37:11.847\t[Callback] Connection state changed with status: 0 and new state: CONNECTED (2)
I\t01:37:11.847\tConnected to 00:1A:7D:DA:71:13
V\t01:37:11.854\tDiscovering services...
D\t01:37:13.208\t[Callback] Services discovered with status: 0
I\t01:37:13.208\tServices discovered
V\t01:37:13.233\tGeneric Access (0x1800)
- Device Name [R] (0x2A00)
- Appearance [R] (0x2A01)
Generic Attribute (0x1801)
- Service Changed [I] (0x2A05)
   Client Characteristic Configuration (0x2902)
Unknown Service (0fda92b2-44a2-4af2-84f5-fa682baa2b8d)
- Unknown Characteristic [N R] (d083b2bd-be16-4600-b397-61512ca2f5ad)
   Client Characteristic Configuration (0x2902)
- Unknown Characteristic [R W WNR] (ebe0ccd8-7a0a-4b0c-8a1a-6ff2997da3a6)
D\t01:37:13.236\tgatt.setCharacteristicNotification(00002a05-0000-1000-8000-00805f9b34fb, true)
V\t01:37:20.000\tEnabling notifications for d083b2bd-be16-4600-b397-61512ca2f5ad
D\t01:37:20.001\tgatt.writeDescriptor(00002902-0000-1000-8000-00805f9b34fb, value=0x0100)
I\t01:37:20.050\tData written to descr. 00002902-0000-1000-8000-00805f9b34fb, value: (0x) 01-00
I\t01:37:20.500\tMTU changed to: 247
V\t01:37:21.000\tWriting command to characteristic ebe0ccd8-7a0a-4b0c-8a1a-6ff2997da3a6
D\t01:37:21.001\tgatt.writeCharacteristic(ebe0ccd8-7a0a-4b0c-8a1a-6ff2997da3a6, value=0x8C)
I\t01:37:21.040\tData written to ebe0ccd8-7a0a-4b0c-8a1a-6ff2997da3a6, value: (0x) 8C
A\t01:37:21.040\t"(0x) 8C" sent
I\t01:37:22.000\tNotification received from d083b2bd-be16-4600-b397-61512ca2f5ad, value: (0x) A5-65-B1-00-01-08
A\t01:37:22.000\t"(0x) A5-65-B1-00-01-08" received
V\t01:37:23.000\tWriting request to characteristic ebe0ccd8-7a0a-4b0c-8a1a-6ff2997da3a6
D\t01:37:23.001\tgatt.writeCharacteristic(ebe0ccd8-7a0a-4b0c-8a1a-6ff2997da3a6, value=0x0102)
E\t01:37:23.040\tError 3 (0x3): GATT WRITE NOT PERMIT
V\t01:37:24.000\tReading characteristic 00002a00-0000-1000-8000-00805f9b34fb
I\t01:37:24.040\tRead Response received from 00002a00-0000-1000-8000-00805f9b34fb, value: (0x) 4D-6F-6F-6E, "Moon"
I\t01:37:25.000\tIndication received from 00002a05-0000-1000-8000-00805f9b34fb, value: (0x) 01-00-FF-FF
I\t01:37:26.000\tNotification received from d083b2bd-be16-4600-b397-61512ca2f5ad, value: Heart Rate Measurement: 60 bpm
D\t01:37:30.000\t[Callback] Connection state changed with status: 8 and new state: DISCONNECTED (0)
I\t01:37:30.001\tDisconnected
"""
NOTIFIED, WRITTEN = "d083b2bd-be16-4600-b397-61512ca2f5ad", "ebe0ccd8-7a0a-4b0c-8a1a-6ff2997da3a6"

IOS = """[07:02:15.6520] Verbose: Connecting...
[07:02:15.6520] Debug: cbCentralManager.connect()
[07:02:15.9930] Normal: Connected.
[07:02:16.3490] Normal: Discovered FFF0 Services.
[07:02:16.4730] Normal: Discovered FFF3 and FFF5 Characteristics for Service FFF0.
[07:02:17.0000] Debug: peripheral.readValue(for: 2A23)
[07:02:17.2120] Normal: Updated Value of Characteristic 2A23 to D900 0000 0000 DBF4.
[07:02:17.2120] Application: "D900 0000 0000 DBF4" value received.
[07:02:18.0000] Debug: peripheral.writeValue(0x0601, for: FFF5, type: .withResponse)
[07:02:18.1000] Debug: peripheral.writeValue(0x02, for: FFF5, type: .withoutResponse)
[07:02:18.2000] Normal: Updated Value of Characteristic FFF3 to 0x6006.
[07:02:19.0000] Normal: Disconnected.
"""
CSV = "Timestamp,Source,Level,Line\n" + "".join(
    f'{line[1:14]},nRF Connect,{line[16:].partition(": ")[0]},"{line[16:].partition(": ")[2]}"\n'
    for line in IOS.splitlines()
    if "Application" not in line  # it has quotation marks
)


def read(text: str, folder: Path) -> Capture:
    (folder / "a file").write_text(text, encoding="utf-8")
    return read_capture(folder / "a file")


def only_device(capture: Capture) -> CapturedDevice:
    (device,) = capture.devices
    return device


def values(device: CapturedDevice) -> list[tuple[str, str | None, str, int | None]]:
    uuids = {row.handle: row.uuid for row in device.characteristics.values()}
    return [(each.kind, uuids[each.handle], each.value.hex(), each.error) for each in device.messages]


def at(hour: int, minute: int, second: float, day: int = 30) -> float:
    return datetime(2021, 9, day, hour, minute).timestamp() + second


@pytest.mark.parametrize("separator", ["\t", " "], ids=["tabs", "spaces"])
def test_a_log_of_android(separator: str, tmp_path: Path) -> None:
    capture = read(ANDROID.replace("\t", separator), tmp_path)
    device = only_device(capture)
    assert capture.file_format == "nRF Connect log"
    assert (device.name, device.address) == ("Moon Pump EF6AC2", "00:1A:7D:DA:71:13")
    assert values(device) == [
        ("write-without-response", WRITTEN, "8c", None),
        ("notify", NOTIFIED, "a565b1000108", None),
        ("write", WRITTEN, "0102", 3),
        ("read", "00002a00-0000-1000-8000-00805f9b34fb", "4d6f6f6e", None),
        ("indicate", "00002a05-0000-1000-8000-00805f9b34fb", "0100ffff", None),
    ]
    (connection,) = device.connections
    assert connection.began_seconds == pytest.approx(at(1, 37, 11.847))
    assert connection.ended_seconds == pytest.approx(at(1, 37, 30.001))
    assert connection.mtu_bytes == 247
    assert connection.messages[0].at_seconds == pytest.approx(at(1, 37, 21.0)), "when it was written, not confirmed"
    rows = {row.uuid: (row.service, row.properties, row.discovered) for row in device.characteristics.values()}
    assert rows[NOTIFIED] == ("0fda92b2-44a2-4af2-84f5-fa682baa2b8d", {"notify", "read"}, True)
    assert rows[WRITTEN][1] == {"read", "write", "write-without-response"}
    assert rows["00002a05-0000-1000-8000-00805f9b34fb"][:2] == ("00001801-0000-1000-8000-00805f9b34fb", {"indicate"})
    assert len(rows) == 5, "descriptors are no characteristics"
    assert any("1 value stands in the log as words" in each for each in capture.problems)


@pytest.mark.parametrize("text", [IOS, CSV], ids=["text", "csv"])
def test_a_log_of_ios(text: str, tmp_path: Path) -> None:
    capture = read(text, tmp_path)
    device = only_device(capture)
    assert values(device) == [
        ("read", "00002a23-0000-1000-8000-00805f9b34fb", "d90000000000dbf4", None),
        ("write", "0000fff5-0000-1000-8000-00805f9b34fb", "0601", None),
        ("write-without-response", "0000fff5-0000-1000-8000-00805f9b34fb", "02", None),
        ("notify", "0000fff3-0000-1000-8000-00805f9b34fb", "6006", None),
    ]
    rows = {row.uuid: (row.service, row.properties) for row in device.characteristics.values()}
    assert rows["0000fff3-0000-1000-8000-00805f9b34fb"] == ("0000fff0-0000-1000-8000-00805f9b34fb", {"notify"})
    (connection,) = device.connections
    assert connection.ended_seconds is not None
    assert connection.began_seconds is not None
    assert connection.ended_seconds - connection.began_seconds == pytest.approx(3.007)
    assert any("does not say its date" in each for each in capture.problems)


def test_a_log_goes_on_after_midnight(tmp_path: Path) -> None:
    lines = [
        f"I\t{time}\tNotification received from {NOTIFIED}, value: (0x) 0{number}"
        for number, time in enumerate(("23:59:59.900", "00:00:00.100"))
    ]
    device = only_device(read("\n".join(["nRF Connect, 2021-09-29", "Pump (00:1A:7D:DA:71:13)", *lines]), tmp_path))
    assert [each.at_seconds for each in device.messages] == pytest.approx([at(23, 59, 59.9, 29), at(0, 0, 0.1)])
    assert device.connections[0].began_seconds is None


def test_a_log_with_writes_only_and_no_list_of_services(tmp_path: Path) -> None:
    text = f"nRF Connect, 2021-09-30\nI\t10:00:00.000\tData written to {WRITTEN}, value: (0x) 01-00-02-06\n"
    device = only_device(read(text, tmp_path))
    assert values(device) == [("write", WRITTEN, "01000206", None)]
    (row,) = device.characteristics.values()
    assert (row.discovered, row.service, row.properties) == (False, None, {"write"})


def test_two_connections_and_two_devices_in_one_log(tmp_path: Path) -> None:
    lines = []
    for hour, address in ((10, "00:1A:7D:DA:71:13"), (11, "00:1A:7D:DA:71:13"), (12, "D0:01:02:03:04:05")):
        lines += [
            f"I\t{hour}:00:00.000\tConnected to {address}",
            f"I\t{hour}:00:01.000\tNotification received from {NOTIFIED}, value: (0x) {hour}",
            f"I\t{hour}:00:02.000\tDisconnected",
        ]
    capture = read("\n".join(["nRF Connect, 2021-09-30", "Pump (00:1A:7D:DA:71:13)", *lines]), tmp_path)
    assert [(each.name, len(each.connections)) for each in capture.devices] == [("Pump", 2), (None, 1)]
    assert [each.number for device in capture.devices for each in device.connections] == [1, 2, 3]
