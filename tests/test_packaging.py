"""What is built from the tree has in it what it must, and the locked requirements are whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.helpers.command_line import ROOT, environment

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {name: ROOT / "requirements" / f"{name}.txt" for name in ("container", "demo", "dev", "home")}
SHIPPED = "devices/_shipped"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source archive, and from it the wheel, as `make wheel` does."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (file,) = built.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def files(folder: str, pattern: str) -> dict[str, bytes]:
    """Return files of the tree, by their paths in it."""
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sorted((ROOT / folder).rglob(pattern))}


def test_the_wheel_has_every_module_and_no_test(wheel: zipfile.ZipFile) -> None:
    code = {**files("controller", "*.py"), **files("devices", "*.py")}
    assert {name for name in wheel.namelist() if name.endswith(".py")} == set(code)
    tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
    assert tops == {"controller", "devices", f"letdown-{PYPROJECT['project']['version']}.dist-info"}
    assert {"controller/py.typed", "devices/py.typed"} <= set(wheel.namelist())


def test_the_wheel_has_the_owners_files_as_they_are(wheel: zipfile.ZipFile) -> None:
    owners = {f"{SHIPPED}/{name.removeprefix('config/')}": data for name, data in files("config", "*.*").items()}
    assert {name: wheel.read(name) for name in wheel.namelist() if name.startswith(SHIPPED)} == owners
    for folder in ("profiles", "routines", "guides", "pictures"):
        assert any(name.startswith(f"{SHIPPED}/{folder}/") for name in owners)
    assert f"{SHIPPED}/letdown.yaml" in owners


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert metadata["Name"] == "letdown"
    assert metadata["License-Expression"] == "Apache-2.0"
    python = SpecifierSet(metadata["Requires-Python"])
    assert python.contains("3.11")
    assert not python.contains("3.10")
    assert metadata.get_all("Provides-Extra") == ["baby-buddy", "demo", "fleet", "postgres", "proxies", "web"]
    info = f"letdown-{metadata['Version']}.dist-info"
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert "letdown = controller.cli.entry:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_the_wheel_alone_finds_its_files(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    run = "app(['routines', '--json'])"
    code = f"from controller.cli.main import app; import controller; print(controller.__file__); {run}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert '"classic"' in done.stdout


def test_the_source_archive_has_what_the_wheel_is_built_from(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"} <= names
    assert set(files("config", "*.*")) <= names


# The locked requirements

LOCKED = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+)(?: ; [^\\\n]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})*)\n", re.MULTILINE
)


def locked(name: str) -> dict[str, set[str]]:
    """Return the versions in a lock; a package may have several, for several platforms."""
    found: dict[str, set[str]] = {}
    for package, version, _ in LOCKED.findall(LOCKS[name].read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_hashed_throughout_and_names_no_place(name: str) -> None:
    text = LOCKS[name].read_text(encoding="utf-8")
    assert "://" not in text
    assert all(hashes for _, _, hashes in LOCKED.findall(text))
    assert LOCKED.sub("", text) == "", "there is nothing in it but requirements with their hashes"


def test_every_dependency_is_locked_at_a_version_that_fits() -> None:
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    demo = [*project["dependencies"], *project["optional-dependencies"]["demo"], *groups["build"]]
    extras = project["optional-dependencies"]
    every = [each for extra in extras.values() for each in extra]
    home = [*project["dependencies"], *(each for name in extras if name != "fleet" for each in extras[name])]
    wanted_of = {"demo": demo, "dev": [*demo, *groups["dev"]], "container": [*demo, *every], "home": home}
    for name, wanted in wanted_of.items():
        versions = locked(name)
        for requirement in map(Requirement, wanted):
            assert versions.get(canonicalize_name(requirement.name)), f"{requirement} is not in {name}.txt"
            for version in versions[canonicalize_name(requirement.name)]:
                assert requirement.specifier.contains(version), f"{requirement}, but {version} in {name}.txt"


def test_what_builds_the_wheel_is_locked() -> None:
    for requirement in map(Requirement, PYPROJECT["build-system"]["requires"]):
        assert all(requirement.specifier.contains(version) for version in locked("demo")[requirement.name])


@pytest.mark.parametrize("other", ["demo", "container", "home"])
def test_the_locks_agree(other: str) -> None:
    dev = locked("dev")
    for name, versions in locked(other).items():
        # On a Mac with an Intel processor, what speaks to ESPHome proxies wants an older one (aioesphomeapi 46).
        beside = {"48.0.1"} if name == "cryptography" else set()
        assert dev[name] - (beside - versions) == versions, name
