"""`make release`: build everything into dist/, check what is cheap to check, and print what a person has to do."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from release import archives, environments, sbom, tree
from release.errors import ReleaseError

_REMAINING = """
What remains, by hand:
{steps}"""


def main() -> int:
    """Make a release. Return the exit code."""
    dist = tree.ROOT / "dist"
    try:
        with tempfile.TemporaryDirectory() as name:
            steps = _make(dist, Path(name))
    except ReleaseError as error:
        print(f"no release: {error}", file=sys.stderr)
        return 1
    print(_REMAINING.format(steps="\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))))
    return 0


def _make(dist: Path, work: Path) -> list[str]:
    """Build and check. Return what a person has to do."""
    version = tree.project()["version"]
    tree.check_clean()
    dated = tree.check_changelog()
    _say(f"version {version}, {dated} in the changelog; everything is committed")

    shutil.rmtree(dist, ignore_errors=True)
    sdist, wheel = sorted(archives.build_twice(dist, work / "builds"), key=lambda path: path.suffix != ".gz")
    archives.check_sdist(sdist)
    archives.check_wheel(wheel)
    for path in (sdist, wheel):
        _say(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, the same in two builds, {archives.sha256(path)}")

    tools = environments.create(work / "tools", sys.executable)
    environments.install(tools, "-r", tree.ROOT / "release/requirements.txt")
    tree.run(tools.with_name("twine"), "check", "--strict", sdist, wheel)
    _say("twine finds the metadata in order")

    absent = _on_each_python(wheel, work)
    everything = environments.create(work / "everything", sys.executable)
    environments.install_all(everything, wheel)
    bom = sbom.write_sbom(tools.parent, everything, dist / f"letdown-{version}.cdx.json")
    sbom.check_sbom(bom, everything)
    _say(f"the SBOM has the {len(bom['components'])} packages that are installed with all extras")
    unknown = sbom.write_licences(bom, dist / f"letdown-{version}-licences.md")
    not_audited = sbom.audit(tools.parent, everything)
    _say(f"pip-audit: {not_audited or 'no known vulnerability'}")
    _write_hashes(dist)
    return _steps(version, dated, absent, unknown, not_audited)


def _on_each_python(wheel: Path, work: Path) -> list[str]:
    """Install and run the wheel on each Python that is here. Return the versions that are not."""
    absent = []
    for number in environments.PYTHONS:
        found = environments.find_python(number)
        if found is None:
            absent.append(number)
            continue
        folder = work / f"python-{number}"
        python = environments.create(folder, found)
        environments.install_demo(python, wheel)
        environments.check_runs(python, folder)
        _say(f"Python {number}: installed into an empty environment, and a whole demo session completed")
    return absent


def _write_hashes(dist: Path) -> None:
    lines = [f"{archives.sha256(path)}  {path.name}" for path in sorted(dist.iterdir())]
    (dist / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _steps(version: str, dated: str, absent: list[str], unknown: list[str], not_audited: str | None) -> list[str]:
    steps = []
    if dated == tree.UNRELEASED:
        steps.append("Write the date into CHANGELOG.md, commit, and run `make release` again: the archives change.")
    steps.append("Run `.ci/run` on this commit, `make test-fleet` and `make test-package`; look at `make screenshots`.")
    steps.append("Read docs/safety-case.md and docs/deprecations.md: is anything due, or no longer true?")
    steps += [f"Try the wheel on Python {number}: it is not on this machine." for number in absent]
    steps += [f"Find out the licence of {name}: its metadata does not say it." for name in unknown]
    if not_audited is not None:
        steps.append(f"Run pip-audit where its data can be reached ({not_audited}): docs/releases.md says how.")
    return [
        *steps,
        f"Tag it: `git tag --sign v{version} -m 'Letdown {version}'`, and `git push origin v{version}`.",
        "Upload: `twine upload dist/*.whl dist/*.tar.gz`, and all of dist/ to a release on GitHub, with the section "
        "of the changelog.",
        "Install it from there into an empty environment, and compare its hash with dist/SHA256SUMS.",
        "Set the next version in pyproject.toml, begin its section in CHANGELOG.md with `unreleased`, run `make docs`, "
        "and add the fixtures of this version to tests/upgrade.",
    ]


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
