"""Every command, report and layout of every shipped profile has examples in bytes, and they notice a wrong layout.

A virtual twin decodes with the codec of its profile, so a wrong layout agrees with itself. The examples were made by
neither: they are published, or worked out by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from devices.driver.device_model import DeviceModel
from devices.driver.example_check import DROPPED, ExampleCheck
from devices.driver.field_spec import names_in
from devices.driver.registry import driver_of
from devices.profiles.codec import Codec
from devices.profiles.schema import Profile
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import read_file
from tests.helpers.sampling import sampled
from tests.helpers.wrong_layouts import changes, model_class
from tests.helpers.yaml_texts import read_yaml

# Where so many changes make no difference: those two fields always carry the same, for either phase.
ALIKE = {("sporramom-w3", "tuya.datapoints.settings.fields"): 2}
FILES = {file.stem: file for file in sorted((SHIPPED / "profiles").glob("*.yaml"))}

every_shipped = pytest.mark.parametrize("id_", list(FILES))


def raw(id_: str) -> Mapping[str, Any]:
    found = read_yaml(read_file(FILES[id_]))
    assert isinstance(found, dict)
    return found


def profile(id_: str) -> Any:
    return model_class(raw(id_)).model_validate(raw(id_))


def check_examples(model: DeviceModel) -> list[ExampleCheck]:
    return driver_of(model).check_examples(model)


@every_shipped
def test_every_command_report_and_layout_has_an_example_that_holds(id_: str) -> None:
    """A `repeat` has those of what it repeats, as it sends the same bytes; a sequence has its own, for its order."""
    assert {each.what: each.state for each in check_examples(profile(id_)) if each.state != "holds"} == {}


@every_shipped
def test_every_value_that_a_device_reports_is_in_an_example(id_: str) -> None:
    described = profile(id_)
    if not isinstance(described, Profile):
        return  # there an example gives all that its bytes mean
    given: dict[str, set[str]] = {}
    for what, number in ((each.what, tried.path[1]) for each in check_examples(described) for tried in each.examples):
        given.setdefault(what, set()).update(described.examples[int(number)].means or {})
    for name, report in described.reports.items():
        assert given[f"reports.{name}"] >= set(report.names)
    for name, channel in described.channels.items():
        assert channel.fields is None or given[f"channels.{name}"] == set(names_in(channel.fields))


@pytest.mark.system
@pytest.mark.parametrize("id_", sampled(FILES, keep=lambda id_: id_ in ("open-warm-pad", "lovense", "tuya-warmer")))
def test_a_wrong_layout_is_noticed(id_: str) -> None:
    """Fields, scales, codes, opcodes, constant bytes, byte orders, channels: whatever is changed, an example fails."""
    unnoticed = [
        change
        for change in changes(raw(id_))
        if not any(each.state == "fails" for each in check_examples(change.profile))
    ]
    alike = {where: count for (profile_id, where), count in ALIKE.items() if profile_id == id_}
    assert [f"{each.where} becomes {each.becomes}" for each in unnoticed if each.where not in alike] == []
    assert Counter(each.where for each in unnoticed) == alike


@every_shipped
def test_a_virtual_device_sends_a_line_of_the_examples(id_: str) -> None:
    """A `line` is written by the twin alone, so no example of what is heard would notice a wrong one."""
    described = profile(id_)
    if not isinstance(described, Profile):
        return  # it has no lines
    codec = Codec(described)
    heard = {each.path[1]: found.what for found in check_examples(described) for each in found.examples}
    for name, report in described.reports.items():
        examples = [described.examples[int(at)] for at, what in heard.items() if what == f"reports.{name}"]
        said = {(each.receive_text or "").encode() for each in examples}
        if report.line is not None:
            assert any(codec.encode_report(name, each.means or {}).data in said for each in examples), name


@pytest.mark.parametrize("id_", [id_ for id_ in FILES if id_.startswith("open-")])
def test_the_open_profile_shows_what_is_no_report(id_: str) -> None:
    assert [each.state for each in check_examples(profile(id_)) if each.what == DROPPED] == ["holds"]
