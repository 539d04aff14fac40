"""Whatever is typed, written or set wrongly: one clear message on stderr, the right exit code, and nothing starts.

Each row says what is given, the exit code, what of the input is named, and what the message says would fit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.helpers.in_process import run_in_process

FAILED, WRONG = 1, 2


@dataclass(frozen=True)
class Row:
    """`given`: the command line. `names`: what the message repeats of the input. `fits`: what it says would fit."""

    given: str
    names: str
    fits: str
    code: int = WRONG
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.given} {next(iter(self.files.values()), '')!r:.60} {' '.join(self.env)}"


def settings(text: str | bytes, names: str, fits: str, command: str = "devices", **more: str) -> Row:
    return Row(f"{command} --config mine.yaml", names, fits, files={"mine.yaml": text, **more})


def device(lines: str, names: str, fits: str) -> Row:
    return settings("stations:\n  home:\n    devices:\n" + lines, names, fits)


def profile(change: tuple[str, str], names: str, fits: str) -> Row:
    return Row("profiles check mine.yaml", names, fits, files={"mine.yaml": PROFILE.replace(*change)})


def routine(steps: str, names: str, fits: str) -> Row:
    text = f"id: mine\nname: {{en: A}}\nsummary: {{en: B}}\nsteps:\n{steps}"
    return settings("routines: [more]\n", names, fits, "routines", **{"more/mine.yaml": text})


def environment(name: str, value: str, names: str, fits: str) -> Row:
    return Row("devices", names, fits, env={name: value})


PUMP = "      - {name: a, profile: open-pump, side: left, address: 'AA:BB:CC:DD:EE:01'}\n"
PROFILE = """\
id: mine
name: Mine
roles: [pump]
sides: one
confidence: unverified
provenance: [me]
on_link_loss: stops
match: {name: [Mine]}
channels:
  control: {service: "1800", characteristic: "2a00", write: both}
commands:
  stop: {payload: ["00"]}
