"""What a release is made of, built from the last commit: the same twice, complete, and running on each Python here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import uv

from release import archives, environments, sbom, tree

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build twice; that raises where a byte differs."""
    folder = tmp_path_factory.mktemp("release")
    return {path.suffix: path for path in archives.build_twice(folder / "dist", folder / "builds")}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the programs of release/requirements.txt."""
    python = environments.create(tmp_path_factory.mktemp("tools") / "environment", sys.executable)
    environments.install(python, "-r", tree.ROOT / "release/requirements.txt")
    return python.parent


def test_two_builds_are_the_same_and_complete(built: dict[str, Path]) -> None:
    archives.check_sdist(built[".gz"])
    archives.check_wheel(built[".whl"])


# On the Python that runs the tests, `.ci/run` installs it.
@pytest.mark.parametrize(
    "version", [each for each in environments.PYTHONS if each != "{}.{}".format(*sys.version_info)]
)
def test_a_session_completes_in_an_empty_environment(built: dict[str, Path], version: str, tmp_path: Path) -> None:
    found = environments.find_python(version)
    if found is None:
        pytest.skip(f"there is no Python {version} on this machine")
    python = environments.create(tmp_path / "environment", found)
    environments.install_demo(python, built[".whl"])
    environments.check_runs(python, tmp_path)


def test_pipx_installs_it_and_removes_it(
    built: dict[str, Path], tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, commands = tmp_path / "pipx", tmp_path / "bin"
    path = (str(tools), str(Path(uv.find_uv_bin()).parent), os.environ["PATH"])
    for name, value in {"HOME": home, "BIN_DIR": commands, "MAN_DIR": tmp_path / "man"}.items():
        monkeypatch.setenv(f"PIPX_{name}", str(value))
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    # As docs/install.md says; with uv instead of pip, which takes half a minute, and at the locked versions.
    locked = f"--constraint={tree.ROOT / 'requirements/dev.txt'}"
    wheel = f"letdown[demo,baby-buddy,proxies] @ {built['.whl'].as_uri()}"
    tree.run(tools / "pipx", "install", "--backend", "uv", "--python", sys.executable, f"--pip-args={locked}", wheel)
    environments.check_runs(commands / "python", tmp_path)
    assert (home / "venvs/letdown/pipx_metadata.json").is_file()  # by which `letdown doctor` knows it
    tree.run(tools / "pipx", "uninstall", "letdown")
    assert list(commands.iterdir()) == []
    assert not (home / "venvs/letdown").exists()


def test_the_sbom_is_what_is_installed_and_every_package_has_a_licence(
    built: dict[str, Path], tools: Path, tmp_path: Path
) -> None:
    python = environments.create(tmp_path / "environment", sys.executable)
    environments.install_demo(python, built[".whl"])
    bom = sbom.write_sbom(tools, python, tmp_path / "letdown.cdx.json")
    sbom.check_sbom(bom, python)
    assert sbom.components(bom)["letdown"] == tree.project()["version"]
    assert len(sbom.components(bom)) > 30
    assert sbom.write_licences(bom, tmp_path / "licences.md") == []
    assert str(tmp_path) not in (tmp_path / "letdown.cdx.json").read_text(encoding="utf-8")
