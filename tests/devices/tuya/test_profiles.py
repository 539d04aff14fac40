"""The `tuya:` section: the sketches keep their word, and what does not fit together is named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from devices.driver.role_base import capabilities_of
from devices.driver.vocabulary import START_VERB, STOP_VERB, Value
from devices.errors import ProtocolError, RefusedError
from devices.roles import Capability
from devices.support.file_error import FileError
from devices.tuya.datapoint_codec import TuyaCodec
from devices.tuya.datapoints import DataPoint, DpType, encode
from devices.tuya.tuya_examples import check_examples
from devices.tuya.tuya_model import TuyaModel
from devices.tuya.tuya_schema import TuyaExample, TuyaSpec
from tests.helpers.tuya_links import OWNERS_IDS, PROFILES, profile
from tests.helpers.yaml_texts import parse_yaml

FILES = sorted(file for file in PROFILES.glob("*.yaml") if "\ntuya:" in file.read_text(encoding="utf-8"))
every_profile = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
STIMULATION: dict[str, Value] = {"phase": "stimulation", "level": 3, "duration_seconds": 900}


def codec(name: str) -> TuyaCodec:
    spec = profile(name).tuya
    return TuyaCodec(spec, spec.ids(OWNERS_IDS))


def wire(messages: list[list[DataPoint]]) -> list[str]:
    return [encode(points, 3).hex(" ") for points in messages]


@every_profile
def test_nothing_is_claimed_to_be_verified(file: Path) -> None:
    described = profile(file.stem)
    assert described.confidence == "unverified"
    assert len(described.provenance) > 100
    assert described.match.ambiguous  # everything that speaks Tuya BLE looks alike


@every_profile
def test_what_can_be_started_can_be_stopped_and_read_back(file: Path) -> None:
    described = profile(file.stem)
    for role in described.roles:
        assert {START_VERB[role], STOP_VERB[role]} <= set(described.tuya.verbs)
        assert Capability.REPORTS_STATE in capabilities_of(described, role)
        assert Capability.START not in capabilities_of(described, role, may_control=False)


@every_profile
def test_examples_hold(file: Path) -> None:
    findings = list(check_examples(profile(file.stem).tuya))
    assert [finding for finding in findings if finding.state != "holds"] == []


@every_profile
def test_every_verb_and_every_datapoint_has_an_example(file: Path) -> None:
    spec = profile(file.stem).tuya
    assert {verb for example in spec.examples for verb in example.send or {}} == set(spec.verbs)
    assert {example.receive[0] for example in spec.examples if example.receive} == set(spec.datapoints)


@pytest.mark.parametrize(
    ("example", "says"),
    [
        ({"receive": ["battery_level", "00 00 00 02"], "means": {"battery_level": 3}}, "battery_level: 2"),
        ({"receive": ["battery_level", "00 00 00 09"], "means": {"battery_level": 9}}, "outside its range"),
        ({"receive": ["battery_level", "00 00 00 00 02"], "means": {"battery_level": 2}}, "is a value, not raw"),
        ({"send": {"stop": {}}, "writes": [[["stop", "00"]]]}, "stop 01"),
        (
            {"send": {"adjust": {"phase": "expression", "level": 4}}, "writes": [[["stop", "00"]]]},
            "not reported its phase",
        ),
    ],
)
def test_an_example_that_does_not_hold_is_named(example: dict[str, Any], says: str) -> None:
    spec = profile("sporramom-w3").tuya.model_copy(update={"examples": (TuyaExample.model_validate(example),)})
    (wrong,) = [tried for finding in check_examples(spec) for tried in finding.examples if not tried.holds]
    assert wrong.path == ("tuya", "examples", 0)
    assert says in wrong.found


def test_the_w3_has_levels_and_no_vacuum_in_mmhg() -> None:
    found = capabilities_of(profile("sporramom-w3"), "pump")
    assert {Capability.LEVELS, Capability.PHASE, Capability.PAUSE, Capability.START} <= found
    assert Capability.VACUUM_MMHG not in found


# Bytes written by hand from the datapoint table: 101 raw (00 len), 112 bool.
def test_the_w3_starts_with_a_program_of_one_phase_after_another_and_then_the_start() -> None:
    assert wire(codec("sporramom-w3").encode("start", STIMULATION, {})) == [
        "65 00 0b 00 01 02 03 03 00 00 01 1e 02 1e",
        "70 01 01 01",
    ]
    expression: dict[str, Value] = {"phase": "expression", "level": 9, "duration_seconds": 901}
    assert wire(codec("sporramom-w3").encode("start", expression, {}))[0] == "65 00 0b 01 01 02 09 09 00 00 02 1e 01 1e"


def test_the_w3_sets_the_level_of_a_phase_before_it_switches_to_it() -> None:
    expression: dict[str, Value] = {"phase": "expression", "level": 4}
    w3 = codec("sporramom-w3")
    assert wire(w3.encode("adjust", expression, {"phase": "stimulation"})) == ["6c 02 04 00 00 00 04", "71 01 01 01"]
    assert wire(w3.encode("adjust", expression, {"phase": "expression"})) == ["6c 02 04 00 00 00 04"]
    with pytest.raises(RefusedError, match="has not reported its phase"):
        w3.encode("adjust", expression, {})


@pytest.mark.parametrize(
    ("verb", "bytes_"), [("stop", "66 01 01 01"), ("pause", "67 01 01 01"), ("resume", "70 01 01 01")]
)
def test_the_w3_stops_pauses_and_goes_on_with_one_datapoint(verb: str, bytes_: str) -> None:
    assert wire(codec("sporramom-w3").encode(verb, {}, {})) == [bytes_]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"level": 10}, "from 1 to 9"),
        ({"level": None}, "level is missing"),
        ({"duration_seconds": 1801}, "at most 1800"),
        ({"phase": "massage"}, "phase is one of|is one of stimulation"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_as_a_whole(changes: dict[str, Value], says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        codec("sporramom-w3").encode("start", STIMULATION | changes, {})


@pytest.mark.parametrize(("code", "state"), [("00", "stopped"), ("01", "running"), ("02", "stopped"), ("07", None)])
def test_the_w3_runs_only_when_it_reports_so(code: str, state: str | None) -> None:
    status = bytes.fromhex(f"0002 0002 00 01 02 01 01 {code} 02")
    told = codec("sporramom-w3").decode(DataPoint(105, DpType.RAW, status))
    assert told["run_state"] == state
    assert "battery_voltage" not in told


@pytest.mark.parametrize("length", [10, 12, 14])
def test_a_status_of_another_length_is_dropped(length: int) -> None:
    status = bytes.fromhex("0002 0002 00 01 02 01 01 01 02 0170 00")[:length]
    with pytest.raises(ProtocolError):
        codec("sporramom-w3").decode(DataPoint(105, DpType.RAW, status))


def test_triggers_report_nothing_and_unknown_datapoints_are_ignored() -> None:
    w3 = codec("sporramom-w3")
    assert w3.decode(DataPoint(112, DpType.BOOL, True)) == {}
    assert w3.decode(DataPoint(200, DpType.BOOL, True)) == {}


def test_a_warmer_gets_its_target_and_timer_before_it_is_switched_on() -> None:
    values: dict[str, Value] = {"celsius": 40.06, "duration_seconds": 600}
    assert wire(codec("tuya-warmer").encode("set_target", values, {})) == [
        "02 02 04 00 00 01 90",  # 40.0: rounded down
        "03 02 04 00 00 02 58",
        "01 01 01 01",
        "03 02 04 00 00 02 58",
    ]
    assert wire(codec("tuya-warmer").encode("off", {}, {})) == ["01 01 01 00"]


@pytest.mark.parametrize(("intensity", "level"), [(0.33, 1), (0.65, 1), (0.99, 2), (1.0, 3)])
def test_a_massager_never_does_more_than_asked(intensity: float, level: int) -> None:
    messages = codec("tuya-massage-chair").encode("run", {"intensity": intensity, "duration_seconds": 61}, {})
    timer = "07 02 04 00 00 00 02"
    assert wire(messages) == ["05 01 01 00", f"06 04 01 0{level}", timer, "01 01 01 01", timer]
    with pytest.raises(RefusedError, match="at least"):
        codec("tuya-massage-chair").encode("run", {"intensity": 0.1, "duration_seconds": 61}, {})


def test_a_template_without_its_ids_names_what_lacks() -> None:
    with pytest.raises(ValueError, match=r"temp_set, countdown; give them under datapoints"):
        profile("tuya-warmer").tuya.ids({"switch": 1})
    with pytest.raises(ValueError, match="same id"):
        profile("tuya-warmer").tuya.ids({"switch": 1, "temp_set": 1, "countdown": 2})


BASE: dict[str, Any] = {
    "datapoints": {"switch": {"id": 1, "type": "bool"}, "setting": {"id": 2, "type": "raw", "fields": [{"a": "u8"}]}},
    "verbs": {"start": [{"setting": {"a": "$level"}}, {"switch": True}], "stop": {"switch": False}},
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"verbs": {"stop": {"switch": "$level"}}}, "a stop depends on nothing"),
        ({"verbs": {"stop": {"write": {"switch": False}, "differs": "phase"}}}, "a stop depends on nothing"),
        ({"verbs": {"start": {"switch": "$celsius"}}}, "it is given no celsius, only phase"),
        ({"verbs": {"start": {"swich": True}}}, "there is no datapoint swich"),
        ({"verbs": {"start": {"setting": 3}}}, "field by field"),
        ({"verbs": {"start": {"setting": {"b": 3}}}}, "written with all of a"),
        ({"verbs": {"boost": {"switch": True}}}, "Input should be"),
        ({"means": {"run_state": {"of": "swich", "is": {True: "running"}}}}, "no datapoint reports swich"),
        ({"datapoints": {key: {"id": 1, "type": "bool"} for key in "ab"}, "verbs": {}}, "have the id 1"),
        ({"datapoints": {"a": {"id": 1, "type": "raw"}}, "verbs": {}}, "a raw datapoint has fields"),
        (
            {"datapoints": {"surface_celsius": {"id": 1, "type": "string"}}, "verbs": {}},
            "surface_celsius: it is a number",
        ),
        ({"datapoints": {"a": {"id": 1, "type": "value", "scale": math.inf}}, "verbs": {}}, "finite number"),
        ({"verbs": {"start": {"switch": {"of": "level"}}}}, "one of: is, up_to, at_least"),
    ],
)
def test_what_does_not_fit_together_is_named(changes: dict[str, Any], says: str) -> None:
    TuyaSpec.model_validate(BASE)
    with pytest.raises(ValueError, match=says):
        TuyaSpec.model_validate(BASE | changes)


def test_a_model_that_can_be_started_but_not_stopped_is_refused() -> None:
    text = (PROFILES / "sporramom-w3.yaml").read_text().replace("    stop: {stop: true}\n", "")
    with pytest.raises(FileError, match="what can be started must be stoppable"):
        parse_yaml(text, TuyaModel)