"""

COMMAND_LINES = [
    Row("nothing", "No such command 'nothing'", "-h' for help"),
    Row("dmo", "No such command 'dmo'", "'demo'"),
    Row("--verbose", "--verbose", "-h' for help"),
    Row("demo extra", "extra", "-h' for help"),
    Row("demo --bogus", "No such option: --bogus", "-h' for help"),
    Row("demo --sped 5", "--sped", "--speed"),
    Row("demo --speed 0", "'--speed'", "greater than or equal to 0.1"),
    Row("demo --speed nan", "'--speed'", "Input should be"),
    Row("demo --speed fast", "'--speed'", "valid number"),
    Row("demo --speed", "--speed", "requires an argument"),
    Row("demo --side up", "'up'", "'left', 'right', 'both'"),
    Row("demo --seed x", "'--seed'", "valid integer"),
    Row("demo --routine clasic", "'clasic'", "did you mean classic?"),
    Row("demo --routine xyzzy --json", "'xyzzy'", "there are classic, duct-vibration, first-days, gentle"),
    Row("demo --language dee", "'dee'", "did you mean de?"),
    Row("demo --language xx --json", "'xx'", "there are de, en"),
    Row("demo --broker http://ann:hush@broker.lan", "broker", "mqtt://"),
    Row("demo --broker mqtt://", "broker", "mqtt://"),
    Row("demo --broker mqtt://broker.lan:99999", "port", "mqtt://user:password@broker.lan:1883"),
    Row("scan --seconds 0", "'--seconds'", "greater than or equal to 0.1"),
    Row("scan --seconds 1000", "'--seconds'", "less than or equal to 120"),
    Row("scan --config absent.yaml --json", "absent.yaml", "No such file"),
    Row("scan --config .", ".", "cannot be read: Is a directory"),
    Row("doctor --seconds x", "'--seconds'", "valid number"),
    Row("doctor --broker ftp://x --json", "broker", "mqtt://"),
    Row("devices tset", "tset", "test"),
    Row("devices test", "name", "Missing argument"),
    Row("devices test lft-pump --virtual", "'lft-pump'", "did you mean left-pump?"),
    Row("devices test xyzzy --virtual", "'xyzzy'", "there are left-pump, right-pump, warm-pad, massager"),
    Row("devices test pump", "'pump'", "`letdown scan` shows those nearby"),
    Row("devices --take-over", "--take-over", "-h' for help"),
    Row("profiles chekc", "chekc", "check"),
    Row("profiles check", "file", "Missing argument"),
    Row("profiles check absent.yaml", "absent.yaml", "No such file"),
    Row("profiles check . --json", ".", "Is a directory"),
    Row("routines --language xx --json", "'xx'", "there are de, en"),
    Row("routines classic", "classic", "unexpected extra argument"),
    Row("history --last 0", "'--last'", "greater than or equal to 1"),
    Row("history --last ten", "'--last'", "valid integer"),
    Row("history --station hom --json", "'hom'", "did you mean home?"),
    Row("history --station xyzzy", "'xyzzy'", "there is home"),
    Row("schema opnapi", "No such command 'opnapi'", "'openapi'"),
    Row("run --speed 5 --config mine.yaml", "--speed", "--virtual", files={"mine.yaml": ""}),
    Row("run --seed", "--seed", "requires an argument"),
    Row("virtual --profile lovens", "'lovens'", "did you mean lovense?"),
    Row("virtual --profile xyzzy", "'xyzzy'", "`letdown profiles` lists them"),
    Row("virtual --transport usb:0 --device lft-pump", "'lft-pump'", "did you mean left-pump?", FAILED),
    Row("virtual --transport nonsense", "nonsense", "tcp-server:HOST:PORT", FAILED),
    Row("virtual --transport tcp-server:nonsense", "cannot listen on tcp-server:nonsense", "tcp-server:", FAILED),
    Row("virtual --transport tcp-client:127.0.0.1:1", "tcp-client:127.0.0.1:1", "serves", FAILED),
]

SETTINGS = [
    settings("limits:\n  comfort_vacuum_mmhg: 300\n", "mine.yaml:2: limits.comfort_vacuum_mmhg", "equal to 250"),
    settings("language: en\nlimit: {heat_celsius: 40}\n", "mine.yaml:2: limit: ", "did you mean limits?"),
    settings("limits: {vacuum: 100}\n", "mine.yaml:1: limits.vacuum", "comfort_vacuum_mmhg"),
    settings("limits: {manual_use: wach}\n", "'wach'", "did you mean watch?"),
    settings("mqtt:\n  base_topic: a\n  base_topic: b\n", "mine.yaml:3: mqtt.base_topic", "keep one"),
    settings("stations: [\n", "mine.yaml:2: ", "not valid YAML"),
    settings("language:\ten\n\tradio: 1\n", "mine.yaml:2: ", "not valid YAML"),
    settings("language: enn\n", "mine.yaml:1: language: unknown language 'enn'", "did you mean en?"),
    settings("- language: en\n", "mine.yaml:1: ", "needs keys"),
    settings("just text\n", "mine.yaml:1: ", "needs keys"),
    settings(b"language: \xff\n", "mine.yaml:1: ", "save it as UTF-8"),
    settings("#" * 300_000, "mine.yaml: ", "larger than 256 KiB"),
    settings("language: &a en\n", "mine.yaml:1: ", "anchors and aliases are not supported"),
    settings("radio: {kind: bumble}\n", "mine.yaml:1: radio: ", "tcp-client:127.0.0.1:6402"),
    settings("radio: {adapters: [wlan0]}\n", "'wlan0'", "hci"),
    settings("mqtt: {brokers: ['http://broker.lan']}\n", "mine.yaml:1: mqtt.brokers: broker 1", "mqtt://"),
    settings("mqtt: {node: a/b}\n", "mine.yaml:1: mqtt.node", "must not be empty, begin with $, or contain / + #"),
    settings("stations: {a/b: {}}\n", "mine.yaml:1: stations.a/b", "contain / + #"),
    settings("profiles: [more]\n", "more/mine.yaml:1: ", "Field required", "profiles", **{"more/mine.yaml": "id: x\n"}),
    device(PUMP.replace("open-pump", "open-pmup"), "mine.yaml:4: stations.home.devices.0.profile", "mean open-pump?"),
    device(PUMP.replace("open-pump", "xyzzy"), "unknown profile 'xyzzy'", "`letdown profiles` lists them"),
    device("      - {name: a, profile: open-pump}\n", "mine.yaml:4: stations.home.devices.0", "`letdown scan`"),
    device(PUMP.replace("left", "lft"), "mine.yaml:4: stations.home.devices.0.side", "did you mean left?"),
    device(PUMP + PUMP.replace("01", "02"), "two devices are called a", "mine.yaml:"),
    device(PUMP + PUMP.replace("name: a", "name: b"), "mine.yaml:5: ", "belongs to one station, once"),
    device(PUMP.replace("}", ", through: hci9}"), "hci9", "radio.adapters"),
    device(PUMP.replace("}", ", max_levl: 3}"), "max_levl", "did you mean max_level?"),
    routine("  - check\n  - warm: {minuts: 5}\n", "mine.yaml:6: steps.1.warm.minuts", "did you mean minutes?"),
    routine("  - check\n  - wrm: {minutes: 5}\n", "mine.yaml:6: steps.1: 'wrm'", "did you mean warm?"),
    routine("  - check\n  - prompt: {words: drnk}\n", "steps.1.prompt.words: unknown text 'drnk'", "mean drink?"),
    routine("  - warm: {minutes: 5}\n", "mine.yaml:", "the first step must be `check`"),
    routine("  - check\n  - massage: {techniques: [spirall]}\n", "'spirall'", "did you mean spiral?"),
    routine("  - check\n  - warm: {minutes: 500}\n", "mine.yaml:6: steps.1.warm.minutes", "less than or equal to"),
]

PROFILES = [
    profile(("chan", "cahn"), "mine.yaml:9: cahnnels", "did you mean channels?"),
    profile(("[pump]", "[pmup]"), "'pmup'", "did you mean pump?"),
    profile(("2a00", "zz"), "mine.yaml:10: channels.control.characteristic", "UUID"),
    profile(("stops", "never"), "mine.yaml:7: on_link_loss", "'stops'"),
    profile(("mine\n", "Not An Id\n"), "mine.yaml:1: id", "pattern"),
    Row("profiles check mine.yaml", "mine.yaml", "Field required", files={"mine.yaml": ""}),
    Row("profiles check mine.yaml", "mine.yaml:1: ", "cannot be in a text file", files={"mine.yaml": b"\x00\x01"}),
]

ENVIRONMENT = [
    environment("LETDOWN_LANGAUGE", "de", "'LETDOWN_LANGAUGE'", "did you mean LETDOWN_LANGUAGE?"),
    environment("LETDOWN_LANGUAGE", "dee", "unknown language 'dee'", "did you mean de?"),
    environment("LETDOWN_LIMITS__HEAT_CELSIUS", "50", "LETDOWN_…): limits.heat_celsius", "less than or equal to 42"),
    environment("LETDOWN_LIMITS__HEAT", "50", "limits.heat", "did you mean heat_celsius"),
    environment("LETDOWN_RADIO__ADAPTERS", "hci0", "radio", "JSON"),
]


def broken(path: Path) -> None:
    path.write_text("once upon a time\n" * 500, encoding="utf-8")


def a_folder(path: Path) -> None:
    path.mkdir()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("create table schema_version (version integer)")
        connection.execute("insert into schema_version values (9999)")
    connection.close()


HISTORIES: list[tuple[Callable[[Path], None], str]] = [(broken, "move "), (a_folder, "name a file"), (newer, "newer")]


@pytest.mark.parametrize("row", [*COMMAND_LINES, *SETTINGS, *PROFILES, *ENVIRONMENT], ids=str)
def test_it_is_said_what_is_wrong_and_what_would_fit(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in row.files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(tmp_path.rglob("*"))
    done = run_in_process(tuple(row.given.split()), tmp_path, row.env)
    assert done.code == row.code, done.stderr
    said = " ".join(done.stderr.replace("│", " ").split())
    assert row.names in said
    assert row.fits in said
    assert "Traceback" not in done.stderr
    assert "an error in Letdown itself" not in said
    assert "hush" not in said
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before, "something was started, or saved"


@pytest.mark.parametrize(("place", "remedy"), HISTORIES)
def test_a_history_that_cannot_be_read_is_one_sentence(
    place: Callable[[Path], None], remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "letdown-history.db"
    place(path)
    done = run_in_process(("history", "--json"), tmp_path, {"LETDOWN_STORE__PATH": str(tmp_path / "letdown.db")})
    assert (done.code, done.stdout) == (FAILED, "")
    assert done.stderr.startswith(f"letdown: the history at {path} ")
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("empty", [False, True])
def test_without_a_history_there_are_no_sessions_and_nothing_is_wrong(empty: bool, tmp_path: Path) -> None:
    path = tmp_path / "letdown-history.db"
    if empty:
        path.touch()
    env = {"LETDOWN_STORE__PATH": str(tmp_path / "letdown.db")}
    as_json = run_in_process(("history", "--json"), tmp_path, env)
    assert (as_json.code, json.loads(as_json.stdout)["sessions"], as_json.stderr) == (0, [], "")
    table = run_in_process(("history",), tmp_path, env)
    assert (table.code, table.stderr) == (0, "")
    assert table.stdout == "There are no sessions yet: `letdown run` saves them.\n"
    assert path.exists() is empty


def test_without_a_home_folder_it_says_where_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    done = run_in_process(("history",), tmp_path)
    assert (done.code, done.stdout) == (WRONG, "")
    assert "there is no home folder" in done.stderr
    assert "store.path" in done.stderr
