"""What is in an installation: a software bill of materials (CycloneDX), the licences, and known vulnerabilities."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from release.environments import installed, normalized
from release.errors import ReleaseError
from release.tree import ROOT, commit_seconds, run

UNKNOWN = "unknown"
_LONGEST_NAME = 100  # some packages put the whole text of a licence where its name belongs


def write_sbom(tools: Path, python: Path, to: Path, root: Path = ROOT) -> dict[str, Any]:
    """Write the bill of an environment, with cyclonedx-bom, and return it.

    `tools`: the folder of the programs in the environment of release/requirements.txt.
    """
    command = (tools / "cyclonedx-py", "environment", "--pyproject", root / "pyproject.toml", "--output-reproducible")
    env = {**os.environ, "SOURCE_DATE_EPOCH": commit_seconds(root)}
    bom: dict[str, Any] = json.loads(run(*command, "--output-format", "JSON", python, env=env))
    for component in bom["components"]:
        component.pop("externalReferences", None)  # where this machine has the packages from
    to.write_text(json.dumps(bom, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return bom


def components(bom: dict[str, Any]) -> dict[str, str]:
    """Return the version of Letdown itself and of each component, by its normalized name."""
    return {normalized(each["name"]): each["version"] for each in (bom["metadata"]["component"], *bom["components"])}


def check_sbom(bom: dict[str, Any], python: Path) -> None:
    """Raise `ReleaseError` where the bill is not what is installed."""
    if problems := differences(components(bom), installed(python)):
        raise ReleaseError("the SBOM is not what is installed:\n" + "\n".join(problems))


def differences(listed: dict[str, str], present: dict[str, str]) -> list[str]:
    """Say what is listed and not present, present and not listed, or of another version."""
    return [
        f"{name}: {listed.get(name, 'not')} listed, {present.get(name, 'not')} installed"
        for name in sorted(listed.keys() | present.keys())
        if listed.get(name) != present.get(name)
    ]


def write_licences(bom: dict[str, Any], to: Path) -> list[str]:
    """Write the licence of each component as a table. Return the names of those whose licence is unknown."""
    rows = sorted((each["name"], each["version"], licence_of(each)) for each in bom["components"])
    lines = ["| package | version | licence |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    to.write_text("# Licences of what is installed with all extras\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return [name for name, _, licence in rows if licence == UNKNOWN]


def licence_of(component: dict[str, Any]) -> str:
    """Return what a package declares as its licence: an expression, or names."""
    found = []
    for each in component.get("licenses", ()):
        named = each.get("license", {})
        text = each.get("expression") or named.get("id") or named.get("name") or ""
        if text and text not in found and len(text) <= _LONGEST_NAME:
            found.append(text.replace("|", "/"))
    return ", ".join(found) or UNKNOWN


def audit(tools: Path, python: Path) -> str | None:
    """Ask pip-audit for known vulnerabilities. Return why that was not possible, or `None`.

    Raise `ReleaseError` where there is one.
    """
    listed = "\n".join(f"{name}=={version}" for name, version in installed(python).items() if name != "letdown")
    file = python.parent / "audit.txt"
    file.write_text(listed + "\n", encoding="utf-8")
    flags = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    try:
        report = json.loads(run(tools / "pip-audit", *flags, "--requirement", file, seconds=300))
    except ReleaseError as error:
        if "Found " in str(error) and "known vulnerabilit" in str(error):
            raise
        return str(error).splitlines()[-1]
    skipped = [each["name"] for each in report["dependencies"] if "skip_reason" in each]
    if skipped:  # then pip-audit ends with 0, though it knows nothing of them
        return f"no data on {len(skipped)} of {len(report['dependencies'])} packages can be reached from here"
    return None
