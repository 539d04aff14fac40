"""The doctor recognises each way of installation, and its remedies fit it."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.doctor.installation_check import InstallationFacts, described, facts_here, installation, recognised

HERE = Path("/home/ann/letdown")
WAYS = {
    "add-on": (InstallationFacts(HERE, "pip", add_on=True, container=True), "Home Assistant add-on", "Home Assistant"),
    "container": (InstallationFacts(HERE, "pip", container=True), "container", "pull the new image"),
    "package": (InstallationFacts(Path("/usr/lib/letdown"), "dpkg"), "Debian package", "sudo apt install ./letdown_"),
    "source": (InstallationFacts(HERE / ".venv", "pip", source=HERE), f"source checkout at {HERE}", "git -C"),
    "pipx": (
        InstallationFacts(HERE, "pip", markers=frozenset({"pipx_metadata.json"})),
        "pipx environment",
        "pipx upgrade letdown",
    ),
    "uv tool": (InstallationFacts(HERE, "uv", markers=frozenset({"uv-receipt.toml"})), "uv tool", "uv tool upgrade"),
    "venv": (
        InstallationFacts(Path("/opt/letdown"), "pip"),
        "virtual environment in /opt/letdown",
        "/opt/letdown/bin/python -m pip install --upgrade letdown",
    ),
    "python": (InstallationFacts(Path("/usr"), "pip", environment=False), "Python's own packages, in /usr", "/usr/bin"),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_is_recognised_with_how_to_upgrade_it(way: str) -> None:
    facts, name, upgrade = WAYS[way]
    found = recognised(facts)
    assert (found.name, upgrade in found.upgrade) == (name, True)
    said = described(facts)
    assert (said.subject, said.state) == ("installation", "ok")
    assert said.message.startswith(f"{name}; to upgrade: {found.upgrade}; settings: {found.settings}")


def test_a_container_of_home_assistant_is_the_add_on_and_an_environment_in_a_container_is_the_container() -> None:
    assert len({recognised(facts).name for facts, _, _ in WAYS.values()}) == len(WAYS)
    assert recognised(InstallationFacts(HERE, "dpkg", container=True)).name == "container"


def test_a_checkout_in_a_developers_container_is_a_checkout() -> None:
    assert recognised(InstallationFacts(HERE, "pip", source=HERE, container=True)).name.startswith("source checkout")


@pytest.mark.parametrize(
    ("way", "remedy"),
    [
        ("pipx", "pipx install --force 'letdown[web]'"),
        ("uv tool", "uv tool install --force 'letdown[web]'"),
        ("venv", "/opt/letdown/bin/python -m pip install 'letdown[web]'"),
        ("source", f"{HERE}/.venv/bin/python -m pip install --editable '{HERE}[web]'"),
        ("package", "the Debian package does not have the extra web; docs/install.md shows how to install it with pip"),
    ],
)
def test_an_extra_is_added_as_it_was_installed(way: str, remedy: str) -> None:
    assert recognised(WAYS[way][0]).adding("web") == remedy


def test_the_unit_of_the_service_is_named_where_there_is_one() -> None:
    unit = Path("/etc/systemd/system/letdown.service")
    assert described(InstallationFacts(Path("/opt/letdown"), "pip", unit=unit)).message.endswith(f"service: {unit}")
    assert "service" not in described(InstallationFacts(Path("/opt/letdown"), "pip")).message
    assert described(WAYS["package"][0]).message.endswith("service: letdown.service")


def test_what_runs_these_tests_is_recognised() -> None:
    assert installation().subject == "installation"
    assert facts_here({"SUPERVISOR_TOKEN": "x"}).add_on
    assert facts_here({"LETDOWN_INSTALLED_AS": "addon"}).add_on
    assert facts_here({"LETDOWN_INSTALLED_AS": "container"}).container
    assert facts_here({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}).container
    assert not facts_here({}).add_on
