"""`letdown fleet`, against a real nats-server: what it shows, what it changes, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.cli import fleet_cluster, fleet_config_work
from controller.cluster.cluster_connection import Cluster, connected
from controller.cluster.cluster_settings import ClusterSettings
from controller.cluster.node_view import NodeView, ServedView
from controller.fleet.fleet_config import apply, drained, latest
from tests.helpers.command_line import complaint, printed
from tests.helpers.in_process import letdown
from tests.helpers.mosquitto import free_port
from tests.helpers.nats_server import find_nats_server
from tests.helpers.shipped_cluster import HOST

SECRET = "000102030405060708090a0b0c0d0e0f"
BEDS = "stations:\n" + "".join(
    f"  bed-{number}:\n    devices:\n    - {{name: pump, profile: open-pump, advertised_name: Pump {number}}}\n"
    for number in (1, 2, 12)
)
MORE = BEDS + "  bed-13: {}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="letdown-nats-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        config = Path(folder) / "nats.conf"
        config.write_text(f'listen: "{HOST}:{port}"\njetstream {{ store_dir: "{folder}/data" }}\n', encoding="utf-8")
        process = subprocess.Popen((find_nats_server(), "-c", config, "-l", f"{folder}/log"))
        try:
            yield f"nats://{HOST}:{port}"
        finally:
            process.kill()
            process.wait()


class Fleet:
    """A fleet of its own on the server, as an administrator and as its nodes see it."""

    def __init__(self, folder: Path, server: str, name: str) -> None:
        self.folder = folder
        self.settings = ClusterSettings(servers=(server,), name=name, ttl_seconds=60)
        fleet = f"{{servers: ['{server}'], name: {name}, ttl_seconds: 60}}"
        text = f"mqtt: {{node: desk, brokers: ['mqtt://{HOST}:1']}}\nfleet: {fleet}\n{BEDS}"
        (folder / "mine.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return letdown("fleet", *arguments, "--config", "mine.yaml", cwd=self.folder, COLUMNS="200")

    def file(self, text: str, name: str = "stations.yaml") -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def applied(self, text: str) -> None:
        done = self.run("config", "apply", self.file(text), "--yes")
        assert done.returncode == 0, done.stderr

    def do(self, work: Callable[[Cluster], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with asyncio.timeout(20), connected(self.settings, "test") as cluster:
                return await work(cluster)

        return asyncio.run(main())

    def node(self, name: str, *, serves: str | None = None, **more: Any) -> None:
        """Publish a node, which may serve a station."""

        async def announce(cluster: Cluster) -> None:
            epoch = 0
            if serves is not None:
                owner = {"node": name, "instance": "1", "session_id": None}
                epoch = await cluster.owners.put(serves, json.dumps(owner).encode())
            served = {} if serves is None else {serves: ServedView(epoch=epoch, in_contact=True)}
            view = NodeView(node=name, instance="1", version="0.1.0", since=datetime.now(UTC), serves=served)
            await cluster.nodes.put(name, view.model_copy(update=more).model_dump_json().encode())

        self.do(announce)


@pytest.fixture
def fleet(tmp_path: Path, server: str, request: pytest.FixtureRequest) -> Fleet:
    return Fleet(tmp_path, server, f"fleet-{abs(hash(request.node.name)) % 10**12}")


def well(fleet: Fleet) -> None:
    """Let all stations be served."""
    for number in (1, 2, 12):
        fleet.node(f"node-{number}", serves=f"bed-{number}", in_range=(f"bed-{number}",))


# Status


@pytest.mark.system
def test_a_fleet_that_is_well_is_shown_and_ends_with_0(fleet: Fleet) -> None:
    well(fleet)
    done = fleet.run("status")
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert [row[:2] for row in rows if row[0].startswith("bed")] == [
        ["bed-1", "node-1"],
        ["bed-12", "node-12"],
        ["bed-2", "node-2"],
    ]
    assert ["node-1", "1", "1", "", "own settings", "0.1.0"] in rows


@pytest.mark.system
def test_status_as_json_says_the_same(fleet: Fleet) -> None:
    well(fleet)
    found = printed(fleet.run("status", "--json"))
    assert found["problems"] == []
    assert [(each["station"], each["node"]) for each in found["stations"]] == [
        ("bed-1", "node-1"),
        ("bed-12", "node-12"),
        ("bed-2", "node-2"),
    ]
    assert all(each["epoch"] > 0 for each in found["stations"])
    assert [each["node"] for each in found["nodes"]] == ["node-1", "node-12", "node-2"]


@pytest.mark.system
def test_status_says_first_what_needs_attention_and_ends_with_1(fleet: Fleet) -> None:
    assert "no node is running" in fleet.run("status").stdout
    fleet.node("node-1", serves="bed-1", in_range=("bed-1", "bed-2"), problem="the shared document is not valid")
    fleet.node("node-2", config_revision=7)
    done = fleet.run("status", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"] == [
        "bed-2: no node serves it, though node-1 could",
        "bed-12: no node receives its devices; switch one on, or put a controller nearer",
        "not all nodes use the same version of the shared document yet",
        "node-1: the shared document is not valid",
    ]
    done = fleet.run("status")
    assert done.returncode == 1
    assert done.stdout.startswith("bed-2: no node serves it")


@pytest.mark.system
def test_a_station_without_contact_is_a_problem(fleet: Fleet) -> None:
    well(fleet)
    fleet.node("node-2", serves="bed-2", in_range=("bed-2",))
    fleet.node("node-2", in_range=(), serves=None)
    (problem,) = json.loads(fleet.run("status", "--json").stdout)["problems"]
    assert problem == "bed-2: no device is in contact; is it switched on, and near node-2?"


# Drain and assign


@pytest.mark.system
def test_a_node_is_drained_and_takes_stations_again(fleet: Fleet) -> None:
    well(fleet)
    assert "node-2 takes no more stations" in fleet.run("drain", "node-2").stdout
    assert fleet.do(lambda cluster: cluster.config.get("drain.node-2")).value == b"1"
    assert "node-2 takes stations again" in fleet.run("undrain", "node-2").stdout
    assert fleet.do(lambda cluster: drained(cluster.config, "node-2")) is False


@pytest.mark.system
def test_draining_waits_until_the_node_serves_nothing_and_says_what_for(fleet: Fleet) -> None:
    well(fleet)
    pumping = ServedView(epoch=1, session_id="session", in_contact=True)

    def go_on() -> None:
        """Do what the node does: it learns of it, its session ends, it releases the station."""
        for seconds, serves in ((2.0, {"bed-2": pumping}), (2.0, {"bed-2": ServedView(epoch=1)}), (2.0, {})):
            time.sleep(seconds)
            if not serves:
                fleet.do(lambda cluster: cluster.owners.delete("bed-2"))
            view = NodeView(node="node-2", instance="1", version="0.1.0", since=datetime.now(UTC), draining=True)
            view = view.model_copy(update={"serves": serves})
            fleet.do(lambda cluster, view=view: cluster.nodes.put("node-2", view.model_dump_json().encode()))

    with ThreadPoolExecutor(1) as other:
        going_on = other.submit(go_on)
        done = fleet.run("drain", "node-2", "--wait")
        going_on.result()
    assert done.returncode == 0, done.stderr
    lines = [line.removeprefix("node-2 ") for line in done.stdout.splitlines()]
    assert lines[0].startswith("takes no more stations")
    assert lines[-3:-1] == ["waits for the end of the session at bed-2", "releases bed-2"]
    assert lines[-1].startswith("serves nothing")


@pytest.mark.system
@pytest.mark.parametrize("command", ["drain", "undrain"])
def test_an_unknown_node_is_not_drained(fleet: Fleet, command: str) -> None:
    well(fleet)
    said = complaint(fleet.run(command, "node-22"), 2)
    assert "node-22" in said
    assert "did you mean" in said
    assert "node-2" in said.replace("node-22", "")


@pytest.mark.system
def test_a_node_that_is_away_can_be_undrained(fleet: Fleet) -> None:
    fleet.do(lambda cluster: cluster.config.put("drain.node-2", b"1"))
    assert fleet.run("undrain", "node-2").returncode == 0


@pytest.mark.system
def test_a_station_is_assigned_to_a_node_and_to_none(fleet: Fleet) -> None:
    well(fleet)
    assert "bed-12 is served by node-2" in fleet.run("assign", "bed-12", "node-2").stdout
    found = printed(fleet.run("status", "--json"))["stations"]
    assert [each["assigned_to"] for each in found] == [None, "node-2", None]
    assert "the node with the best reception" in fleet.run("assign", "bed-12").stdout
    assert all(each["assigned_to"] is None for each in printed(fleet.run("status", "--json"))["stations"])


@pytest.mark.system
@pytest.mark.parametrize(("arguments", "meant"), [(("bed-13",), "bed-1"), (("bed-12", "node-13"), "node-1")])
def test_an_unknown_station_or_node_is_not_assigned(fleet: Fleet, arguments: tuple[str, ...], meant: str) -> None:
    well(fleet)
    said = complaint(fleet.run("assign", *arguments), 2)
    assert f"did you mean {meant}" in said
    assert fleet.do(lambda cluster: latest(cluster.config)) is None


# The shared document


@pytest.mark.system
def test_a_document_is_compared_applied_shown_and_rolled_back(fleet: Fleet) -> None:
    assert "there is no shared document" in fleet.run("config", "show").stdout
    file = fleet.file(BEDS)
    first = fleet.run("config", "diff", file)
    assert first.returncode == 1
    assert "+  bed-12:" in first.stdout
    fleet.applied(BEDS)
    assert fleet.run("config", "diff", file).returncode == 0
    assert "nothing changes" in fleet.run("config", "apply", file).stdout
    changed = fleet.run("config", "diff", fleet.file(MORE))
    assert changed.returncode == 1
    assert "+  bed-13: {}" in changed.stdout
    assert "-  bed" not in changed.stdout
    fleet.applied(MORE)
    versions = printed(fleet.run("config", "show", "--json"))
    assert [each["text"] for each in versions] == [BEDS, MORE]
    assert "is used from now on" in fleet.run("config", "rollback").stdout
    assert fleet.run("config", "show").stdout.endswith(BEDS)
    assert fleet.run("config", "rollback", str(versions[1]["revision"])).returncode == 0
    assert fleet.run("config", "show").stdout.endswith(MORE)


@pytest.mark.system
def test_without_consent_nothing_is_changed(fleet: Fleet) -> None:
    done = fleet.run("config", "apply", fleet.file(BEDS))  # without an answer
    assert done.returncode == 1
    assert "nothing was changed" in done.stdout
    assert fleet.do(lambda cluster: latest(cluster.config)) is None


@pytest.mark.system
@pytest.mark.parametrize("arguments", [(), ("1",)])
def test_a_version_that_is_not_kept_is_not_rolled_back_to(fleet: Fleet, arguments: tuple[str, ...]) -> None:
    assert "there are none" in complaint(fleet.run("config", "rollback", *arguments), 1)
    fleet.applied(BEDS)
    said = complaint(fleet.run("config", "rollback", *arguments), 1)
    kept = fleet.do(lambda cluster: latest(cluster.config)).revision
    assert said.endswith(f"there are {kept}")


@pytest.mark.system
def test_of_two_administrators_the_second_looks_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.applied(BEDS)

    async def while_the_other_applies() -> bool:
        async with connected(fleet.settings, "other") as cluster:
            before = await latest(cluster.config)
            assert before is not None
            await apply(cluster.config, MORE, "other.yaml", before.revision)
        return True

    monkeypatch.setattr(fleet_config_work, "_agreed", while_the_other_applies)
    done = fleet.run("config", "apply", fleet.file(BEDS.replace("Pump 2", "Pump B")))
    assert done.returncode == 1
    assert "the shared document was changed meanwhile" in done.stderr
    assert fleet.do(lambda cluster: latest(cluster.config)).text == MORE


@pytest.mark.system
@pytest.mark.parametrize("command", ["diff", "apply"])
def test_a_secret_is_refused_with_its_place_and_never_shown(fleet: Fleet, command: str) -> None:
    button = f"name: button, profile: bthome-button, address: 'AA:BB:CC:DD:EE:FF', bthome: {{bindkey: {SECRET}}}"
    text = f"{BEDS}    - {{{button}}}\n"
    done = fleet.run("config", command, fleet.file(text))
    assert done.returncode == 2
    assert "stations.yaml:11" in done.stderr
    assert "stations.bed-12.devices.1" in done.stderr
    assert "write it into the settings of the nodes" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert fleet.do(lambda cluster: latest(cluster.config)) is None


@pytest.mark.system
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stations:\n  bed-1: {devises: []}\n", "stations.yaml:2"),
        ("stations: {}\n", "stations"),
        ("", "stations"),
        ("stations:\n  controller: {}\n", "cannot be called"),
        ("stations:\n  bed-1:\n   devices: [\n", "stations.yaml:"),
        (BEDS + "mqtt: {}\n", "stations.yaml:11"),
        ("stations:\n  Küche: {}\n", "stations.yaml:2: stations.Küche: in a fleet, a name has only"),
        ("stations:\n  bed 1: {body: Ann B}\n", "stations.bed 1.body: in a fleet, a name has only"),
    ],
)
def test_a_document_that_is_not_valid_is_refused(fleet: Fleet, text: str, said: str) -> None:
    fleet.applied(BEDS)
    for command in ("diff", "apply"):
        done = fleet.run("config", command, fleet.file(text))
        assert done.returncode == 2, done.stdout
        assert done.stdout == ""
        assert said in done.stderr
    assert fleet.do(lambda cluster: latest(cluster.config)).text == BEDS


# No cluster


COMMANDS = (("status",), ("drain", "node-1"), ("assign", "bed-1"), ("config", "show"), ("config", "rollback"))


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_without_the_section_fleet_each_command_says_so(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("language: en\n", encoding="utf-8")
    said = complaint(letdown("fleet", *arguments, "--config", "mine.yaml", cwd=tmp_path), 2)
    assert "these settings belong to no fleet: add the section fleet" in said


@pytest.mark.parametrize("settings", ["mqtt: {node: ward 3}", "stations: {Küche: {}}"])
def test_a_controller_whose_names_the_cluster_cannot_have_is_refused(settings: str, tmp_path: Path) -> None:
    text = f"mqtt: {{brokers: ['mqtt://{HOST}:1']}}\nfleet: {{servers: ['nats://{HOST}:1']}}\n"
    text = text.replace("mqtt: {", "mqtt: {node: ward 3, ") if "ward" in settings else f"{text}{settings}\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    said = complaint(letdown("fleet", "status", "--config", "mine.yaml", cwd=tmp_path), 2)
    assert "in a fleet, a name has only" in said


def test_a_cluster_that_is_not_there_is_an_error_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fleet_cluster._CONNECT_SECONDS <= 5
    monkeypatch.setattr(fleet_cluster, "_CONNECT_SECONDS", 0.3)
    fleet = Fleet(tmp_path, f"nats://{HOST}:{free_port()}", "none")
    began = time.monotonic()
    done = fleet.run("status")
    assert time.monotonic() - began < 5
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("letdown: ")
    assert f"the cluster does not answer at {fleet.settings.servers[0]}: is nats-server running there?" in last
