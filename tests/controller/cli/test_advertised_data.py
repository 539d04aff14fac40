"""What `letdown scan` shows of each advertisement: the data in hex, and no address that nobody asked for."""

from __future__ import annotations

from typing import Any, cast

import pytest

from controller.cli.advertised_data import manufacturer_rows, service_data_rows
from controller.cli.listings import advertisement_rows
from controller.cli.printing import advertisement_card
from controller.settings import DeviceSettings, Settings, StationSettings
from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from tests.helpers.advertised import advertised
from tests.helpers.home import catalog

CATALOG = catalog()
FIRST, SECOND = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
PUMP_SERVICE = frozenset({"218a0001-a4d8-44d5-85b6-6c6574646f77"})


class Heard:
    """Stands for a radio that received these."""

    def __init__(self, *advertisements: Advertisement) -> None:
        self.advertisements = {each.address: each for each in advertisements}


def rows(*advertisements: Advertisement, settings: Settings | None = None, whole: bool = False) -> list[dict[str, Any]]:
    heard = cast("Radio", Heard(*advertisements))
    return advertisement_rows(heard, settings or Settings(), CATALOG, whole_addresses=whole)


def test_manufacturer_data_is_shown_with_the_name_of_the_company() -> None:
    found = advertised("X", manufacturers={0x004C: b"\x02\x15\xff", 0xFFFE: b""})
    assert manufacturer_rows(found, whole_addresses=False) == [
        {"company_id": "0x004c", "company": "Apple, Inc.", "data": "02 15 ff"},
        {"company_id": "0xfffe", "company": None, "data": ""},
    ]


def test_service_data_is_shown_by_its_uuid() -> None:
    found = advertised("X", service_data={"0000FE95-0000-1000-8000-00805F9B34FB": b"\x01"})
    (row,) = service_data_rows(found, whole_addresses=False)
    assert row == {"uuid": "0000fe95-0000-1000-8000-00805f9b34fb", "data": "01"}


@pytest.mark.parametrize("octets", ["c00000000001", "0100000000c0"])
def test_an_address_in_the_data_is_hidden_unless_it_is_asked_for(octets: str) -> None:
    data = bytes.fromhex(f"aa{octets}bb")
    found = advertised("X", manufacturers={1: data}, service_data={"x": data})
    for shown in (manufacturer_rows, service_data_rows):
        assert shown(found, whole_addresses=False)[0]["data"] == "aa .. .. .. .. .. .. bb"
        assert shown(found, whole_addresses=True)[0]["data"] == data.hex(" ")


def test_two_equal_pumps_get_different_names_and_their_addresses() -> None:
    found = rows(*(advertised("Pump", each, services=PUMP_SERVICE) for each in (FIRST, SECOND)))
    lines = ["\n".join(row["settings"]) for row in found]
    assert ["name: pump\n" in lines[0], "name: pump-2\n" in lines[1]] == [True, True]
    assert [f'address: "{FIRST}"' in lines[0], f'address: "{SECOND}"' in lines[1]] == [True, True]
    assert {row["address"] for row in found} == {"C0…01", "C0…02"}


def test_without_a_name_the_address_is_shown_only_when_it_is_asked_for() -> None:
    found = [advertised(None, each, services=PUMP_SERVICE) for each in (FIRST, SECOND)]
    assert [row["settings"] for row in rows(*found)] == [[], []]
    assert any(f'address: "{FIRST}"' in line for line in rows(*found, whole=True)[0]["settings"])


def test_a_device_of_the_settings_is_not_to_be_pasted_again() -> None:
    device = DeviceSettings(name="left-pump", profile="open-pump", advertised_name="Pump")
    settings = Settings(stations={"home": StationSettings(devices=(device,))})
    other = advertised("Other", SECOND, services=PUMP_SERVICE, rssi_dbm=-70)
    known, new = rows(advertised("Pump", services=PUMP_SERVICE), other, settings=settings)
    assert (known["configured_as"], known["settings"]) == ("left-pump", [])
    assert new["settings"][0] == "- name: pump"
    assert "is in them, as left-pump" in "\n".join(map(str, advertisement_card(known, why=False)))


def test_all_is_on_the_card() -> None:
    found = advertised("X", manufacturers={0x004C: b"\x02"}, service_data={"0000fe95": b"\x01"})
    card = "\n".join(map(str, advertisement_card(rows(found)[0], why=False)))
    assert "0x004c Apple, Inc.: 02" in card
    assert "0000fe95: 01" in card
    assert "no profile" in card
