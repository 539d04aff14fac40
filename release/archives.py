"""Builds the source archive and the wheel, twice, and checks that they are the same, complete, typed and small."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from release.errors import ReleaseError
from release.tree import ROOT, commit_seconds, project, run

MOST_BYTES = {".whl": 2_000_000, ".gz": 5_000_000}
"""Ours: a third above what they have now. A larger one has something in it that does not belong there."""

_TOPS = frozenset({"controller", "devices"})
_TYPED = frozenset({"controller/py.typed", "devices/py.typed"})
_SETTINGS = "devices/_shipped/letdown.yaml"
_NOT_IN_THE_ARCHIVE = (".gitignore",)


def build_twice(to: Path, work: Path, root: Path = ROOT) -> list[Path]:
    """Build from what is committed, in two folders of different names. Return the archives, in `to`.

    Raise `ReleaseError` where a byte of them differs.
    """
    builds = []
    for name in ("first", "second-of-another-length"):
        tree, out = work / name / "tree", work / name / "dist"
        tree.mkdir(parents=True)
        run("git", "archive", "--format=tar", f"--output={work / name}.tar", "HEAD", cwd=root)
        with tarfile.open(work / f"{name}.tar") as archive:
            archive.extractall(tree, filter="data")
        env = {**os.environ, "SOURCE_DATE_EPOCH": commit_seconds(root)}
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree, env=env)
        builds.append({path.name: path for path in sorted(out.iterdir())})
    first, second = builds
    if {name: sha256(path) for name, path in first.items()} != {name: sha256(path) for name, path in second.items()}:
        raise ReleaseError(f"two builds differ: compare {work}/*/dist")
    to.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(path, to)) for path in first.values()]


def sha256(path: Path) -> str:
    """Return the hash of a file, as hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_wheel(wheel: Path, root: Path = ROOT) -> None:
    """Raise `ReleaseError` where the wheel has something else in it than code, types and the owner's files."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {PurePosixPath(name).parts[0] for name in names}
    strange = tops - _TOPS - {f"letdown-{project(root)['version']}.dist-info"}
    if strange:
        raise ReleaseError(f"{wheel.name} has {', '.join(sorted(strange))}, which does not belong into a wheel")
    if missing := (_TYPED | {_SETTINGS}) - names:
        raise ReleaseError(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    _check_size(wheel)


def check_sdist(sdist: Path, root: Path = ROOT) -> None:
    """Raise `ReleaseError` where the source archive lacks a file that is committed."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    committed = set(run("git", "ls-files", cwd=root).splitlines()) - set(_NOT_IN_THE_ARCHIVE)
    if missing := committed - names:
        some = ", ".join(sorted(missing)[:5])
        raise ReleaseError(f"{sdist.name} lacks {some}: add it to tool.hatch.build.targets.sdist")
    _check_size(sdist)


def _check_size(path: Path) -> None:
    size, most = path.stat().st_size, MOST_BYTES[path.suffix]
    if size > most:
        raise ReleaseError(f"{path.name} has {size / 1e6:.1f} MB, more than {most / 1e6:.1f} MB")
