"""The tree that is released: its root, version, changelog and last commit."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from release.errors import ReleaseError

ROOT = Path(__file__).parent.parent
UNRELEASED = "unreleased"


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, seconds: float = 600) -> str:
    """Run a program and return its output. Raise `ReleaseError` with its output where it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        raise ReleaseError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def project(root: Path = ROOT) -> dict[str, Any]:
    """Return the section `project` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def check_clean(root: Path = ROOT) -> None:
    """Raise `ReleaseError` where something is not committed: what is released has to be a commit."""
    changed = run("git", "status", "--porcelain", cwd=root).strip()
    if changed:
        raise ReleaseError(f"not everything is committed; commit it, or take it away:\n{changed}")


def commit_seconds(root: Path = ROOT) -> str:
    """Return the time of the last commit in seconds since 1970: the date of everything in the archives."""
    return run("git", "log", "-1", "--format=%ct", cwd=root).strip()


def check_changelog(root: Path = ROOT) -> str:
    """Return the date of the changelog's first section. Raise `ReleaseError` where it is of another version."""
    text, version = (root / "CHANGELOG.md").read_text(encoding="utf-8"), project(root)["version"]
    first = re.search(rf"^## (\S+), ({UNRELEASED}|\d{{4}}-\d\d-\d\d)$", text, re.MULTILINE)
    if first is None or first[1] != version:
        found = "no version" if first is None else first[1]
        raise ReleaseError(f"pyproject.toml has version {version}, but CHANGELOG.md begins with {found}")
    return first[2]
