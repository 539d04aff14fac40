"""Each check of `make release` notices what it is for."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from release import archives, environments, sbom, tree
from release.errors import ReleaseError

VERSION = "1.2.3"
WHEEL = {"controller/py.typed", "devices/py.typed", "devices/_shipped/letdown.yaml", "letdown-1.2.3.dist-info/METADATA"}


def git(root: Path, *arguments: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *author, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small tree."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "pyproject.toml").write_text(f'[project]\nversion = "{VERSION}"\n')
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n## {VERSION}, unreleased\n\n- A.\n\n## 1.2.2, 2026-01-01\n")
    return root


@pytest.fixture
def committed(root: Path) -> Path:
    """The small tree with a commit."""
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=one")
    return root


def test_what_is_not_committed_is_refused_and_named(committed: Path) -> None:
    tree.check_clean(committed)
    for name in ("pyproject.toml", "new.py"):
        (committed / name).write_text("")
        with pytest.raises(ReleaseError, match=name):
            tree.check_clean(committed)


def test_the_changelog_has_to_begin_with_the_version(root: Path) -> None:
    assert tree.check_changelog(root) == "unreleased"
    text = (root / "CHANGELOG.md").read_text()
    (root / "CHANGELOG.md").write_text(text.replace("unreleased", "2026-02-03"))
    assert tree.check_changelog(root) == "2026-02-03"
    (root / "CHANGELOG.md").write_text(text.replace(VERSION, "1.3.0"))
    with pytest.raises(ReleaseError, match=r"version 1\.2\.3, but CHANGELOG\.md begins with 1\.3\.0"):
        tree.check_changelog(root)


def wheel(folder: Path, names: set[str]) -> Path:
    path = folder / "letdown-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return path


def test_a_wheel_has_what_it_must_and_nothing_else(root: Path, tmp_path: Path) -> None:
    archives.check_wheel(wheel(tmp_path, WHEEL), root)
    with pytest.raises(ReleaseError, match="tests"):
        archives.check_wheel(wheel(tmp_path, WHEEL | {"tests/test_a.py"}), root)
    for name in WHEEL - {"letdown-1.2.3.dist-info/METADATA"}:
        with pytest.raises(ReleaseError, match=f"lacks {name}"):
            archives.check_wheel(wheel(tmp_path, WHEEL - {name}), root)


def test_an_archive_that_became_large_is_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(archives.MOST_BYTES, ".whl", 100)
    with pytest.raises(ReleaseError, match="more than"):
        archives.check_wheel(wheel(tmp_path, WHEEL), root)


def test_a_source_archive_has_every_file_that_is_committed(committed: Path, tmp_path: Path) -> None:
    path = tmp_path / "letdown-1.2.3.tar.gz"
    for names, fits in ((["CHANGELOG.md", "pyproject.toml"], True), (["pyproject.toml"], False)):
        with tarfile.open(path, "w:gz") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(f"letdown-1.2.3/{name}"), io.BytesIO())
        if fits:
            archives.check_sdist(path, committed)
        else:
            with pytest.raises(ReleaseError, match=r"lacks CHANGELOG\.md"):
                archives.check_sdist(path, committed)


def test_an_sbom_that_is_not_what_is_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    itself = {"component": {"name": "letdown", "version": VERSION}}
    bom = {"metadata": itself, "components": [{"name": "A.b", "version": "1"}, {"name": "gone", "version": "2"}]}
    monkeypatch.setattr(sbom, "installed", lambda python: {"letdown": VERSION, "a-b": "1", "gone": "2"})
    sbom.check_sbom(bom, Path("python"))
    monkeypatch.setattr(sbom, "installed", lambda python: {"letdown": "1.2.2", "a-b": "1.1", "new": "3"})
    with pytest.raises(ReleaseError) as refused:
        sbom.check_sbom(bom, Path("python"))
    assert str(refused.value).splitlines()[1:] == [
        "a-b: 1 listed, 1.1 installed",
        "gone: 2 listed, not installed",
        "letdown: 1.2.3 listed, 1.2.2 installed",
        "new: not listed, 3 installed",
    ]


def test_a_licence_that_is_not_declared_is_named(tmp_path: Path) -> None:
    licences: list[list[dict[str, Any]]] = [
        [{"expression": "MIT OR Apache-2.0"}],
        [{"license": {"id": "BSD-3-Clause"}}, {"license": {"name": "the whole text " * 50}}],
        [],
    ]
    bom = {"components": [{"name": f"p{n}", "version": "1", "licenses": each} for n, each in enumerate(licences)]}
    assert sbom.write_licences(bom, tmp_path / "licences.md") == ["p2"]
    text = (tmp_path / "licences.md").read_text()
    assert "| p0 | 1 | MIT OR Apache-2.0 |" in text
    assert "| p1 | 1 | BSD-3-Clause |" in text


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, None),
        ({"dependencies": [{"name": "a", "skip_reason": "not found"}]}, "no data on 1 of 1 packages"),
    ],
)
def test_an_audit_without_data_is_no_audit(
    report: object, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sbom, "installed", lambda python: {"a": "1"})
    monkeypatch.setattr(sbom, "run", lambda *command, **options: json.dumps(report))
    found = sbom.audit(tmp_path, tmp_path / "python")
    assert found == said if said is None else found is not None and found.startswith(said)


def test_a_known_vulnerability_ends_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*command: object, **options: object) -> str:
        raise ReleaseError("pip-audit failed:\nFound 1 known vulnerability in 1 package")

    monkeypatch.setattr(sbom, "installed", lambda python: {"a": "1"})
    monkeypatch.setattr(sbom, "run", fails)
    with pytest.raises(ReleaseError, match="known vulnerability"):
        sbom.audit(tmp_path, tmp_path / "python")


def test_this_python_is_found_or_said_to_be_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    this = "{}.{}".format(*sys.version_info)
    folder = tmp_path / "versions" / f"{this}.99" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert environments.find_python(this) == folder / "python"
    assert environments.find_python("3.10") is None
