"""How Letdown was installed, and with it how to upgrade it, where its settings are, and what runs it as a service."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from controller.assembly.settings_file import SYSTEM_FILE
from controller.doctor.check_result import CheckResult, ok

_PIPX, _UV_TOOL = "pipx_metadata.json", "uv-receipt.toml"  # in the environments that these create
_INSTALLED_AS = "LETDOWN_INSTALLED_AS"  # set in our images; the add-on drops the Supervisor's token when it starts
_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # of Docker and of Podman
_UNITS = tuple(Path(folder) / "letdown.service" for folder in ("/etc/systemd/system", "/usr/lib/systemd/system"))
_YOURS = "letdown.yaml in the working folder, in ~/.config/letdown or in /etc/letdown"


@dataclass(frozen=True)
class InstallationFacts:
    """What shows how it was installed. `installer`: the tool that did it; `source`: the folder of an editable one.

    `markers`: which of the tools that create environments left their file in `prefix`.
    """

    prefix: Path
    installer: str = ""
    source: Path | None = None
    environment: bool = True
    markers: frozenset[str] = frozenset()
    add_on: bool = False
    container: bool = False
    unit: Path | None = None


@dataclass(frozen=True)
class Installation:
    """A way of installing, in words. `extra`: how to add an optional part, by its name; None: there is no way."""

    name: str
    upgrade: str
    settings: str = _YOURS
    service: str | None = None
    extra: str | None = None

    def adding(self, extra: str) -> str:
        """Return how to add an optional part, such as `web`."""
        if self.extra is None:
            return f"the {self.name} does not have the extra {extra}; docs/install.md shows how to install it with pip"
        return self.extra.format(extra=extra)


def _add_on(_: InstallationFacts) -> Installation:
    return Installation(
        "Home Assistant add-on",
        "in Home Assistant, on the page of the add-on",
        "on the page of the add-on, and in its configuration folder",
        "Home Assistant starts and stops it",
    )


def _container(_: InstallationFacts) -> Installation:
    return Installation(
        "container", "pull the new image, and create the container again", service="what runs the container restarts it"
    )


def _debian(_: InstallationFacts) -> Installation:
    return Installation(
        "Debian package",
        "sudo apt install ./letdown_VERSION_ARCHITECTURE.deb",
        f"{SYSTEM_FILE} (sudo letdown setup)",
        "letdown.service",
    )


def _source(facts: InstallationFacts) -> Installation:
    folder = shlex.quote(str(facts.source))
    return Installation(
        f"source checkout at {facts.source}",
        f"git -C {folder} pull, then `make demo` there",
        extra=f"{_pip(facts)} install --editable '{facts.source}[{{extra}}]'",
    )


def _pipx(_: InstallationFacts) -> Installation:
    return Installation("pipx environment", "pipx upgrade letdown", extra="pipx install --force 'letdown[{extra}]'")


def _uv_tool(_: InstallationFacts) -> Installation:
    return Installation("uv tool", "uv tool upgrade letdown", extra="uv tool install --force 'letdown[{extra}]'")


def _venv(facts: InstallationFacts) -> Installation:
    return Installation(
        f"virtual environment in {facts.prefix}",
        f"{_pip(facts)} install --upgrade letdown",
        extra=f"{_pip(facts)} install 'letdown[{{extra}}]'",
    )


def _python(facts: InstallationFacts) -> Installation:
    return Installation(
        f"Python's own packages, in {facts.prefix}",
        f"{_pip(facts)} install --upgrade letdown",
        extra=f"{_pip(facts)} install 'letdown[{{extra}}]'",
    )


_WAYS: tuple[tuple[Callable[[InstallationFacts], bool], Callable[[InstallationFacts], Installation]], ...] = (
    # The first that fits. What surrounds it comes first: in a container there is an environment, too. But a checkout is
    # upgraded as one, also in a developer's container.
    (lambda facts: facts.add_on, _add_on),
    (lambda facts: facts.source is not None, _source),
    (lambda facts: facts.container, _container),
    (lambda facts: facts.installer == "dpkg", _debian),
    (lambda facts: _PIPX in facts.markers, _pipx),
    (lambda facts: _UV_TOOL in facts.markers, _uv_tool),
    (lambda facts: facts.environment, _venv),
    (lambda _: True, _python),
)


def recognised(facts: InstallationFacts) -> Installation:
    """Return the way in which Letdown was installed."""
    return next(describe for fits, describe in _WAYS if fits(facts))(facts)


def installation() -> CheckResult:
    """Return how it was installed here."""
    return described(facts_here())


def described(facts: InstallationFacts) -> CheckResult:
    """Return how it was installed, how to upgrade it, where its settings are, and which service runs it."""
    found = recognised(facts)
    service = found.service or (None if facts.unit is None else str(facts.unit))
    parts = [f"{found.name}; to upgrade: {found.upgrade}; settings: {found.settings}"]
    return ok("installation", "; ".join([*parts, *([] if service is None else [f"service: {service}"])]))


def facts_here(environ: Mapping[str, str] = os.environ) -> InstallationFacts:
    """Collect what shows how this Letdown was installed."""
    prefix, installed, image = Path(sys.prefix), distribution("letdown"), environ.get(_INSTALLED_AS)
    in_container = image == "container" or any(each.exists() for each in _CONTAINERS)
    return InstallationFacts(
        prefix=prefix,
        installer=(installed.read_text("INSTALLER") or "").strip(),
        source=_editable_source(installed),
        environment=sys.prefix != sys.base_prefix,
        markers=frozenset(each for each in (_PIPX, _UV_TOOL) if (prefix / each).is_file()),
        add_on=image == "addon" or "SUPERVISOR_TOKEN" in environ,
        container=in_container or "KUBERNETES_SERVICE_HOST" in environ,
        unit=next((each for each in _UNITS if each.exists()), None),
    )


def _editable_source(installed: Distribution) -> Path | None:
    """Return the folder of an editable installation, by PEP 610."""
    try:
        url = json.loads(installed.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    if not url.get("dir_info", {}).get("editable"):
        return None
    return Path(url["url"].removeprefix("file://"))


def _pip(facts: InstallationFacts) -> str:
    program = facts.prefix / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return f"{shlex.quote(str(program))} -m pip"
