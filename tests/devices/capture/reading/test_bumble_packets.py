"""Packets that Bumble encodes are read as what they say: it is another implementation of the same specification."""

from __future__ import annotations

from pathlib import Path

from bumble import att, core, hci, l2cap

from devices.capture.reading.capture_file import read_capture
from tests.helpers.capture_bytes import T0, Record, btsnoop

HANDLE = 0x0040
ADDRESS = hci.Address("F0:1E:7D:00:00:01", hci.Address.RANDOM_DEVICE_ADDRESS)
SERVICE, REPORTS = "218a0001-a4d8-44d5-85b6-6c6574646f77", "218a0003-a4d8-44d5-85b6-6c6574646f77"


class Phone:
    """Collects packets as a phone would record them."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, packet: hci.HCI_Packet, received: bool) -> None:
        self.records.append((T0 + len(self.records) / 100, bytes(packet), received))

    def att(self, pdu: att.ATT_PDU, received: bool) -> None:
        frame = bytes(l2cap.L2CAP_PDU(att.ATT_CID, bytes(pdu)))
        for at in range(0, len(frame), 27):
            part, boundary = frame[at : at + 27], 1 if at else (2 if received else 0)
            self.add(hci.HCI_AclDataPacket(HANDLE, boundary, 0, len(part), part), received)


def test_what_bumble_encodes_is_read(tmp_path: Path) -> None:
    it = Phone()
    advertised = bytes(
        core.AdvertisingData(
            [
                (core.AdvertisingData.COMPLETE_LOCAL_NAME, b"Moon"),
                (core.AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, core.UUID(SERVICE).to_bytes()),
            ]
        )
    )
    report = hci.HCI_LE_Advertising_Report_Event.Report(
        event_type=0, address_type=ADDRESS.address_type, address=ADDRESS, data=advertised, rssi=-60
    )
    it.add(hci.HCI_LE_Advertising_Report_Event([report]), True)
    it.add(
        hci.HCI_LE_Enhanced_Connection_Complete_Event(
            status=0,
            connection_handle=HANDLE,
            role=hci.Role.CENTRAL,
            peer_address_type=ADDRESS.address_type,
            peer_address=ADDRESS,
            local_resolvable_private_address=hci.Address("00:00:00:00:00:00"),
            peer_resolvable_private_address=hci.Address("00:00:00:00:00:00"),
            connection_interval=24,
            peripheral_latency=0,
            supervision_timeout=500,
            central_clock_accuracy=0,
        ),
        True,
    )
    service, reports = core.UUID(SERVICE).to_bytes(), core.UUID(REPORTS).to_bytes()
    primary, declaration = core.UUID.from_16_bits(0x2800), core.UUID.from_16_bits(0x2803)
    it.att(att.ATT_Exchange_MTU_Request(client_rx_mtu=247), False)
    it.att(att.ATT_Exchange_MTU_Response(server_rx_mtu=200), True)
    it.att(
        att.ATT_Read_By_Group_Type_Request(starting_handle=1, ending_handle=0xFFFF, attribute_group_type=primary), False
    )
    group = b"\x05\x00\x20\x00" + service
    it.att(att.ATT_Read_By_Group_Type_Response(length=len(group), attribute_data_list=group), True)
    it.att(att.ATT_Read_By_Type_Request(starting_handle=5, ending_handle=0x20, attribute_type=declaration), False)
    row = b"\x06\x00\x12\x07\x00" + reports
    it.att(att.ATT_Read_By_Type_Response(length=len(row), attribute_data_list=row), True)
    it.att(att.ATT_Read_Request(attribute_handle=7), False)
    it.att(att.ATT_Read_Response(attribute_value=b"\x01\x02"), True)
    it.att(att.ATT_Handle_Value_Notification(attribute_handle=7, attribute_value=bytes(range(50))), True)
    it.att(att.ATT_Write_Request(attribute_handle=9, attribute_value=b"\x33"), False)
    refusal = att.ATT_Error_Response(
        request_opcode_in_error=att.Opcode.ATT_WRITE_REQUEST, attribute_handle_in_error=9, error_code=0x80
    )
    it.att(refusal, True)
    it.add(hci.HCI_Encryption_Change_Event(status=0, connection_handle=HANDLE, encryption_enabled=1), True)
    it.add(hci.HCI_Disconnection_Complete_Event(status=0, connection_handle=HANDLE, reason=0x13), True)

    (tmp_path / "a file").write_bytes(btsnoop(it.records))
    (device,) = read_capture(tmp_path / "a file").devices
    assert (device.address, device.name, device.advertised_services) == ("F0:1E:7D:00:00:01", "Moon", (SERVICE,))
    (connection,) = device.connections
    assert (connection.mtu_bytes, connection.encrypted) == (200, True)
    assert connection.ended_seconds is not None
    assert [(each.kind, each.handle, each.value, each.error) for each in connection.messages] == [
        ("read", 7, b"\x01\x02", None),
        ("notify", 7, bytes(range(50)), None),
        ("write", 9, b"\x33", 0x80),
    ]
    row_of_reports = device.characteristics[7]
    assert (row_of_reports.uuid, row_of_reports.service) == (REPORTS, SERVICE)
    assert row_of_reports.properties == {"read", "notify"}
