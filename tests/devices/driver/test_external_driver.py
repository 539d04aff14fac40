"""A driver of another project, built and installed beside ours: found, used, and no trouble where it is broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system  # each test starts processes

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "tests" / "helpers" / "acme_driver"
LETDOWN = "from controller.cli.main import app; app()"
SETTINGS = """\
profiles: [{folder}]
stations:
  home:
    devices:
      - name: mine
        profile: acme-pump
        side: left
        address: "C0:00:00:00:00:01"
"""


NO_MODEL = """
from devices.driver.registry import Driver

class AcmeDriver(Driver):
    name = "acme"
    open_device = check_examples = None
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the distribution, and install its wheel into a folder of its own."""
    source = tmp_path_factory.mktemp("source") / "acme"
    shutil.copytree(SOURCE, source)
    dist, site = source / "dist", tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check"]
    done = subprocess.run(
        [*build, "--outdir", str(dist), str(source)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = dist.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    return site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the owner's, with the file of a device model for that driver."""
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(SOURCE / "acme-pump.yaml", models)
    return models


def run(*arguments: str, site: Path | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [*([site] if site else []), ROOT]))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LETDOWN_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment | {"PYTHONPATH": path, "TERM": "dumb", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def letdown(*arguments: str, site: Path | None, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run("-c", LETDOWN, *arguments, site=site, cwd=cwd)


def opened(own: str, site: Path, folder: Path) -> dict[str, object]:
    settings = folder.parent / "letdown.yaml"
    settings.write_text(SETTINGS.format(folder=folder) + own, encoding="utf-8")
    done = run(str(SOURCE / "run_acme.py"), str(settings), site=site, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_its_device_is_opened_started_and_stopped(site: Path, folder: Path) -> None:
    assert opened("        acme: {pin: 1234}\n", site, folder) == {
        "sent": ["a1 03 04 d2", "a0", "a0"],
        "states": ["running", "stopped"],
        "limits": {"level": 9, "least_level": 1},
    }


def test_it_says_which_settings_of_its_own_are_missing(site: Path, folder: Path) -> None:
    words = "mine: say acme: {pin: …}; it stands on the bottom of the pump"
    assert opened("", site, folder) == {"refused": words}


def test_what_is_wrong_with_its_settings_is_named_with_its_line_and_not_shown(site: Path, folder: Path) -> None:
    settings = folder.parent / "letdown.yaml"
    settings.write_text(SETTINGS.format(folder=folder) + "        acme: {pin: 123456}\n", encoding="utf-8")
    done = letdown("devices", "--config", str(settings), site=site, cwd=folder.parent)
    assert done.returncode == 2
    assert "letdown.yaml:9: stations.home.devices.0.acme.pin: Input should be less than or equal to 9999" in done.stderr
    assert "123456" not in done.stdout + done.stderr


def test_its_examples_are_checked(site: Path, folder: Path) -> None:
    file = folder / "acme-pump.yaml"
    done = letdown("profiles", "check", str(file), site=site, cwd=folder)
    assert done.returncode == 1, done.stderr
    assert f"{file}:14: acme.start: expected a1 05 00 00; found a1 04 00 00" in done.stdout
    assert "1 of 2 failed, 1 of 2 has no example" in done.stdout


def test_without_it_the_section_is_named_with_the_drivers_that_there_are(folder: Path) -> None:
    file = folder / "acme-pump.yaml"
    done = letdown("profiles", "check", str(file), site=None, cwd=folder)
    assert done.returncode == 2
    words = "acme: no installed driver reads this section; there are bthome, plug, profile, tuya"
    assert f"{file}:9: {words}" in done.stderr


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("import nowhere_at_all\n", "ModuleNotFoundError"),
        ("class AcmeDriver: pass\n", "letdown_acme:AcmeDriver is not a subclass of"),
        ("from devices.tuya.tuya_driver import TuyaDriver as AcmeDriver\n", "the name tuya is taken"),
        ("AcmeDriver = 1 / 0\n", "ZeroDivisionError"),
        (NO_MODEL, "has no attribute 'model'"),
    ],
)
def test_a_broken_one_is_named_and_the_rest_goes_on(module: str, words: str, site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    (broken / "letdown_acme.py").write_text(module, encoding="utf-8")
    done = letdown("profiles", "--json", site=broken, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the driver acme of letdown-acme cannot be loaded, and its devices are not available: " in done.stderr
    assert words in done.stderr
    assert {"open-pump", "tuya-warmer"} <= {row["id"] for row in json.loads(done.stdout)}
