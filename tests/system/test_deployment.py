"""The examples that run controllers in containers: valid by their schemas, complete, unprivileged, with no secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from controller.settings import Settings, load_settings
from tests.helpers.command_line import ROOT
from tests.helpers.installed import program
from tests.helpers.nats_server import find_nats_server

pytestmark = pytest.mark.system

FLEET = ROOT / "config/fleet"
SINGLE: dict[str, Any] = yaml.safe_load((ROOT / "config/container/compose.yaml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((FLEET / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RESOURCES: list[dict[str, Any]] = list(yaml.safe_load_all((FLEET / "kubernetes.yaml").read_text(encoding="utf-8")))
WORKLOADS = [each for each in RESOURCES if each["kind"] in ("StatefulSet", "DaemonSet")]
SCHEMA = json.loads((ROOT / "tests/system/deployment/compose-spec.json").read_text(encoding="utf-8"))


def compose_problems(document: Any) -> list[str]:
    return [f"{each.json_path}: {each.message}" for each in jsonschema.Draft7Validator(SCHEMA).iter_errors(document)]


def kubernetes(file: Path) -> subprocess.CompletedProcess[str]:
    command = (
        program("deployment", "tests/system/deployment/requirements.txt", "kubernetes-validate"),
        "--strict",
        str(file),
    )
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_compose_file_is_valid() -> None:
    assert compose_problems(COMPOSE) == []
    assert compose_problems({**COMPOSE, "services": {"nats-1": {"imagee": "nats"}}}) != []
    assert compose_problems(SINGLE) == []


def test_a_single_controller_has_no_more_rights_than_one_of_a_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    single, one = SINGLE["services"]["letdown"], SERVICES["letdown"]
    for key in ("image", "read_only", "cap_drop", "security_opt", "tmpfs", "restart", "stop_grace_period"):
        assert single[key] == one[key], key
    assert not {"privileged", "network_mode", "devices", "pid", "cap_add", "user"} & set(single)
    for name, value in single["environment"].items():
        monkeypatch.setenv(name, value)
    assert load_settings(None).web.host == "0.0.0.0"
    assert all(each.startswith("127.0.0.1:") for each in single["ports"])


def test_the_kubernetes_resources_are_valid(tmp_path: Path) -> None:
    done = kubernetes(FLEET / "kubernetes.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("passed for resource") == len(RESOURCES)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((FLEET / "kubernetes.yaml").read_text(encoding="utf-8").replace("nodeSelector", "nodeSelektor"))
    assert kubernetes(wrong).returncode != 0


def hadolint(file: Path) -> str:
    command = (program("deployment", "tests/system/deployment/requirements.txt", "hadolint"), "--no-color", str(file))
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


def test_the_linter_of_recipes_finds_nothing(tmp_path: Path) -> None:
    recipe = ROOT / "Containerfile"
    assert hadolint(recipe) == ""
    wrong = tmp_path / "Containerfile"
    wrong.write_text(recipe.read_text(encoding="utf-8").replace("--no-install-recommends", ""), encoding="utf-8")
    assert "DL3015" in hadolint(wrong)


@pytest.mark.parametrize("platform", ["x86_64", "aarch64"])
def test_the_requirements_of_the_container_need_no_compiler(platform: str, tmp_path: Path) -> None:
    # Of these, PyRIC alone is published as source; it has no extension.
    command = ("-m", "uv", "pip", "install", "--dry-run", "--quiet", "--require-hashes", "--target", str(tmp_path))
    command += ("--python-version", "3.13", "--python-platform", f"{platform}-manylinux_2_40")
    command += ("--only-binary", ":all:", "--no-binary", "pyric", "-r", "requirements/container.txt")
    done = subprocess.run(
        (sys.executable, *command), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_all_that_compose_names_is_declared_and_there() -> None:
    for name, service in SERVICES.items():
        for kind in ("configs", "secrets"):
            used = {each if isinstance(each, str) else each["source"] for each in service.get(kind, ())}
            assert used <= set(COMPOSE[kind]), name
        volumes = {each.split(":")[0] for each in service.get("volumes", ())}
        assert {each for each in volumes if not each.startswith("/")} <= set(COMPOSE["volumes"]), name
    files = [each["file"] for each in COMPOSE["configs"].values() if "file" in each]
    assert files
    assert [each for each in files if not (FLEET / each).is_file()] == []
    for each in COMPOSE["configs"].values():
        assert yaml.safe_load(each.get("content", "{}")) is not None


def test_all_that_kubernetes_mounts_is_a_volume() -> None:
    for workload in WORKLOADS:
        pod = workload["spec"]["template"]["spec"]
        claims = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", ())}
        volumes = {each["name"] for each in pod["volumes"]} | claims
        for container in pod["containers"]:
            assert {each["name"] for each in container["volumeMounts"]} == volumes
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_nodes_of_the_cluster_are_called_the_same_everywhere() -> None:
    nodes = {name for name in SERVICES if name.startswith("nats-")}
    assert {SERVICES[name]["environment"]["SERVER_NAME"] for name in nodes} == nodes
    secrets = (FLEET / "secrets.example.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"@([\w-]+):6222", secrets)) == nodes
    settings = load_settings(FLEET / "letdown.yaml")
    assert settings.fleet is not None
    assert {re.split("[/:]+", each)[1] for each in settings.fleet.servers} == nodes
    assert {each.host for each in settings.mqtt.brokers} == nodes


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_the_settings_of_the_controllers_are_valid(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environments(where):
        if name.startswith("LETDOWN_"):
            monkeypatch.setenv(name, value or "machine-1.ward")
    settings = load_settings(FLEET / "letdown.yaml")
    assert isinstance(settings, Settings)
    assert settings.fleet is not None
    assert len(settings.fleet.servers) == len(settings.mqtt.brokers) == 3
    assert settings.mqtt.node == ("node-1" if where == "compose" else "machine-1.ward")
    mounted = {str(settings.mqtt.password_file), str(settings.fleet.password_file), str(settings.history.url_file)}
    assert mounted == set(secret_files(where))


def test_the_settings_of_the_page_are_valid_and_its_container_has_what_they_name() -> None:
    settings, service = load_settings(FLEET / "page.yaml"), SERVICES["page"]
    assert settings.fleet is not None
    assert (settings.mqtt.username, settings.fleet.user) == ("operate", "administer")
    mounted = {each["target"] for each in service["secrets"]}
    assert mounted == {str(settings.mqtt.password_file), str(settings.fleet.password_file)}
    assert f"page:{settings.web_token_file.parent}" in service["volumes"]
    assert service["ports"] == [f"127.0.0.1:{settings.web.port}:{settings.web.port}"]
    assert not {"privileged", "network_mode", "devices", "pid", "cap_add"} & set(service)


def secret_files(where: str) -> Iterator[str]:
    """Yield where the controllers find their secrets."""
    if where == "compose":
        yield from (each["target"] for each in SERVICES["letdown"]["secrets"])
        return
    (controllers,) = (each for each in WORKLOADS if each["kind"] == "DaemonSet")
    for volume in controllers["spec"]["template"]["spec"]["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            yield from (f"/etc/letdown/{each['path']}" for each in source.get("secret", {}).get("items", ()))


def environments(where: str) -> Iterator[tuple[str, str | None]]:
    """Yield each variable with its value; `None`: it comes from elsewhere."""
    if where == "compose":
        for service in SERVICES.values():
            yield from service.get("environment", {}).items()
        return
    for workload in WORKLOADS:
        for container in workload["spec"]["template"]["spec"]["containers"]:
            for each in container["env"]:
                yield each["name"], each.get("value")


def test_no_secret_is_in_them() -> None:
    for where in ("compose", "kubernetes"):
        named = [name for name, _ in environments(where) if re.search("PASSWORD|TOKEN|SECRET|KEY", name)]
        assert [name for name in named if not name.endswith("_FILE")] == []
    assert all(each["file"].startswith("secrets/") for each in COMPOSE["secrets"].values())
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"config/fleet/secrets", "config/fleet/secrets.conf"} <= set(ignored)
    found = re.findall(r"password: *(\S+)", (FLEET / "nats.conf").read_text(encoding="utf-8"))
    assert len(found) > 4
    assert [each for each in found if not each.startswith("$")] == []


def test_no_container_has_more_rights_than_it_needs() -> None:
    for name, service in SERVICES.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not {"privileged", "network_mode", "devices", "pid"} & set(service), name
    assert SERVICES["letdown"]["cap_drop"] == ["ALL"]
    assert "cap_add" not in SERVICES["letdown"]
    for workload in WORKLOADS:
        pod = workload["spec"]["template"]["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "livenessProbe" in container


def test_the_server_accepts_its_configuration_with_the_secrets_of_the_example(tmp_path: Path) -> None:
    (tmp_path / "nats.conf").write_bytes((FLEET / "nats.conf").read_bytes())
    (tmp_path / "secrets.conf").write_bytes((FLEET / "secrets.example.conf").read_bytes())
    done = subprocess.run(
        (find_nats_server(), "-c", "nats.conf", "-t"),
        cwd=tmp_path,
        env={"SERVER_NAME": "nats-1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
