"""Empty environments with a wheel in them: on each Python that is here, and one with all extras."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import uv

from release.errors import ReleaseError
from release.tree import ROOT, project, run

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_UV = uv.find_uv_bin()
_INSTALLED = (
    "import json; from importlib.metadata import distributions; "
    "print(json.dumps({each.name: each.version for each in distributions()}))"
)


def find_python(version: str) -> Path | None:
    """Return an interpreter of a version that is installed here, or `None`. Nothing is downloaded."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: list[str | Path | None] = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for path in found:
        if path is None:
            continue
        try:  # a shim of pyenv may be there and fail
            if run(path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip() == version:
                return Path(path)
        except ReleaseError:
            continue
    return None


def create(folder: Path, python: Path | str) -> Path:
    """Create an empty environment, without even pip. Return its interpreter."""
    _uv("venv", "--quiet", "--python", str(python), str(folder))
    return folder / "bin/python"


def install(python: Path, *what: str | Path) -> None:
    """Install into an environment. Packages come from wherever pip and uv take them on this machine."""
    _uv("pip", "install", "--quiet", "--python", str(python), *map(str, what))


def install_demo(python: Path, wheel: Path, root: Path = ROOT) -> None:
    """Install a wheel as docs/always-on.md does: with the locked requirements of the demo."""
    install(python, "--require-hashes", "-r", root / "requirements/demo.txt")
    install(python, "--no-deps", wheel)


def install_all(python: Path, wheel: Path, root: Path = ROOT) -> None:
    """Install a wheel with all its extras, at the locked versions."""
    extras = ",".join(sorted(project(root)["optional-dependencies"]))
    install(python, "--constraint", root / "requirements/dev.txt", f"letdown[{extras}] @ {wheel.resolve().as_uri()}")


def installed(python: Path) -> dict[str, str]:
    """Return the version of each distribution in an environment, by its normalized name."""
    found: dict[str, str] = json.loads(run(python, "-I", "-c", _INSTALLED))
    return {normalized(name): version for name, version in found.items()}


def normalized(name: str) -> str:
    """Return the name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_runs(python: Path, folder: Path, root: Path = ROOT) -> None:
    """Raise `ReleaseError` unless `letdown` says its version, and a whole session on virtual devices completes."""
    letdown, version = python.with_name("letdown"), project(root)["version"]
    env = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb"}
    output = run(letdown, "--version", cwd=folder, env=env).strip()
    if output != f"letdown {version}":
        raise ReleaseError(f"`letdown --version` prints {output!r}, not {version}")
    report = json.loads(run(letdown, "demo", "--speed", "300", "--json", cwd=folder, env=env))
    if report["outcome"] != "completed":
        raise ReleaseError(f"the demo ended as {report['outcome']}")


def _uv(*arguments: str) -> None:
    run(_UV, *arguments, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"})
