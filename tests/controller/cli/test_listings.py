"""What `letdown scan`, `devices`, `routines` and `profiles` list."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers.command_line import ROOT, ROUTINES, printed
from tests.helpers.in_process import letdown

WHOLE_ADDRESS = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}", re.IGNORECASE)


def test_scan_hears_the_virtual_devices_and_masks_addresses(tmp_path: Path) -> None:
    done = letdown("scan", "--virtual", "--seconds", "0.5", "--json", cwd=tmp_path)
    rows = printed(done)
    assert {row["name"]: row["profile"] for row in rows} == {
        "Letdown Pump L": "open-pump",
        "Letdown Pump R": "open-pump",
        "Letdown Pad": "open-warm-pad",
        "Letdown Massager": "open-massager",
    }
    for row in rows:
        assert row.keys() == {
            *("name", "address", "rssi_dbm", "services", "manufacturer_data", "service_data"),
            *("profile", "encrypted", "configured_as", "why", "settings"),
        }
        assert re.fullmatch(r"[0-9A-F]{2}…[0-9A-F]{2}", row["address"])
        assert f"  advertised_name: {row['name']}" in row["settings"]
    assert WHOLE_ADDRESS.search(done.stdout + done.stderr) is None


def test_scan_shows_whole_addresses_when_asked(tmp_path: Path) -> None:
    rows = printed(letdown("scan", "--virtual", "--seconds", "0.5", "--json", "--addresses", cwd=tmp_path))
    assert len(rows) == 4
    for row in rows:
        assert WHOLE_ADDRESS.fullmatch(row["address"])
        assert f'  address: "{row["address"]}"' in row["settings"]


def test_devices_lists_what_is_configured(tmp_path: Path) -> None:
    rows = printed(letdown("devices", "--virtual", "--json", cwd=tmp_path))
    assert [row["name"] for row in rows] == ["left-pump", "right-pump", "warm-pad", "massager"]
    for row in rows:
        assert row.keys() == {
            *("station", "name", "side", "profile", "known_by", "confidence", "roles", "capabilities", "cautions"),
            "on_link_loss",
            "needs",
        }
        assert row["needs"] == []
        assert row["station"] == "home"
        assert "start" in row["capabilities"]
        assert row["on_link_loss"] == "stops"


def test_devices_of_no_settings_are_none(tmp_path: Path) -> None:
    assert printed(letdown("devices", "--json", cwd=tmp_path)) == []
    table = letdown("devices", cwd=tmp_path)
    assert table.returncode == 0
    assert "letdown scan" in table.stdout


def test_devices_masks_an_address_of_the_settings(tmp_path: Path) -> None:
    settings = tmp_path / "letdown.yaml"
    settings.write_text(
        "stations:\n  home:\n    devices:\n"
        '      - {name: pump, profile: open-pump, side: left, address: "AA:BB:CC:DD:EE:FF"}\n',
        encoding="utf-8",
    )
    done = letdown("devices", "--config", "letdown.yaml", "--json", cwd=tmp_path)
    assert [row["known_by"] for row in printed(done)] == ["AA…FF"]
    assert WHOLE_ADDRESS.search(done.stdout + done.stderr) is None


def test_routines_are_listed_in_both_languages(tmp_path: Path) -> None:
    english = printed(letdown("routines", "--json", cwd=tmp_path))
    german = printed(letdown("routines", "--json", "--language", "de", cwd=tmp_path))
    for rows in (english, german):
        assert {row["id"] for row in rows} == ROUTINES
        for row in rows:
            assert row.keys() == {"id", "name", "summary", "steps", "minutes_at_most", "opt_in"}
            assert row["name"]
            assert row["summary"]
            assert row["minutes_at_most"] > 0
    assert [row["id"] for row in english if row["opt_in"]] == ["duct-vibration"]
    names = {row["id"]: row["name"] for row in german}
    assert names["gentle"] == "Sanft"
    table = letdown("routines", "--language", "de", cwd=tmp_path)
    assert table.returncode == 0
    assert "Sanft" in table.stdout


def test_the_shipped_settings_are_good(tmp_path: Path) -> None:
    assert printed(letdown("devices", "--config", str(ROOT / "config/letdown.yaml"), "--json", cwd=tmp_path)) == []


def test_profiles_are_listed(tmp_path: Path) -> None:
    rows = printed(letdown("profiles", "--json", cwd=tmp_path))
    by_id = {row["id"]: row for row in rows}
    assert set(by_id) == {file.stem for file in (ROOT / "config/profiles").glob("*.yaml")}
    assert by_id["open-pump"]["roles"] == ["pump"]
    assert all(row["provenance"] for row in rows)
